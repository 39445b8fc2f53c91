"""Receipts: what was trained, on what, under which conditions, and a chain of digests, one per epoch; and their files.

A receipt of a few lines pins down a run, and any epoch of it can be repeated and compared alone. Its file has one JSON
object per line: the configuration, the conditions, the link of the start, then one line per epoch, so that a run
appends lines and never rewrites one. Each line ends with the seal s_i = SHA-256(s_{i-1}, line i), so no line can be
changed, moved or removed without changing all lines after it; the first lines alone are the receipt of fewer epochs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from fnnet import files, html
from fnnet.core.history_tables import columns_html
from fnnet.core.segments import Record
from fnnet.errors import ReceiptError
from fnnet.experiments.conditions import Conditions
from fnnet.experiments.digest_chains import Link
from fnnet.streams.measures import values

File = str | PathLike[str]
Content = Mapping[str, object]
"""A line of a file without its seal."""

VERSION = 2
FORMAT = "fnnet receipt"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What ``receipt(...)`` returns.

    ``configuration`` has every setting by its path, data by their digests; ``conditions`` are the machine and its
    software, each with the epoch after which they begin; ``links`` are the chain, the link of the start first;
    ``history`` has the loss and the metrics of every epoch, empty where an older format left them out.
    """

    configuration: Mapping[str, str]
    conditions: tuple[tuple[int, Conditions], ...]
    links: tuple[Link, ...]
    history: tuple[Mapping[str, object], ...]

    def __hash__(self) -> int:
        return hash(self.links)

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return len(self.links) - 1

    @property
    def metrics(self) -> Mapping[str, object]:
        """The loss and the metrics of the last epoch."""
        return self.history[-1] if self.history else {}

    def __str__(self) -> str:
        return f"receipt of {self.epochs} epochs, {self.links[-1].chain[:16]}: {json.dumps(dict(self.metrics))}"

    def _repr_html_(self) -> str:
        """In a notebook: the metrics, the settings, the machine and the end of the chain."""
        spans = [
            html.folded(f"conditions from epoch {begin}", html.named(asdict(span))) for begin, span in self.conditions
        ]
        settings = html.folded(f"{len(self.configuration)} settings", html.named(self.configuration))
        chain = html.note(f"the chain ends with {self.links[-1].chain}")
        return columns_html(f"Receipt of {self.epochs} epochs", self.history) + settings + "".join(spans) + chain

    def to_json(self) -> str:
        """The receipt as JSON lines, each with its seal."""
        return sealed(contents(self))[0]

    def save(self, path: File) -> None:
        """Writes the file ``path``, whole or not at all, and removes what a killed writer of it has left. Raises
        ReceiptError where that fails."""
        files.sweep(Path(path))
        try:
            files.write(Path(path), self.to_json().encode())
        except (OSError, ValueError) as error:
            raise ReceiptError(f"receipt: {path} could not be written, {error}; what was there is as it was") from error


# --- lines -----------------------------------------------------------------------------------------------------------
def contents(receipt: Receipt) -> Iterator[Content]:
    """The lines of a receipt: header, conditions, and every epoch, followed by conditions that began after it."""
    first, *later = receipt.conditions
    yield {FORMAT: VERSION, "configuration": dict(receipt.configuration)}
    yield from [_span(*first), {"epoch": 0, "link": " ".join(receipt.links[0])}]
    yield from [_span(*span) for span in later if span[0] == 0]
    for number, metrics in enumerate(receipt.history, start=1):
        yield epoch_line(number, receipt.links[number], metrics)
        yield from [_span(*span) for span in later if span[0] == number]


def _span(begin: int, conditions: Conditions) -> Content:
    return {"from epoch": begin, **asdict(conditions)}


def epoch_line(number: int, link: Link, metrics: Mapping[str, object]) -> Content:
    """The line of an epoch."""
    return {"epoch": number, "link": " ".join(link), "metrics": dict(metrics)}


def sealed(lines: Iterator[Content] | Sequence[Content], seal: str = "") -> tuple[str, str]:
    """Lines as they are written after a line with this seal, and the seal of the last line."""
    written = []
    for content in lines:
        text = json.dumps(content, allow_nan=False)
        seal = _seal(seal, text)
        written.append(f'{text[:-1]}, "seal": "{seal}"}}\n')
    return "".join(written), seal


def _seal(before: str, text: str) -> str:
    return hashlib.sha256(f"{before} {text}".encode()).hexdigest()


def metrics_of(record: Record) -> dict[str, object]:
    """The loss and the metrics of an epoch as JSON values."""
    return {name: _plain(np.asarray(value).tolist()) for name, value in values(record).items()}


