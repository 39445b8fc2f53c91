"""Losses and targets for compiled epochs: which loss it is, and all its targets checked before the first step.

A compiled loss reads its targets unchecked. Here NumPy's own loss checks them on a prediction of zeros, a few rows at
a time, so that it takes little memory beside the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

import fnnet.jit.kernels as kernels
from fnnet.core.protocols import Loss
from fnnet.losses.absolute import Huber, MeanAbsoluteError
from fnnet.losses.cross_entropy import BinaryCrossEntropy, SoftmaxCrossEntropy
from fnnet.losses.focal import Focal
from fnnet.losses.hinge import BinaryHinge, Hinge
from fnnet.losses.label_smoothing import LabelSmoothing
from fnnet.losses.log_cosh import LogCosh
from fnnet.losses.poisson import Poisson
from fnnet.losses.quantile import Quantile
from fnnet.losses.soft_cross_entropy import SoftCrossEntropy
from fnnet.losses.squared import MeanSquaredError, SumSquaredError
from fnnet.losses.weighted import ClassWeighted, Weighted
from fnnet.types import Array

T = TypeVar("T")


class Known(NamedTuple):
    """A loss that is compiled: which it is, its one setting, and whether its targets are the numbers of classes."""

    kind: int
    setting: str | None = None
    is_labelled: bool = False


LOSSES: dict[type, Known] = {
    MeanSquaredError: Known(kernels.MSE),
    SumSquaredError: Known(kernels.SUM_SQUARED_ERROR),
    MeanAbsoluteError: Known(kernels.MAE),
    Huber: Known(kernels.HUBER, "delta"),
    SoftmaxCrossEntropy: Known(kernels.SOFTMAX_CROSS_ENTROPY, None, True),
    BinaryCrossEntropy: Known(kernels.BINARY_CROSS_ENTROPY),
    Poisson: Known(kernels.POISSON),
    LogCosh: Known(kernels.LOG_COSH),
    Quantile: Known(kernels.QUANTILE, "q"),
    Focal: Known(kernels.FOCAL, "gamma", True),
    Hinge: Known(kernels.HINGE, None, True),
    LabelSmoothing: Known(kernels.LABEL_SMOOTHING, "rate", True),
    SoftCrossEntropy: Known(kernels.SOFT_CROSS_ENTROPY),
    BinaryHinge: Known(kernels.BINARY_HINGE),
}

WRAPPERS: dict[type, tuple[str, ...]] = {Weighted: ("loss",), ClassWeighted: ("loss", "weights")}
"""Losses of losses, and what they are read by."""


def inner_loss(loss: object) -> object:
    """The loss itself, without its weights. Raises TypeError where it is not compiled."""
    inner: object = loss
    if type(inner) is ClassWeighted and type(inner.loss) is Weighted:
        inner = inner.loss
    if type(inner) is Weighted:
        inner = inner.loss
    if type(inner) in LOSSES:
        return inner
    names = ", ".join([known.__name__ for known in LOSSES])
    raise TypeError(f"jit: loss must be one of fnnet's own, {names}, alone or weighted, got {inner!r}; use fnnet.train")


def setting_of(loss: object) -> float:
    """The one setting of a loss, 0 where it has none."""
    name = LOSSES[type(loss)].setting
    return 0.0 if name is None else float(getattr(loss, name))


TOGETHER = 1 << 16
"""How many numbers of a prediction are compared with their targets at a time."""

Index = NDArray[np.int64]


def check_target(loss: Loss[T], target: T, rows: int, columns: int, dtype: np.dtype[np.floating]) -> None:
    """Raises what the loss itself raises for a target of so many rows and a prediction of so many columns."""
    is_labelled, size = LOSSES[type(inner_loss(loss))].is_labelled, max(1, TOGETHER // columns)
    kind: type = type(loss)
    given: object = target
    if kind is ClassWeighted and isinstance(given, np.ndarray) and given.ndim == 1:
        among = np.unique(given, return_index=True)[1]  # a row of every class, for each has a weight of its own
        places: Iterable[Index] = (among[piece] for piece in _pieces(len(among), size))
    else:
        places = _extremes(target) if is_labelled else _pieces(rows, size)
    for index in places:
        loss.rows(np.zeros((len(index), columns), dtype), _some(target, index))


def _pieces(rows: int, size: int) -> Iterator[Index]:
    for start in range(0, rows, size):
        yield np.arange(start, min(start + size, rows))


def _extremes(target: object) -> Iterator[Index]:
    """The rows of the smallest and the largest class number, and of such weights, which stand for all: it is the range
    that is asked, and there may be thousands of columns to one label."""
    arrays = target if isinstance(target, tuple) else (target,)
    if all(isinstance(a, np.ndarray) and a.ndim == 1 for a in arrays):
        yield np.unique([place for a in arrays for place in (a.argmin(), a.argmax())])
    else:
        yield np.zeros(1, np.int64)  # whose shape is refused


def _some(target: T, index: Index) -> T:
    """Rows of a target, an array or a tuple of arrays."""
    if isinstance(target, tuple):
        return cast(T, tuple([_some(child, index) for child in target]))
    return cast(T, cast(Array, target)[index])
