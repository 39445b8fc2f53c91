"""The layer that changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet.core import Array, Params, define_activation


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Identity(Params):
    """y = x: the activation of a linear network, or a placeholder.

    Shapes: x and y (..., batch, n). No parameters. y is a copy, for it belongs to the caller.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Identity(), np.array([[-1.0, 2.0]]))[0].tolist()
    [[-1.0, 2.0]]
    """


def identity(p: Identity, x: Array) -> tuple[Array, None]:
    return x.copy(), None


def identity_slope(p: Identity, saved: None) -> float:
    return 1.0


define_activation(Identity, identity, slope=identity_slope)
