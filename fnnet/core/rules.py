"""The rules of layers.

A layer is a frozen dataclass derived from Params, with a forward and a backward. ``define_layer`` ties them together,
and is the only way to add a layer, built-in or a user's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from fnnet import checks
from fnnet.core.protocols import Stretch
from fnnet.errors import LayerError
from fnnet.keys import Key
from fnnet.tree.nodes import Params, layout
from fnnet.types import Array

P = TypeVar("P", bound=Params)
C = TypeVar("C")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rule(Generic[P, C]):
    """What ``define_layer`` was given for one class."""

    forward: Callable[[P, Array], tuple[Array, C]]
    backward: Callable[[P, C, Array], tuple[P, Array]]
    sample: Callable[[P, Array, Key], tuple[Array, C]] | None
    gradients: Callable[[P, C, Array], P] | None
    replicas: Callable[[P], tuple[int, ...]] | None
    check: Callable[[P], None] | None
    stretch: Callable[[tuple[Params, ...]], Stretch | None] | None
    passes_key: bool
    casts: bool


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Chain(Generic[P]):
    """What ``define_chain`` was given for one class."""

    layers: Callable[[P], tuple[Params, ...]]
    draws: Callable[[int], int]
    check: Callable[[P], None] | None


_RULES: dict[type, Rule[Any, Any] | Chain[Any]] = {}


def define_layer(
    kind: type[P],
    *,
    forward: Callable[[P, Array], tuple[Array, C]],
    backward: Callable[[P, C, Array], tuple[P, Array]],
    sample: Callable[[P, Array, Key], tuple[Array, C]] | None = None,
    gradients: Callable[[P, C, Array], P] | None = None,
    replicas: Callable[[P], tuple[int, ...]] | None = None,
    check: Callable[[P], None] | None = None,
    stretch: Callable[[tuple[Params, ...]], Stretch | None] | None = None,
    passes_key: bool = False,
    casts: bool = True,
) -> None:
    """Makes a class a layer, once, by its rules.

    ``kind`` is the class, p an instance of it. ``forward(p, x)`` returns y and what backward needs, saved;
    ``backward(p, saved, dy)`` returns the gradients of p, an instance of ``kind`` too, and dx. x is (..., batch,
    features), cast to the dtype of p's arrays, or float32 or float64 where p has none; dy has the shape and dtype of y,
    dx the shape of x.

    Optional: ``sample(p, x, key)`` is the forward of a stochastic training pass. ``gradients(p, saved, dy)`` is the
    backward without dx, used where dx is not needed. ``replicas(p)`` gives the leading axes of stacked parameters
    (``p.w.shape[:-2]``); a layer with arrays of its own needs it to be stacked. ``check(p)`` raises where the fields of
    p do not fit each other; it is called once for all networks of one structure. ``stretch(layers)`` tells how this
    layer and those after it in a chain are passed at once. ``passes_key`` says that the ``sample`` of a composite does
    no more than hand a child key to each child, so it is stochastic only where a child is. ``casts=False`` says that a
    layer accepts x in float32 and in float64 and does its own casts: x is then not cast to float32 where it enters a
    network with such a layer. It is cast to float64 in any case, for that loses nothing.

    Raises LayerError for a class that is not derived from Params or is already a layer, TreeError for one that is not
    a frozen dataclass, ValueError for a rule that is not a function.

    >>> import fnnet as fn, numpy as np
    >>> @dataclass(frozen=True, slots=True, eq=False, repr=False)
    ... class Square(fn.Params):
    ...     pass
    >>> fn.define_layer(Square, forward=lambda p, x: (x * x, x), backward=lambda p, x, dy: (p, 2 * x * dy))
    >>> fn.forward(Square(), np.array([[3.0]]))[0].tolist()
    [[9.0]]
    """
    rule = Rule(forward, backward, sample, gradients, replicas, check, stretch, passes_key, casts)
    _define("define_layer", kind, rule, ("forward", "backward"))


def define_chain(
    kind: type[P],
    layers: Callable[[P], tuple[Params, ...]],
    *,
    draws: Callable[[int], int] = int,
    check: Callable[[P], None] | None = None,
) -> None:
    """Makes a class a layer that only passes x through other layers one after another: y = fₙ(... f₂(f₁(x))).

    ``kind`` is the class, p an instance of it. ``layers(p)`` are layers that p holds, or that are made of its arrays; a
    layer may occur several times, and its gradient is then the sum over its places. In a stochastic pass the layer at
    place i draws from ``key.child(draws(i))``. ``check(p)`` is that of ``define_layer``.

    Raises what ``define_layer`` raises.

    >>> import fnnet as fn, numpy as np
    >>> @dataclass(frozen=True, slots=True, eq=False, repr=False)
    ... class Twice(fn.Params):
    ...     layer: fn.Linear
    >>> define_chain(Twice, lambda p: (p.layer, p.layer))
    >>> fn.forward(Twice(fn.Linear(np.array([[2.0]]), np.array([1.0]))), np.array([[3.0]]))[0].tolist()
    [[15.0]]
    """
    _define("define_chain", kind, Chain(layers, draws, check), ("layers", "draws"))


def _define(where: str, kind: type[Params], rule: Rule[Any, Any] | Chain[Any], functions: tuple[str, ...]) -> None:
    if Params not in getattr(kind, "__mro__", ()):
        raise LayerError(f"{where}: {kind!r} must be a class derived from fnnet.Params")
    for name in functions:
        checks.function(f"{where}({kind.__name__})", name, getattr(rule, name))
    if kind in _RULES:
        raise LayerError(f"{where}: {kind.__name__} is a layer already; define a class once")
    layout(kind)
    _RULES[kind] = rule


def known_rule(params: P) -> Rule[P, object] | Chain[P] | None:
    """The rules of a layer; None where its class was never defined as one."""
    return _RULES.get(type(params))


def rule_of(params: P) -> Rule[P, object] | Chain[P]:
    """The rules of a layer. Raises LayerError where its class was never defined as one."""
    rule = known_rule(params)
    if rule is None:
        check_params("fnnet", params)
        raise LayerError(
            f"{type(params).__name__} was never defined as a layer; a network is an instance of a class that was given "
            "to define_layer"
        )
    return rule


def check_params(where: str, params: object) -> None:
    """Raises LayerError for anything but a network or a layer."""
    if not isinstance(params, Params):
        came = checks.came(params, Params)
        order = "; the network comes before x" if isinstance(params, np.ndarray) else ""
        raise LayerError(f"{where}: params must be a network, an instance of a Params class, got {came}{order}")


def layers_defined() -> tuple[type[Params], ...]:
    """All classes that were defined as layers or chains."""
    return tuple(_RULES)
