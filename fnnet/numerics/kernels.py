"""Products, and what is computed from single rows, in plain loops: what ``fnnet.jit`` compiles.

Each computes entry by entry what its NumPy counterpart does, and runs without Numba too. Small products are loops,
since a call of BLAS would cost more. Literals are ``real(...)`` of the dtype: a bare 0.5 would widen a float32 loop.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fnnet.numerics.formulas import in_any_order
from fnnet.numerics.sums import BLOCK
from fnnet.types import Array

Number = np.floating

SMALL, SMALL_NT = 1 << 10, 1 << 12
"""Products of at most this many multiplications are loops instead of calls of BLAS."""


# --- products ----------------------------------------------------------------------------------------------------
def product(x: Array, w: Array, y: Array) -> None:
    """y = x w; loops take four rows of w at a time, which makes a quarter of the passes over y."""
    rows, n_in, n_out = x.shape[0], x.shape[1], w.shape[1]
    if rows * n_in * n_out > SMALL:
        np.dot(x, w, y)
        return
    fours, zero = n_in - n_in % 4, x.dtype.type(0)
    for i in range(rows):
        for j in range(n_out):
            y[i, j] = zero
        for k in range(0, fours, 4):
            x0, x1, x2, x3 = x[i, k], x[i, k + 1], x[i, k + 2], x[i, k + 3]
            for j in range(n_out):
                y[i, j] += x0 * w[k, j] + x1 * w[k + 1, j] + x2 * w[k + 2, j] + x3 * w[k + 3, j]
        for k in range(fours, n_in):
            for j in range(n_out):
                y[i, j] += x[i, k] * w[k, j]


def add_bias(y: Array, b: Array) -> None:
    """Adds b to every row of y, in place."""
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] += b[j]


def product_tn(x: Array, dy: Array, dw: Array) -> None:
    """dw = xᵀ dy."""
    rows, n_in, n_out = x.shape[0], x.shape[1], dy.shape[1]
    if rows * n_in * n_out > SMALL:
        np.dot(x.T, dy, dw)
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


@in_any_order
def product_nt(dy: Array, w: Array, dx: Array) -> None:
    """dx = dy wᵀ."""
    rows, n_in, n_out = dy.shape[0], w.shape[0], w.shape[1]
    if rows * n_in * n_out > SMALL_NT:
        np.dot(dy, w.T, dx)
        return
    for i in range(rows):
        for k in range(n_in):
            total = dy.dtype.type(0)
            for j in range(n_out):
                total += dy[i, j] * w[k, j]
            dx[i, k] = total


def batch_sum(dy: Array, db: Array) -> None:
    """db = the sum of the rows of dy, block by block as in ``numerics.sums``."""
    add_rows(dy, 0, min(dy.shape[0], BLOCK), db)
    if dy.shape[0] > BLOCK:
        some = np.empty_like(db)
        for start in range(BLOCK, dy.shape[0], BLOCK):
            add_rows(dy, start, min(dy.shape[0], start + BLOCK), some)
            for j in range(db.size):
                db[j] += some[j]


def add_rows(dy: Array, start: int, stop: int, total: Array) -> None:
    """The sum of the rows from start to stop."""
    for j in range(dy.shape[1]):
        total[j] = dy[start, j]
    for i in range(start + 1, stop):
        for j in range(dy.shape[1]):
            total[j] += dy[i, j]


# --- rows --------------------------------------------------------------------------------------------------------
def softmax_row(x: Array, y: Array) -> tuple[Number, Number]:
    """y = eᶻ / Σ eᶻ, where z is x minus its maximum; returns that maximum and log Σ eᶻ.

    The two are not added up to log Σ eˣ, which would lose all digits of the scores if they share a large offset.
    """
    real = x.dtype.type
    top = x[0]
    for j in range(1, x.size):
        top = max(top, x[j])
    total = 0.0  # in float64: thousands of shares in float32 lose digits
    for j in range(x.size):
        y[j] = real(math.exp(x[j] - top))
        total += y[j]
    inverse = real(1 / total)
    for j in range(x.size):
        y[j] *= inverse
    return top, real(math.log(total))


def exp_of(x: Number) -> Number:
    """eˣ, infinite where it exceeds the largest float; without Numba ``math.exp`` would raise an error."""
    e: Number = np.exp(x)
    return e


def half_above(x: Array, j: int, top: Number) -> Number:
    """Half of a score minus its row's maximum, which is always finite; the whole difference may overflow."""
    two = x.dtype.type(2)
    half: Number = x[j] / two - top / two
    return half


@in_any_order
def row_mean(x: Array) -> Number:
    """Σ x / n."""
    total = x.dtype.type(0)
    for j in range(x.size):
        total += x[j]
    mean: Number = total / x.dtype.type(x.size)
    return mean


@in_any_order
def row_mean_square(x: Array) -> Number:
    """Σ x² / n."""
    total = x.dtype.type(0)
    for j in range(x.size):
        total += x[j] * x[j]
    square: Number = total / x.dtype.type(x.size)
    return square


# --- vectors of all parameters -----------------------------------------------------------------------------------
Ranges = NDArray[np.int64]
"""Parts of a vector: for each the index of its first number, and the one after its last."""


def set_zero(g: Array, ranges: Ranges) -> None:
    """Sets g to 0 in these ranges."""
    for r in range(0, ranges.size, 2):
        for i in range(ranges[r], ranges[r + 1]):
            g[i] = g.dtype.type(0)


def add_elastic_net(w: Array, g: Array, ranges: Ranges, l1: float, l2: float) -> float:
    """l1 Σ |w| + l2/2 Σ w² over the ranges; its gradient l1 sign(w) + l2 w is added to g."""
    real, total = w.dtype.type, 0.0
    for r in range(0, ranges.size, 2):
        for i in range(ranges[r], ranges[r + 1]):
            total += l1 * abs(float(w[i])) + l2 / 2 * float(w[i]) * float(w[i])
            slope = real(l2) * w[i]
            g[i] += slope + real(l1) * real(np.sign(w[i])) if l1 else slope
    return total


def shorten(g: Array, limit: float) -> None:
    """Scales g by limit / ‖g‖ if the norm is finite and above the limit; squares are those of g over a power of two."""
    largest, square = 0.0, 0.0
    for i in range(g.size):
        size = abs(float(g[i]))
        largest = size if size > largest or size != size else largest
    if largest == 0 or not np.isfinite(largest):
        return
    unit = math.ldexp(1.0, math.frexp(largest)[1] - 1)
    for i in range(g.size):
        share = float(g[i]) / unit
        square += share * share
    norm = math.sqrt(square)
    if norm * unit <= limit:
        return
    factor = g.dtype.type(limit / norm)
    for i in range(g.size):
        g[i] = g.dtype.type(g[i] / unit) * factor
