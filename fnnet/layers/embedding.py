"""A trained vector for each category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fnnet import checks, keys
from fnnet.core import Array, Dtype, Initializer, Key, Params, ShapeError, TreeError, define_layer
from fnnet.initializers import normal, rounded
from fnnet.keys import INIT
from fnnet.tree.nodes import read_only

UNIT = normal(1.0)
"""The default initializer: normal numbers of standard deviation 1."""

LARGEST = 1 << 24
"""Integers up to this are exact in float32."""

Saved = tuple[NDArray[np.int64], tuple[int, ...], np.dtype[np.floating]]
"""The categories, the shape and the dtype of x."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Embedding(Params):
    """y = [w[x₁], w[x₂], ...]: the rows of w that the entries of a row of x name, concatenated (Y. Bengio et al., JMLR
    3, 2003, section 2). x has no derivative: dx is 0.

    ``w`` holds one vector per category. Shapes: w (..., categories, dim), x (..., batch, k) of integers in
    [0, categories), y (..., batch, k dim). x is not cast to the dtype of w. Raises ValueError for any other number in
    x.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Embedding(np.array([[0.0, 1.0], [2.0, 3.0]])), np.array([[1], [0]]))[0].tolist()
    [[2.0, 3.0], [0.0, 1.0]]
    """

    w: Array


def embedding_forward(p: Embedding, x: Array) -> tuple[Array, Saved]:
    _check(p, x)
    index = x.astype(np.int64)
    if p.w.ndim == 2:
        taken = p.w.take(index, 0)
    else:
        lead = p.w.shape[:-2]
        spread = np.broadcast_to(index, lead + x.shape[-2:]).reshape(*lead, -1)
        taken = np.take_along_axis(p.w, spread[..., None], axis=-2)
    y: Array = taken.reshape(*p.w.shape[:-2], *x.shape[-2:-1], x.shape[-1] * p.w.shape[-1])
    return y, (index, x.shape, x.dtype)


def embedding_backward(p: Embedding, saved: Saved, dy: Array) -> tuple[Embedding, Array]:
    """dw: for each row of w, the sum of the dy of all entries of x that name it."""
    index, shape, dtype = saved
    lead, (rows, dim) = p.w.shape[:-2], p.w.shape[-2:]
    flat = np.broadcast_to(index, lead + shape[-2:]).reshape(-1, shape[-2] * shape[-1])
    offsets = rows * np.arange(len(flat))[:, None]
    dw = _sum_by_row((flat + offsets).reshape(-1), dy.reshape(-1, dim), len(flat) * rows)
    return Embedding(dw.reshape(p.w.shape)), np.zeros(shape, dtype)


def _sum_by_row(index: NDArray[np.int64], values: Array, rows: int) -> Array:
    """The sums of the values (n, dim) of each row. ``bincount`` over all entries is several times faster than
    ``add.at`` and needs no table of n x rows, as a product with one-hot rows does; it adds in float64."""
    dim = values.shape[-1]
    places = (index[:, None] * dim + np.arange(dim)).reshape(-1)
    summed: Array = np.bincount(places, values.reshape(-1), rows * dim).astype(values.dtype)
    return summed


def embedding_replicas(p: Embedding) -> tuple[int, ...]:
    return p.w.shape[:-2]


define_layer(
    Embedding,
    forward=embedding_forward,
    backward=embedding_backward,
    replicas=embedding_replicas,
    casts=False,
)


def _check(p: Embedding, x: Array) -> None:
    w = p.w
    if w.ndim < 2:
        raise TreeError(f"embedding: w must be (..., categories, dim), got {w.shape}")
    if x.shape[:-2] not in ((), w.shape[:-2]):
        raise ShapeError(f"embedding: x must have the replica axes of w, {w.shape[:-2]}, or none, got {x.shape[:-2]}")
    low, high = x.min(), x.max()
    if not (low >= 0 and high < w.shape[-2]):
        raise ValueError(f"embedding: x must be in [0, {w.shape[-2]}), the categories, got {low:g} to {high:g}")
    if (x != np.floor(x)).any():
        raise ValueError(f"embedding: x must hold whole numbers, got {x[x != np.floor(x)][0]:g}")


def embedding(key: Key, categories: int, dim: int, *, init: Initializer = UNIT, dtype: Dtype = np.float32) -> Embedding:
    """An Embedding with a vector of ``dim`` numbers for each of ``categories``, drawn by ``init`` from ``key``.

    ``dtype`` is that of the vectors. Raises ValueError for sizes below 1, for more than 2^24 categories and for drawn
    numbers that ``dtype`` cannot hold, DtypeError for a dtype that is not float32 or float64.

    >>> import fnnet as fn
    >>> fn.embedding(fn.Key(0), 7, 3)
    Embedding(w=float32[7, 3])
    """
    keys.check("embedding", key)
    rows = checks.size("embedding", "categories", categories)
    if rows > LARGEST:
        raise ValueError(f"embedding: categories must be at most 2^24, which float32 can tell apart, got {rows}")
    shape, kind = (rows, checks.size("embedding", "dim", dim)), checks.dtype("embedding", dtype)
    return read_only(Embedding(rounded("embedding: init", init, init(key.child(INIT), shape), kind)))
