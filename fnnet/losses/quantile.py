"""The loss whose minimum is a quantile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from fnnet import checks
from fnnet.core import Array, Share
from fnnet.losses.reductions import DifferenceLoss


@dataclass(frozen=True, slots=True)
class Quantile(DifferenceLoss):
    """The mean over rows and columns of q (t - p) where the target t is above the prediction p, and (1 - q) (p - t)
    where it is below (R. Koenker, G. Bassett, Regression Quantiles, Econometrica 46, 1978).

    The best p is the ``q``-quantile of t: q = 0.9 trains a bound that nine of ten targets stay below. Shapes:
    prediction (..., N, F), target the same, or (N, F) for all replicas. Raises ValueError unless 0 < q < 1, ShapeError
    for other shapes.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.quantile(0.9)(np.array([[0.0]]), np.array([[2.0]]))
    >>> float(value), grad.tolist()
    (1.8, [[-0.9]])
    """

    q: Annotated[Share, checks.positive]

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """max((1 - q) d, -q d), and its slope, which is 0 at 0."""
        d = prediction - target
        slope = np.where(d > 0, 1 - self.q, np.where(d < 0, -self.q, 0))
        return np.maximum((1 - self.q) * d, -self.q * d), slope.astype(d.dtype)


quantile = Quantile
