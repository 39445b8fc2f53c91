"""Metrics of the order of the rows by their scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fnnet import checks
from fnnet.core import Array, ShapeError, Value
from fnnet.metrics._base import LabelTarget, split
from fnnet.numerics import softmax
from fnnet.numerics.sums import is_finite, shares


def roc_auc(prediction: Array, target: LabelTarget) -> Value:
    """The area under the ROC curve: the probability that a row of a class scores higher for it than a row of another,
    a tie counting half (T. Fawcett, An introduction to ROC analysis, Pattern Recognition Letters 27, 2006, section 7).

    For two classes it is the area of class 1, by the difference of the scores. For more it is the mean over the
    classes, each against all others by its softmax probability. NaN where a score is NaN. ``prediction`` and
    ``target``, Shapes and Raises as in ``accuracy``. Raises ValueError also where a class has no row, or all rows, for
    then there is no area, and ShapeError for a single column.

    >>> import fnnet as fn, numpy as np
    >>> scores = np.array([[0.0, 0.1], [0.0, 0.4], [0.0, 0.35], [0.0, 0.8]])
    >>> float(fn.metrics.roc_auc(scores, np.array([0, 0, 1, 1])))
    0.75
    """
    checks.prediction("roc_auc", prediction)
    if prediction.shape[-1] < 2:
        raise ShapeError(
            f"roc_auc: prediction must have at least two columns, got {prediction.shape}; for a network of one logit "
            "use metrics.binary(roc_auc)"
        )
    labels, weights = split("roc_auc", prediction, target)
    checks.labels("roc_auc", prediction, labels)
    scores: Array = checks.gapless(prediction).astype(np.float64)
    is_pair = scores.shape[-1] == 2
    scores = _difference(scores) if is_pair else softmax(scores)
    label = np.broadcast_to(labels, scores.shape[:-1])
    weight = np.ones(label.shape) if weights is None else shares(weights)
    areas = np.empty(scores.shape[:-2])
    for place in np.ndindex(areas.shape):
        columns = enumerate(scores[place].T, is_pair)
        mine = [_area(score, label[place] == number, weight[place], number) for number, score in columns]
        areas[place] = sum(mine) / len(mine)
    return np.asarray(areas)


def _difference(scores: Array) -> Array:
    """The second of two scores minus the first; half of that where it overflows."""
    with np.errstate(over="ignore"):
        whole: Array = np.diff(scores, axis=-1)
        return whole if is_finite(whole) else np.where(np.isfinite(scores).all(), np.diff(scores / 2, axis=-1), whole)


def _area(score: Array, is_own: NDArray[np.bool], weight: Array, number: int) -> float:
    """Σ_k p_k (n_1 + ... + n_k-1 + n_k / 2) / (p n) over the distinct scores k in rising order, where p_k is the weight
    of the class's rows of this score, n_k that of the others."""
    own = np.where(is_own, weight, 0)
    if not own.any() or np.array_equal(own, weight):
        raise ValueError(
            f"roc_auc: target must hold rows of every class, and not of one alone: class {number} has "
            f"{np.count_nonzero(own)} of {np.count_nonzero(weight)}"
        )
    if np.isnan(score[weight > 0]).any():
        return float("nan")
    _, place = np.unique(score, return_inverse=True)
    p, n = np.bincount(place, own), np.bincount(place, weight - own)
    below = np.cumsum(n) - n / 2
    return float(np.add.reduce(p * below) / (np.add.reduce(p) * np.add.reduce(n)))
