"""Weights of rows, for any loss that has rows, and of classes, for any loss of labels."""

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
    """The loss. Raises TypeError unless it has rows and no weights of its own."""
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
    """``loss`` with a weight per row: Σ w_i loss_i / Σ w_i; its target is the pair (target, weights).

    A weight of k counts as k copies of the row, a weight of 0 removes it. A row whose loss is NaN or infinite, as with
    a missing target, is not removed: put any number in place of the target. A sum stays a sum: Σ w_i loss_i. Weights
    are cast to the prediction's dtype; divide extreme weights by their sum. Shapes: weights (N,), or (..., N) with the
    prediction's replica axes. Raises ShapeError for weights of another length, ValueError for weights that are
    negative, NaN, infinite or all 0, TypeError for a loss without rows and for one that is already weighted.

    >>> import fnnet as fn, numpy as np
    >>> prediction, target = np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]])
    >>> float(fn.weighted(fn.mse)(prediction, (target, np.array([3.0, 1.0])))[0])
    3.0
    """

    loss: Annotated[Loss[T], _weighable]

    def rows(self, prediction: Array, target: tuple[T, Array], /) -> tuple[Array, Array]:
        """The value and gradient of each row, times its weight."""
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
        """Whether the loss inside is a sum: the weights are then factors, and nothing is divided by their sum."""
        return self.loss.is_sum

    def weight(self, prediction: Array, target: tuple[T, Array], /) -> Value:
        """The sum of the weights."""
        return np.asarray(np.add.reduce(_cast(prediction, _pair(target)[1]), axis=-1, dtype=np.float64))

    def labels(self, prediction: Array, /) -> Labels:
        """The labels of the loss inside."""
        return labels_of(self.loss, prediction)

    def probabilities(self, prediction: Array, /) -> Array:
        """The probabilities of the loss inside."""
        return probabilities_of(self.loss, prediction)


weighted = Weighted


def _pair(target: tuple[T, Array]) -> tuple[T, Array]:
    if type(target) is not tuple or len(target) != 2:
        raise TypeError(f"weighted: target must be the pair (target, weights), got {type(target).__name__}")
    return target


def _cast(prediction: Array, weights: Array) -> Array:
    """The weights in the prediction's dtype. Raises ValueError unless they are finite in it and from 0 up."""
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


# --- a weight per class -------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ClassWeighted(RowLoss[Labels]):
    """What ``class_weighted(loss, weights)`` returns: the weighted ``loss``, and ``weights``, one per class."""

    loss: Weighted[Labels]
    weights: tuple[float, ...]

    def _weighed(self, prediction: Array, target: Labels) -> tuple[Labels, Array]:
        checks.prediction("class_weighted", prediction)
        checks.labels("class_weighted", prediction, target)
        if prediction.shape[-1] != len(self.weights):
            raise ShapeError(
                f"class_weighted: weights must be one per class, {prediction.shape[-1]}, got {len(self.weights)}"
            )
        return target, np.array(self.weights)[checks.gapless(target)]

    def rows(self, prediction: Array, target: Labels, /) -> tuple[Array, Array]:
        """The value and gradient of each row, times the weight of its label."""
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
        """The labels of the loss inside."""
        return labels_of(self.loss, prediction)

    def probabilities(self, prediction: Array, /) -> Array:
        """The probabilities of the loss inside."""
        return probabilities_of(self.loss, prediction)


def class_weighted(loss: Loss[Labels], weights: Sequence[float] | Array) -> ClassWeighted:
    """``loss`` with a weight per class: ``weighted(loss)`` where the weight of a row is that of its label, so that the
    mean is divided by the sum of the rows' weights.

    ``weights`` has one number per class. This is ``weight=`` of PyTorch's cross-entropy, except that with
    ``label_smoothing`` inside, the whole row has the weight of its own label. Raises ValueError for weights that are
    negative, not finite or all 0, and for a batch whose labels all have the weight 0, ShapeError unless there is one
    weight per class, TypeError for a loss without rows.

    >>> import fnnet as fn, numpy as np
    >>> loss = fn.class_weighted(fn.softmax_cross_entropy, (1.0, 3.0))
    >>> float(loss.weight(np.zeros((3, 2)), np.array([0, 1, 1])))
    7.0
    """
    _weighable("class_weighted", "loss", loss)
    some: object = weights
    if not isinstance(some, (tuple, list)) and not (type(some) is np.ndarray and some.ndim == 1):
        raise ValueError(f"class_weighted: weights must be a sequence of numbers, one per class, got {weights!r}")
    given = tuple([checks.real("class_weighted", f"weights[{i}]", weight) for i, weight in enumerate(weights)])
    if not any(given):
        raise ValueError(f"class_weighted: weights must not all be 0, got {given}")
    return ClassWeighted(Weighted(loss), given)
