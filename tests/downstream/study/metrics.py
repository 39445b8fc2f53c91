"""Metrics, typed as people type them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import Array


def worst(prediction: Array, target: Array) -> float:
    """The largest absolute error."""
    return float(np.abs(prediction - target).max())


def bias(prediction: Array, target: Array) -> np.float64:
    """The mean error."""
    return np.float64(np.mean(prediction - target, dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Within:
    """The share of errors below a limit."""

    limit: float

    def __call__(self, prediction: Array, target: Array, /) -> float:
        """A number in [0, 1]."""
        return float(np.mean(np.abs(prediction - target) < self.limit))
