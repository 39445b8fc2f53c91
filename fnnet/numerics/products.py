"""Products of float64 matrices with the same bits for any number of threads, any kernel of OpenBLAS that has fused
multiply-adds, and whatever rows stand beside a row.

BLAS adds the terms of an entry in an order that depends on the kernel, on how threads share the work, and on where the
entry lies: edges have their own code. In matrices padded to multiples of 16 no entry lies at an edge. No kernel splits
a contraction over at most 256 terms; longer ones are split here, and their blocks added in order.
"""

from __future__ import annotations

import numpy as np

from fnnet.types import Array

BLOCK = 256
"""The length of a contraction that every kernel adds up without splitting it."""
TILE = 16
"""A multiple of the rows and columns that any kernel computes at once."""


def product(a: Array, b: Array) -> Array:
    """a b over the last two axes, (..., m, k) and (..., k, n) to (..., m, n), fresh and C-contiguous.

    b is copied if it is a transposed view, because kernels differ in how they read one.
    """
    m, n = a.shape[-2], b.shape[-1]
    a, b = _padded(a), _padded(np.ascontiguousarray(b))
    out: Array = np.matmul(a[..., :BLOCK], b[..., :BLOCK, :])
    block = np.empty_like(out)
    for start in range(BLOCK, a.shape[-1], BLOCK):
        stop = start + BLOCK
        out += np.matmul(a[..., start:stop], b[..., start:stop, :], out=block)
    return np.ascontiguousarray(out[..., :m, :n])


def _padded(a: Array) -> Array:
    """a padded with zeros below and on the right to multiples of 16."""
    rows, columns = a.shape[-2:]
    more = -rows % TILE, -columns % TILE
    if more == (0, 0):
        return a
    out = np.zeros((*a.shape[:-2], rows + more[0], columns + more[1]), a.dtype)
    out[..., :rows, :columns] = a
    return out
