"""What the losses have in common: how rows become one value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import numpy as np

from fnnet import checks
from fnnet.core.protocols import Loss
from fnnet.errors import DtypeError, ShapeError
from fnnet.numerics import columnwise, row_max
from fnnet.numerics.sums import is_finite, mean
from fnnet.types import Array, Labels, Value

T_contra = TypeVar("T_contra", contravariant=True)


class RowLoss(ABC, Generic[T_contra]):
    """A loss that gives one value a row. A subclass writes ``rows``; the call is the mean of the rows.

    >>> import fnnet as fn
    >>> class Cubed(RowLoss[Array]):
    ...     def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
    ...         d = prediction - target
    ...         return abs(d**3).sum(axis=-1), 3 * d * abs(d)
    >>> float(Cubed()(np.array([[2.0], [0.0]]), np.zeros((2, 1)))[0])
    4.0
    """

    __slots__ = ()

    @abstractmethod
    def rows(self, prediction: Array, target: T_contra, /) -> tuple[Array, Array]:
        """One value a row (..., batch), and the gradient of their sum in the prediction's shape."""

    @property
    def is_sum(self) -> bool:
        """Whether the loss is the sum of its rows, and not their mean."""
        return False

    def weight(self, prediction: Array, target: T_contra, /) -> Value:
        """What the sum of the rows is divided by: their number."""
        return np.asarray(prediction.shape[-2], np.float64)

    def __call__(self, prediction: Array, target: T_contra, /) -> tuple[Value, Array]:
        """The mean of the rows, 0-d or (K,) for K replicas, and its gradient in the prediction's shape."""
        with np.errstate(over="ignore"):
            values, grads = _rows(self, prediction, target)
            return np.asarray(mean(values)), grads / prediction.shape[-2]


class SumLoss(RowLoss[T_contra]):
    """A loss that is the sum of its rows."""

    __slots__ = ()

    @property
    def is_sum(self) -> bool:
        """True."""
        return True

    def __call__(self, prediction: Array, target: T_contra, /) -> tuple[Value, Array]:
        """The sum of the rows, 0-d or (K,) for K replicas, and its gradient in the prediction's shape."""
        with np.errstate(over="ignore"):
            values, grads = _rows(self, prediction, target)
            return np.asarray(np.add.reduce(values, axis=-1)), grads


class DifferenceLoss(RowLoss[Array]):
    """The mean over rows and columns of f(d) with d = prediction - target. A subclass writes f and its slope."""

    __slots__ = ()
    name: ClassVar[str]

    @abstractmethod
    def entries(self, d: Array, /) -> tuple[Array, Array]:
        """f(d) and f'(d), entry by entry."""

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """Σ_j f(d_j) / F, with gradient f'(d) / F."""
        d = difference(self.name, prediction, target)
        n = d.shape[-1]
        values, slopes = self.entries(d)
        row: Array = np.add.reduce(values, axis=-1) / n
        if not is_finite(row):
            row = np.where(np.isfinite(row), row, self._far(prediction, target, values))
        return row, slopes / n

    def _far(self, prediction: Array, target: Array, values: Array) -> Array:
        """The rows as sums of shares f(d_j) / F, which are floats where f(d_j) or d_j itself is none."""
        n, t = prediction.shape[-1], checks.target(self.name, prediction, target)
        far = self.share(prediction / 2 - t / 2, n)
        row: Array = np.add.reduce(np.where(np.isfinite(values), values / n, far), axis=-1)
        return row

    def share(self, half: Array, n: int, /) -> Array:
        """f(d) / n of half of d, for a d so large that f(d) is no float: 2 f(d/2) / n, as f grows like |d| there."""
        values, _ = self.entries(half)
        return values * (2 / n)


def checked_rows(loss: Loss[T_contra], prediction: Array, target: T_contra) -> tuple[Array, Array]:
    """The rows of a loss, one value a row of the prediction and a gradient of its shape, in its dtype.

    What goes beyond all floats is infinite, without a warning. Raises ShapeError or DtypeError where they are anything
    else.
    """
    with np.errstate(over="ignore"):
        return _rows(loss, prediction, target)


def _rows(loss: Loss[T_contra], prediction: Array, target: T_contra) -> tuple[Array, Array]:
    made: Any = loss.rows(prediction, target)
    try:
        values, grads = made
        is_right = values.shape == prediction.shape[:-1] and grads.shape == prediction.shape
        is_right = is_right and values.dtype == grads.dtype == prediction.dtype
    except (TypeError, ValueError, AttributeError):
        is_right = False
    if not is_right:
        _refuse(f"{type(loss).__name__}.rows", made, prediction)
    rows: tuple[Array, Array] = values, grads
    return rows


def _refuse(where: str, made: Any, prediction: Array) -> NoReturn:
    checks.pair(where, "the result (values, gradient)", made)
    values, grads = made
    for name, value, wanted in (("values", values, prediction.shape[:-1]), ("gradient", grads, prediction.shape)):
        checks.array(where, name, value)
        if value.shape != wanted:
            raise ShapeError(f"{where}: {name} must have the shape {wanted}, got {value.shape}")
        if value.dtype != prediction.dtype:
            raise DtypeError(f"{where}: {name} must be {prediction.dtype} as the prediction is, got {value.dtype}")
    raise ShapeError(f"{where}: the result must be the pair (values, gradient) of arrays, got {made!r}")


def difference(where: str, prediction: Array, target: Array) -> Array:
    """prediction - target, of one shape."""
    checks.prediction(where, prediction)
    return prediction - checks.target(where, prediction, target)


def scores(where: str, prediction: Array, labels: Labels, factor: float = 1.0) -> tuple[Array, tuple[Labels, Labels]]:
    """Scores (rows, classes), fresh, each row less its maximum, times a factor; and the places (row, label) in them.

    Half of a score less its maximum is a float always, the whole may be beyond all of them.
    """
    checks.prediction(where, prediction)
    checks.labels(where, prediction, labels)
    shape = prediction.shape
    label = labels if labels.shape == shape[:-1] else np.broadcast_to(labels, shape[:-1])
    z = columnwise(prediction.reshape(-1, shape[-1]))
    z = z if factor == 1 else z * factor
    return z - row_max(z), (np.arange(len(z)), label.reshape(-1))


def nonzero(weight: Value) -> Value:
    """The weight that sums are divided by. Raises ValueError where it is 0."""
    if not weight.all():
        raise ValueError("loss: the weights of a batch must not all be 0; leave such a batch out")
    return weight
