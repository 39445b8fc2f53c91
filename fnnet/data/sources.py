"""Rows by their numbers, from arrays, memory-mapped files and anything else with rows, always as plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fnnet import checks
from fnnet.core import DtypeError, Rows, ShapeError

T = TypeVar("T")

Index: TypeAlias = NDArray[np.int64]
"""Row numbers."""


def _plain(value: object) -> object:
    """A memory-mapped file as a plain array; anything else, other subclasses of ndarray too, as it is."""
    return value.view(np.ndarray) if isinstance(value, np.memmap) else value


def check_rows(where: str, x: object) -> None:
    """Raises DtypeError or ShapeError unless x is (rows, features) of real numbers, and gives rows by their numbers."""
    x = _plain(x)
    if isinstance(x, np.ndarray):
        checks.inputs(where, x)
        shape: tuple[int, ...] = x.shape
    else:
        shape = _shape_of_source(where, x)
    if len(shape) != 2:
        raise ShapeError(
            f"{where}: x must be (rows, features), got {shape}; of images make rows by x.reshape(len(x), -1)"
        )
    if 0 in shape:
        raise ShapeError(f"{where}: x must have at least one row and one feature, got {shape}")


def _shape_of_source(where: str, x: object) -> tuple[int, ...]:
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    has_rows = hasattr(x, "__len__") and hasattr(x, "__getitem__")
    if not (has_rows and isinstance(shape, tuple) and isinstance(dtype, np.dtype)):
        raise DtypeError(
            f"{where}: x must be a numpy.ndarray, or what gives arrays of rows (fnnet.core.Rows), got "
            f"{type(x).__name__}; {checks.as_array(x)}"
        )
    if dtype.kind not in "fiub":
        raise DtypeError(f"{where}: x must hold real numbers, got dtype {dtype}; use its astype(float)")
    if hasattr(x, "toarray"):  # a sparse matrix, whose rows are not arrays
        raise DtypeError(f"{where}: x must be a numpy.ndarray, got {type(x).__name__}; {checks.as_array(x)}")
    rows = len(x)  # type: ignore[arg-type]  # it has a length
    if shape and rows != shape[0]:
        raise ShapeError(f"{where}: x must have as many rows as its shape {shape} says, got {rows}")
    return shape


def named(where: str, name: str, y: object) -> list[tuple[str, NDArray[np.generic]]]:
    """The arrays of a target, an array or a tuple of targets, by name. Raises DtypeError or ShapeError for others."""
    if isinstance(y, tuple):
        return [pair for i, child in enumerate(y) for pair in named(where, f"{name}[{i}]", child)]
    checks.array(where, name, _plain(y))
    if not isinstance(y, np.ndarray) or y.ndim == 0:
        raise ShapeError(f"{where}: {name} must have one entry per row, got a single number")
    return [(name, y)]


def taker(source: T) -> Callable[[Index], T]:
    """The function from row numbers to those rows of a source, or of every array of a tuple, as plain arrays.

    The rows are C-ordered copies. ``take`` would copy the whole of an array that is not C-ordered at every call.
    """
    return cast(Callable[[Index], T], _taker(source))


def _taker(source: object) -> Callable[[Index], object]:
    if isinstance(source, tuple):
        return partial(_of_each, [_taker(child) for child in source])
    if not isinstance(source, np.ndarray):
        return partial(_of_source, cast(Rows, source))
    plain = source.view(np.ndarray)
    take = plain.take
    if plain.flags.c_contiguous and plain.flags.aligned:
        return lambda index: take(index, 0)  # a third of the time of a partial with axis=0
    return partial(_of_strided, plain)


def _of_each(takers: list[Callable[[Index], object]], index: Index) -> tuple[object, ...]:
    return tuple([take(index) for take in takers])


def _of_strided(source: NDArray[np.generic], index: Index) -> NDArray[np.generic]:
    return np.ascontiguousarray(source[index])


def _of_source(source: Rows, index: Index) -> NDArray[np.generic]:
    """Rows of a source that is not an array: read once each in increasing order, then put into the order wanted."""
    wanted, place = np.unique(index, return_inverse=True)
    given = source[wanted]
    if isinstance(given, np.ma.MaskedArray):
        checks.array("minibatches", "rows of x", given)
    found = np.asarray(given)
    if found.shape != (len(wanted), *source.shape[1:]):
        shape = (len(wanted), *source.shape[1:])
        raise ShapeError(f"minibatches: x[{len(wanted)} rows] must have the shape {shape}, got {found.shape}")
    return found.take(place, 0)
