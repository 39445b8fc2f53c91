"""Weights of samples, for any loss that has rows, and of classes, for any loss of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

import numpy as np

from fnnet import checks
from fnnet.core import Array, Labels, Loss, ShapeError, Value
from fnnet.losses.links import labels_of, probabilities_of
from fnnet.losses.reductions import RowLoss, checked_rows, nonzero
from fnnet.numerics.sums import shares

T = TypeVar("T")


def _weighable(where: str, name: str, loss: object) -> object:
    """A loss that has rows, and no weights of its own. Raises TypeError."""
    if not isinstance(loss, Loss):
        raise TypeError(f"{where}: {name} must have rows to be weighted, got {loss!r}; derive it from fnnet.RowLoss")
    if isinstance(loss, RowLoss) and type(loss).weight is not RowLoss.weight:
        raise TypeError(
            f"{where}: {name} must weigh all rows alike, got {loss!r}; multiply the two weights instead; portable "
            "comes last, as in portable(weighted(loss))"
        )
    return loss


@dataclass(frozen=True, slots=True)
class Weighted(RowLoss[tuple[T, Array]], Generic[T]):
    """The loss with a weight a row: Σ w_i loss_i / Σ w_i; its target is the pair (target, weights).

    A weight of k counts as k copies of the row, a weight of 0 as its absence, unless its loss is NaN or infinite, as
    with a missing target, in place of which any number does. A sum stays a sum: Σ w_i loss_i.
    Weights are cast to the prediction's dtype; of such near its ends take shares, w / Σ w.
    Shapes: weights (N,), or (..., N) with the prediction's replica axes. Raises ShapeError for weights of another
    length, ValueError for weights that are negative, NaN or infinite, or all 0, TypeError for a loss without rows and
    for one that is weighted already.

    >>> import fnnet as fn, numpy as np
    >>> prediction, target = np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]])
    >>> float(fn.weighted(fn.mse)(prediction, (target, np.array([3.0, 1.0])))[0])
    3.0
    """

    loss: Annotated[Loss[T], _weighable]

    def rows(self, prediction: Array, target: tuple[T, Array], /) -> tuple[Array, Array]:
        """w times a row's value and gradient."""
        inner, weights = _pair(target)
        w = _cast(prediction, weights)
        values, grads = checked_rows(self.loss, prediction, inner)
        return values * w, grads * w[..., None]

    def __call__(self, prediction: Array, target: tuple[T, Array], /) -> tuple[Value, Array]:
        """The weighted mean of the rows, or their weighted sum where the loss inside is a sum, and its gradient."""
        inner, weights = _pair(target)
        w = _cast(prediction, weights)
        values, grads = checked_rows(self.loss, prediction, inner)
        share = w if self.is_sum else shares(w, nonzero(np.maximum.reduce(w, axis=-1, keepdims=True)))
        with np.errstate(over="ignore"):
            return np.asarray(np.add.reduce(values * share, axis=-1)), grads * share[..., None]

    @property
    def is_sum(self) -> bool:
        """Whether the loss inside is a sum; its weights are factors then, and nothing is divided by them."""
        return self.loss.is_sum

    def weight(self, prediction: Array, target: tuple[T, Array], /) -> Value:
        """The sum of the weights."""
        return np.asarray(np.add.reduce(_cast(prediction, _pair(target)[1]), axis=-1, dtype=np.float64))

    def labels(self, prediction: Array, /) -> Labels:
        """Those of the loss inside."""
        return labels_of(self.loss, prediction)

    def probabilities(self, prediction: Array, /) -> Array:
        """Those of the loss inside."""
        return probabilities_of(self.loss, prediction)


weighted = Weighted


def _pair(target: tuple[T, Array]) -> tuple[T, Array]:
    if type(target) is not tuple or len(target) != 2:
        raise TypeError(f"weighted: target must be the pair (target, weights), got {type(target).__name__}")
    return target


def _cast(prediction: Array, weights: Array) -> Array:
    """The weights in the prediction's dtype, in which they have to be finite."""
    checks.prediction("weighted", prediction)
    checks.per_row("weighted", "weights", prediction, weights)
    with np.errstate(over="ignore"):
        w = checks.gapless(weights).astype(prediction.dtype, copy=False)
    if not (w.min() >= 0 and w.max() < np.inf):
        raise ValueError(
            f"weighted: weights must be finite {prediction.dtype} numbers, none of them negative, "
            f"got {weights.min()} to {weights.max()}"
        )
    return w


# --- a weight a class ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ClassWeighted(RowLoss[Labels]):
    """What ``class_weighted(loss, weights)`` returns."""

    loss: Weighted[Labels]
    weights: tuple[float, ...]

    def _weighed(self, prediction: Array, target: Labels) -> tuple[Labels, Array]:
        checks.prediction("class_weighted", prediction)
        checks.labels("class_weighted", prediction, target)
        if prediction.shape[-1] != len(self.weights):
            raise ShapeError(
                f"class_weighted: weights must be one a class, {prediction.shape[-1]}, got {len(self.weights)}"
            )
        return target, np.array(self.weights)[checks.gapless(target)]

    def rows(self, prediction: Array, target: Labels, /) -> tuple[Array, Array]:
        """The weight of its label times a row's value and gradient."""
        return self.loss.rows(prediction, self._weighed(prediction, target))

    def __call__(self, prediction: Array, target: Labels, /) -> tuple[Value, Array]:
        """The weighted mean of the rows, or their weighted sum where the loss inside is a sum, and its gradient."""
        return self.loss(prediction, self._weighed(prediction, target))

    @property
    def is_sum(self) -> bool:
        """Whether the loss inside is a sum."""
        return self.loss.is_sum

    def weight(self, prediction: Array, target: Labels, /) -> Value:
        """The sum of the rows' weights."""
        return self.loss.weight(prediction, self._weighed(prediction, target))

    def labels(self, prediction: Array, /) -> Labels:
        """Those of the loss inside."""
        return labels_of(self.loss, prediction)

    def probabilities(self, prediction: Array, /) -> Array:
        """Those of the loss inside."""
        return probabilities_of(self.loss, prediction)


def class_weighted(loss: Loss[Labels], weights: Sequence[float] | Array) -> ClassWeighted:
    """The loss with a weight a class: ``weighted(loss)`` with its label's weight for every row, so that the mean is
    divided by the sum of the rows' weights.

    That is ``weight=`` of PyTorch's cross-entropy; only with ``label_smoothing`` inside, the weight is here that of the
    row's own label for all its smoothed ones. Raises ValueError for weights that are negative, not finite or all 0, and
    for a batch whose labels all have the weight 0, ShapeError where they are not one a class, TypeError for a loss
    without rows.

    >>> import fnnet as fn, numpy as np
    >>> loss = fn.class_weighted(fn.softmax_cross_entropy, (1.0, 3.0))
    >>> float(loss.weight(np.zeros((3, 2)), np.array([0, 1, 1])))
    7.0
    """
    _weighable("class_weighted", "loss", loss)
    some: object = weights
    if not isinstance(some, (tuple, list)) and not (type(some) is np.ndarray and some.ndim == 1):
        raise ValueError(f"class_weighted: weights must be a sequence of numbers, one a class, got {weights!r}")
    given = tuple([checks.real("class_weighted", f"weights[{i}]", weight) for i, weight in enumerate(weights)])
    if not any(given):
        raise ValueError(f"class_weighted: weights must not all be 0, got {given}")
    return ClassWeighted(Weighted(loss), given)
