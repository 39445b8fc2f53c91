"""The logistic function."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet.core import Array, Params, define_activation
from fnnet.numerics import sigmoid


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sigmoid(Params):
    """y = 1 / (1 + e⁻ˣ), with dy/dx = y (1 - y) (D. E. Rumelhart et al., Nature 323, 1986, eq. 2).

    Shapes: x and y (..., batch, n). No parameters. y is its own cache and therefore read-only. For two classes train
    on the logits with ``binary_cross_entropy`` instead, which is stable.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Sigmoid(), np.array([[0.0, -1000.0]]))[0].tolist()
    [[0.5, 0.0]]
    """


def logistic(p: Sigmoid, x: Array) -> tuple[Array, Array]:
    y = sigmoid(x)
    return y, y


def logistic_slope(p: Sigmoid, y: Array) -> Array:
    return y * (1 - y)


define_activation(Sigmoid, logistic, slope=logistic_slope)
