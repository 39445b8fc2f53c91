"""The hyperbolic tangent."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet.core.rules import define_layer
from fnnet.numerics import tanh
from fnnet.tree.nodes import Params
from fnnet.types import Array


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tanh(Params):
    """y = tanh(x), with dy/dx = 1 - y² (Y. LeCun et al., Efficient BackProp, 1998, section 4.4).

    Shapes: x and y (..., batch, n). No parameters. y is its own cache and therefore read-only.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Tanh(), np.array([[0.0, 1.0]]))[0].round(4).tolist()
    [[0.0, 0.7616]]
    """


def tanh_forward(p: Tanh, x: Array) -> tuple[Array, Array]:
    y = tanh(x)
    return y, y


def tanh_backward(p: Tanh, y: Array, dy: Array) -> tuple[Tanh, Array]:
    return p, dy * (1 - y * y)


define_layer(Tanh, forward=tanh_forward, backward=tanh_backward)
