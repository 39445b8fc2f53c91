"""What the metrics share: weights of rows, guesses, and counts of classes by label and guess."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fnnet import checks
from fnnet.core import Array, Labels
from fnnet.numerics.sums import is_finite, mean, share_of, shares, weighed

T = TypeVar("T")
Counts = NDArray[np.int64]
SMALL = 2.0**-900

LabelTarget = Labels | tuple[Labels, Array]
"""Labels, or the pair (labels, weights)."""
NumberTarget = Array | tuple[Array, Array]
"""Numbers, or the pair (numbers, weights)."""


# --- weights -----------------------------------------------------------------------------------------------------
def split(where: str, prediction: Array, target: T | tuple[T, Array]) -> tuple[T, Array | None]:
    """The target itself and the weights of its rows, (..., N) in float64, or None. Every metric begins with this.

    Raises TypeError for a tuple that is not a pair, ShapeError, DtypeError or ValueError for weights that are not one
    per row, finite, from 0 up and not all 0.
    """
    checks.prediction(where, prediction)
    if not isinstance(target, tuple):
        return target, None
    if len(target) != 2:
        raise TypeError(f"{where}: target must be an array or the pair (target, weights), got a tuple of {len(target)}")
    value, weights = cast("tuple[T, Array]", target)
    checks.per_row(where, "weights", prediction, weights)
    w = np.broadcast_to(checks.gapless(weights).astype(np.float64), prediction.shape[:-1])
    if not (w.min() >= 0 and w.max() < np.inf):
        raise ValueError(f"{where}: weights must be finite and from 0 up, got {w.min()} to {w.max()}")
    if not w.any(axis=-1).all():
        raise ValueError(f"{where}: weights must not all be 0")
    return value, w


def average(values: Array, weights: Array | None) -> Array:
    """The mean over the last axis, with weights Σ w v / Σ w; where w is 0, v does not count even if it is NaN."""
    with np.errstate(over="ignore"):
        out: Array = mean(values) if weights is None else np.add.reduce(weighed(shares(weights), values), axis=-1)
    return out


# --- classes -----------------------------------------------------------------------------------------------------
def guesses(where: str, prediction: Array, target: LabelTarget) -> tuple[Counts, Counts, Array | None]:
    """The guess and the label of each row, (..., N), and the weights of the rows, if any.

    The guess is the column of the largest score, the first one of equal scores; of a row with a NaN it is no class,
    written as the number of columns. Raises ShapeError, DtypeError or ValueError as ``split`` and ``checks.labels`` do.
    """
    labels, weights = split(where, prediction, target)
    checks.labels(where, prediction, labels)
    guess = np.where(np.isnan(prediction).any(axis=-1), prediction.shape[-1], prediction.argmax(axis=-1))
    return guess, np.broadcast_to(labels.astype(np.int64), guess.shape), weights


def table(where: str, prediction: Array, target: LabelTarget) -> Array:
    """The number of rows, or the sum of their weights, by label and guess, (..., classes, classes + 1): the last column
    is no class. Raises ValueError where a sum of weights overflows."""
    guess, label, weights = guesses(where, prediction, target)
    classes = prediction.shape[-1]
    shape = (*prediction.shape[:-2], classes, classes + 1)
    found = in_cells(label * (classes + 1) + guess, shape, weights)
    if not is_finite(found):
        raise ValueError(f"{where}: weights must have a finite sum in each class; divide them by a common number")
    return found


class Tally(NamedTuple):
    """The numbers of rows of each class, (..., classes), or the sums of their weights: those guessed right, guessed as
    the class, labelled as it, and labelled as it without any guess."""

    right: Array
    guessed: Array
    labelled: Array
    missing: Array


def tally(where: str, prediction: Array, target: LabelTarget) -> Tally:
    """The sums over the rows and columns of ``table``, without building it; weights are scaled where their sum
    overflows."""
    guess, label, weights = guesses(where, prediction, target)
    classes = prediction.shape[-1]
    weight = np.ones(guess.shape) if weights is None else _summable(weights)
    shape = (*prediction.shape[:-2], classes)
    right = in_cells(label, shape, weight * (guess == label))
    guessed = in_cells(guess, (*shape[:-1], classes + 1), weight)[..., :-1]
    missing = in_cells(label, shape, weight * (guess == classes))
    return Tally(right, guessed, in_cells(label, shape, weight), missing)


def _summable(weights: Array) -> Array:
    """The weights, times a power of two where twice their sum overflows, or is so small that digits are lost."""
    n = weights.shape[-1]
    with np.errstate(over="ignore"):
        total = 2 * weights.sum(axis=-1, keepdims=True)
    factor = np.where(total < np.inf, np.where(total < SMALL, 1 / SMALL, 1), share_of(2 * n))
    return weights if (factor == 1).all() else weights * factor


def in_cells(cell: Counts, shape: tuple[int, ...], weights: Array | None = None) -> Array:
    """The number of rows in each cell, or the sum of their weights: cells (..., N) counted into (..., cells)."""
    replicas, cells = cell.shape[:-1], math.prod(shape[cell.ndim - 1 :])
    place = np.arange(math.prod(replicas)).reshape(*replicas, 1) * cells + cell
    found = np.bincount(place.ravel(), None if weights is None else weights.ravel(), math.prod(shape))
    return found.reshape(shape).astype(np.float64)


def ratio(part: Array, whole: Array) -> Array:
    """part / whole, 0 where the whole is 0."""
    out: Array = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
    return out
