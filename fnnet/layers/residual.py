"""A layer with a skip connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from fnnet.core import (
    Array,
    Cache,
    Key,
    LayerError,
    Params,
    ShapeError,
    backward,
    define_layer,
    forward,
    param_gradients,
)
from fnnet.numerics import sum_to

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Residual(Params, Generic[P]):
    """y = x + f(x) (K. He et al., CVPR 2016, eq. 1).

    ``layer`` is f, and type checkers know its type: ``net.layer.w`` is an array. In a stochastic pass f draws from
    ``key.child(0)``. Shapes: x and y (..., batch, n). Raises ShapeError where f has another number of outputs than of
    inputs.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.residual(fn.Linear(np.ones((1, 1)), np.ones(1)))
    >>> fn.forward(net, np.array([[3.0]]))[0].tolist()
    [[7.0]]
    """

    layer: P


def residual(layer: P) -> Residual[P]:
    """``layer`` with a skip connection: its input is added to its output. Raises LayerError where it is not a layer.

    >>> import fnnet as fn
    >>> fn.residual(fn.Tanh())
    Residual(layer=Tanh())
    """
    given: object = layer
    if not isinstance(given, Params):
        raise LayerError(f"residual: layer must be a layer, an instance of a Params class, got {layer!r}")
    return Residual(layer)


def residual_forward(p: Residual[P], x: Array, key: Key | None = None) -> tuple[Array, Cache[P]]:
    y, cache = forward(p.layer, x, None if key is None else key.child(0))
    if y.shape[-1] != x.shape[-1]:
        raise ShapeError(
            f"residual: layer must give as many features as it takes, {x.shape[-1]}, "
            f"but {type(p.layer).__name__} gave {y.shape[-1]}"
        )
    return y + x.astype(y.dtype, copy=False), cache


def residual_backward(p: Residual[P], cache: Cache[P], dy: Array) -> tuple[Residual[P], Array]:
    grads, dx = backward(p.layer, cache, dy)
    return Residual(grads), dx + sum_to(dy, dx.shape)


def residual_gradients(p: Residual[P], cache: Cache[P], dy: Array) -> Residual[P]:
    return Residual(param_gradients(p.layer, cache, dy))


define_layer(
    Residual,
    forward=residual_forward,
    sample=residual_forward,
    backward=residual_backward,
    gradients=residual_gradients,
    passes_key=True,
)
