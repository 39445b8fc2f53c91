"""Layers one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVarTuple

from fnnet.core.network import Cache, backward, forward, param_gradients
from fnnet.core.rules import define_layer
from fnnet.errors import LayerError, TreeError
from fnnet.keys import Key
from fnnet.tree.nodes import Params
from fnnet.types import Array

Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Serial(Params, Generic[*Ts]):
    """y = fₙ(... f₂(f₁(x))), the type of each layer kept: ``net.layers[0].w`` is known to be an array.

    Shapes: x as the first layer takes it, y as the last one gives it. In a stochastic pass layer i draws from
    ``key.child(i)``.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.serial(fn.Linear(np.ones((2, 1)), np.zeros(1)), fn.Relu())
    >>> fn.forward(net, np.array([[1.0, 2.0], [-1.0, -2.0]]))[0].tolist()
    [[3.0], [0.0]]
    """

    layers: tuple[*Ts]


AnySerial = Serial[*tuple[Params, ...]]
Caches = tuple[Cache[Params], ...]


def serial(*layers: *Ts) -> Serial[*Ts]:
    """Layers one after another, at least one.

    Raises LayerError where an argument is not a layer or there is none.

    >>> import fnnet as fn
    >>> fn.serial(fn.linear(fn.Key(0), 4, 2), fn.Relu())
    Serial(layers=(Linear(w=float32[4, 2], b=float32[2]), Relu()))
    """
    if not layers:
        raise LayerError("serial: needs at least one layer; Identity() changes nothing")
    given: tuple[object, ...] = layers
    for i, layer in enumerate(given):
        if not isinstance(layer, Params):
            raise LayerError(f"serial: argument {i} must be a layer, an instance of a Params class, got {layer!r}")
    return Serial(layers)


def serial_forward(p: AnySerial, x: Array, key: Key | None = None) -> tuple[Array, Caches]:
    if type(p.layers) is not tuple or not p.layers:
        raise TreeError(f"serial: layers must be a tuple of at least one layer, got {p.layers!r}")
    caches: list[Cache[Params]] = []
    for i, layer in enumerate(p.layers):
        x, cache = forward(layer, x, None if key is None else key.child(i))
        caches.append(cache)
    return x, tuple(caches)


def serial_backward(p: AnySerial, caches: Caches, dy: Array) -> tuple[AnySerial, Array]:
    grads, dy = _down_to_first(p, caches, dy)
    first, dx = backward(p.layers[0], caches[0], dy)
    return Serial((first, *grads)), dx


def serial_gradients(p: AnySerial, caches: Caches, dy: Array) -> AnySerial:
    grads, dy = _down_to_first(p, caches, dy)
    return Serial((param_gradients(p.layers[0], caches[0], dy), *grads))


def _down_to_first(p: AnySerial, caches: Caches, dy: Array) -> tuple[list[Params], Array]:
    """The gradients of all layers but the first, and that of the first one's output."""
    if len(caches) != len(p.layers):
        raise LayerError(f"serial: cache must be that of a pass through {len(p.layers)} layers, got {len(caches)}")
    grads: list[Params] = []
    for layer, cache in zip(p.layers[:0:-1], caches[:0:-1], strict=True):
        grad, dy = backward(layer, cache, dy)
        grads.append(grad)
    return grads[::-1], dy


define_layer(
    Serial,
    forward=serial_forward,
    sample=serial_forward,
    backward=serial_backward,
    gradients=serial_gradients,
    passes_key=True,
)
