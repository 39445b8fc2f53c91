"""Categories as numbers, for ``Embedding``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fnnet import checks
from fnnet.core import Array, Dtype, DtypeError, Labels, ShapeError

Category = str | int | float

BLOCK = 1 << 16
"""How many entries are looked up at a time, as Python's own numbers and strings: these compare an integer of any size
with a float exactly, which no common dtype of NumPy does."""


@dataclass(frozen=True, slots=True)
class Categories:
    """What ``categories(...)`` returns: a function from a column (rows,) to its category numbers (rows,).

    ``values`` are the known values, distinct and sorted; value i has the number i. With ``unknown`` every other value
    has the number ``len(values)``. Raises ValueError unless the values are distinct and sorted.

    >>> Categories(("blue", "red"), unknown=True)(["red", "green"]).tolist()
    [1, 2]
    """

    values: tuple[Category, ...]
    unknown: bool = False

    def __post_init__(self) -> None:
        if _distinct(_column(self.values)) != self.values:
            raise ValueError(f"Categories: values must be a tuple of distinct ones that rise, got {self.values!r}")
        checks.settle(self, unknown=bool(self.unknown))

    @property
    def size(self) -> int:
        """The number of categories, including the one for unknown values."""
        return len(self.values) + self.unknown

    def __call__(self, column: Sequence[Category] | NDArray[np.generic]) -> NDArray[np.int64]:
        """The number of each entry. Raises DtypeError for a column of another kind, ValueError for an unknown value,
        unless ``unknown`` is set."""
        entries = _column(column)
        if _family(entries) != _family(_column(self.values)):
            raise DtypeError(f"categories: column must hold the kind of {self.values[0]!r}, got {entries.dtype}")
        numbers, new = {value: i for i, value in enumerate(self.values)}, len(self.values)
        blocks = [entries[i : i + BLOCK].tolist() for i in range(0, len(entries), BLOCK)]
        number = np.concatenate([np.array([numbers.get(entry, new) for entry in block], np.int64) for block in blocks])
        if not self.unknown and number.max() == new:
            i = int(number.argmax())
            raise ValueError(
                f"categories: column has the value {entries[i : i + 1].tolist()[0]!r}, never seen when it was fitted; "
                "fit on all values, or with unknown=True"
            )
        return number


def categories(column: Sequence[Category] | NDArray[np.generic], *, unknown: bool = False) -> Categories:
    """Numbers 0, 1, ... for the distinct values of a column (strings or numbers), sorted; with ``unknown`` one more
    number for values that come later.

    Numbers are compared exactly: integers of any size, even among fractions, are never rounded to a float.

    Raises ShapeError for a column that is empty or has several axes, DtypeError for values that are neither text nor
    numbers, or a mixture of both, ValueError for NaN.

    >>> colours = categories(["red", "blue", "red"])
    >>> colours.values, colours(["blue", "red"]).tolist()
    (('blue', 'red'), [0, 1])
    """
    return Categories(_distinct(_column(column)), bool(unknown))


def _column(column: Sequence[Category] | NDArray[np.generic]) -> NDArray[np.generic]:
    if isinstance(column, np.ma.MaskedArray):
        raise DtypeError("categories: column must not be masked; give what is missing a value of its own, by filled()")
    entries = np.asarray(column)
    if entries.ndim != 1 or not entries.size:
        raise ShapeError(f"categories: column must be (rows,) with at least one, got {entries.shape}")
    if not isinstance(column, np.ndarray) or entries.dtype.kind in "OT":  # T: texts of any length
        entries = _of_objects(list(column), entries)
    if entries.dtype.kind not in "USbiufO":
        raise DtypeError(f"categories: column must hold text or numbers, got {entries.dtype}; make text of them")
    if entries.dtype.kind in "fO" and (entries != entries).any():
        raise ValueError("categories: column must not hold NaN; give it a value of its own first")
    return entries


def _distinct(entries: NDArray[np.generic]) -> tuple[Category, ...]:
    """The distinct entries, sorted."""
    if entries.dtype.kind == "O":
        return tuple(sorted(set(entries.tolist())))
    return tuple(np.unique(entries).tolist())


def _of_objects(column: Sequence[object], entries: NDArray[np.generic]) -> NDArray[np.generic]:
    """Python numbers or strings as an array; an array of objects where NumPy's own choice would round a number."""
    if not all(isinstance(entry, (int, float, np.integer, np.floating, np.bool)) for entry in column):
        return _as_text(column) if entries.dtype.kind in "OUST" else entries
    numbers = [entry.item() if isinstance(entry, np.generic) else entry for entry in column]
    return np.array(numbers, object) if entries.dtype.kind == "O" or entries.tolist() != numbers else entries


def _as_text(column: Sequence[object]) -> NDArray[np.generic]:
    """Python strings as an array.

    Raises DtypeError where NumPy would turn numbers, None or NaN among them into strings, ValueError where it would
    drop NULs at their ends.
    """
    kinds = {bytes if isinstance(entry, bytes) else str for entry in column if isinstance(entry, (str, bytes))}
    if len(kinds) != 1 or not all(isinstance(entry, (str, bytes)) for entry in column):
        others = " and ".join(sorted({type(entry).__name__ for entry in column}))
        missing = next((entry for entry in column if _is_missing(entry)), "")
        remedy = (
            f"give {missing} a text of its own, such as 'missing'" if _is_missing(missing) else "make all of them text"
        )
        raise DtypeError(f"categories: column must hold text or numbers alone, got {others}; {remedy}")
    entries = np.asarray(column, kinds.pop())
    if entries.tolist() != column:
        raise ValueError("categories: column must hold no text that ends in a NUL, which NumPy's texts cannot")
    return entries


def _is_missing(entry: object) -> bool:
    """Whether an entry is a missing value: None, NaN, pandas' NA or NaT."""
    return entry is None or type(entry).__name__ in ("NAType", "NaTType") or entry != entry


def _family(entries: NDArray[np.generic]) -> str:
    """The kind of entries, text, bytes or numbers: each is compared with its own kind only."""
    return entries.dtype.kind if entries.dtype.kind in "US" else "numbers"


def one_hot(labels: Labels, n: int, *, dtype: Dtype = np.float32) -> Array:
    """1 in the column that a label names, 0 elsewhere.

    ``n`` is the number of classes, ``dtype`` that of the result, float32 or float64. Shapes: labels (..., N), integers
    in [0, n); result (..., N, n).

    Raises DtypeError for labels that are not integers or another dtype, ValueError for a label out of range.

    >>> one_hot(np.array([2, 0]), 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    size, kind = checks.size("one_hot", "n", n), checks.dtype("one_hot", dtype)
    checks.array("one_hot", "labels", labels)
    if labels.dtype.kind not in "iu":
        raise DtypeError(f"one_hot: labels must hold class numbers of an integer dtype, got {labels.dtype}")
    if labels.size and not (labels.min() >= 0 and labels.max() < size):
        raise ValueError(f"one_hot: labels must be in [0, {size}), got {labels.min()} to {labels.max()}")
    rows: Array = np.zeros((*labels.shape, size), kind)
    np.put_along_axis(rows, labels[..., None].astype(np.int64), 1, axis=-1)
    return rows
