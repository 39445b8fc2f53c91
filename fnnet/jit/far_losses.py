"""The compiled losses of rows whose plain formula leaves the range of floats on the way to its result."""

from __future__ import annotations

import math

import numpy as np

from fnnet.jit.compiling import compiled
from fnnet.jit.kernels import (
    BINARY_CROSS_ENTROPY,
    BINARY_HINGE,
    HUBER,
    LOG_COSH,
    MAE,
    MSE,
    POISSON,
    QUANTILE,
    Number,
)
from fnnet.jit.losses import entry, row_loss
from fnnet.types import Array

SOURCES = "14310b08ced77d39"
"""The digest of the modules here that this one imports from, as in ``kernels``."""


@compiled
def _far_poisson(p: Array, i: int, t: Array, r: int) -> Number:
    """The mean of shares eᶻ/c - t (z/c), of a power of two c above the columns, so that t z overflows only where the
    mean does."""
    real, n = p.dtype.type, p.shape[1]
    share, total = real(1), real(0)
    while share * real(n) >= real(1):
        share /= real(2)
    for j in range(n):
        rate, count = real(math.exp(p[i, j])), t[r, j]
        total += rate * share
        if count != 0 and rate != real(np.inf):
            total -= count * (p[i, j] * share)
    return total / (real(n) * share)


@compiled
def _far_mean(kind: int, constant: float, p: Array, i: int, t: Array, r: int) -> Number:
    """The sum of shares. Where the difference of an entry and its target is beyond all floats, the loss of it is twice
    that of half of it, for so these losses grow."""
    real, n = p.dtype.type, p.shape[1]
    total, two, scale = real(0), real(2), real(n)
    for j in range(n):
        one, _ = entry(kind, constant, p[i, j], t[r, j], real)
        if one == real(np.inf) and kind in (MAE, HUBER, LOG_COSH, QUANTILE):
            half, _ = entry(kind, constant, p[i, j] / two, t[r, j] / two, real)
            total += half * (two / scale)
        else:
            total += one / scale
    return total


@compiled
def _far_squares(p: Array, i: int, t: Array, r: int, d: Array, factor: Number) -> Number:
    """The mean of squared errors over the largest one, each error by its half."""
    real, n = p.dtype.type, p.shape[1]
    largest, total, two = real(0), real(0), real(2)
    for j in range(n):
        d[i, j] = p[i, j] * factor - t[r, j] * factor
        largest = max(largest, abs(p[i, j] / two - t[r, j] / two))
    for j in range(n):
        share = (p[i, j] / two - t[r, j] / two) / largest
        total += share * share
    root = two * largest * np.sqrt(total / real(n))
    return root * root if root == root else real(np.inf)


@compiled
def far_row_loss(kind: int, constant: float, p: Array, i: int, t: Array, r: int, label: int, d: Array) -> Number:
    """``row_loss``, and where its plain formula is infinite that which is so only where the mean itself is."""
    value = row_loss(kind, constant, p, i, t, r, label, d)
    if kind == POISSON and not np.isfinite(value):
        return _far_poisson(p, i, t, r)
    if not np.isinf(value):
        return value
    if kind == MSE:
        return _far_squares(p, i, t, r, d, p.dtype.type(2 / p.shape[1]))
    if kind in (MAE, HUBER, LOG_COSH, QUANTILE, BINARY_CROSS_ENTROPY, BINARY_HINGE):
        return _far_mean(kind, constant, p, i, t, r)
    return value
