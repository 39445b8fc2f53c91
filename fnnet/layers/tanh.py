"""The hyperbolic tangent."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet.core import Array, Params, define_activation
from fnnet.numerics import tanh


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tanh(Params):
    """y = tanh(x), with dy/dx = 1 - y² (Y. LeCun et al., Efficient BackProp, 1998, section 4.4).

    Shapes: x and y (..., batch, n). No parameters. y is its own cache and therefore read-only.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Tanh(), np.array([[0.0, 1.0]]))[0].round(4).tolist()
    [[0.0, 0.7616]]
    """


def bounded(p: Tanh, x: Array) -> tuple[Array, Array]:
    y = tanh(x)
    return y, y


def bounded_slope(p: Tanh, y: Array) -> Array:
    return 1 - y * y


define_activation(Tanh, bounded, slope=bounded_slope)
