"""The rectified linear unit."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet.core import Array, Params, define_activation
from fnnet.numerics import ZERO, relu


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Relu(Params):
    """y = max(0, x), entry by entry (V. Nair, G. E. Hinton, ICML 2010, section 2); the derivative at 0 is 0.

    An infinite dy times a slope of 0 is NaN, as in all activations.
    Shapes: x and y (..., batch, n). No parameters. y is its own cache and therefore read-only.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Relu(), np.array([[-1.0, 2.0]]))[0].tolist()
    [[0.0, 2.0]]
    """


def rectified(p: Relu, x: Array) -> tuple[Array, Array]:
    y = relu(x)
    return y, y


def rectified_slope(p: Relu, y: Array) -> Array:
    return (y > ZERO[y.dtype]).astype(y.dtype)


define_activation(Relu, rectified, slope=rectified_slope)
