"""Networks with portable bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, TypeVarTuple

from fnnet import checks, tree
from fnnet.checks import F64
from fnnet.core import (
    Array,
    Cache,
    DtypeError,
    Key,
    LayerError,
    Params,
    backward,
    define_layer,
    forward,
    param_gradients,
)
from fnnet.numerics.bits import portably
from fnnet.tree.nodes import named_children
from fnnet.tree.structures import remembered

P = TypeVar("P", bound=Params)
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Portable(Params, Generic[P]):
    """y = f(x), whose passes give the same bits for any number of BLAS threads and on any x86 CPU with fused
    multiply-adds; see ``portable``. The draws of a stochastic pass are those of f alone.

    ``layer`` is f. Shapes: those of f. x is cast to float64, which loses nothing. Raises DtypeError where f is not
    float64.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.portable(fn.Linear(np.ones((2, 1)), np.zeros(1)))
    >>> fn.forward(net, np.array([[3.0, 4.0]]))[0].tolist()
    [[7.0]]
    """

    layer: P


def portable_forward(p: Portable[P], x: Array, key: Key | None = None) -> tuple[Array, Cache[P]]:
    y, cache = portably(forward, p.layer, checks.cast("portable", "x", x, F64), key)
    if y.dtype != F64:
        check_portable(p)
        kind = type(p.layer).__name__
        raise DtypeError(f"portable: {kind} must give float64, which the promise of equal bits is for, got {y.dtype}")
    return y, cache


def portable_backward(p: Portable[P], cache: Cache[P], dy: Array) -> tuple[Portable[P], Array]:
    grads, dx = portably(backward, p.layer, cache, dy)
    return Portable(grads), dx


def portable_gradients(p: Portable[P], cache: Cache[P], dy: Array) -> Portable[P]:
    return Portable(portably(param_gradients, p.layer, cache, dy))


define_layer(
    Portable,
    forward=portable_forward,
    sample=portable_forward,
    backward=portable_backward,
    gradients=portable_gradients,
    passes_key=True,
)


def check_portable(p: Portable[P]) -> None:
    """Raises LayerError unless ``layer`` is a layer, DtypeError unless its arrays are float64."""
    given: object = p.layer
    if not isinstance(given, Params):
        raise LayerError(f"portable: layer must be a layer, an instance of a Params class, got {given!r}")
    for path, leaf in zip(tree.paths(p), tree.leaves(p), strict=True):
        if leaf.dtype.kind == "f" and leaf.dtype.itemsize != 8:
            raise DtypeError(
                f"portable: {path} must be float64, which the promise of equal bits is for, got {leaf.dtype}; "
                "fnnet.tree.astype(net, np.float64) makes it so"
            )


def in_bits_of(params: Params, f: Callable[[*Ts], T], *args: *Ts) -> T:
    """f(*args), with portable bits where the network or a part of it is portable: a loss or metric of its prediction is
    then as portable as the network."""
    return portably(f, *args) if remembered(has_portable, params) else f(*args)


def has_portable(node: object) -> bool:
    """Whether a network, or a part of it, is portable."""
    return type(node) is Portable or any(has_portable(child) for _, child in named_children(node))
