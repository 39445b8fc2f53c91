"""Metrics of regressions."""

from __future__ import annotations

import numpy as np

from fnnet import checks
from fnnet.types import Array, Value


def r2(prediction: Array, target: Array) -> Value:
    """The coefficient of determination 1 - Σ (t - y)² / Σ (t - mean t)², the mean over the columns.

    A constant column counts 1 where it is met exactly and 0 elsewhere, as in scikit-learn. Shapes: prediction
    (..., N, F), target the same or that without replica axes. Raises ShapeError.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.r2(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [4.0]]))).__round__(4)
    0.7857
    """
    checks.prediction("r2", prediction)
    prediction = prediction.astype(np.float64)
    t = checks.target("r2", prediction, target)
    residual: Array = np.add.reduce((t - prediction) ** 2, axis=-2)
    spread: Array = np.add.reduce((t - t.mean(axis=-2, keepdims=True)) ** 2, axis=-2)
    spread = np.where(t.max(axis=-2) == t.min(axis=-2), 0, spread)  # or rounding makes a spread of a constant
    spread = np.broadcast_to(spread, residual.shape)
    share = np.divide(residual, spread, out=np.where(residual > 0, 1.0, 0.0), where=spread > 0)
    return np.asarray((1 - share).mean(axis=-1))
