"""Metrics of classifiers."""

from __future__ import annotations

import numpy as np

from fnnet import checks
from fnnet.types import Array, Labels, Value


def accuracy(prediction: Array, target: Labels) -> Value:
    """The share of rows whose largest score stands in the label's column (the first one, where several are
    largest); a row with a NaN is a miss.

    Shapes: prediction (..., N, classes), target (..., N) or (N,) of integers in [0, classes). Raises ShapeError,
    DtypeError, ValueError as ``softmax_cross_entropy`` does.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1])))
    0.5
    """
    checks.prediction("accuracy", prediction)
    checks.labels("accuracy", prediction, target)
    hit = (prediction.argmax(axis=-1) == target) & ~np.isnan(prediction).any(axis=-1)
    return np.asarray(hit.mean(axis=-1, dtype=np.float64))
