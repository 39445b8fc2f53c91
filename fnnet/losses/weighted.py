"""Sample weights, for any loss that has rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from fnnet import checks
from fnnet.losses._base import RowLoss, checked_rows, nonzero
from fnnet.records import Loss
from fnnet.types import Array, Value

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Weighted(RowLoss[tuple[T, Array]], Generic[T]):
    """What ``weighted(loss)`` returns."""

    loss: Loss[T]

    def rows(self, prediction: Array, target: tuple[T, Array], /) -> tuple[Array, Array]:
        """w times a row's value and gradient."""
        inner, weights = _pair(target)
        w = _cast(prediction, weights)
        values, grads = checked_rows(self.loss, prediction, inner)
        return values * w, grads * w[..., None]

    def __call__(self, prediction: Array, target: tuple[T, Array], /) -> tuple[Value, Array]:
        """The weighted mean of the rows, or their weighted sum where the loss inside is a sum, and its gradient."""
        values, grads = self.rows(prediction, target)
        total = np.asarray(np.add.reduce(values, axis=-1))
        if self.is_sum:
            return total, grads
        weight = nonzero(self.weight(prediction, target)).astype(values.dtype)
        return np.asarray(total / weight), grads / weight[..., None, None]

    @property
    def is_sum(self) -> bool:
        """Whether the loss inside is a sum; its weights are factors then, and nothing is divided by them."""
        return self.loss.is_sum

    def weight(self, prediction: Array, target: tuple[T, Array], /) -> Value:
        """The sum of the weights."""
        return np.asarray(np.add.reduce(_cast(prediction, _pair(target)[1]), axis=-1, dtype=np.float64))


def weighted(loss: Loss[T]) -> Weighted[T]:
    """The loss with a weight a row: Σ w_i loss_i / Σ w_i; its target is the pair (target, weights).

    A weight of k counts as k copies of the row, a weight of 0 as its absence. A sum stays a sum: Σ w_i loss_i.
    Shapes: weights (N,), or (..., N) with the prediction's replica axes. Raises ShapeError for weights of another
    length, ValueError for weights that are negative, NaN or infinite, or all 0, TypeError for a loss without rows and
    for one that is weighted already.

    >>> import fnnet as fn, numpy as np
    >>> prediction, target = np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]])
    >>> float(fn.weighted(fn.mse)(prediction, (target, np.array([3.0, 1.0])))[0])
    3.0
    """
    if not isinstance(loss, Loss):
        raise TypeError(f"weighted: loss must have rows to be weighted, got {loss!r}; derive it from fnnet.RowLoss")
    if isinstance(loss, RowLoss) and type(loss).weight is not RowLoss.weight:
        raise TypeError(f"weighted: loss must weigh all rows alike, got {loss!r}; multiply the two weights instead")
    return Weighted(loss)


def _pair(target: tuple[T, Array]) -> tuple[T, Array]:
    if type(target) is not tuple or len(target) != 2:
        raise TypeError(f"weighted: target must be the pair (target, weights), got {type(target).__name__}")
    return target


def _cast(prediction: Array, weights: Array) -> Array:
    """The weights in the prediction's dtype, in which they have to be finite."""
    checks.prediction("weighted", prediction)
    checks.per_row("weighted", "weights", prediction, weights)
    with np.errstate(over="ignore"):
        w = weights.astype(prediction.dtype, copy=False)
    if not (w.min() >= 0 and w.max() < np.inf):
        raise ValueError(
            f"weighted: weights must be finite {prediction.dtype} numbers, none of them negative, "
            f"got {weights.min()} to {weights.max()}"
        )
    return w
