"""What a classifier's scores mean: the guessed classes, and their probabilities.

A loss defines both by its methods ``labels(prediction)`` and ``probabilities(prediction)``, whether it is fnnet's own
or a user's. A loss without these methods, such as ``mse``, does not train a classifier; ``hinge`` has no probabilities.
"""

from __future__ import annotations

import numpy as np

from fnnet import checks
from fnnet.core import Array, Labels
from fnnet.losses.reductions import EntryLoss, RowLoss, T_contra
from fnnet.numerics import softmax


def probabilities_of(loss: object, prediction: Array) -> Array:
    """The probabilities that a loss reads from a prediction. Raises TypeError where the loss defines none.

    >>> import fnnet as fn
    >>> probabilities_of(fn.softmax_cross_entropy, np.array([[1.0, 1.0]])).tolist()
    [[0.5, 0.5]]
    """
    method = getattr(loss, "probabilities", None)
    if method is None:
        raise TypeError(
            f"predict_proba: the loss must have a method probabilities(prediction), and {loss!r} has none; use "
            "predict, or a loss such as softmax_cross_entropy"
        )
    checks.prediction("predict_proba", prediction)
    found: Array = method(prediction)
    return found


def labels_of(loss: object, prediction: Array) -> Labels:
    """The classes that a loss reads from a prediction. Raises TypeError where the loss defines none, ValueError for
    NaN."""
    method = getattr(loss, "labels", None)
    if method is None:
        raise TypeError(
            f"predict_labels: the loss must have a method labels(prediction), and {loss!r} has none; use predict, or "
            "a loss such as softmax_cross_entropy"
        )
    checks.prediction("predict_labels", prediction)
    if np.isnan(prediction).any():
        raise ValueError(
            "predict_labels: the prediction must have no NaN, which is no class; look at x, or use predict"
        )
    found: Labels = method(prediction)
    return found


class ClassLoss(RowLoss[T_contra]):
    """A loss of scores, one per class; the class of the largest score is the guess."""

    __slots__ = ()

    def labels(self, prediction: Array, /) -> Labels:
        """The class of the largest score, (..., rows); the first one of equal scores."""
        found: Labels = np.argmax(prediction, axis=-1)
        return found


class SoftmaxLoss(ClassLoss[T_contra]):
    """A loss of scores whose softmax gives the probabilities of the classes."""

    __slots__ = ()

    def probabilities(self, prediction: Array, /) -> Array:
        """softmax(prediction), (..., rows, classes)."""
        return softmax(prediction)


class BinaryLoss(EntryLoss):
    """A loss of one score per column; a score above 0 is a yes."""

    __slots__ = ()

    def labels(self, prediction: Array, /) -> Labels:
        """0 or 1: for a single column the class, (..., rows); for several the answer of each, (..., rows, columns)."""
        found = (prediction > 0).astype(np.int64)
        return found[..., 0] if prediction.shape[-1] == 1 else found
