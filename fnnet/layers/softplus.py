"""The smooth rectifier."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet.core import Array, Params, define_activation
from fnnet.numerics import sigmoid, softplus


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Softplus(Params):
    """y = log(1 + eˣ), with dy/dx = σ(x) (C. Dugas et al., NIPS 2000, section 3).

    Shapes: x and y (..., batch, n). No parameters. Does not overflow.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Softplus(), np.array([[0.0, 1000.0]]))[0].round(4).tolist()
    [[0.6931, 1000.0]]
    """


def smooth(p: Softplus, x: Array) -> tuple[Array, Array]:
    return softplus(x), x


def smooth_slope(p: Softplus, x: Array) -> Array:
    return sigmoid(x)


define_activation(Softplus, smooth, slope=smooth_slope)
