"""The contract: parameters are the network, and two pure functions run it.

    y, cache  = forward(net, x)            # cache: Cache[type of net]
    grads, dx = backward(net, cache, dy)   # grads:       type of net

The rules of a layer say what it computes: see ``define_layer``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from fnnet import checks, keys
from fnnet.core.facts import replicas
from fnnet.core.passes import Saved, back, there
from fnnet.core.walks import Chances, chances_of, walk_of
from fnnet.errors import LayerError, ShapeError
from fnnet.keys import Key
from fnnet.tree.making import maker
from fnnet.tree.nodes import Params
from fnnet.tree.structures import remembered
from fnnet.tree.vectors import Unbuilt, built
from fnnet.types import Array

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cache(Generic[P]):
    """What a forward pass saves for ``backward``. It may hold x itself: do not write to x before ``backward``.

    ``kind`` is the class of the network, ``saved`` what its layers need, ``x_shape`` the shape of x, ``shape`` and
    ``dtype`` are those of the output.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.linear(fn.Key(0), 4, 2), np.ones((3, 4)))[1]
    Cache[Linear](shape=(3, 2), dtype=float32)
    """

    kind: type[P]
    saved: Saved
    x_shape: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[np.floating]

    def __repr__(self) -> str:
        return f"Cache[{self.kind.__name__}](shape={self.shape}, dtype={self.dtype})"


_cache = maker(Cache)  # every pass makes one


def forward(params: P, x: Array, key: Key | None = None) -> tuple[Array, Cache[P]]:
    """The output of the network ``params`` for x, and the cache for ``backward``.

    Without a ``key`` this is deterministic inference. With one it is a stochastic training pass, in which layers that
    have a ``sample`` rule use it. x is cast to the dtype of the parameters before any layer sees it, but not to float32
    where a layer does its own casts. An output that the cache needs is read-only.

    Shapes: x (..., batch, n_in), with the replica axes of the parameters or none; output (..., batch, n_out). Raises
    LayerError, ShapeError or DtypeError, each naming the layer.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.linear(fn.Key(0), 4, 2)
    >>> y, cache = fn.forward(net, np.ones((3, 4)))
    >>> y.shape
    (3, 2)
    """
    walk = remembered(walk_of, params)
    if type(x) is not np.ndarray or x.ndim != 2 or x.dtype not in walk.accepts or not x.size or not x.flags.forc:
        x = _entering(params, walk.enters, x)
    chances: Chances = ()
    if key is not None:
        keys.check("forward", key)
        chances = remembered(chances_of, params)
        key = key.forked(replicas(params)) if chances and not key.fork else key
    y, entries = there(walk, params, x, chances, key)
    return y, _cache(type(params), entries, x.shape, y.shape, y.dtype)


def backward(params: P, cache: Cache[P], grad: Array) -> tuple[P, Array]:
    """The gradients with respect to the parameters, a network like ``params``, and to x, by the chain rule.

    ``cache`` is that of the ``forward`` pass through ``params``, and can be used any number of times. ``grad`` is the
    gradient of a scalar with respect to the output y.

    Shapes: grad that of y, dx that of x. Raises ShapeError or DtypeError for a ``grad`` unlike y, LayerError where the
    cache is that of another layer.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.linear(fn.Key(0), 4, 2)
    >>> y, cache = fn.forward(net, np.ones((3, 4)))
    >>> grads, dx = fn.backward(net, cache, np.ones_like(y))
    >>> grads.b.tolist(), dx.shape
    ([3.0, 3.0], (3, 4))
    """
    grad = _checked(params, cache, grad)
    grads, dx = back(remembered(walk_of, params), params, cache.saved, cache.x_shape, grad, True)
    return built(grads), dx


def param_gradients(params: P, cache: Cache[P], grad: Array) -> P:
    """The gradients of ``backward(params, cache, grad)`` without dx, which saves a product in the first layer.

    Raises what ``backward`` raises.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.linear(fn.Key(0), 4, 2)
    >>> y, cache = fn.forward(net, np.ones((3, 4)))
    >>> fn.param_gradients(net, cache, np.ones_like(y)).b.tolist()
    [3.0, 3.0]
    """
    return built(unbuilt_gradients(params, cache, grad))


def unbuilt_gradients(params: P, cache: Cache[P], grad: Array) -> P | Unbuilt[P]:
    """The same for an optimizer, which uses only the numbers."""
    grad = _checked(params, cache, grad)
    return back(remembered(walk_of, params), params, cache.saved, cache.x_shape, grad, False)[0]


def _checked(params: P, cache: Cache[P], grad: Array) -> Array:
    if type(cache) is not Cache or cache.kind is not type(params):
        raise LayerError(f"backward: cache must be that of a {type(params).__name__}'s forward pass, got {cache!r}")
    if type(grad) is not np.ndarray or grad.shape != cache.shape:
        checks.array("backward", "grad", grad)
        raise ShapeError(f"backward: grad must have the output's shape {cache.shape}, got {grad.shape}")
    return grad if grad.dtype == cache.dtype else checks.cast("backward", "grad", grad, cache.dtype)


def _entering(params: Params, enters: np.dtype[np.floating] | None, x: Array) -> Array:
    """x as it enters a network: (..., batch, features) in the dtype of the walk, or in any where it has none.

    A view with gaps is copied in C order, as pickle and files would restore it: sums along other strides may differ in
    their last bits.
    """
    name = type(params).__name__.lower()
    if type(x) is not np.ndarray or x.ndim < 2 or not x.size:
        checks.inputs(name, x)
    x = x if x.flags.forc else np.ascontiguousarray(x)
    return checks.floating(name, x) if enters is None else checks.cast(name, "x", x, enters)
