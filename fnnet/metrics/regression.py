"""Metrics of regressions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fnnet import checks
from fnnet.core import Array, Value
from fnnet.metrics._base import NumberTarget, average, split
from fnnet.numerics.sums import is_finite, magnitude


def mae(prediction: Array, target: NumberTarget) -> Value:
    """The mean over rows and columns of |target - prediction|, in float64.

    ``target`` is the numbers to compare with, or the pair (numbers, weights) with one weight per row, as for
    ``weighted`` losses. NaN where either has a NaN in a row whose weight is not 0. Shapes: prediction (..., N, F),
    numbers the same, or (N, F) for all replicas, weights (..., N) or (N,). Raises ShapeError for other shapes,
    ValueError for weights that are negative, not finite or all 0.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.mae(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]])))
    1.5
    """
    of = _compared("mae", prediction, target)
    found = average(average(np.abs(of.difference), of.weights), None)
    return _times(found, of.unit)


def rmse(prediction: Array, target: NumberTarget) -> Value:
    """√(Σ (target - prediction)² / N), the mean over the columns, as in scikit-learn.

    Weights, NaN, Shapes and Raises as in ``mae``.

    >>> import fnnet as fn, numpy as np
    >>> round(float(fn.metrics.rmse(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]]))), 4)
    1.4142
    """
    of = _compared("rmse", prediction, target)
    square, scale = _squares(of.difference, of.weights)
    return _times(average(np.sqrt(square) * scale, None), of.unit)


def r2(prediction: Array, target: NumberTarget) -> Value:
    """The coefficient of determination, 1 - Σ (target - prediction)² / Σ (target - mean)², the mean over the columns.

    A constant column counts as 1 where it is predicted exactly and as 0 otherwise, as in scikit-learn. NaN also where a
    target is infinite, and -inf where only a prediction is. Weights, NaN, Shapes and Raises as in ``mae``.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.r2(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [4.0]]))).__round__(4)
    0.7857
    """
    of = _compared("r2", prediction, target)
    return _explained(*_squares(of.difference, of.weights), of)


def explained_variance(prediction: Array, target: NumberTarget) -> Value:
    """1 - Var(target - prediction) / Var(target), the mean over the columns: ``r2`` without the error common to all
    rows.

    A constant column counts as 1 where it is predicted up to a shift and as 0 otherwise. NaN also where a number is
    infinite. Weights, NaN, Shapes and Raises as in ``mae``.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.explained_variance(np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]])))
    1.0
    """
    of = _compared("explained_variance", prediction, target)
    return _explained(*_spread(of.difference, of.weights), of)


def _times(found: Array, unit: Array) -> Value:
    """A mean times its unit, infinite where that overflows."""
    with np.errstate(over="ignore"):
        return np.asarray(found * unit[..., 0])


class _Compared(NamedTuple):
    """The target and its difference from the prediction, in float64, transposed to (..., F, N); the unit of the
    difference, (..., 1); and the weights of the entries, if any."""

    target: Array
    difference: Array
    unit: Array
    weights: Array | None


def _compared(where: str, prediction: Array, target: NumberTarget) -> _Compared:
    """The unit is 1, or 2 where a difference overflows. Entries without weight are 0 in both."""
    value, weights = split(where, prediction, target)
    p = checks.gapless(prediction).astype(np.float64)
    t = checks.target(where, p, value)
    if weights is not None:
        counts = weights[..., None] > 0
        t, p = np.where(counts, t, 0), np.where(counts, p, 0)
    with np.errstate(over="ignore", invalid="ignore"):
        difference = t - p
        unit = np.where(np.isfinite(difference).all(axis=(-2, -1)), 1.0, 2.0)[..., None]
        if not is_finite(difference):
            difference = np.where(unit[..., None] == 1, difference, t / 2 - p / 2)
    return _Compared(t.mT, difference.mT, unit, None if weights is None else weights[..., None, :])


def _squares(a: Array, weights: Array | None) -> tuple[Array, Array]:
    """The mean of (a / s)² of each column, and the power of two s, its magnitude, so that no square overflows."""
    scale = magnitude(a)
    return average((a / scale) ** 2, weights), scale[..., 0]


def _spread(a: Array, weights: Array | None) -> tuple[Array, Array]:
    """The mean of ((a - mean a) / s)² of each column, exactly 0 for a constant one, NaN where an entry is infinite or
    NaN; and s. Rows of weight 0 do not count."""
    scale = magnitude(a)
    unit = a / scale
    counts = np.ones(1, bool) if weights is None else weights > 0
    with np.errstate(invalid="ignore"):  # of infinities
        squares = average((unit - average(unit, weights)[..., None]) ** 2, weights)
        width = np.where(counts, unit, -np.inf).max(axis=-1) - np.where(counts, unit, np.inf).min(axis=-1)
    return np.where(width == 0, 0, squares), scale[..., 0]


def _explained(residual: Array, size: Array, of: _Compared) -> Value:
    """1 - residual (size unit)² / spread of the target, the mean over the columns."""
    spread, scale = _spread(of.target, of.weights)
    places = np.frexp(size)[1] + np.frexp(of.unit)[1] - 1 - np.frexp(scale)[1]
    ratio = np.divide(residual, spread, out=np.sign(residual), where=np.broadcast_to(spread != 0, residual.shape))
    with np.errstate(over="ignore"):
        share = np.where(spread == 0, ratio, np.ldexp(ratio, 2 * places))
    return np.asarray(average(1 - share, None))
