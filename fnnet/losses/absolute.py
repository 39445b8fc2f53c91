"""Absolute error, and its smooth relative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.losses._base import RowLoss, difference
from fnnet.types import Array


@dataclass(frozen=True, slots=True)
class MeanAbsoluteError(RowLoss[Array]):
    """The mean over all N rows and F columns of |prediction - target|; its gradient is sign(d) / (N F), 0 at d = 0.

    Shapes: prediction (..., N, F), target the same or that without replica axes. Raises ShapeError, never broadcasts.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.mae(np.array([[1.0, -3.0]]), np.array([[0.0, 0.0]]))
    >>> float(value), grad.tolist()
    (2.0, [[0.5, -0.5]])
    """

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """Σ_j |d_j| / F, with gradient sign(d) / F."""
        d = difference("mae", prediction, target)
        n = d.shape[-1]
        values: Array = np.add.reduce(np.abs(d), axis=-1) / n
        return values, np.sign(d) / n


@dataclass(frozen=True, slots=True)
class Huber(RowLoss[Array]):
    """The mean over rows and columns of d²/2 where |d| <= delta, delta (|d| - delta/2) beyond (P. J. Huber, Robust
    Estimation of a Location Parameter, 1964, section 2); the gradient of an entry is d cut off at ±delta.

    Shapes: prediction (..., N, F), target the same or that without replica axes. Raises ValueError unless delta > 0.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.huber(np.array([[0.5, 3.0]]), np.array([[0.0, 0.0]]))
    >>> float(value), grad.tolist()
    (1.3125, [[0.25, 0.5]])
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        checks.settle(self, delta=checks.positive("Huber", "delta", self.delta))

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """Σ_j h(d_j) / F with h(d) = c (d - c/2), c = d cut off at ±delta: one formula for both branches."""
        d = difference("huber", prediction, target)
        n = d.shape[-1]
        c = np.clip(d, -self.delta, self.delta)
        values: Array = np.add.reduce(c * (d - 0.5 * c), axis=-1) / n
        return values, c / n


mae = MeanAbsoluteError()
huber = Huber()
