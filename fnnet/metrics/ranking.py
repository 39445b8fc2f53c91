"""Metrics of the order that scores put rows in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fnnet import checks
from fnnet.errors import ShapeError
from fnnet.numerics import softmax
from fnnet.types import Array, Labels, Value


def roc_auc(prediction: Array, target: Labels) -> Value:
    """The area under the ROC curve: the probability that a row of a class scores higher for it than a row of another,
    a tie counting half (T. Fawcett, An introduction to ROC analysis, Pattern Recognition Letters 27, 2006, section 7).

    Of two classes it is that of class 1, by the difference of the scores. Of more it is the mean over the classes, each
    against all others by its softmax probability. NaN where a score is NaN. Shapes: prediction (..., N, classes) of
    scores, target (..., N) or (N,). Raises ValueError where a class has no row, or all, for then there is no area;
    ShapeError for one column, DtypeError.

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
    checks.labels("roc_auc", prediction, target)
    scores: Array = prediction.astype(np.float64)
    is_pair = scores.shape[-1] == 2
    scores = np.diff(scores, axis=-1) if is_pair else softmax(scores)
    label = np.broadcast_to(target, scores.shape[:-1])
    areas = np.empty(scores.shape[:-2])
    for place in np.ndindex(areas.shape):
        mine = [_area(scores[place][:, i], label[place] == i + is_pair, i + is_pair) for i in range(scores.shape[-1])]
        areas[place] = sum(mine) / len(mine)
    return np.asarray(areas)


def _area(score: Array, is_own: NDArray[np.bool], number: int) -> float:
    """(R - p (p + 1) / 2) / (p n), where R is the sum of the ranks of the p rows of the class, n the other rows."""
    own = int(is_own.sum())
    others = len(score) - own
    if not own or not others:
        raise ValueError(
            f"roc_auc: target must hold rows of every class, and not of one alone: class {number} has {own} of "
            f"{len(score)}"
        )
    if np.isnan(score).any():
        return float("nan")
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return (float(ranks[place][is_own].sum()) - own * (own + 1) / 2) / (own * others)
