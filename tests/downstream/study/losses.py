"""Losses: a class with rows, and two plain functions, one of which gives a float."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

import fnnet as fn
from fnnet import Array, checks

P = TypeVar("P", bound=fn.Params)


@dataclass(frozen=True, slots=True)
class Asymmetric(fn.RowLoss[Array]):
    """Σ_j w d², d = prediction - target, w = ``over`` where d > 0, else 1."""

    over: float = 2.0

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """One value per row, and the gradient of their sum."""
        d = prediction - checks.target("asymmetric", prediction, target)
        slope: Array = np.where(d > 0, self.over, 1.0).astype(d.dtype) * d
        return (slope * d).sum(axis=-1), 2 * slope


def squared(prediction: Array, target: Array) -> tuple[float, Array]:
    """The mean of d² as a float."""
    d = prediction - target.astype(prediction.dtype)
    return float(np.mean(d * d)), 2 * d / d.size


def absolute(prediction: Array, target: Array) -> tuple[np.float64, Array]:
    """The mean of |d| as NumPy's own number."""
    d = prediction - target.astype(prediction.dtype)
    return np.float64(np.mean(np.abs(d))), np.sign(d) / d.size


def small_weights(params: P) -> tuple[float, P]:
    """A penalty of 0.001 times half the sum of squares."""
    flat = fn.tree.ravel(params)
    return 0.0005 * float(flat @ flat), fn.tree.map(lambda w: 0.001 * w, params)
