"""The kernels of layers that only move numbers, and of the epoch around them; copied into every compiled epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fnnet.types import Array

Index = NDArray[np.int64]
Mask = NDArray[np.bool]


def rows(size: int, n: int, like: Array) -> Array:
    """A new array of ``size`` rows of n numbers, in the dtype of ``like``."""
    return np.empty((size, n), like.dtype)


def vector(a: Array, at: int, n: int) -> Array:
    """n numbers of a vector, from ``at`` on."""
    return a[at : at + n]


def matrix(a: Array, at: int, rows: int, columns: int) -> Array:
    """Numbers of a vector, from ``at`` on, as a matrix."""
    return a[at : at + rows * columns].reshape((rows, columns))


def move(a: Array, b: Array) -> None:
    """b = a, of vectors."""
    for i in range(a.size):
        b[i] = a[i]


def accumulate(a: Array, b: Array) -> None:
    """Adds a to b, both vectors; b may be longer than a."""
    for i in range(a.size):
        b[i] += a[i]


def gather(x: Array, index: Index, h: Array) -> None:
    """Writes some rows of x into h."""
    for i in range(h.shape[0]):
        row = x[index[i]]
        for j in range(h.shape[1]):
            h[i, j] = row[j]


def are_labels(labels: Index, order: Index, classes: int) -> bool:
    """Whether labels are still in range, as when they were checked: else the loss would access memory out of bounds."""
    lowest, highest = 0, 0
    for r in order:
        lowest, highest = min(lowest, labels[r]), max(highest, labels[r])
    return bool(lowest == 0 and highest < classes)


def copy(a: Array, b: Array) -> None:
    """b = a, in the dtype of b."""
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            b[i, j] = a[i, j]


def add(a: Array, b: Array, y: Array) -> None:
    """y = a + b."""
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = a[i, j] + b[i, j]


def add_to(a: Array, y: Array) -> None:
    """Adds a to y, in place."""
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] += a[i, j]


def drop(x: Array, mask: Mask, rate: float, y: Array) -> None:
    """y = x / (1 - rate) where the mask is set, else 0; the backward pass does the same to the gradient."""
    n, factor, zero = x.shape[1], x.dtype.type(1 / (1 - rate)), x.dtype.type(0)
    for i in range(x.shape[0]):
        for j in range(n):
            y[i, j] = x[i, j] * (factor if mask[i * n + j] else zero)


def embed(x: Array, w: Array, y: Array) -> None:
    """y = the rows of w that x names. The numbers were checked; if they change later, none reads out of bounds."""
    dim = w.shape[1]
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            r = min(max(int(x[i, j]), 0), w.shape[0] - 1)
            for k in range(dim):
                y[i, j * dim + k] = w[r, k]


def embed_back(x: Array, dy: Array, dw: Array) -> None:
    """dw: for every row of w, the sum of dy over all places where the row was used."""
    dim = dw.shape[1]
    dw[:] = dw.dtype.type(0)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            r = min(max(int(x[i, j]), 0), dw.shape[0] - 1)
            for k in range(dim):
                dw[r, k] += dy[i, j * dim + k]


def pick(x: Array, columns: Index, y: Array) -> None:
    """Writes some columns of x into y."""
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = x[i, columns[j]]


def spread(x: Array, columns: Index, y: Array) -> None:
    """Adds x to some columns of y."""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, columns[j]] += x[i, j]


def zero(a: Array) -> None:
    """Sets a to 0 everywhere."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = a.dtype.type(0)
