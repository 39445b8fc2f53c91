"""Checks that the names and values of an epoch can be stored in every file format, so that all files read the same."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from fnnet.errors import DtypeError, MetricError, ShapeError
from fnnet.types import Value

LOSS = "loss"
"""The name of the training loss in a record; all other names are those of metrics."""

EPOCH = "epoch"
"""The name of the column with the epoch's number in a file."""

_COLUMN = re.compile(r"\[[0-9]+\]\Z")
"""The end of a column's name that says which of several networks it belongs to."""

_DTYPES = frozenset(map(np.dtype, ("f2", "f4", "f8", "?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")))


def check_names(where: str, names: tuple[str, ...]) -> None:
    """Raises ValueError unless the metrics of a record can have these names, also in CSV and JSON."""
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"{where}: metrics must have names that are text, got {names!r}")
    taken, seen = {LOSS, EPOCH, *names}, set[str]()
    for name in names:
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise ValueError(f"{where}: metrics must have names that UTF-8 has bytes for, got {name!r}; rename it")
        if name in (LOSS, EPOCH):
            raise ValueError(
                f"{where}: metrics must have names other than 'loss', which is the training loss, and 'epoch', "
                f"got {name!r}; 'valid_loss' is the usual one"
            )
        if name in seen:
            raise ValueError(
                f"{where}: metrics must have names of their own, got {name!r}, which the epoch has already; "
                "give this one another name"
            )
        seen.add(name)
        _check_no_column(where, name, taken)


def _check_no_column(where: str, name: str, taken: set[str]) -> None:
    """Raises ValueError for "loss[1]" next to "loss", for that names the column of the second of several networks."""
    above = name
    while (end := _COLUMN.search(above)) is not None:
        above = above[: end.start()]
        if above in taken:
            raise ValueError(
                f"{where}: metrics must have names other than the columns of stacked networks, got {name!r} beside "
                f"{above!r}; rename it"
            )


def no_metric(where: str, name: object, known: Iterable[str]) -> MetricError:
    """The error for a name that is not one of those known."""
    names = ", ".join(map(repr, known)) or "none"
    return MetricError(f"{where}: the name must be one of {names}, got {name!r}")


def value_of(name: str, value: object) -> Value:
    """A loss or metric as an array. Raises DtypeError or ShapeError unless it is a real number, or one per replica."""
    if isinstance(value, np.ma.MaskedArray):
        raise DtypeError(f"history: {name!r} must be a real number, got a masked one; fill in what is masked first")
    try:
        found = np.asarray(value)
    except ValueError as error:  # lists of several lengths
        raise ShapeError(f"history: {name!r} must be a number, or one per replica, got {value!r}") from error
    if found.dtype in _DTYPES and found.size:
        return found
    native = found.dtype.newbyteorder("=")
    if native not in _DTYPES:
        raise DtypeError(
            f"history: {name!r} must be a real number of at most 64 bits, or one per replica, got {value!r}, dtype "
            f"{found.dtype}; give a float"
        )
    if not found.size:
        raise ShapeError(f"history: {name!r} must be a number, or one per replica, got an array {found.shape}")
    return found.astype(native)
