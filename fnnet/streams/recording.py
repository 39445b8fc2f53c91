"""The history on disk, as JSON and CSV."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from fnnet.nodes import Params
from fnnet.records import Epoch
from fnnet.streams._base import values
from fnnet.types import Value

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class Recording:
    """What ``record(...)`` returns."""

    paths: tuple[Path, ...]

    def __call__(self, epochs: Iterable[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The epochs, each as soon as it stands in the files."""
        for path in self.paths:
            _check_writable(path)
        seen, tables = 0, [Table()] * len(self.paths)
        for epoch in epochs:
            rows = _rows(epoch, seen)
            seen += len(rows)
            forms = [_FORMS[path.suffix] for path in self.paths]
            tables = [form.add(table, rows) for form, table in zip(forms, tables, strict=True)]
            for path, form, table in zip(self.paths, forms, tables, strict=True):
                _replace(path, form.text(table))
            yield epoch


def record(*paths: str | os.PathLike[str]) -> Recording:
    """Writes the history into a file after each epoch, as JSON or as CSV by the name's ending, or into one of each.

    A row is an epoch: its number from 1, "loss", and the metrics by name. The file is written anew beside the old one,
    which it then replaces, so it is whole at any time. What is read from it are the same floats: JSON, which has no
    NaN and no infinity, has them as text that ``float`` reads. Of K stacked networks JSON has lists, and CSV a column
    each, "loss[0]" and so on. The history is the state's, so a run that goes on writes the file of the whole run.

    Raises ValueError for a path that ends neither in .json nor in .csv, for none, and for one twice; when the first
    epoch is asked for, and before it is trained, OSError where the file cannot be written.

    >>> import fnnet as fn
    >>> [path.name for path in fn.record("run.json", "run.csv").paths]
    ['run.json', 'run.csv']
    """
    for path in paths:
        given: object = path
        if not isinstance(given, (str, os.PathLike)) or Path(path).suffix not in _FORMS:
            raise ValueError(f"record: paths must end in .json or .csv, got {path!r}")
    found = tuple([Path(path) for path in paths])
    if not found or len(set(found)) < len(found):
        raise ValueError(f"record: paths must be at least one, and no one twice, got {[str(path) for path in found]}")
    return Recording(found)


# --- rows --------------------------------------------------------------------------------------------------------
Row = Mapping[str, Value]
"""An epoch's number, its loss and its metrics."""


def _rows(epoch: Epoch[P], seen: int) -> list[Row]:
    """The rows of a history but for those that have been seen."""
    history = epoch.state.history
    before = epoch.state.epoch - len(history)
    new = enumerate(history[seen:], start=seen + 1)
    return [{"epoch": np.asarray(before + i), **values(entry)} for i, entry in new]


class Table(NamedTuple):
    """The rows so far as lines of text."""

    columns: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


class Form(NamedTuple):
    """How a table grows, and the text of a whole one."""

    add: Callable[[Table, Sequence[Row]], Table]
    text: Callable[[Table], str]


# --- JSON --------------------------------------------------------------------------------------------------------
def _add_json(table: Table, rows: Sequence[Row]) -> Table:
    new = [json.dumps({name: _plain(value.tolist()) for name, value in row.items()}) for row in rows]
    return Table((), (*table.lines, *new))


def _plain(value: object) -> object:
    """What JSON has no number for as text."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return repr(value) if isinstance(value, float) and not isfinite(value) else value


def _json(table: Table) -> str:
    return "[\n" + ",\n".join(table.lines) + "\n]\n"


# --- CSV ---------------------------------------------------------------------------------------------------------
def _add_csv(table: Table, rows: Sequence[Row]) -> Table:
    """A metric that was not there before is a new column, empty in the old lines."""
    new = [dict(chain.from_iterable(_cells(name, value) for name, value in row.items())) for row in rows]
    columns = tuple(dict.fromkeys(chain(table.columns, *new)))
    empty = "," * (len(columns) - len(table.columns))
    old = [line + empty for line in table.lines] if empty else table.lines
    return Table(columns, (*old, *[",".join([cells.get(name, "") for name in columns]) for cells in new]))


def _cells(name: str, value: Value) -> Iterator[tuple[str, str]]:
    for place in np.ndindex(value.shape):
        yield _quoted(name + "".join([f"[{i}]" for i in place])), repr(value[place].item())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',"\r\n') else name


def _csv(table: Table) -> str:
    return "\n".join((",".join(table.columns), *table.lines)) + "\n"


_FORMS = {".json": Form(_add_json, _json), ".csv": Form(_add_csv, _csv)}


# --- files -------------------------------------------------------------------------------------------------------
def _beside(path: Path) -> Path:
    """The file in which the next one is made: of this process, in the same folder."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _check_writable(path: Path) -> None:
    """Raises OSError where a file cannot be written, before there is anything to write."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _beside(path).touch()
        _beside(path).unlink()
    except OSError as error:
        told = f"record: the path must be that of a file that can be written: {error.strerror}"
        raise OSError(error.errno, told, str(path)) from None


def _replace(path: Path, text: str) -> None:
    """Writes a file that is at any time the old one or the new one, and whole."""
    new = _beside(path)
    try:
        new.write_text(text, encoding="utf-8", newline="\n")
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
