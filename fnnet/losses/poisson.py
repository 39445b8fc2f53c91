"""The loss of counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.losses.reductions import RowLoss
from fnnet.numerics import exp
from fnnet.numerics.sums import is_finite, magnitude, weighed
from fnnet.types import Array


@dataclass(frozen=True, slots=True)
class Poisson(RowLoss[Array]):
    """The mean over rows and columns of eᶻ - t z, the negative log-likelihood of a count t under a Poisson distribution
    of rate eᶻ, without the term that depends on t alone (P. McCullagh, J. A. Nelder, Generalized Linear Models, 2nd
    ed., section 6.2); the gradient of an entry is eᶻ - t.

    Shapes: prediction z (..., N, F), the logarithms of rates, target the same or that without replica axes. Beyond
    z = 88 in float32, 709 in float64, the loss itself is above all floats, and infinite; at z = -inf, a rate of 0, it
    is 0 for a count of 0. Raises ShapeError, and ValueError for targets that are negative or not finite.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.poisson(np.array([[0.0]]), np.array([[3.0]]))
    >>> float(value), grad.tolist()
    (1.0, [[-2.0]])
    """

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """Σ_j (e^z_j - t_j z_j) / F, with gradient (eᶻ - t) / F."""
        checks.prediction("poisson", prediction)
        t = checks.target("poisson", prediction, target)
        if not (t.min() >= 0 and t.max() < np.inf):
            raise ValueError(f"poisson: target must be from 0 up and finite, got {t.min()} to {t.max()}")
        n, rate = prediction.shape[-1], exp(prediction)
        with np.errstate(over="ignore", invalid="ignore"):
            values = _mean(rate, t, prediction)
        if not is_finite(values):
            scale = magnitude(np.maximum(np.where(rate < np.inf, rate, 1), t))
            scaled = _mean(rate / scale, t / scale, prediction) * scale[..., 0]
            values = np.where(np.isfinite(values), values, scaled)
        return values, (rate - t) / n


def _mean(rate: Array, t: Array, z: Array) -> Array:
    """Σ_j (rate_j - t_j z_j) / F, infinite where a rate is."""
    cost = rate.copy()
    np.subtract(rate, weighed(t, z), out=cost, where=rate < np.inf)
    values: Array = np.add.reduce(cost, axis=-1) / rate.shape[-1]
    return values


poisson = Poisson()
