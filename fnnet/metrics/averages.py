"""Precision, recall and F1, averaged over classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fnnet.core import Array, ShapeError, Value
from fnnet.metrics._base import LabelTarget, Tally, ratio, tally

Average = Literal["macro", "micro", "binary"]


@dataclass(frozen=True, slots=True)
class Averaged(ABC):
    """The correctly guessed rows as a share of other rows, averaged over classes.

    ``average`` "macro" is the mean over the classes that occur among labels or guesses, where 0 / 0 counts as 0;
    "micro" is the ratio of the sums over all classes; "binary" is the share of class 1 of two. A row with a NaN is a
    wrong guess, of the other classes in equal parts. Raises ValueError for another average.
    """

    average: Average = "macro"

    def __post_init__(self) -> None:
        if self.average not in ("macro", "micro", "binary"):
            raise ValueError(f"{_name(self)}: average must be 'macro', 'micro' or 'binary', got {self.average!r}")

    @abstractmethod
    def whole(self, guessed: Array, labelled: Array, /) -> Array:
        """The denominator of a class's share, from the rows guessed as the class and those labelled as it."""

    def __call__(self, prediction: Array, target: LabelTarget, /) -> Value:
        """The averaged share."""
        found = tally(_name(self), prediction, target)
        if self.average == "binary" and prediction.shape[-1] != 2:
            raise ShapeError(
                f"{_name(self)}: prediction must have two columns where average is 'binary', got {prediction.shape}; "
                "for a network of one logit use metrics.binary"
            )
        whole = self.whole(found.guessed + _spread(found), found.labelled)
        if self.average == "micro":
            return np.asarray(ratio(found.right.sum(axis=-1), whole.sum(axis=-1)))
        shares = ratio(found.right, whole)
        if self.average == "binary":
            return np.asarray(shares[..., 1])
        return np.asarray(shares.sum(axis=-1) / ((found.guessed > 0) | (found.labelled > 0)).sum(axis=-1))


def _name(metric: Averaged) -> str:
    return type(metric).__name__.lower()


def _spread(found: Tally) -> Array:
    """The rows without a guess, as wrong guesses of the classes other than their own, in equal parts."""
    missing = found.missing
    others = missing.shape[-1] - 1
    out: Array = (missing.sum(axis=-1, keepdims=True) - missing) / others if others else missing
    return out


@dataclass(frozen=True, slots=True)
class Precision(Averaged):
    """The share of the rows guessed as a class that belong to it: Σ [guess = label = c] / Σ [guess = c]
    (C. J. van Rijsbergen, Information Retrieval, 1979, chapter 7).

    ``average`` is "macro", the mean over the classes that occur among labels or guesses, "micro", the ratio of the sums
    over all classes, or "binary", the share of class 1 of two. 0 / 0 counts as 0, and a row with a NaN as a wrong
    guess, of the other classes in equal parts. A call takes prediction and target as ``accuracy`` does; Shapes and
    Raises as there. Raises ValueError for another average.

    >>> import fnnet as fn, numpy as np
    >>> scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    >>> float(fn.metrics.Precision("binary")(scores, np.array([0, 1, 0])))
    0.5
    """

    def whole(self, guessed: Array, labelled: Array, /) -> Array:
        """The rows guessed as the class."""
        return guessed


@dataclass(frozen=True, slots=True)
class Recall(Averaged):
    """The share of the rows of a class that are guessed as it: Σ [guess = label = c] / Σ [label = c]
    (C. J. van Rijsbergen, Information Retrieval, 1979, chapter 7).

    ``average``, prediction and target, rows with a NaN, Shapes and Raises as in ``Precision``.

    >>> import fnnet as fn, numpy as np
    >>> scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    >>> float(fn.metrics.Recall("binary")(scores, np.array([0, 1, 0])))
    1.0
    """

    def whole(self, guessed: Array, labelled: Array, /) -> Array:
        """The rows labelled as the class."""
        return labelled


@dataclass(frozen=True, slots=True)
class F1(Averaged):
    """The harmonic mean of precision and recall, 2 Σ [guess = label = c] / (Σ [guess = c] + Σ [label = c])
    (C. J. van Rijsbergen, Information Retrieval, 1979, chapter 7).

    ``average``, prediction and target, rows with a NaN, Shapes and Raises as in ``Precision``; "macro" is the mean of
    the F1 of each class.

    >>> import fnnet as fn, numpy as np
    >>> scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    >>> round(float(fn.metrics.F1("binary")(scores, np.array([0, 1, 0]))), 4)
    0.6667
    """

    def whole(self, guessed: Array, labelled: Array, /) -> Array:
        """The mean of both."""
        return (guessed + labelled) / 2


precision = Precision()
recall = Recall()
f1 = F1()
