"""The contract: parameters are the network, and two pure functions run it.

    y, cache  = forward(net, x)            # cache: Cache[type of net]
    grads, dx = backward(net, cache, dy)   # grads:       type of net

A layer is a frozen dataclass derived from Params, a forward and a backward, tied together by ``define_layer``, which is
the one way to add a layer, built-in or a user's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from fnnet import checks
from fnnet.errors import DtypeError, LayerError, ShapeError
from fnnet.keys import Key
from fnnet.nodes import Params, is_leaf, layout
from fnnet.packing import packed
from fnnet.types import Array

P = TypeVar("P", bound=Params)
C = TypeVar("C")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cache(Generic[P]):
    """What a forward pass leaves for the way back. It may hold x itself: do not write to x before ``backward``."""

    kind: type[P]
    saved: object
    shape: tuple[int, ...]
    dtype: np.dtype[np.floating]

    def __repr__(self) -> str:
        return f"Cache[{self.kind.__name__}](shape={self.shape}, dtype={self.dtype})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rule(Generic[P, C]):
    """What ``define_layer`` was given for one class."""

    forward: Callable[[P, Array], tuple[Array, C]]
    backward: Callable[[P, C, Array], tuple[P, Array]]
    sample: Callable[[P, Array, Key], tuple[Array, C]] | None
    gradients: Callable[[P, C, Array], P] | None
    replicas: Callable[[P], tuple[int, ...]] | None
    passes_key: bool


_RULES: dict[type, Rule[Any, Any]] = {}


def define_layer(
    kind: type[P],
    *,
    forward: Callable[[P, Array], tuple[Array, C]],
    backward: Callable[[P, C, Array], tuple[P, Array]],
    sample: Callable[[P, Array, Key], tuple[Array, C]] | None = None,
    gradients: Callable[[P, C, Array], P] | None = None,
    replicas: Callable[[P], tuple[int, ...]] | None = None,
    passes_key: bool = False,
) -> None:
    """Makes a class a layer, once, by its rules.

    ``forward(p, x)`` gives y and what backward needs of the way; ``backward(p, saved, dy)`` gives the gradients of p,
    of p's own type, and dx. x is (..., batch, features) and has been cast to the dtype of p's arrays; dy has the shape
    and dtype of y, dx the shape of x.

    Optional: ``sample(p, x, key)`` is the forward of a stochastic training pass; ``gradients(p, saved, dy)`` is
    backward without dx, for a layer that nobody asks for it; ``replicas(p)`` gives the leading axes of stacked
    parameters (``p.w.shape[:-2]``), for a layer whose children do not tell; ``passes_key`` says of a composite that its
    ``sample`` does no more than hand a child key to each child, so that it acts by chance only where a child does.

    Raises LayerError for a class that is no frozen dataclass derived from Params, or that is a layer already.
    """
    if Params not in getattr(kind, "__mro__", ()):
        raise LayerError(f"define_layer: {kind!r} must be a class derived from fnnet.Params")
    if kind in _RULES:
        raise LayerError(f"define_layer: {kind.__name__} is a layer already; define a class once")
    layout(kind)
    _RULES[kind] = Rule(forward, backward, sample, gradients, replicas, passes_key)


def rule_of(params: P) -> Rule[P, object]:
    """The rules of a layer. Raises LayerError where its class was never defined as one."""
    rule = _RULES.get(type(params))
    if rule is None:
        raise LayerError(
            f"{type(params).__name__} was never defined as a layer; a network is an instance of a class that was given "
            "to define_layer"
        )
    return rule


def forward(params: P, x: Array, key: Key | None = None) -> tuple[Array, Cache[P]]:
    """The network's output for x (..., batch, features), and the cache for ``backward``.

    Without a key this is deterministic inference. With one it is a stochastic training pass: layers that have a
    ``sample`` rule use it. x has the replica axes of the parameters or none, and is cast to their dtype. An output that
    is its own cache is read-only.

    Raises LayerError, ShapeError, DtypeError, each naming the layer.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.linear(fn.Key(0), 4, 2)
    >>> y, cache = fn.forward(net, np.ones((3, 4)))
    >>> y.shape
    (3, 2)
    """
    rule = rule_of(params)
    if type(x) is not np.ndarray or x.ndim < 2 or not x.size:
        checks.rows(type(params).__name__.lower(), x)
    x = _cast(params, x)
    if key is None or not is_stochastic(params):
        y, saved = rule.forward(params, x)
    elif rule.sample is not None:
        y, saved = rule.sample(params, x, key if key.fork else key.forked(replicas(params)))
    if saved is y:
        y.setflags(write=False)
    return y, Cache(type(params), saved, y.shape, y.dtype)


def backward(params: P, cache: Cache[P], grad: Array) -> tuple[P, Array]:
    """The gradients of the parameters, a network like ``params``, and of x, by the chain rule.

    ``grad`` is the gradient of a scalar with respect to the output y, in y's shape; dx has x's shape. May be called
    any number of times with one cache.

    Raises ShapeError, DtypeError, and LayerError where the cache is that of another layer.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.linear(fn.Key(0), 4, 2)
    >>> y, cache = fn.forward(net, np.ones((3, 4)))
    >>> grads, dx = fn.backward(net, cache, np.ones_like(y))
    >>> grads.b.tolist(), dx.shape
    ([3.0, 3.0], (3, 4))
    """
    rule = rule_of(params)
    grad = _checked(params, cache, grad)
    return rule.backward(params, cache.saved, grad)


def param_gradients(params: P, cache: Cache[P], grad: Array) -> P:
    """``backward`` without dx, which the first layer of a network has no use for and which costs a product there."""
    rule = rule_of(params)
    grad = _checked(params, cache, grad)
    if rule.gradients is None:
        return rule.backward(params, cache.saved, grad)[0]
    return rule.gradients(params, cache.saved, grad)


def _checked(params: P, cache: Cache[P], grad: Array) -> Array:
    if type(cache) is not Cache or cache.kind is not type(params):
        raise LayerError(f"backward: cache must be that of a {type(params).__name__}'s forward pass, got {cache!r}")
    if type(grad) is not np.ndarray or grad.shape != cache.shape:
        checks.array("backward", "grad", grad)
        raise ShapeError(f"backward: grad must have the output's shape {cache.shape}, got {grad.shape}")
    return checks.cast("backward", "grad", grad, cache.dtype)


def _cast(params: Params, x: Array) -> Array:
    """x in the dtype of the arrays that a layer itself has; a layer without any leaves it to those that it holds."""
    for value in layout(type(params)).values(params):
        if is_leaf(value):
            return checks.cast(type(params).__name__.lower(), "x", x, value.dtype)
    return x


# --- structure ---------------------------------------------------------------------------------------------------
def children(node: object) -> tuple[Params, ...]:
    """The layers directly under a layer, through tuples."""
    found: list[Params] = []
    for child in node if isinstance(node, tuple) else layout(type(node)).values(node):
        if isinstance(child, Params):
            found.append(child)
        elif type(child) is tuple:
            found.extend(children(child))
    return tuple(found)


def is_stochastic(params: Params) -> bool:
    """Whether a network acts by chance under a key: it has a ``sample`` rule, and not one that hands keys on in vain.

    Raises LayerError where a layer without such a rule holds one with it. Packed networks of one structure are looked
    through once.
    """
    known = packed(params)
    if known is None:
        return _is_stochastic(params)
    facts = known.structure.facts
    if "stochastic" not in facts:
        facts["stochastic"] = _is_stochastic(params)
    return facts["stochastic"]


def _is_stochastic(params: Params) -> bool:
    rule = rule_of(params)
    chances = [child for child in children(params) if _is_stochastic(child)]
    if chances and rule.sample is None:
        name, hidden = type(params).__name__, type(chances[0]).__name__
        raise LayerError(
            f"{name}: holds a {hidden}, which has a sample rule, and has none itself, so its chance would be off in "
            f"silence; give define_layer({name}, ..., sample=...), a child key a child"
        )
    return rule.sample is not None and (bool(chances) or not rule.passes_key)


def replicas(params: Params) -> tuple[int, ...]:
    """The leading axes of a network of stacked parameters, () for a single one."""
    rule = rule_of(params)
    if rule.replicas is not None:
        return rule.replicas(params)
    return next(filter(None, map(replicas, children(params))), ())


def check_network(where: str, params: object) -> np.dtype[np.floating]:
    """The one dtype of a network. Raises LayerError, TreeError or DtypeError where it is none that can be trained."""
    if not isinstance(params, Params):
        raise LayerError(f"{where}: params must be a network, an instance of a Params class, got {params!r}")
    found: set[np.dtype[np.floating]] = set()
    _collect(where, params, found)
    if len(found) > 1:
        names = " and ".join(sorted(str(dtype) for dtype in found))
        raise DtypeError(f"{where}: all parameters must have one dtype, got {names}; cast by tree.astype")
    return next(iter(found), np.dtype(np.float32))


def _collect(where: str, node: object, found: set[np.dtype[np.floating]]) -> None:
    if is_leaf(node):
        if node.dtype.kind not in "iub":
            found.add(checks.dtype(where, node.dtype))
        return
    if isinstance(node, Params):
        rule_of(node)
    if isinstance(node, Params) or type(node) is tuple:
        for child in node if isinstance(node, tuple) else layout(type(node)).values(node):
            _collect(where, child, found)
