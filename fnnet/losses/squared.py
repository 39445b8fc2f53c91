"""Squared error, as a mean and as a sum, each with its own gradient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.core import Array, Value, define_loss
from fnnet.losses.reductions import RowLoss, SumLoss
from fnnet.numerics import inner_product, square_mean, square_sum
from fnnet.numerics.kernels import Number
from fnnet.numerics.sums import is_finite


class _Squares:
    """The formula of both."""

    __slots__ = ()

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """d² and 2 d."""
        d = prediction - target
        return d * d, d + d


@dataclass(frozen=True, slots=True)
class MeanSquaredError(_Squares, RowLoss[Array]):
    """The mean over all N rows and F columns of (prediction - target)², with gradient 2 (prediction - target) / (N F).

    Shapes: prediction (..., N, F), target the same, or (N, F) for all replicas. Raises ShapeError for
    other shapes: nothing is broadcast.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.mse(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]]))
    >>> float(value), grad.tolist()
    (2.5, [[1.0, 2.0]])
    """

    name = "mse"

    def __call__(self, prediction: Array, target: Array, /) -> tuple[Value, Array]:
        """The mean of all squares, 0-d or (K,) for K replicas, and its gradient, in two passes fewer than by rows."""
        d = _difference(prediction, target)
        n = d.shape[-2] * d.shape[-1]
        value = square_sum(d) / n
        if is_finite(value):
            return np.asarray(value), d * (2 / n)
        return square_mean(d.reshape((*d.shape[:-2], n))), _slopes(prediction, target, d, 2 / n)

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """The mean of a row's squares: Σ_j d_j² / F, with gradient 2 d / F."""
        d = _difference(prediction, target)
        n = d.shape[-1]
        values: Array = inner_product(d, d) / n
        if is_finite(values):
            return values, d * (2 / n)
        return square_mean(d), _slopes(prediction, target, d, 2 / n)


@dataclass(frozen=True, slots=True)
class SumSquaredError(_Squares, SumLoss[Array]):
    """The sum over all rows and columns of (prediction - target)², with gradient 2 (prediction - target).

    Shapes: prediction (..., N, F), target the same, or (N, F) for all replicas. Raises ShapeError for
    other shapes: nothing is broadcast.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.sum_squared_error(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]]))
    >>> float(value), grad.tolist()
    (5.0, [[2.0, 4.0]])
    """

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """The sum of a row's squares: Σ_j d_j², with gradient 2 d."""
        checks.prediction(self.name, prediction)
        squares, slopes = self.entries(checks.gapless(prediction), checks.target(self.name, prediction, target))
        values: Array = np.add.reduce(squares, axis=-1)
        return values, slopes


def _difference(prediction: Array, target: Array) -> Array:
    checks.prediction("mse", prediction)
    return checks.gapless(prediction) - checks.target("mse", prediction, target)


def _slopes(prediction: Array, target: Array, d: Array, factor: float) -> Array:
    """factor · d, as the difference of two products where d overflows."""
    t = checks.target("mse", prediction, target)
    return np.where(np.isfinite(d), d * factor, prediction * factor - t * factor)


def squares_far_row(z: Array, t: Array, d: Array) -> Number:
    """The mean of squared errors, computed from halves of the errors over the largest of them."""
    real, n = z.dtype.type, z.size
    largest, total, two, factor = real(0), real(0), real(2), real(2 / n)
    for j in range(n):
        d[j] = z[j] - t[j]
        d[j] = d[j] * factor if np.isfinite(d[j]) else z[j] * factor - t[j] * factor
        largest = max(largest, abs(z[j] / two - t[j] / two))
    for j in range(n):
        share = (z[j] / two - t[j] / two) / largest
        total += share * share
    root = two * largest * np.sqrt(total / real(n))
    return real(np.inf) if largest == real(np.inf) else root * root


define_loss(MeanSquaredError, far=squares_far_row)
define_loss(SumSquaredError)

mse = MeanSquaredError()
sum_squared_error = SumSquaredError()
