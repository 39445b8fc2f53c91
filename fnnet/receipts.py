"""Receipts: what was trained, on what, under which conditions, and a chain of digests, one an epoch.

The first link is the digest of the state that a run starts from, every further one that of the link before it and of
the state at an epoch's end: parameters, optimizer state, key and history. So a receipt of a few lines holds a run fast,
and any epoch of it can be done again and compared alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import reduce
from os import PathLike
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from fnnet import files, tree
from fnnet.conditions import Conditions, conditions
from fnnet.data import Minibatches
from fnnet.descriptions import described
from fnnet.errors import ReceiptError
from fnnet.keys import ORDER
from fnnet.nodes import Params
from fnnet.records import Data, Epoch, Record, Step, StreamFn, TrainState
from fnnet.streams._base import values
from fnnet.training import check_run

P = TypeVar("P", bound=Params)
T = TypeVar("T")

File = str | PathLike[str]

VERSION = 1
_NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What ``receipt(...)`` returns.

    ``configuration`` tells every setting by its path, data by their digests; ``conditions`` the machine and its
    programs, from which epoch on; ``links`` are the chain, that of the start first; ``metrics`` are those of the last
    epoch.
    """

    configuration: Mapping[str, str]
    conditions: tuple[tuple[int, Conditions], ...]
    links: tuple[str, ...]
    metrics: Mapping[str, object]

    @property
    def epochs(self) -> int:
        """How many epochs it holds fast."""
        return len(self.links) - 1

    def __str__(self) -> str:
        return f"receipt of {self.epochs} epochs, {self.links[-1][:16]}: {json.dumps(dict(self.metrics))}"

    def to_json(self) -> str:
        """The receipt as JSON, with a digest over all of it."""
        told = {
            "fnnet receipt": VERSION,
            "configuration": dict(self.configuration),
            "conditions": [{"from epoch": epoch, **asdict(found)} for epoch, found in self.conditions],
            "metrics": dict(self.metrics),
            "links": list(self.links),
        }
        return json.dumps({**told, "seal": _seal(told)}, indent=1, allow_nan=False) + "\n"

    def save(self, path: File) -> None:
        """Writes the JSON, whole or not at all. Raises ReceiptError where that cannot be done."""
        try:
            files.write(Path(path), self.to_json().encode())
        except OSError as error:
            raise ReceiptError(f"receipt: {path} could not be written, {error}") from error


