"""The layer that changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet.core.rules import define_layer
from fnnet.tree.nodes import Params
from fnnet.types import Array


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Identity(Params):
    """y = x: the activation of a linear network, or a place kept free.

    Shapes: x and y (..., batch, n). No parameters. y is a copy, for it belongs to the caller.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Identity(), np.array([[-1.0, 2.0]]))[0].tolist()
    [[-1.0, 2.0]]
    """


def identity_forward(p: Identity, x: Array) -> tuple[Array, None]:
    return x.copy(), None


def identity_backward(p: Identity, saved: None, dy: Array) -> tuple[Identity, Array]:
    return p, dy.copy()


define_layer(Identity, forward=identity_forward, backward=identity_backward)
