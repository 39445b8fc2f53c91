"""Products of matrices, and the gradients of an affine map."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fnnet.numerics import products
from fnnet.numerics.bits import is_portable
from fnnet.numerics.sums import batch_sum
from fnnet.types import Array


def product(a: Array, b: Array) -> Array:
    """The matrix product a b over the last two axes: (..., m, k) and (..., k, n) to (..., m, n).

    aᵀ b is ``product(a.mT, b)``, a bᵀ is ``product(a, b.mT)``. For two matrices ``dot`` has half the overhead of ``@``.

    >>> product(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    if is_portable(a):
        return products.product(a, b)
    out: Array = a.dot(b) if a.ndim == b.ndim == 2 else np.matmul(a, b)
    return out


def affine(x: Array, w: Array, b: Array) -> Array:
    """x w + b for every row of x.

    Shapes: x (..., batch, n_in), w (..., n_in, n_out), b (..., n_out), the result (..., batch, n_out).

    >>> affine(np.ones((1, 2)), np.eye(2), np.array([1.0, 2.0])).tolist()
    [[2.0, 3.0]]
    """
    y = products.product(x, w) if is_portable(x) else x.dot(w) if x.ndim == w.ndim == 2 else np.matmul(x, w)
    y += b if b.ndim == 1 else b[..., None, :]
    return y


def affine_gradients(x: Array, dy: Array, dw: Array, db: Array) -> None:
    """Writes dw = xᵀ dy, and db = the sum of the rows of dy, into two arrays that the caller has just allocated.

    The sum is computed as the product 1ᵀ dy, which is three times faster than ``sum`` for a large batch. For very many
    rows the gradients are summed block by block, since a product with a vector has few accumulators.

    Shapes: x (..., batch, n_in), dy (..., batch, n_out), dw (..., n_in, n_out), db (..., n_out).

    >>> dw, db = np.empty((1, 1)), np.empty(1)
    >>> affine_gradients(np.array([[1.0], [2.0]]), np.ones((2, 1)), dw, db)
    >>> dw.tolist(), db.tolist()
    ([[3.0]], [2.0])
    """
    if x.ndim == dy.ndim == 2 and len(dy) > MANY and not is_portable(x):
        _blockwise(x, dy, dw, db)
    elif is_portable(x):
        dw[...] = products.product(x.mT, dy)
        db[...] = batch_sum(dy)
    elif x.ndim == dy.ndim == 2:
        x.T.dot(dy, dw)
        _ones(len(dy), dy.dtype).dot(dy, db)
    else:
        np.matmul(x.mT, dy, dw)
        db[...] = batch_sum(dy)


MANY = 1 << 14
"""How many rows are summed in one product: with more, a product with a vector loses digits in float32."""


def _blockwise(x: Array, dy: Array, dw: Array, db: Array) -> None:
    parts = [(np.empty_like(dw), np.empty_like(db)) for _ in range(2)]
    (dw_total, db_total), (dw_part, db_part) = parts
    affine_gradients(x[:MANY], dy[:MANY], dw_total, db_total)
    for i in range(MANY, len(dy), MANY):
        affine_gradients(x[i : i + MANY], dy[i : i + MANY], dw_part, db_part)
        dw_total += dw_part
        db_total += db_part
    dw[...], db[...] = dw_total, db_total


@lru_cache(64)
def _ones(n: int, dtype: np.dtype[np.floating]) -> Array:
    ones: Array = np.ones(n, dtype)
    ones.setflags(write=False)
    return ones


def sum_to(a: Array, shape: tuple[int, ...]) -> Array:
    """The sum of a over the leading replica axes that ``shape`` lacks: dx, if K networks share one x.

    >>> sum_to(np.ones((3, 2, 1)), (2, 1)).tolist()
    [[3.0], [3.0]]
    """
    if a.shape == shape:
        return a
    out: Array = np.add.reduce(a, axis=tuple(range(a.ndim - len(shape))))
    return out
