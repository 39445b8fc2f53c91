"""The compiled loops over parameters: products and updates. Each is its NumPy counterpart, entry by entry.

Sums of a row are taken in the order that is fastest; everything else is computed as the NumPy path computes it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fnnet.jit.compiling import compiled, compiled_loosely
from fnnet.types import Array

BLOCK = 1 << 10
"""How many rows are added one after another, as in ``numerics.sums``: a longer sum in float32 would lose digits."""

SOURCES = "9c907a386e57368f"
"""The digest of the modules here that this one imports from. Numba looks for changes in a function's own file only;
when they change this has to change, or what it keeps on disk would stay in use."""

Number = np.floating
Numbers = NDArray[np.float64]

# What an operation is; the numbers are the first column of a program.
LINEAR, IDENTITY, RELU, LEAKY_RELU, ELU, GELU, SILU, SOFTPLUS, TANH, SIGMOID, SOFTMAX = range(11)
DROPOUT, BEGIN, END, LAYER_NORM, RMS_NORM = range(11, 16)

# What a loss is.
MSE, SUM_SQUARED_ERROR, MAE, HUBER, SOFTMAX_CROSS_ENTROPY, BINARY_CROSS_ENTROPY = range(6)
POISSON, LOG_COSH, QUANTILE, FOCAL, HINGE, LABEL_SMOOTHING, SOFT_CROSS_ENTROPY, BINARY_HINGE = range(6, 14)

# What an optimizer is.
SGD, MOMENTUM, NESTEROV, ADAM, RMSPROP, RMSPROP_MOMENTUM, ADAGRAD, ADADELTA, ADAMAX, AMSGRAD, NADAM, LION = range(12)
RADAM, CENTERED, CENTERED_MOMENTUM = range(12, 15)

SMALL, SMALL_NT = 1 << 10, 1 << 12
"""Products of no more multiplications than this are own loops: a call of BLAS costs more than they do."""


# --- products ----------------------------------------------------------------------------------------------------
@compiled
def affine(x: Array, w: Array, y: Array, is_rectified: bool) -> None:
    """y = x w + b, or max(0, x w + b); b is the last row of w."""
    rows, n_in, n_out = x.shape[0], x.shape[1], w.shape[1]
    zero = x.dtype.type(0)
    if rows * n_in * n_out > SMALL:
        np.dot(x, w[:n_in], y)
        for i in range(rows):
            for j in range(n_out):
                z = y[i, j] + w[n_in, j]
                y[i, j] = zero if is_rectified and z < zero else z
        return
    fours = n_in - n_in % 4  # four rows of w at a time: a quarter of the loops
    for i in range(rows):
        for j in range(n_out):
            y[i, j] = w[n_in, j]
        for k in range(0, fours, 4):
            x0, x1, x2, x3 = x[i, k], x[i, k + 1], x[i, k + 2], x[i, k + 3]
            for j in range(n_out):
                y[i, j] += x0 * w[k, j] + x1 * w[k + 1, j] + x2 * w[k + 2, j] + x3 * w[k + 3, j]
        for k in range(fours, n_in):
            for j in range(n_out):
                y[i, j] += x[i, k] * w[k, j]
        if is_rectified:
            for j in range(n_out):
                y[i, j] = zero if y[i, j] < zero else y[i, j]


@compiled
def rectify_gradient(y: Array, dy: Array) -> None:
    """dy where y > 0, else 0, in place."""
    zero = y.dtype.type(0)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            dy[i, j] = dy[i, j] if y[i, j] > zero else zero


@compiled
def _add_rows(a: Array, start: int, stop: int, total: Array) -> None:
    """The sum of some rows."""
    for j in range(a.shape[1]):
        total[j] = a[start, j]
    for i in range(start + 1, stop):
        for j in range(a.shape[1]):
            total[j] += a[i, j]


@compiled
def affine_gradients(x: Array, dy: Array, dw: Array) -> None:
    """dw = xᵀ dy; its last row is the gradient of b, the sum of the rows of dy."""
    rows, n_in, n_out = x.shape[0], x.shape[1], dy.shape[1]
    _add_rows(dy, 0, min(rows, BLOCK), dw[n_in])
    if rows > BLOCK:
        part = np.empty(n_out, dw.dtype)
        for start in range(BLOCK, rows, BLOCK):
            _add_rows(dy, start, min(rows, start + BLOCK), part)
            for j in range(n_out):
                dw[n_in, j] += part[j]
    if rows * n_in * n_out > SMALL:
        np.dot(x.T, dy, dw[:n_in])
        return
    first = 2 if rows > 1 else 1
    for k in range(n_in):
        if rows > 1:
            for j in range(n_out):
                dw[k, j] = x[0, k] * dy[0, j] + x[1, k] * dy[1, j]
        else:
            for j in range(n_out):
                dw[k, j] = x[0, k] * dy[0, j]
        for i in range(first, rows):
            for j in range(n_out):
                dw[k, j] += x[i, k] * dy[i, j]


@compiled_loosely
def product_nt(dy: Array, w: Array, dx: Array) -> None:
    """dx = dy wᵀ, without the last row of w."""
    rows, n_in, n_out = dy.shape[0], dx.shape[1], w.shape[1]
    if rows * n_in * n_out > SMALL_NT:
        np.dot(dy, w[:n_in].T, dx)
        return
    for i in range(rows):
        for k in range(n_in):
            total = dy.dtype.type(0)
            for j in range(n_out):
                total += dy[i, j] * w[k, j]
            dx[i, k] = total
