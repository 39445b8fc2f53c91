"""Metrics of the guesses of a classifier, the classes of the largest scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np

from fnnet import checks
from fnnet.core import Array, Labels, Value
from fnnet.metrics._base import Counts, LabelTarget, average, guesses, ratio, table, tally


def accuracy(prediction: Array, target: LabelTarget) -> Value:
    """The share of rows whose largest score, the first one of equal scores, is in the column of the label; a row with a
    NaN is a miss.

    ``prediction`` are scores, ``target`` is the labels, or the pair (labels, weights) with one weight per row, as for
    ``weighted`` losses: a weight of k counts as k copies of the row. Shapes: prediction (..., N, classes), labels and
    weights (..., N) or (N,); labels are integers in [0, classes). Raises ShapeError, DtypeError or ValueError as
    ``softmax_cross_entropy`` does, and ValueError for weights that are negative, not finite or all 0.

    >>> import fnnet as fn, numpy as np
    >>> scores, labels = np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1])
    >>> float(fn.metrics.accuracy(scores, labels)), float(fn.metrics.accuracy(scores, (labels, np.array([3, 1]))))
    (0.5, 0.75)
    """
    guess, label, weights = guesses("accuracy", prediction, target)
    return np.asarray(average((guess == label).astype(np.float64), weights))


def balanced_accuracy(prediction: Array, target: LabelTarget) -> Value:
    """The mean recall of the classes that occur in the target: accuracy as if all had the same number of rows
    (K. H. Brodersen et al., ICPR 2010, section II). A row with a NaN is a miss.

    ``prediction`` and ``target``, Shapes and Raises as in ``accuracy``.

    >>> import fnnet as fn, numpy as np
    >>> scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.8, 0.2], [0.2, 0.8]])
    >>> round(float(fn.metrics.balanced_accuracy(scores, np.array([0, 0, 1, 0]))), 4)
    0.3333
    """
    found = tally("balanced_accuracy", prediction, target)
    recalls = ratio(found.right, found.labelled)
    return np.asarray(recalls.sum(axis=-1) / (found.labelled > 0).sum(axis=-1))


@dataclass(frozen=True, slots=True)
class TopK:
    """What ``top_k(k)`` returns: the metric for this ``k``."""

    k: int

    def __call__(self, prediction: Array, target: LabelTarget, /) -> Value:
        """The share of rows in which fewer than k columns come before that of the label."""
        _, label, weights = guesses("top_k", prediction, target)
        if self.k > prediction.shape[-1]:
            raise ValueError(f"top_k: k must be at most the prediction's columns, {prediction.shape[-1]}, got {self.k}")
        own = np.take_along_axis(prediction, label[..., None], axis=-1)
        is_earlier = np.arange(prediction.shape[-1]) < label[..., None]
        before = ((prediction > own) | (prediction == own) & is_earlier).sum(axis=-1)
        hit = (before < self.k) & ~np.isnan(prediction).any(axis=-1)
        return np.asarray(average(hit.astype(np.float64), weights))


def top_k(k: int) -> TopK:
    """The metric: the share of rows whose label is among the ``k`` columns of the largest scores.

    Of equal scores the first columns count as larger, so that ``top_k(1)`` is ``accuracy``; a row with a NaN is a miss.
    Shapes and Raises as in ``accuracy``; ValueError also for k below 1 or above the number of classes.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.metrics.top_k(2)(np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]]), np.array([1, 0])))
    0.5
    """
    return TopK(checks.size("top_k", "k", k))


@overload
def confusion_matrix(prediction: Array, target: Labels) -> Counts: ...
@overload
def confusion_matrix(prediction: Array, target: tuple[Labels, Array]) -> Array: ...
def confusion_matrix(prediction: Array, target: LabelTarget) -> Counts | Array:
    """The number of rows by label (the row of the matrix) and guess (its column), or the sums of their weights.

    A row with a NaN guesses no class and counts in no column. This is a table and not a Metric, which gives one number:
    it is for reports, not for ``validate``. ``prediction`` and ``target`` and Raises as in ``accuracy``. Shapes:
    (classes, classes), or (K, classes, classes) for K replicas.

    >>> import fnnet as fn, numpy as np
    >>> fn.metrics.confusion_matrix(np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]), np.array([1, 1, 0])).tolist()
    [[0, 1], [1, 1]]
    """
    found = np.ascontiguousarray(table("confusion_matrix", prediction, target)[..., :-1])
    return found if isinstance(target, tuple) else found.astype(np.int64)
