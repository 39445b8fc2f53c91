"""The sigmoid linear unit, also called swish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet.core import Array, Params, define_activation
from fnnet.numerics import sigmoid


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Silu(Params):
    """y = x σ(x), σ(x) = 1 / (1 + e⁻ˣ) (S. Elfwing et al., Neural Networks 107, 2018, eq. 4).

    dy/dx = σ (1 + x (1 - σ)), where 1 - σ is accurate to the last place of 1. Shapes: x and y (..., batch, n). No
    parameters.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Silu(), np.array([[0.0, 1.0]]))[0].round(4).tolist()
    [[0.0, 0.7311]]
    """


END = 1000.0
"""From here on 1 - σ is 0, and below its negative σ is: no infinity is multiplied by 0."""


def silu(p: Silu, x: Array) -> tuple[Array, tuple[Array, Array]]:
    s = sigmoid(x)
    bounded = np.maximum(x, -END)
    return bounded * s, (bounded, s)


def silu_slope(p: Silu, saved: tuple[Array, Array]) -> Array:
    bounded, s = np.minimum(saved[0], END), saved[1]
    return s * (1 + bounded * (1 - s))


define_activation(Silu, silu, slope=silu_slope)
