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

SOURCES = "7a619cd4e9a71537"
"""The digest of the modules here that this one imports from, as in ``kernels``."""


@compiled
def _far_poisson(p: Array, i: int, t: Array, r: int) -> Number:
    """The mean of eᶻ/c - (t/c) z, times c, the largest rate or count, so that t z overflows only where the mean
    does."""
    real, n = p.dtype.type, p.shape[1]
    scale, total = real(1), real(0)
    for j in range(n):
        rate = real(math.exp(p[i, j]))
        scale = max(scale, t[r, j], rate if rate < real(np.inf) else real(1))
    for j in range(n):
        rate, count = real(math.exp(p[i, j])), t[r, j]
        total += rate / scale
        if count != 0 and rate != real(np.inf):
            total -= count / scale * p[i, j]
    return total / real(n) * scale


@compiled
def _far_mean(kind: int, constant: float, p: Array, i: int, t: Array, r: int) -> Number:
    """The sum of shares. Where the loss of an entry is beyond all floats, it is twice that of half its difference, for
    so these losses grow, all but Huber's, which has its own formula of the halves."""
    real, n = p.dtype.type, p.shape[1]
    total, two, scale = real(0), real(2), real(n)
    for j in range(n):
        one, _ = entry(kind, constant, p[i, j], t[r, j], real)
        if one == real(np.inf) and kind == HUBER:
            d, cut = p[i, j] / two - t[r, j] / two, real(constant / 2)
            cut = min(max(d, -cut), cut)
            total += cut * (two * two / scale) * (d - cut / two)
        elif one == real(np.inf) and kind in (MAE, LOG_COSH, QUANTILE):
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
