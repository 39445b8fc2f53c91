"""The sigmoid linear unit, also called swish."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet.nodes import Params
from fnnet.numerics import sigmoid
from fnnet.rules import define_layer
from fnnet.types import Array


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Silu(Params):
    """y = x σ(x), σ(x) = 1 / (1 + e⁻ˣ) (S. Elfwing et al., Neural Networks 107, 2018, eq. 4).

    dy/dx = σ (1 + x (1 - σ)). Shapes: x and y (..., batch, n). No parameters.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Silu(), np.array([[0.0, 1.0]]))[0].round(4).tolist()
    [[0.0, 0.7311]]
    """


def silu_forward(p: Silu, x: Array) -> tuple[Array, tuple[Array, Array]]:
    s = sigmoid(x)
    return x * s, (x, s)


def silu_backward(p: Silu, saved: tuple[Array, Array], dy: Array) -> tuple[Silu, Array]:
    x, s = saved
    return p, dy * (s * (1 + x * (1 - s)))


define_layer(Silu, forward=silu_forward, backward=silu_backward)
