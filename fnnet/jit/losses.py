"""The compiled losses: the formulas of ``fnnet.losses``, row by row.

Scores are shifted by their row's maximum before anything is made of them, so that none overflows and those that share
an offset keep their digits. What a target of 0 is multiplied by does not count, be it infinite.
"""

from __future__ import annotations

import math

import numpy as np

from fnnet.jit.activations import sigmoid, softmax
from fnnet.jit.compiling import compiled
from fnnet.jit.kernels import (
    BINARY_CROSS_ENTROPY,
    BINARY_HINGE,
    FOCAL,
    HINGE,
    LABEL_SMOOTHING,
    LOG_COSH,
    MAE,
    MSE,
    POISSON,
    QUANTILE,
    SOFT_CROSS_ENTROPY,
    SOFTMAX_CROSS_ENTROPY,
    SUM_SQUARED_ERROR,
    Number,
)
from fnnet.types import Array

SOURCES = "dfe92aa2a3500366"
"""The digest of the modules here that this one imports from, as in ``kernels``."""

LARGEST = float(np.finfo(np.float32).max)
"""What a float32 is at most: a ``delta`` above it never cuts."""


# --- of labels -----------------------------------------------------------------------------------------------------
@compiled
def _cross_entropy(p: Array, i: int, label: int, d: Array) -> Number:
    top, logarithm = softmax(p, d, i)
    d[i, label] -= p.dtype.type(1)
    value: Number = logarithm - (p[i, label] - top)
    return value


@compiled
def _half(p: Array, i: int, j: int, top: Number) -> Number:
    """Half of a score less its row's maximum, which is a float always; the whole may be beyond all of them."""
    two = p.dtype.type(2)
    half: Number = p[i, j] / two - top / two
    return half


@compiled
def _smoothed(p: Array, i: int, label: int, rate: float, d: Array) -> Number:
    real, n = p.dtype.type, p.shape[1]
    top, logarithm = softmax(p, d, i)
    share, rest = real(rate / n), real(1 - rate)
    half: Number = rest * _half(p, i, label, top)
    if rate > 0:
        for j in range(n):
            half += share * _half(p, i, j, top)
            d[i, j] -= share
    d[i, label] -= rest
    return logarithm - real(2) * half


@compiled
def _focal(p: Array, i: int, label: int, gamma: Number, d: Array) -> Number:
    """-r^γ u with u = log p and r = 1 - p; p u / r is -1 in the limit of p = 1, and 0 in that of p = 0."""
    real, n = p.dtype.type, p.shape[1]
    top, logarithm = softmax(p, d, i)
    u = (p[i, label] - top) - logarithm
    r, sure = -real(math.expm1(u)), real(math.exp(u))
    hard: Number = r**gamma
    ratio = real(0) if sure == 0 else sure * (u / r if r > 0 else real(-1))
    slope = hard * (gamma * ratio - real(1))
    for j in range(n):
        d[i, j] = ((real(1) if j == label else real(0)) - d[i, j]) * slope
    value: Number = -hard * u
    return value


@compiled
def _hinge(p: Array, i: int, label: int, d: Array) -> Number:
    real, n = p.dtype.type, p.shape[1]
    rival = -1
    for j in range(n):
        d[i, j] = real(0)
        if j != label and (rival < 0 or p[i, j] > p[i, rival] or np.isnan(p[i, j])):
            rival = j
    if rival < 0:
        return real(0)
    margin: Number = real(1) + (p[i, rival] - p[i, label])
    if margin > 0:
        d[i, rival], d[i, label] = real(1), real(-1)
    return real(0) if margin <= 0 else margin


# --- of one number a column --------------------------------------------------------------------------------------
@compiled
def _soft(p: Array, i: int, t: Array, r: int, d: Array) -> Number:
    real, n = p.dtype.type, p.shape[1]
    half, total = real(0), real(0)
    top, logarithm = softmax(p, d, i)
    for j in range(n):
        if t[r, j] != 0:
            half += t[r, j] * _half(p, i, j, top)
        total += t[r, j]
    for j in range(n):
        d[i, j] = total * d[i, j] - t[r, j]
    value: Number = total * logarithm - real(2) * half
    return value


