"""What the losses have in common: how the values of rows become one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from fnnet import checks
from fnnet.core import Array, DtypeError, Labels, Loss, Settings, ShapeError, Value
from fnnet.numerics import columnwise, exp, log, row_max, row_sum
from fnnet.numerics.sums import is_finite, mean

T_contra = TypeVar("T_contra", contravariant=True)


class RowLoss(Settings, ABC, Generic[T_contra]):
    """A loss that gives one value per row. A subclass implements ``rows``; a call returns the mean of the rows.

    Its fields may declare their ranges in their types, as in ``delta: Positive`` (see ``fnnet.core``). Its errors begin
    with its ``name``. A loss of classes may have ``labels(prediction)`` and ``probabilities(prediction)``, which
    ``Fit`` predicts with. A call raises ValueError, ShapeError or DtypeError where ``rows`` returns anything else than
    that.

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
        """One value per row, (..., batch), and the gradient of their sum in the prediction's shape."""

    @property
    def is_sum(self) -> bool:
        """Whether the loss is the sum of its rows instead of their mean."""
        return False

    def weight(self, prediction: Array, target: T_contra, /) -> Value:
        """The divisor of the sum of the rows: their number."""
        return np.asarray(prediction.shape[-2], np.float64)

    def __call__(self, prediction: Array, target: T_contra, /) -> tuple[Value, Array]:
        """The mean of the rows, 0-d or (K,) for K replicas, and its gradient in the prediction's shape."""
        with np.errstate(over="ignore"):
            values, grads = _rows(self, prediction, target)
            return np.asarray(mean(values)), grads / prediction.shape[-2]


class SumLoss(RowLoss[T_contra]):
    """A loss that is the sum of its rows, which a subclass gives by ``rows``; otherwise as ``RowLoss``.

    >>> class SumAbsolute(SumLoss[Array]):
    ...     def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
    ...         d = prediction - target
    ...         return abs(d).sum(axis=-1), np.sign(d)
    >>> float(SumAbsolute()(np.array([[2.0], [1.0]]), np.zeros((2, 1)))[0])
    3.0
    """

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


class EntryLoss(RowLoss[Array]):
    """The mean over N rows and F columns of f(prediction, target): Σ f / (N F).

    A subclass writes f and its derivative ∂f/∂prediction once in ``entries``, as a formula of one number (see
    ``define_activation``), which NumPy runs over arrays and ``fnnet.jit`` compiles. Shapes: prediction (..., N, F),
    target the same, or (N, F) for all replicas. Raises ShapeError for other shapes: nothing is broadcast.

    >>> class Quartic(EntryLoss):
    ...     def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
    ...         square = (prediction - target) * (prediction - target)
    ...         return square * square, 4 * square * (prediction - target)
    >>> float(Quartic()(np.array([[2.0], [0.0]]), np.zeros((2, 1)))[0])
    8.0
    """

    __slots__ = ()

    @abstractmethod
    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """f and its derivative with respect to the prediction, entry by entry."""

    def share(self, prediction: Array, target: Array, n: int, /) -> Array:
        """f / n, a formula too, used where f itself overflows but the mean over n entries may not."""
        return self.entries(prediction, target)[0] / n

    def checked(self, prediction: Array, target: Array, /) -> Array:
        """The target in the prediction's dtype. Raises ShapeError or ValueError where it does not fit this loss."""
        checks.prediction(self.name, prediction)
        return checks.target(self.name, prediction, target)

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """Σ_j f_j / F, with gradient f' / F."""
        t, n = self.checked(prediction, target), prediction.shape[-1]
        prediction = checks.gapless(prediction)
        values, slopes = self.entries(prediction, t)
        row: Array = np.add.reduce(values, axis=-1) / n
        if not is_finite(row):
            row = np.where(np.isfinite(row), row, self.far(prediction, t, values))
        return row, slopes / n

    def far(self, prediction: Array, target: Array, values: Array, /) -> Array:
        """The rows as sums of shares f / F, which may be finite where f overflows."""
        n = prediction.shape[-1]
        shares = np.where(np.isfinite(values), values / n, self.share(prediction, target, n))
        row: Array = np.add.reduce(shares, axis=-1)
        return row


class DifferenceLoss(EntryLoss):
    """A loss of d = prediction - target that grows like |d| where |d| is large."""

    __slots__ = ()

    def share(self, prediction: Array, target: Array, n: int, /) -> Array:
        """f / n as 2 f(d/2) / n, because d itself may overflow."""
        return self.entries(prediction / 2, target / 2)[0] * (2 / n)


def checked_rows(loss: Loss[T_contra], prediction: Array, target: T_contra) -> tuple[Array, Array]:
    """The rows of a loss: one value per row of the prediction, and a gradient of its shape, both in its dtype.

    Overflow gives infinity, without a warning. Raises ShapeError or DtypeError where the loss returns anything else.
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


def scores(where: str, prediction: Array, labels: Labels, factor: float = 1.0) -> tuple[Array, tuple[Labels, Labels]]:
    """Scores (rows, classes), fresh, each row minus its maximum, times a factor; and the indices (row, label) into
    them.

    Half of a score minus its maximum is always finite; the whole may overflow.
    """
    checks.prediction(where, prediction)
    checks.labels(where, prediction, labels)
    shape = prediction.shape
    label = labels if labels.shape == shape[:-1] else np.broadcast_to(labels, shape[:-1])
    z = columnwise(checks.gapless(prediction).reshape(-1, shape[-1]))
    z = z if factor == 1 else z * factor
    return z - row_max(z), (np.arange(len(z)), label.reshape(-1))


def softmax_and_log(z: Array) -> tuple[Array, Array]:
    """eᶻ / Σ eᶻ of each row, and log Σ eᶻ, both fresh; the maximum of each row of z is 0."""
    e = exp(z)
    total = row_sum(e)
    e /= total
    return e, log(total).reshape(-1)


def nonzero(weight: Value) -> Value:
    """The weight, to divide sums by. Raises ValueError where it is 0."""
    if not weight.all():
        raise ValueError("loss: the weights of a batch must not all be 0; leave such a batch out")
    return weight
