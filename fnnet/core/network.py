"""The contract: parameters are the network, and two pure functions run it.

    y, cache  = forward(net, x)            # cache: Cache[type of net]
    grads, dx = backward(net, cache, dy)   # grads:       type of net

What a layer computes, its rules say: see ``define_layer``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

import numpy as np

from fnnet import checks, keys
from fnnet.checks import F32, FLOATS
from fnnet.core.rules import casts, is_stochastic, replicas, rule_of
from fnnet.errors import LayerError, ShapeError
from fnnet.keys import Key
from fnnet.tree.nodes import Params, is_leaf, layout
from fnnet.tree.structures import remembered
from fnnet.types import Array

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cache(Generic[P]):
    """What a forward pass leaves for the way back. It may hold x itself: do not write to x before ``backward``."""

    kind: type[P]
    saved: object
    x_shape: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[np.floating]

    def __repr__(self) -> str:
        return f"Cache[{self.kind.__name__}](shape={self.shape}, dtype={self.dtype})"


def forward(params: P, x: Array, key: Key | None = None) -> tuple[Array, Cache[P]]:
    """The network's output for x (..., batch, features), and the cache for ``backward``.

    Without a key this is deterministic inference. With one it is a stochastic training pass: layers that have a
    ``sample`` rule use it. x has the replica axes of the parameters or none, and is cast to their dtype before any
    layer sees it, but not to float32 where a layer inside takes x as it comes. An output that is its own cache is
    read-only.

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
    if key is not None:
        keys.check("forward", key)
    if key is None or not is_stochastic(params):
        made = rule.forward(params, x)
    elif rule.sample is not None:
        key = key if key.fork else key.forked(replicas(params))
        made = rule.sample(params, x, key)
    y, saved = made if type(made) is tuple and len(made) == 2 else _no_pair("forward", params, made)
    if y is x:
        y = x.copy()
    elif saved is y:
        y.setflags(write=False)
    if type(y) is not np.ndarray or y.shape[:-1] != x.shape[:-1] or y.dtype != x.dtype:
        _check_output(params, x, y, key)
    return y, Cache(type(params), saved, x.shape, y.shape, y.dtype)


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
    made = rule.backward(params, cache.saved, grad)
    grads, dx = made if type(made) is tuple and len(made) == 2 else _no_pair("backward", params, made)
    if type(dx) is not np.ndarray or dx.shape != cache.x_shape:
        checks.array(f"{type(params).__name__}'s backward", "dx", dx)
        raise ShapeError(f"{type(params).__name__}'s backward: dx must have x's shape {cache.x_shape}, got {dx.shape}")
    return _of_kind(params, grads), dx


def param_gradients(params: P, cache: Cache[P], grad: Array) -> P:
    """``backward`` without dx, which the first layer of a network has no use for and which costs a product there.

    Raises what ``backward`` raises.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.linear(fn.Key(0), 4, 2)
    >>> y, cache = fn.forward(net, np.ones((3, 4)))
    >>> fn.param_gradients(net, cache, np.ones_like(y)).b.tolist()
    [3.0, 3.0]
    """
    rule = rule_of(params)
    if rule.gradients is None:
        return backward(params, cache, grad)[0]
    return _of_kind(params, rule.gradients(params, cache.saved, _checked(params, cache, grad)))


def _checked(params: P, cache: Cache[P], grad: Array) -> Array:
    if type(cache) is not Cache or cache.kind is not type(params):
        raise LayerError(f"backward: cache must be that of a {type(params).__name__}'s forward pass, got {cache!r}")
    if type(grad) is not np.ndarray or grad.shape != cache.shape:
        checks.array("backward", "grad", grad)
        raise ShapeError(f"backward: grad must have the output's shape {cache.shape}, got {grad.shape}")
    return grad if grad.dtype == cache.dtype else checks.cast("backward", "grad", grad, cache.dtype)


def _cast(params: Params, x: Array) -> Array:
    """x in the dtype of the network that it enters; where there are no parameters any float stays as it is.

    A cast to float64 loses nothing. One to float32 is left to the layers where one of them takes x as it comes.
    """
    own = remembered(_dtype_of, params)
    if own is not None and x.dtype == own and x.ndim == 2:
        return x
    if own is not None and x.ndim > 2 and rule_of(params).replicas is None:
        _check_stackable(params, x)
    if own is None or (own == F32 and not remembered(casts, params)):
        return x if x.dtype in FLOATS else checks.floating(type(params).__name__.lower(), x)
    return checks.cast(type(params).__name__.lower(), "x", x, own)


def _dtype_of(params: Params) -> np.dtype[np.floating] | None:
    """The dtype of a network: that of the first floating array in it."""
    found = _first_array(layout(type(params)).values(params), True)
    return None if found is None else found.dtype


def _first_array(values: tuple[object, ...], is_deep: bool) -> Array | None:
    """The first floating array among values, through tuples, and through the layers there where ``is_deep``."""
    for value in values:
        if is_leaf(value):
            if value.dtype.kind == "f":
                return value
        elif type(value) is tuple or (is_deep and isinstance(value, Params)):
            inside = value if isinstance(value, tuple) else layout(type(value)).values(value)
            found = _first_array(inside, is_deep)
            if found is not None:
                return found
    return None


def _check_stackable(params: Params, x: Array) -> None:
    """Raises LayerError for a layer with arrays of its own that was given no rule for stacked ones."""
    if _first_array(layout(type(params)).values(params), False) is not None:
        name = type(params).__name__
        raise LayerError(
            f"{name}: x has replica axes, {x.shape}, and {name} has no replicas rule, so it cannot be stacked; "
            f"give define_layer({name}, ..., replicas=...)"
        )


def _no_pair(where: str, params: Params, made: object) -> NoReturn:
    came = f"a tuple of {len(made)}" if isinstance(made, tuple) else f"a {type(made).__name__}"
    pair = "(y, saved)" if where == "forward" else "(gradients, dx)"
    raise LayerError(f"{type(params).__name__}'s {where} must return the pair {pair}, got {came}")


def _of_kind(params: P, grads: P) -> P:
    if type(grads) is not type(params):
        name = type(params).__name__
        raise LayerError(f"{name}'s backward: gradients must be a {name} like the parameters, got {grads!r}")
    return grads


def _check_output(params: Params, x: Array, y: Array, key: Key | None) -> None:
    """Raises DtypeError or ShapeError where an output is no (..., batch, features) with the rows of x, and the replica
    axes of x, of the parameters or of the draws."""
    where = f"{type(params).__name__}'s forward"
    checks.array(where, "y", y)
    checks.dtype(where, y.dtype)
    drawn = key.fork.replicas if key is not None and key.fork is not None else ()
    wanted = (x.shape[:-2] or drawn or replicas(params)) + x.shape[-2:-1]
    if y.ndim < 2 or y.shape[:-1] != wanted:
        raise ShapeError(f"{where}: y must be ({', '.join(map(str, wanted))}, features) for x {x.shape}, got {y.shape}")