@compiled
def _binary_cross_entropy(z: Number, t: Number, real: type[Number]) -> tuple[Number, Number]:
    size, wrong = abs(z), abs(t - (real(1) if z > 0 else real(0)))
    miss = real(0) if wrong == 0 and size == size else wrong * size
    return miss + real(math.log1p(math.exp(-size))), sigmoid(z, real) - t


@compiled
def _poisson(z: Number, t: Number, real: type[Number]) -> tuple[Number, Number]:
    rate = real(math.exp(z))
    return (rate if t == 0 or rate == real(np.inf) else rate - t * z), rate - t


@compiled
def _log_cosh(e: Number, real: type[Number]) -> Number:
    size = abs(e)
    if size < 1:
        one_less = real(math.expm1(-size))
        return real(math.log1p(one_less * one_less * real(math.exp(size)) / real(2)))
    value: Number = size + real(math.log1p(math.exp(-real(2) * size))) - real(math.log(2))
    return value


@compiled
def entry(kind: int, constant: float, z: Number, t: Number, real: type[Number]) -> tuple[Number, Number]:
    """The loss of an entry z against its target t, and its derivative, of losses that take their mean over columns."""
    c, e = real(constant), z - t
    if kind == BINARY_CROSS_ENTROPY:
        return _binary_cross_entropy(z, t, real)
    if kind == POISSON:
        return _poisson(z, t, real)
    if kind == LOG_COSH:
        return _log_cosh(e, real), real(math.tanh(e))
    if kind == QUANTILE:
        rest = real(1 - constant)
        return max(rest * e, -c * e), (rest if e > 0 else -c if e < 0 else real(0))
    if kind == BINARY_HINGE:
        sign = real(2) * t - real(1)
        short = real(1) - sign * z
        return max(short, real(0)), (-sign if short > 0 else real(0))
    if kind == MAE:
        return abs(e), real(np.sign(e))
    c = c if c < real(np.inf) else real(LARGEST)
    cut = min(max(e, -c), c)
    return cut * (e - real(0.5) * cut), cut


@compiled
def _mean(kind: int, constant: float, p: Array, i: int, t: Array, r: int, d: Array) -> Number:
    real, n = p.dtype.type, p.shape[1]
    value, scale = real(0), real(n)
    for j in range(n):
        one, slope = entry(kind, constant, p[i, j], t[r, j], real)
        value += one
        d[i, j] = slope / scale
    return value / scale


@compiled
def _squares(p: Array, i: int, t: Array, r: int, d: Array, factor: Number) -> Number:
    """The sum of a row's squared errors, and ``factor`` times each error."""
    value = p.dtype.type(0)
    for j in range(p.shape[1]):
        e = p[i, j] - t[r, j]
        value += e * e
        d[i, j] = e * factor
    return value


@compiled
def row_loss(kind: int, constant: float, p: Array, i: int, t: Array, r: int, label: int, d: Array) -> Number:
    """The loss of the i-th row of p against the r-th target or its label, and its gradient in the i-th row of d."""
    if kind == SOFTMAX_CROSS_ENTROPY:
        return _cross_entropy(p, i, label, d)
    if kind == LABEL_SMOOTHING:
        return _smoothed(p, i, label, constant, d)
    if kind == FOCAL:
        return _focal(p, i, label, p.dtype.type(constant), d)
    if kind == HINGE:
        return _hinge(p, i, label, d)
    if kind == SOFT_CROSS_ENTROPY:
        return _soft(p, i, t, r, d)
    if kind == SUM_SQUARED_ERROR:
        return _squares(p, i, t, r, d, p.dtype.type(2))
    if kind == MSE:
        return _squares(p, i, t, r, d, p.dtype.type(2 / p.shape[1])) / p.dtype.type(p.shape[1])
    return _mean(kind, constant, p, i, t, r, d)