def _seal(told: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


# --- made ------------------------------------------------------------------------------------------------------------
def link(before: str, state: TrainState[P]) -> str:
    """SHA-256 of the link before it and the digest of a state."""
    return hashlib.sha256(f"{before} {tree.digest(state)}".encode()).hexdigest()


def configuration_of(
    step: Step[T], data: Data[T], state: TrainState[P], streams: tuple[StreamFn, ...]
) -> dict[str, str]:
    """Every setting of a run by its path: the key, the step, the data, the streams; and the network of its start."""
    settings: dict[str, object] = {"key": state.key, "step": step, "data": data, "streams": streams}
    if is_start(state):
        settings[_NETWORK] = state.params
    told = {path: text for name, value in settings.items() for path, text in described(name, value).items()}
    return told if isinstance(data, Minibatches) else {**told, "data.first epoch": _first_epoch(data, state)}


def is_start(state: TrainState[P]) -> bool:
    """Whether a state is that before the first step."""
    return state.epoch == state.batch == 0


def comparable(configuration: Mapping[str, str], state: TrainState[P]) -> dict[str, str]:
    """What of a configuration a run from this state tells too: that of the first network at the start only."""
    is_told = is_start(state)
    return {path: text for path, text in configuration.items() if is_told or path.split(".")[0] != _NETWORK}


def _first_epoch(data: Data[T], state: TrainState[P]) -> str:
    """A digest of the batches that data of the user's give under the run's key."""
    batches = [described("batch", batch) for batch in data(state.key.child(ORDER, 0))]
    return hashlib.sha256(json.dumps(batches).encode()).hexdigest()


def _metrics(record: Record) -> dict[str, object]:
    return {name: _plain(np.asarray(value).tolist()) for name, value in values(record).items()}


def _plain(value: object) -> object:
    """What JSON has no number for as text."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, (int, float)) and np.isfinite(value) else repr(value)


def _begun(step: Step[T], data: Data[T], state: TrainState[P], streams: tuple[StreamFn, ...]) -> Receipt:
    check_run(step, data, state)
    if not is_start(state):
        raise ReceiptError(f"receipt: a run's receipt begins with its start, got a state of epoch {state.epoch}")
    return Receipt(configuration_of(step, data, state, streams), ((0, conditions()),), (link("", state),), {})


def _with_epoch(receipt: Receipt, epoch: Epoch[P]) -> Receipt:
    """The receipt with one link more. Raises ReceiptError where it is not the next epoch's."""
    state = epoch.state
    if state.epoch != len(receipt.links):
        raise ReceiptError(f"receipt: epoch {len(receipt.links)} must come next, got epoch {state.epoch}")
    return replace(receipt, links=(*receipt.links, link(receipt.links[-1], state)), metrics=_metrics(epoch.record))


def receipt(
    epochs: Iterable[Epoch[P]], step: Step[T], data: Data[T], first: TrainState[P], *streams: StreamFn
) -> Receipt:
    """The receipt of a run: of its epochs, from the first to the last, of what it was made of, and of what it ran on.

    ``streams`` are the functions between ``train`` and the epochs that write into the history, ``validate`` above all:
    with them ``verify`` can do the run again. ``receipt_to`` writes one while a run goes on.

    Raises ReceiptError where an epoch is missing or the start is none.

    >>> import fnnet as fn, numpy as np
    >>> optimizer = fn.sgd(0.1)
    >>> step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(np.eye(4), np.eye(4), size=2)
    >>> first = fn.start(fn.linear(fn.Key(0), 4, 4), optimizer, fn.Key(0))
    >>> made = fn.receipt(fn.take(3)(fn.train(step, data, first)), step, data, first)
    >>> made.epochs, made.configuration["step.optimizer.lr"], made.configuration["data.size"]
    (3, '0.1', '2')
    >>> print(fn.verify(made, step, data, first))
    yes: epochs 1 to 3 gave the recorded bytes
    """
    return reduce(_with_epoch, epochs, _begun(step, data, first, streams))


@dataclass(frozen=True, slots=True, eq=False)
class ReceiptTo(Generic[P, T]):
    """What ``receipt_to(...)`` returns."""

    path: Path
    step: Step[T]
    data: Data[T]
    state: TrainState[P]
    streams: tuple[StreamFn, ...]

    def __call__(self, epochs: Iterable[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The epochs as they are, each handed on when the receipt with its link is in the file."""
        known = self._begun() if is_start(self.state) else self._continued()
        for epoch in epochs:
            known = _with_epoch(known, epoch)
            known.save(self.path)
            yield epoch

    def _begun(self) -> Receipt:
        return _begun(self.step, self.data, self.state, self.streams)

    def _continued(self) -> Receipt:
        """The receipt in the file up to the state. Raises ReceiptError where it is that of another run."""
        found, state = read_receipt(self.path), self.state
        links = found.links[: state.epoch + 1]
        if len(links) <= state.epoch:
            raise ReceiptError(f"receipt_to: {self.path} ends before epoch {state.epoch}, where the run goes on")
        before = links[-2] if state.epoch else ""
        mine = configuration_of(self.step, self.data, state, self.streams)
        if mine != comparable(found.configuration, state) or (not state.batch and link(before, state) != links[-1]):
            raise ReceiptError(
                f"receipt_to: {self.path} is the receipt of another run; give this one a file of its own"
            )
        now = conditions()
        spans = tuple([span for span in found.conditions if span[0] <= state.epoch])
        spans = spans if spans[-1][1] == now else (*spans, (state.epoch, now))
        return replace(found, links=links, conditions=spans)


def receipt_to(path: File, step: Step[T], data: Data[T], state: TrainState[P], *streams: StreamFn) -> ReceiptTo[P, T]:
    """A stream function that keeps the receipt of a run in a file, whole after every epoch.

    ``state`` is the one that ``train`` goes on from. At a run's start the receipt begins anew; from a resumed state on
    the one in the file is continued, so that it ends as that of the run that never stopped. It stands in front of
    ``checkpoint_to``: a state that can be gone on from has its link already then.

    Raises ReceiptError, when the first epoch is asked for, where the file is missing for a resumed state or is the
    receipt of another run, and where it cannot be written.

    >>> import fnnet as fn, numpy as np, tempfile
    >>> optimizer = fn.sgd(0.1)
    >>> step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(np.eye(4), np.eye(4), size=2)
    >>> first = fn.start(fn.linear(fn.Key(0), 4, 4), optimizer, fn.Key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep = fn.receipt_to(f"{folder}/run.json", step, data, first)
    ...     end = fn.pipe(fn.train(step, data, first), fn.take(3), keep, fn.last)
    ...     print(fn.verify(fn.read_receipt(f"{folder}/run.json"), step, data, first))
    yes: epochs 1 to 3 gave the recorded bytes
    """
    check_run(step, data, state)
    return ReceiptTo(Path(path), step, data, state, streams)


# --- read ------------------------------------------------------------------------------------------------------------
def read_receipt(path: File) -> Receipt:
    """The receipt in a file.

    Raises ReceiptError where it cannot be read, is none or not whole, was changed after it was written, or has a newer
    format.
    """
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ReceiptError(f"read_receipt: {path} could not be read, {error}") from error
    except (ValueError, RecursionError) as error:
        raise ReceiptError(f"read_receipt: {path} is no whole receipt: {error}") from error
    if not isinstance(told, dict) or "fnnet receipt" not in told:
        raise ReceiptError(f"read_receipt: {path} is no receipt of fnnet")
    seal = told.pop("seal", None)
    if seal != _seal(told):
        raise ReceiptError(f"read_receipt: {path} was changed after it was written: its seal does not fit")
    if told["fnnet receipt"] != VERSION:
        version = told["fnnet receipt"]
        raise ReceiptError(f"read_receipt: {path} has format version {version}, this fnnet reads {VERSION}")
    return _parsed(path, told)


def _parsed(path: File, told: dict[str, Any]) -> Receipt:
    try:
        spans = [(span.pop("from epoch"), Conditions(**span)) for span in told["conditions"]]
        found = Receipt(told["configuration"], tuple(spans), tuple(told["links"]), told["metrics"])
        is_right = all(isinstance(text, str) for text in (*found.configuration.values(), *found.links))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ReceiptError(f"read_receipt: {path} is no receipt of fnnet: {error!r}") from error
    if not is_right or not found.links or not found.conditions:
        raise ReceiptError(f"read_receipt: {path} is no receipt of fnnet")
    return found


def differences(a: Conditions, b: Conditions) -> list[tuple[str, str, str]]:
    """The names of what differs, with both values."""
    pairs = [(field.name, getattr(a, field.name), getattr(b, field.name)) for field in fields(a)]
    return [(name, mine, theirs) for name, mine, theirs in pairs if mine != theirs]
