"""Metrics of regressions."""

from __future__ import annotations

import numpy as np

from fnnet import checks
from fnnet.metrics._base import NumberTarget, average, split
from fnnet.sums import magnitude
from fnnet.types import Array, Value


def mae(prediction: Array, target: NumberTarget) -> Value:
    """The mean over rows and columns of |target - prediction|, in float64.

    Shapes: prediction (..., N, F), target the same or that without replica axes, or the pair of these and weights, one
    a row, as ``weighted`` losses take it. Raises ShapeError, and ValueError for weights that are negative, not finite
    or all 0.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.mae(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]])))
    1.5
    """
    _, difference, weights = _compared("mae", prediction, target)
    return np.asarray(average(average(np.abs(difference), weights), None))


def rmse(prediction: Array, target: NumberTarget) -> Value:
    """√(Σ (t - y)² / N), the mean over the columns, as in scikit-learn.

    Shapes and Raises as in ``mae``.

    >>> import fnnet as fn, numpy as np
    >>> round(float(fn.metrics.rmse(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]]))), 4)
    1.4142
    """
    _, difference, weights = _compared("rmse", prediction, target)
    square, scale = _squares(difference, weights)
    return np.asarray(average(np.sqrt(square) * scale, None))


def r2(prediction: Array, target: NumberTarget) -> Value:
    """The coefficient of determination 1 - Σ (t - y)² / Σ (t - mean t)², the mean over the columns.

    A constant column counts 1 where it is met exactly and 0 elsewhere, as in scikit-learn. Shapes and Raises as in
    ``mae``.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.r2(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [4.0]]))).__round__(4)
    0.7857
    """
    t, difference, weights = _compared("r2", prediction, target)
    return _explained(*_squares(difference, weights), t, weights)


def explained_variance(prediction: Array, target: NumberTarget) -> Value:
    """1 - Var(t - y) / Var(t), the mean over the columns: ``r2`` that forgives an error that all rows share.

    A constant column counts 1 where it is met up to a shift and 0 elsewhere. Shapes and Raises as in ``mae``.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.explained_variance(np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]])))
    1.0
    """
    t, difference, weights = _compared("explained_variance", prediction, target)
    return _explained(*_spread(difference, weights), t, weights)


def _compared(where: str, prediction: Array, target: NumberTarget) -> tuple[Array, Array, Array | None]:
    """The target and its difference from the prediction, in float64, a row a column (..., F, N); and the weights of
    their entries, if any."""
    value, weights = split(where, prediction, target)
    prediction = prediction.astype(np.float64)
    t = checks.target(where, prediction, value)
    return t.mT, (t - prediction).mT, None if weights is None else weights[..., None, :]


def _squares(a: Array, weights: Array | None) -> tuple[Array, Array]:
    """The mean of (a / s)² of each column, and the power of two s, its magnitude: so that no square leaves the range of
    floats."""
    scale = magnitude(a)
    return average((a / scale) ** 2, weights), scale[..., 0]


def _spread(a: Array, weights: Array | None) -> tuple[Array, Array]:
    """The mean of ((a - mean a) / s)² of each column, 0 of a constant one, of which rounding would make something else;
    and s. Rows without weight do not count."""
    scale = magnitude(a)
    unit = a / scale
    squares = average((unit - average(unit, weights)[..., None]) ** 2, weights)
    counts = np.ones(1, bool) if weights is None else weights > 0
    largest = np.where(counts, unit, -np.inf).max(axis=-1)
    return np.where(largest == np.where(counts, unit, np.inf).min(axis=-1), 0, squares), scale[..., 0]


def _explained(residual: Array, size: Array, target: Array, weights: Array | None) -> Value:
    """1 - residual size² / spread of the target, the mean over the columns."""
    spread, scale = _spread(target, weights)
    spread = np.broadcast_to(spread, residual.shape)
    with np.errstate(over="ignore"):
        factor = (size / scale) ** 2
        share = np.divide(residual * factor, spread, out=np.where(residual > 0, 1.0, 0.0), where=spread > 0)
    return np.asarray((1 - share).mean(axis=-1))
