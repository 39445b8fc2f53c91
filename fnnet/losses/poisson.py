"""The loss for counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet.core import Array, define_loss
from fnnet.losses.reductions import EntryLoss
from fnnet.numerics import exp
from fnnet.numerics.kernels import Number, exp_of
from fnnet.numerics.sums import magnitude, weighed


@dataclass(frozen=True, slots=True)
class Poisson(EntryLoss):
    """The mean over rows and columns of eᶻ - t z, the negative log-likelihood of a count t under a Poisson distribution
    of rate eᶻ, without the term that depends on t alone (P. McCullagh, J. A. Nelder, Generalized Linear Models, 2nd
    ed., section 6.2); the gradient of an entry is eᶻ - t.

    Above z = 88 in float32, 709 in float64, the loss exceeds all floats and is infinite; at z = -inf, a rate of 0, it
    is 0 for a count of 0. Shapes: prediction z (..., N, F), the logarithms of rates, target the same or that without
    replica axes. Raises ShapeError for other shapes, ValueError for targets that are negative or not finite.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.poisson(np.array([[0.0]]), np.array([[3.0]]))
    >>> float(value), grad.tolist()
    (1.0, [[-2.0]])
    """

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """eᶻ - t z, infinite where the rate eᶻ is, and eᶻ - t."""
        rate = exp(prediction)
        return np.where(rate < np.inf, rate - weighed(target, prediction), rate), rate - target

    def checked(self, prediction: Array, target: Array, /) -> Array:
        """The target in the prediction's dtype. Raises ShapeError, or ValueError unless it is finite and from 0 up."""
        t = EntryLoss.checked(self, prediction, target)
        if not (t.min() >= 0 and t.max() < np.inf):
            raise ValueError(f"poisson: target must be from 0 up and finite, got {t.min()} to {t.max()}")
        return t

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """Those of EntryLoss; a rate and what is subtracted from it may both be infinite."""
        with np.errstate(over="ignore", invalid="ignore"):
            return EntryLoss.rows(self, prediction, target)

    def far(self, prediction: Array, target: Array, values: Array, /) -> Array:
        """The mean of eᶻ/c - (t/c) z, times c, the largest rate or count, so that t z overflows only where the mean
        does."""
        rate = exp(prediction)
        scale = magnitude(np.maximum(np.where(rate < np.inf, rate, 1), target))
        a, b = rate / scale, target / scale
        cost = np.where(a < np.inf, a - weighed(b, prediction), a)
        row: Array = np.add.reduce(cost / cost.shape[-1], axis=-1) * scale[..., 0]
        return row


def poisson_far_row(z: Array, t: Array, d: Array) -> Number:
    real, scale, total = z.dtype.type, z.dtype.type(1), z.dtype.type(0)
    for j in range(z.size):
        rate = real(exp_of(z[j]))
        scale = max(scale, t[j], rate if rate < real(np.inf) else real(1))
    for j in range(z.size):
        rate = real(exp_of(z[j]))
        total += rate / scale / real(z.size)
        if t[j] != 0 and rate != real(np.inf):
            total -= t[j] / scale * (z[j] / real(z.size))
    return total * scale


define_loss(Poisson, far=poisson_far_row)

poisson = Poisson()