def _plain(value: object) -> object:
    """The value, or text where JSON has no number for it."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, (int, float)) and np.isfinite(value) else repr(value)


# --- read ------------------------------------------------------------------------------------------------------------
def read_receipt(path: File) -> Receipt:
    """The receipt in the file ``path``, of this format or of version 1.

    An incomplete last line, which was being written when the power failed, is skipped. A file that is cut off after
    any epoch is the receipt of the epochs it has, and claims no more. For an example see ``receipt_to``.

    Raises ReceiptError where the file cannot be read, is not a whole receipt, was changed after it was written, or has
    a newer format.
    """
    try:
        text = files.read(Path(path)).decode()
        return _first_version(path, text) if _version(path, text) == 1 else _parsed(path, text)
    except OSError as error:
        raise ReceiptError(f"read_receipt: {path} could not be read, {error}") from error
    except RecursionError as error:
        raise ReceiptError(f"read_receipt: {path} is no receipt of fnnet: {error}") from error
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ReceiptError):
            raise
        raise ReceiptError(f"read_receipt: {path} is no whole receipt: {error}") from error


def _version(path: File, text: str) -> int:
    """The version of the format. Raises ReceiptError where there is none, or a newer one."""
    line = text.partition("\n")[0]
    content = json.loads(line if line.endswith("}") else text)  # version 1 was one object over many lines
    if not isinstance(content, dict) or FORMAT not in content:
        raise ReceiptError(f"read_receipt: {path} is no receipt of fnnet")
    version = content[FORMAT]
    if type(version) is not int or version not in (1, VERSION):
        raise ReceiptError(
            f"read_receipt: {path} has format version {version}, this fnnet reads 1 to {VERSION}; use a newer one"
        )
    return version


_LINE = re.compile(r'(\{.*), "seal": "([0-9a-f]{64})"\}')


def _lines(path: File, text: str) -> Iterator[dict[str, Any]]:
    """The contents of the complete lines of a file. Raises ReceiptError at one whose seal does not fit."""
    seal = ""
    for line in text.split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if not match or match[2] != _seal(seal, match[1] + "}"):
            raise ReceiptError(f"read_receipt: {path} was changed after it was written: its seal does not fit")
        seal = match[2]
        yield json.loads(match[1] + "}", object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises ValueError where a name appears twice: a person may read one entry and a program the
    other."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object, so it was changed after it was written")
    return found


def _parsed(path: File, text: str) -> Receipt:
    """The receipt in lines, which must be exactly those that ``contents`` gives."""
    header, *lines = list(_lines(path, text))
    spans = [line for line in lines if "from epoch" in line]
    epochs = [line for line in lines if "from epoch" not in line]
    found = Receipt(
        header["configuration"],
        tuple([_conditions(line) for line in spans]),
        tuple([Link(*line["link"].split(" ")) for line in epochs]),
        tuple([dict(line["metrics"]) for line in epochs[1:]]),
    )
    _check(path, found)
    if sealed(contents(found))[0] != text[: text.rfind("\n") + 1]:
        raise ReceiptError(f"read_receipt: {path} is no receipt of fnnet: its lines are not those of a receipt")
    return found


def _conditions(content: Mapping[str, Any]) -> tuple[int, Conditions]:
    return content["from epoch"], Conditions(**{name: text for name, text in content.items() if name != "from epoch"})


def _check(path: File, found: Receipt) -> None:
    """Raises ReceiptError where a field of a receipt has the wrong type."""
    texts = [*found.configuration.values(), *[text for _, span in found.conditions for text in asdict(span).values()]]
    begins = [begin for begin, _ in found.conditions]
    is_right = all(isinstance(text, str) for text in texts) and all(type(begin) is int for begin in begins)
    if not (is_right and found.links and begins[:1] == [0] and begins == sorted(begins)):
        raise ReceiptError(f"read_receipt: {path} is no receipt of fnnet")


# --- version 1 -------------------------------------------------------------------------------------------------------
def _first_version(path: File, text: str) -> Receipt:
    """A receipt of version 1: one object with one seal, and the metrics of the last epoch only."""
    content = json.loads(text, object_pairs_hook=_once)
    seal = content.pop("seal", None)
    if seal != hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest():
        raise ReceiptError(f"read_receipt: {path} was changed after it was written: its seal does not fit")
    links = tuple([Link(*words.split(" ")) for words in content["links"]])
    history = (*[{}] * (len(links) - 2), dict(content["metrics"]))[: len(links) - 1]
    configuration = {name: _in_old_words(name, words) for name, words in content["configuration"].items()}
    found = Receipt(configuration, tuple([_conditions(span) for span in content["conditions"]]), links, history)
    _check(path, found)
    return found


_OLD = re.compile(r".*, code of Python .*|as above|\w+ of \d{3,}", re.DOTALL)


def _in_old_words(name: str, words: str) -> str:
    """The text of a setting; version 1 described code and long lists in another way."""
    is_other = name == "data.first epoch" or _OLD.fullmatch(words) is not None
    return "not covered: format version 1 told it otherwise" if is_other else words
