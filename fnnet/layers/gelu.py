"""The Gaussian error linear unit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fnnet.core import Array, Params, define_activation
from fnnet.numerics import erf, exp


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Gelu(Params):
    """y = x Φ(x), Φ(x) = (1 + erf(x / √2)) / 2 the normal distribution function, exactly (D. Hendrycks, K. Gimpel,
    Gaussian Error Linear Units, 2016, section 2).

    dy/dx = Φ(x) + x φ(x), φ(x) = e^(-x²/2) / √(2π). Shapes: x and y (..., batch, n). No parameters.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Gelu(), np.array([[0.0, 1.0]]))[0].round(4).tolist()
    [[0.0, 0.8413]]
    """


END = 40.0
"""From here on the density is 0, and below its negative Φ too: no square overflows, no infinity is multiplied by 0."""


def gelu(p: Gelu, x: Array) -> tuple[Array, tuple[Array, Array]]:
    cdf = 0.5 * (1 + erf(x * math.sqrt(0.5)))
    bounded = np.maximum(x, -END)
    return bounded * cdf, (bounded, cdf)


def gelu_slope(p: Gelu, saved: tuple[Array, Array]) -> Array:
    bounded, cdf = np.minimum(saved[0], END), saved[1]
    density = exp(-0.5 * bounded * bounded) * (1 / math.sqrt(2 * math.pi))
    slope: Array = cdf + bounded * density
    return slope


define_activation(Gelu, gelu, slope=gelu_slope)
