"""Metrics of classes for labels and probabilities in place of scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.core import Array, DtypeError, Labels, Metric, Value
from fnnet.metrics._base import LabelTarget
from fnnet.numerics import log


@dataclass(frozen=True, slots=True)
class OfLabels:
    """What ``of_labels(metric)`` returns: ``metric`` for guessed labels."""

    metric: Metric[LabelTarget]

    def __call__(self, prediction: Labels, target: LabelTarget, /) -> Value:
        """The metric of the scores 0 in the guessed column and -inf in the others, whose softmax is 1 and 0."""
        _check_labels("prediction", prediction)
        labels = target[0] if isinstance(target, tuple) else target
        _check_labels("target", labels)
        classes = np.arange(max(int(prediction.max()), int(labels.max()), 1) + 1)
        scores = np.where(prediction[..., None] == classes, 0.0, -np.inf)
        return np.asanyarray(self.metric(scores, target))


def _check_labels(name: str, labels: Labels) -> None:
    """Raises DtypeError or ValueError unless these are whole numbers from 0 up, at least one."""
    checks.array("of_labels", name, labels)
    if labels.dtype.kind not in "iu":
        remedy = "probabilities go through of_probabilities, scores need neither"
        raise DtypeError(f"of_labels: {name} must hold class numbers of an integer dtype, got {labels.dtype}; {remedy}")
    if not labels.size or labels.min() < 0:
        came = f"from {labels.min()}" if labels.size else "none"
        raise ValueError(f"of_labels: {name} must be class numbers from 0 up, at least one, got {came}")


def of_labels(metric: Metric[LabelTarget]) -> OfLabels:
    """A metric of classes for guessed labels in place of scores, such as ``predict(net, x).argmax(axis=-1)`` or those
    of another library.

    ``metric`` is a metric of scores, such as ``accuracy``. The largest label or guess decides the number of classes.
    Shapes: prediction (..., N) of integers from 0 up, target (..., N) or (N,), or the pair of these and weights. Raises
    DtypeError or ValueError for labels or guesses that are not integers from 0 up, and what the metric raises.

    >>> import fnnet as fn, numpy as np
    >>> fn.metrics.of_labels(fn.metrics.accuracy)(np.array([0, 2, 1, 1]), np.array([0, 2, 2, 1])).item()
    0.75
    """
    checks.function("of_labels", "metric", metric, "prediction", "target")
    return OfLabels(metric)


@dataclass(frozen=True, slots=True)
class OfProbabilities:
    """What ``of_probabilities(metric)`` returns: ``metric`` for probabilities."""

    metric: Metric[LabelTarget]

    def __call__(self, prediction: Array, target: LabelTarget, /) -> Value:
        """The metric of the scores log p, whose softmax is p."""
        checks.prediction("of_probabilities", prediction)
        p = checks.gapless(prediction).astype(np.float64)
        checks.between("of_probabilities", "prediction", p, 0, 1)
        sums: Array = np.add.reduce(p, axis=-1)
        if not (abs(sums - 1) <= TOLERANCE).all():
            raise ValueError(
                f"of_probabilities: prediction must add up to 1 in each row, got {sums.min()} to {sums.max()}; a "
                "network's own scores go to the metric itself, and for one column p write np.hstack([1 - p, p])"
            )
        with np.errstate(divide="ignore"):
            scores: Array = log(p)
        return np.asanyarray(self.metric(scores, target))


TOLERANCE = 1e-3
"""How far from 1 the probabilities of a row may add up: they may have been rounded to a few digits."""


def of_probabilities(metric: Metric[LabelTarget]) -> OfProbabilities:
    """A metric of classes for probabilities in place of scores, such as ``predict_proba`` of another library returns.

    ``metric`` is a metric of scores, such as ``log_loss``. Shapes: prediction (..., N, classes) with rows that add up
    to 1, target as the metric accepts it. Raises ValueError where the prediction is not probabilities, and what the
    metric raises.

    >>> import fnnet as fn, numpy as np
    >>> p, y = np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 1])
    >>> fn.metrics.of_probabilities(fn.metrics.log_loss)(p, y).item().__round__(4)
    0.4904
    """
    checks.function("of_probabilities", "metric", metric, "prediction", "target")
    return OfProbabilities(metric)
