"""What the metrics have in common: guesses, and how often each class was guessed as which."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fnnet import checks
from fnnet.types import Array, Labels

Counts = NDArray[np.int64]


def guesses(where: str, prediction: Array, target: Labels) -> tuple[Counts, Counts]:
    """The column of each row's largest score (the first one, where several are largest), and its label, (..., N).

    A row with a NaN guesses no class: the number of columns stands for it. Raises ShapeError, DtypeError, ValueError.
    """
    checks.prediction(where, prediction)
    checks.labels(where, prediction, target)
    guess = np.where(np.isnan(prediction).any(axis=-1), prediction.shape[-1], prediction.argmax(axis=-1))
    return guess, np.broadcast_to(target.astype(np.int64), guess.shape)


def table(where: str, prediction: Array, target: Labels) -> Counts:
    """How many rows of each class were guessed as which, (..., classes, classes + 1): no class comes last."""
    guess, label = guesses(where, prediction, target)
    classes = prediction.shape[-1]
    shape = (*prediction.shape[:-2], classes, classes + 1)
    return in_cells(label * (classes + 1) + guess, shape).astype(np.int64)


def in_cells(cell: Counts, shape: tuple[int, ...], weights: Array | None = None) -> Array:
    """The number of rows in each cell, or the sum of their weights: cells (..., N) counted into (..., cells)."""
    replicas, cells = cell.shape[:-1], math.prod(shape[cell.ndim - 1 :])
    place = np.arange(math.prod(replicas)).reshape(*replicas, 1) * cells + cell
    found = np.bincount(place.ravel(), None if weights is None else weights.ravel(), math.prod(shape))
    return found.reshape(shape).astype(np.float64)


def ratio(part: Array | Counts, whole: Array | Counts) -> Array:
    """part / whole, 0 where the whole is 0."""
    out: Array = np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
    return out
