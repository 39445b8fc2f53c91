"""Layers side by side, each for some columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Generic, TypeVarTuple

import numpy as np
from numpy.typing import NDArray

from fnnet import checks
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
from fnnet.tree.structures import remembered

Ts = TypeVarTuple("Ts")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Branches(Params, Generic[*Ts]):
    """y = [f₁(x[columns₁]), f₂(x[columns₂]), ...]: chosen columns of x go to different layers, whose outputs are
    concatenated.

    ``columns[i]`` are the numbers of the columns that ``layers[i]`` gets; a column may go to several layers. Type
    checkers know the type of each layer. In a stochastic pass layer i draws from ``key.child(i)``. Shapes: x (...,
    batch, n), y (..., batch, the sum of the layers' outputs). Raises ShapeError where x lacks one of the columns.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.branches([(0,), (1, 2)], (fn.Relu(), fn.Linear(np.ones((2, 1)), np.zeros(1))))
    >>> fn.forward(net, np.array([[-1.0, 2.0, 3.0]]))[0].tolist()
    [[0.0, 5.0]]
    """

    columns: tuple[tuple[int, ...], ...]
    layers: tuple[*Ts]


AnyBranches = Branches[*tuple[Params, ...]]
Saved = tuple[tuple[Cache[Params], ...], tuple[int, ...], np.dtype[np.floating]]
"""The caches of the layers, the shape and the dtype of x."""


def branches(columns: Sequence[Sequence[int] | NDArray[np.integer]], layers: tuple[*Ts]) -> Branches[*Ts]:
    """Layers side by side, each for its own columns.

    ``columns`` has one item per layer: a sequence, range or array of column numbers. ``layers`` is a tuple of layers.
    Raises LayerError where ``layers`` is not a tuple of layers, ValueError where it is empty, or unless ``columns`` has
    one non-empty item of integers from 0 up per layer.

    >>> import fnnet as fn
    >>> fn.branches([range(2), (2,)], (fn.Identity(), fn.Tanh())).columns
    ((0, 1), (2,))
    """
    given: object = layers
    if not isinstance(given, tuple):
        raise LayerError(f"branches: layers must be a tuple of layers, got {layers!r}")
    for i, layer in enumerate(given):
        if not isinstance(layer, Params):
            raise LayerError(f"branches: layers[{i}] must be a layer, an instance of a Params class, got {layer!r}")
    if not given:
        raise ValueError("branches: layers must be at least one layer, got none")
    sets: object = columns
    if not isinstance(sets, (Sequence, np.ndarray)) or len(sets) != len(given):
        raise ValueError(f"branches: columns must be one set per layer, {len(given)}, got {columns!r}")
    return Branches(tuple([_set(i, some) for i, some in enumerate(sets)]), layers)


def _set(i: int, some: object) -> tuple[int, ...]:
    """The columns of a layer as Python numbers."""
    if not isinstance(some, (Sequence, np.ndarray)) or isinstance(some, str) or not len(some):
        raise ValueError(f"branches: columns[{i}] must be whole numbers from 0 up, at least one, got {some!r}")
    return tuple([checks.size("branches", f"columns[{i}][{j}]", column, 0) for j, column in enumerate(some)])


def branches_forward(p: AnyBranches, x: Array, key: Key | None = None) -> tuple[Array, Saved]:
    widest, places = remembered(_places, p)
    if x.shape[-1] <= widest:
        raise ShapeError(f"branches: x must be (..., batch, n) with a column {widest}, got {x.shape}")
    passes = [
        forward(layer, _taken(x, some), None if key is None else key.child(i))
        for i, (some, layer) in enumerate(zip(places, p.layers, strict=True))
    ]
    lead = max([y.shape[:-1] for y, _ in passes], key=len)
    outputs = [y if y.shape[:-1] == lead else np.broadcast_to(y, lead + y.shape[-1:]) for y, _ in passes]
    dtype = next((y.dtype for y in outputs if y.dtype != x.dtype), x.dtype)  # layers without parameters keep that of x
    y: Array = np.concatenate(outputs, axis=-1, dtype=dtype)
    return y, (tuple([cache for _, cache in passes]), x.shape, x.dtype)


def _places(p: AnyBranches) -> tuple[int, tuple[NDArray[np.intp], ...]]:
    """The largest column number, and the columns as arrays."""
    return max(map(max, p.columns)), tuple([np.array(some, np.intp) for some in p.columns])


def _taken(x: Array, columns: NDArray[np.intp]) -> Array:
    """x[..., columns], in the memory layout of x: products in another one may differ in their last bits."""
    taken: Array = x.T.take(columns, axis=0).T if x.ndim == 2 else x[..., columns]
    return taken


def branches_backward(p: AnyBranches, saved: Saved, dy: Array) -> tuple[AnyBranches, Array]:
    caches, shape, dtype = saved
    dx, grads = np.zeros(shape, dtype), []
    for some, layer, cache, mine in zip(p.columns, p.layers, caches, _shares(p, caches, dy), strict=True):
        grad, d_columns = backward(layer, cache, mine)
        for i, column in enumerate(some):
            dx[..., column] += d_columns[..., i]
        grads.append(grad)
    return Branches(p.columns, tuple(grads)), dx


def branches_gradients(p: AnyBranches, saved: Saved, dy: Array) -> AnyBranches:
    own = zip(p.layers, saved[0], _shares(p, saved[0], dy), strict=True)
    return Branches(p.columns, tuple([param_gradients(layer, cache, mine) for layer, cache, mine in own]))


def _shares(p: AnyBranches, caches: tuple[Cache[Params], ...], dy: Array) -> list[Array]:
    """The columns of dy that belong to each layer, summed over the replica axes that the layer does not have."""
    if len(caches) != len(p.layers):
        raise LayerError(f"branches: cache must be that of a pass through {len(p.layers)} layers, got {len(caches)}")
    ends = accumulate([cache.shape[-1] for cache in caches], initial=0)
    pieces = [dy[..., begin:end] for begin, end in pairwise(ends)]
    return [sum_to(piece, (*cache.shape[:-1], piece.shape[-1])) for piece, cache in zip(pieces, caches, strict=True)]


define_layer(
    Branches,
    forward=branches_forward,
    sample=branches_forward,
    backward=branches_backward,
    gradients=branches_gradients,
    passes_key=True,
)
