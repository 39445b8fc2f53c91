"""Losses and targets for compiled epochs: which loss it is, and all its targets checked before the first step.

A compiled loss reads its targets unchecked. Here the NumPy loss itself checks them against a prediction of zeros, a few
rows at a time, so that it needs little memory besides the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fnnet.core.protocols import Loss
from fnnet.jit.losses import inner_loss, kernels_of
from fnnet.losses.weighted import ClassWeighted
from fnnet.types import Array

T = TypeVar("T")

TOGETHER = 1 << 16
"""How many numbers of a prediction to compare with their targets at a time."""

Index = NDArray[np.int64]


def check_target(loss: Loss[T], target: T, rows: int, columns: int, dtype: np.dtype[np.floating]) -> None:
    """Raises the errors of the loss itself for a target of so many rows and a prediction of so many columns."""
    known, size = kernels_of(inner_loss(loss)), max(1, TOGETHER // columns)
    is_labelled = known is not None and known.is_labelled
    kind: type = type(loss)
    given: object = target
    if kind is ClassWeighted and isinstance(given, np.ndarray) and given.ndim == 1:
        among = np.unique(given, return_index=True)[1]  # one row per class, since each has its own weight
        places: Iterable[Index] = (among[piece] for piece in _pieces(len(among), size))
    else:
        places = _extremes(target) if is_labelled else _pieces(rows, size)
    for index in places:
        given, zeros = _some(target, index), np.zeros((len(index), columns), dtype)
        loss.rows(zeros, given)
        _check_same(inner_loss(loss), zeros, given[0] if isinstance(given, tuple) else given)


def _check_same(loss: object, zeros: Array, target: object) -> None:
    """Raises TypeError where a loss transforms its targets: compiled code reads them as they are."""
    checked: Any = getattr(loss, "checked", None)
    own: NDArray[Any] = np.asarray(target)
    if checked is not None and not np.array_equal(checked(zeros, own), own.astype(zeros.dtype), equal_nan=True):
        raise TypeError(
            f"jit: loss must be that of its targets as they are, {type(loss).__name__} changes them in `checked`; use "
            "fnnet.train"
        )


def _pieces(rows: int, size: int) -> Iterator[Index]:
    for start in range(0, rows, size):
        yield np.arange(start, min(start + size, rows))


def _extremes(target: object) -> Iterator[Index]:
    """The rows of the smallest and the largest class number and weight, which stand for all rows: only the range is
    checked, and there may be thousands of columns per label."""
    arrays: tuple[Any, ...] = target if isinstance(target, tuple) else (target,)
    if all(isinstance(a, np.ndarray) and a.ndim == 1 for a in arrays):
        yield np.unique([place for a in arrays for place in (a.argmin(), a.argmax())])
    else:
        yield np.zeros(1, np.int64)  # its shape is refused


def _some(target: T, index: Index) -> T:
    """Rows of a target, an array or a tuple of arrays."""
    if isinstance(target, tuple):
        return cast(T, tuple([_some(child, index) for child in target]))
    return cast(T, cast(Array, target)[index])
