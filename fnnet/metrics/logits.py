"""Metrics of classifiers for networks with one logit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from fnnet import checks
from fnnet.core import Array, Labels, Metric, ShapeError, Value
from fnnet.metrics._base import NumberTarget, split


@dataclass(frozen=True, slots=True)
class Binary:
    """What ``binary(metric)`` returns: ``metric`` for one logit."""

    metric: Metric[Labels]

    def __call__(self, prediction: Array, target: NumberTarget, /) -> Value:
        """The metric of the scores (0, z), whose softmax is (1 - σ(z), σ(z))."""
        checks.prediction("binary", prediction)
        if prediction.shape[-1] != 1:
            raise ShapeError(
                f"binary: prediction must have one column, the logit of class 1, got {prediction.shape}; a metric of "
                "several columns needs no binary"
            )
        value, weights = split("binary", prediction, target)
        t = checks.target("binary", prediction, value)
        if not np.isin(t, (0, 1)).all():
            raise ValueError(f"binary: target must be 0 or 1, got {t.min()} to {t.max()}")
        scores = np.concatenate([np.zeros_like(prediction), prediction], axis=-1)
        labels = t[..., 0].astype(np.int64)
        return np.asanyarray(self.metric(scores, labels if weights is None else cast(Labels, (labels, weights))))


def binary(metric: Metric[Labels]) -> Binary:
    """A metric of classes for a network with one logit, such as ``binary_cross_entropy`` trains, and its targets 0, 1.

    ``metric`` is a metric of scores of two classes, such as ``accuracy``; it decides how rows with a NaN count. Shapes:
    prediction (..., N, 1), target the same or (N, 1), or the pair of these and weights, one per row. Raises ShapeError
    for another number of columns, ValueError for targets other than 0 and 1, and what the metric raises.

    >>> import fnnet as fn, numpy as np
    >>> logits, target = np.array([[2.0], [-1.0], [0.5]]), np.array([[1.0], [0.0], [0.0]])
    >>> round(float(fn.metrics.binary(fn.metrics.accuracy)(logits, target)), 4)
    0.6667
    """
    checks.function("binary", "metric", metric, "prediction", "target")
    return Binary(metric)
