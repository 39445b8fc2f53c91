"""The history on disk, as JSON and CSV."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from fnnet import checks, files
from fnnet.core import Epoch, History, Params, TreeError, Value
from fnnet.stages import passes_all, stage
from fnnet.streams.measures import check_epoch, values

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class Recording:
    """What ``record(...)`` returns."""

    paths: tuple[Path, ...]

    @passes_all
    @stage
    def __call__(self, epochs: Iterator[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The epochs, each as soon as it is in the files."""
        return _recorded([path.absolute() for path in self.paths], epochs)  # the program may change its folder


def record(*paths: str | os.PathLike[str]) -> Recording:
    """Writes the history after each epoch to the files at ``paths``, as JSON or CSV by their suffix.

    There is one row per epoch: its number from 1, "loss", and the metrics by name. Reading a file back gives the same
    floats: JSON has no NaN and no infinity, so they are written as text that ``float`` reads. For K stacked networks
    JSON has lists, and CSV one column per network, "loss[0]" and so on. The history belongs to the state, so a resumed
    run writes the file of the whole run.

    The first epoch, and one with a new column, rewrites the whole file; every other epoch is one write at the end of
    the file, at constant cost. So the file is whole at any time, even if the process is killed. If the machine crashes,
    the last rows may be lost or torn; the resumed run rewrites the file, as it does when something else has changed it.

    Raises ValueError for a path that ends neither in .json nor in .csv, for no path, and for one given twice; when the
    first epoch is requested, before it is trained, OSError where the file cannot be written.

    >>> import fnnet as fn
    >>> [path.name for path in fn.record("run.json", "run.csv").paths]
    ['run.json', 'run.csv']
    """
    for path in paths:
        given: object = path
        if not isinstance(given, (str, os.PathLike)) or Path(path).suffix not in FORMS:
            raise ValueError(f"record: paths must end in .json or .csv, got {checks.came(path)}")
    found = tuple([Path(path) for path in paths])
    if not found or len(set(map(os.path.realpath, found))) < len(found):
        raise ValueError(f"record: paths must be at least one, and no one twice, got {[str(path) for path in found]}")
    return Recording(found)


def _recorded(paths: list[Path], epochs: Iterable[Epoch[P]]) -> Iterator[Epoch[P]]:
    for path in paths:
        _check_writable(path)
    seen, sheets = 0, [Sheet()] * len(paths)
    for epoch in epochs:
        check_epoch("record", epoch)
        rows = _rows(epoch, seen)
        if not rows:
            raise TreeError(
                f"record: the history must grow by every epoch, got one of {len(epoch.state.history)} records "
                f"after {seen}; put record before what shortens it"
            )
        sheets = [_grown(path, sheet, rows, epoch) for path, sheet in zip(paths, sheets, strict=True)]
        seen += len(rows)
        yield epoch


# --- rows --------------------------------------------------------------------------------------------------------
Entry = Mapping[str, Value]
"""An epoch's number, its loss and its metrics."""


def _rows(epoch: Epoch[P], seen: int) -> list[Entry]:
    """The rows of a history after the first ``seen``."""
    history = History.of(epoch.state.history)
    before = epoch.state.epoch - len(history)
    new = enumerate(history[seen:], start=seen + 1)
    return [{"epoch": np.asarray(before + i), **values(entry)} for i, entry in new]


Column = tuple[str, tuple[int, ...]]
"""What a column holds: the name of its values, and which of several networks they are of."""


class Form(NamedTuple):
    """How rows are written: the columns of a row, the text of a row, and the text before, between and after rows."""

    names: Callable[[Entry], Iterable[Column]]
    line: Callable[[Sequence[Column], Entry], str]
    start: Callable[[Sequence[Column]], str]
    joint: str
    end: str


class Sheet(NamedTuple):
    """What a file holds: its columns, and the stamp by which it is recognized, or None before it has rows."""

    columns: tuple[Column, ...] = ()
    stamp: files.Stamp | None = None


def _grown(path: Path, sheet: Sheet, rows: Sequence[Entry], epoch: Epoch[P]) -> Sheet:
    """The file with more rows: appended where it is unchanged and has their columns, else rewritten."""
    form = FORMS[path.suffix]
    if sheet.stamp is not None and not rows:
        return sheet
    if sheet.stamp is not None and set(chain.from_iterable(map(form.names, rows))) <= set(sheet.columns):
        more = form.joint + _body(form, sheet.columns, rows) + form.end
        stamp = files.extend(path, sheet.stamp, len(form.end), more.encode())
        if stamp is not None:
            return Sheet(sheet.columns, stamp)
    return _whole(path, form, _rows(epoch, 0))


def _whole(path: Path, form: Form, rows: Sequence[Entry]) -> Sheet:
    """The file, rewritten. A column that came later is empty in the earlier rows."""
    columns = tuple(dict.fromkeys(chain.from_iterable(map(form.names, rows))))
    files.write(path, (form.start(columns) + _body(form, columns, rows) + form.end).encode())
    return Sheet(columns, files.stamp(path) if rows else None)


def _body(form: Form, columns: Sequence[Column], rows: Sequence[Entry]) -> str:
    return form.joint.join([form.line(columns, row) for row in rows])


# --- JSON --------------------------------------------------------------------------------------------------------
def _object(columns: Sequence[Column], row: Entry) -> str:
    return json.dumps({name: _plain(value.tolist()) for name, value in row.items()})


def _plain(value: object) -> object:
    """NaN and infinity, which JSON does not have, as text."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return repr(value) if isinstance(value, float) and not isfinite(value) else value


JSON = Form(lambda row: (), _object, lambda columns: "[\n", ",\n", "\n]\n")


# --- CSV ---------------------------------------------------------------------------------------------------------
def _head(columns: Sequence[Column]) -> str:
    """The line of names. Raises ValueError where two columns have the same name."""
    names = [name + "".join([f"[{i}]" for i in place]) for name, place in columns]
    if len(set(names)) < len(names):
        name = next(name for name, count in Counter(names).items() if count > 1)
        raise ValueError(
            f"record: {name!r} is a metric of one epoch, and in another one a column of stacked networks; rename it"
        )
    return ",".join(map(_quoted, names)) + "\n"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',"\r\n') else name


def _line(columns: Sequence[Column], row: Entry) -> str:
    cells = dict(_cells(row))
    return ",".join([cells.get(column, "") for column in columns])


def _cells(row: Entry) -> Iterator[tuple[Column, str]]:
    """The cells of a row by their columns, with true and false as 1 and 0."""
    for name, value in row.items():
        for place in np.ndindex(value.shape):
            number = value[place].item()
            yield (name, place), repr(int(number) if isinstance(number, bool) else number)


CSV = Form(lambda row: dict(_cells(row)), _line, _head, "\n", "\n")

FORMS = {".json": JSON, ".csv": CSV}


# --- files -------------------------------------------------------------------------------------------------------
def _check_writable(path: Path) -> None:
    """Raises OSError where a file cannot be written, before there is anything to write.

    It also removes what a killed run has left behind.
    """
    try:
        files.check_writable(path)
    except OSError as error:
        reason = f"record: the path must be that of a file that can be written: {error.strerror}"
        raise OSError(error.errno, reason, str(path)) from None
    files.sweep(path)
