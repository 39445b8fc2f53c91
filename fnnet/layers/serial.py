"""Layers one after another."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVarTuple

from fnnet import checks
from fnnet.core import LayerError, Params, TreeError, define_chain

Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Serial(Params, Generic[*Ts]):
    """y = fₙ(... f₂(f₁(x))): layers applied one after another.

    ``layers`` is the tuple (f₁, f₂, ...). Type checkers know the type of each: ``net.layers[0].w`` is an array. In a
    stochastic pass layer i draws from ``key.child(i)``. Shapes: x as the first layer accepts it, y as the last one
    returns it.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.serial(fn.Linear(np.ones((2, 1)), np.zeros(1)), fn.Relu())
    >>> fn.forward(net, np.array([[1.0, 2.0], [-1.0, -2.0]]))[0].tolist()
    [[3.0], [0.0]]
    """

    layers: tuple[*Ts]


def serial(*layers: *Ts) -> Serial[*Ts]:
    """``layers`` applied one after another, at least one.

    Raises LayerError where there is no layer, or an argument is not one.

    >>> import fnnet as fn
    >>> fn.serial(fn.linear(fn.Key(0), 4, 2), fn.Relu())
    Serial(layers=(Linear(w=float32[4, 2], b=float32[2]), Relu()))
    """
    if not layers:
        raise LayerError("serial: needs at least one layer; Identity() changes nothing")
    given: tuple[object, ...] = layers
    for i, layer in enumerate(given):
        if not isinstance(layer, Params):
            remedy = "; write serial(*layers)" if isinstance(layer, (list, tuple)) else ""
            raise LayerError(
                f"serial: argument {i} must be a layer, an instance of a Params class, got {checks.came(layer)}{remedy}"
            )
    return Serial(layers)


def check_serial(p: Serial[*tuple[Params, ...]]) -> None:
    """Raises TreeError unless ``layers`` is a tuple of at least one layer."""
    if type(p.layers) is not tuple or not p.layers:
        raise TreeError(f"serial: layers must be a tuple of at least one layer, got {p.layers!r}")


define_chain(Serial, attrgetter("layers"), check=check_serial)
