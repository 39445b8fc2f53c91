"""Metrics of regressions."""

from __future__ import annotations

import numpy as np

from fnnet import checks
from fnnet.types import Array, Value


def mae(prediction: Array, target: Array) -> Value:
    """The mean over rows and columns of |target - prediction|, in float64.

    Shapes: prediction (..., N, F), target the same or that without replica axes. Raises ShapeError.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.mae(np.array([[1.0], [2.0]]), np.array([[1.0], [5.0]])))
    1.5
    """
    _, difference = _compared("mae", prediction, target)
    return np.asarray(np.abs(difference).mean(axis=(-2, -1)))


def rmse(prediction: Array, target: Array) -> Value:
    """√(Σ (t - y)² / N), the mean over the columns, as in scikit-learn.

    Shapes and Raises as in ``mae``.

    >>> import fnnet as fn, numpy as np
    >>> round(float(fn.metrics.rmse(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]]))), 4)
    1.4142
    """
    _, difference = _compared("rmse", prediction, target)
    return np.asarray(np.sqrt((difference**2).mean(axis=-2)).mean(axis=-1))


def r2(prediction: Array, target: Array) -> Value:
    """The coefficient of determination 1 - Σ (t - y)² / Σ (t - mean t)², the mean over the columns.

    A constant column counts 1 where it is met exactly and 0 elsewhere, as in scikit-learn. Shapes: prediction
    (..., N, F), target the same or that without replica axes. Raises ShapeError.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.r2(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [4.0]]))).__round__(4)
    0.7857
    """
    t, difference = _compared("r2", prediction, target)
    residual: Array = np.add.reduce(difference**2, axis=-2)
    return _explained(residual, t)


def explained_variance(prediction: Array, target: Array) -> Value:
    """1 - Var(t - y) / Var(t), the mean over the columns: ``r2`` that forgives an error that all rows share.

    A constant column counts 1 where it is met up to a shift and 0 elsewhere. Shapes and Raises as in ``mae``.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.explained_variance(np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]])))
    1.0
    """
    t, difference = _compared("explained_variance", prediction, target)
    return _explained(_spread(difference), t)


def _compared(where: str, prediction: Array, target: Array) -> tuple[Array, Array]:
    """The target, and its difference from the prediction, in float64."""
    checks.prediction(where, prediction)
    prediction = prediction.astype(np.float64)
    t = checks.target(where, prediction, target)
    return t, t - prediction


def _spread(a: Array) -> Array:
    """Σ (a - mean a)² of each column, 0 of a constant one, of which rounding would make something else."""
    squares: Array = np.add.reduce((a - a.mean(axis=-2, keepdims=True)) ** 2, axis=-2)
    return np.where(a.max(axis=-2) == a.min(axis=-2), 0, squares)


def _explained(residual: Array, target: Array) -> Value:
    """1 - residual / spread of the target, the mean over the columns."""
    spread = np.broadcast_to(_spread(target), residual.shape)
    share = np.divide(residual, spread, out=np.where(residual > 0, 1.0, 0.0), where=spread > 0)
    return np.asarray((1 - share).mean(axis=-1))
