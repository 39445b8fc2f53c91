"""Absolute error, and the Huber loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet.core import Array, Positive
from fnnet.losses.reductions import DifferenceLoss


@dataclass(frozen=True, slots=True)
class MeanAbsoluteError(DifferenceLoss):
    """The mean over all N rows and F columns of |d| with d = prediction - target; its gradient is sign(d) / (N F).

    Shapes: prediction (..., N, F), target the same, or (N, F) for all replicas. Raises ShapeError for
    other shapes: nothing is broadcast.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.mae(np.array([[1.0, -3.0]]), np.array([[0.0, 0.0]]))
    >>> float(value), grad.tolist()
    (2.0, [[0.5, -0.5]])
    """

    name = "mae"

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """|d| and sign(d)."""
        d = prediction - target
        return np.abs(d), np.sign(d)


@dataclass(frozen=True, slots=True)
class Huber(DifferenceLoss):
    """The mean over rows and columns of d²/2 where |d| <= delta, delta (|d| - delta/2) elsewhere, with
    d = prediction - target (P. J. Huber, Robust Estimation of a Location Parameter, 1964, section 2); the gradient of
    an entry is d clipped to ±delta.

    ``delta`` is the |d| from which on the loss is linear. Shapes: prediction (..., N, F), target the same, or
    (N, F) for all replicas. Raises ValueError unless delta > 0, ShapeError for other shapes.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.huber(np.array([[0.5, 3.0]]), np.array([[0.0, 0.0]]))
    >>> float(value), grad.tolist()
    (1.3125, [[0.25, 0.5]])
    """

    delta: Positive = 1.0

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """c (d - c/2) and c, where c is d clipped to ±delta: one formula for both branches."""
        d = prediction - target
        delta = min(self.delta, float(np.finfo(d.dtype).max))
        c = np.clip(d, -delta, delta)
        return c * (d - 0.5 * c), c

    def share(self, prediction: Array, target: Array, n: int, /) -> Array:
        """c (d - c/2) / n, computed from the halves of c and d, because d itself may overflow."""
        half = prediction / 2 - target / 2
        c = np.clip(half, -self.delta / 2, self.delta / 2)
        return c * (4 / n) * (half - 0.5 * c)


mae = MeanAbsoluteError()
huber = Huber()
