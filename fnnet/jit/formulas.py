"""The compiled activations and losses: the formulas of ``fnnet.layers`` and ``fnnet.losses``, entry by entry."""

from __future__ import annotations

import math

import numpy as np

from fnnet.jit.kernels import (
    BINARY_CROSS_ENTROPY,
    BINARY_HINGE,
    ELU,
    FOCAL,
    GELU,
    HINGE,
    IDENTITY,
    LABEL_SMOOTHING,
    LEAKY_RELU,
    LOG_COSH,
    MAE,
    MSE,
    POISSON,
    QUANTILE,
    RELU,
    SIGMOID,
    SILU,
    SOFT_CROSS_ENTROPY,
    SOFTMAX,
    SOFTMAX_CROSS_ENTROPY,
    SOFTPLUS,
    SUM_SQUARED_ERROR,
    TANH,
    Number,
    compiled,
)  # fmt: skip
from fnnet.types import Array


# --- activations -------------------------------------------------------------------------------------------------
@compiled
def _sigmoid(x: Number, real: type[Number]) -> Number:
    e = real(math.exp(-abs(x)))
    return (real(1) if x >= 0 else e) / (real(1) + e)


@compiled
def _normal_cdf(x: Number, real: type[Number]) -> Number:
    return real(0.5) * (real(1) + real(math.erf(x * real(math.sqrt(0.5)))))


@compiled
def activate(kind: int, constant: float, x: Array, y: Array) -> None:
    """y = f(x) for every entry, or for every row."""
    real = x.dtype.type
    c, zero = real(constant), real(0)
    rows, n = x.shape
    for i in range(rows):
        if kind == RELU:
            for j in range(n):
                y[i, j] = zero if x[i, j] < 0 else x[i, j]
        elif kind == IDENTITY:
            for j in range(n):
                y[i, j] = x[i, j]
        elif kind == LEAKY_RELU:
            for j in range(n):
                y[i, j] = max(x[i, j], c * x[i, j])
        elif kind == ELU:
            for j in range(n):
                y[i, j] = x[i, j] if x[i, j] > 0 else c * real(math.expm1(x[i, j]))
        elif kind == GELU:
            for j in range(n):
                y[i, j] = x[i, j] * _normal_cdf(x[i, j], real)
        elif kind == SILU:
            for j in range(n):
                y[i, j] = x[i, j] * _sigmoid(x[i, j], real)
        elif kind == SOFTPLUS:
            for j in range(n):
                y[i, j] = max(x[i, j], zero) + real(math.log1p(math.exp(-abs(x[i, j]))))
        elif kind == TANH:
            for j in range(n):
                y[i, j] = real(math.tanh(x[i, j]))
        elif kind == SIGMOID:
            for j in range(n):
                y[i, j] = _sigmoid(x[i, j], real)
        else:
            softmax(x, y, i)


@compiled
def softmax(x: Array, y: Array, i: int) -> Number:
    """y = eˣ / Σ eˣ of the i-th row, and the logarithm of that sum with its shift."""
    real, n = x.dtype.type, x.shape[1]
    top = x[i, 0]
    for j in range(1, n):
        top = max(top, x[i, j])
    total = real(0)
    for j in range(n):
        y[i, j] = real(math.exp(x[i, j] - top))
        total += y[i, j]
    for j in range(n):
        y[i, j] /= total
    logarithm: Number = top + real(math.log(total))
    return logarithm


@compiled
def deactivate(kind: int, constant: float, x: Array, y: Array, dy: Array, dx: Array) -> None:
    """dx = dy f'(x) for every entry, or for every row."""
    real = x.dtype.type
    c, one, zero = real(constant), real(1), real(0)
    rows, n = x.shape
    for i in range(rows):
        if kind == RELU:
            for j in range(n):
                dx[i, j] = dy[i, j] if y[i, j] > 0 else zero
        elif kind == IDENTITY:
            for j in range(n):
                dx[i, j] = dy[i, j]
        elif kind == LEAKY_RELU:
            for j in range(n):
                dx[i, j] = dy[i, j] * (one if x[i, j] > 0 else c)
        elif kind == ELU:
            for j in range(n):
                dx[i, j] = dy[i, j] * (one if y[i, j] > 0 else y[i, j] + c)
        elif kind == GELU:
            for j in range(n):
                density = real(math.exp(-real(0.5) * x[i, j] * x[i, j])) * real(1 / math.sqrt(2 * math.pi))
                dx[i, j] = dy[i, j] * (_normal_cdf(x[i, j], real) + x[i, j] * density)
        elif kind == SILU:
            for j in range(n):
                s = _sigmoid(x[i, j], real)
                dx[i, j] = dy[i, j] * (s * (one + x[i, j] * (one - s)))
        elif kind == SOFTPLUS:
            for j in range(n):
                dx[i, j] = dy[i, j] * (_sigmoid(x[i, j], real))
        elif kind == TANH:
            for j in range(n):
                dx[i, j] = dy[i, j] * (one - y[i, j] * y[i, j])
        elif kind == SIGMOID:
            for j in range(n):
                dx[i, j] = dy[i, j] * (y[i, j] * (one - y[i, j]))
        elif kind == SOFTMAX:
            total = zero
            for j in range(n):
                total += dy[i, j] * y[i, j]
            for j in range(n):
                dx[i, j] = y[i, j] * (dy[i, j] - total)


# --- losses ------------------------------------------------------------------------------------------------------
@compiled
def _smoothed(p: Array, i: int, label: int, rate: Number, d: Array) -> Number:
    real, n = p.dtype.type, p.shape[1]
    value: Number = softmax(p, d, i) - (real(1) - rate) * p[i, label]
    for j in range(n):
        value -= rate / real(n) * p[i, j]
        d[i, j] -= rate / real(n)
    d[i, label] -= real(1) - rate
    return value


@compiled
def _focal(p: Array, i: int, label: int, gamma: Number, d: Array) -> Number:
    real, n = p.dtype.type, p.shape[1]
    u = p[i, label] - softmax(p, d, i)
    r = -real(math.expm1(u))
    hard = r**gamma
    slope = hard * (gamma * real(math.exp(u)) * (u / r if r > 0 else real(-1)) - real(1))
    for j in range(n):
        d[i, j] *= -slope
    d[i, label] += slope
    value: Number = -hard * u
    return value


@compiled
def _hinge(p: Array, i: int, label: int, d: Array) -> Number:
    real, n = p.dtype.type, p.shape[1]
    rival = -1
    for j in range(n):
        d[i, j] = real(0)
        if j != label and (rival < 0 or p[i, j] > p[i, rival]):
            rival = j
    margin: Number = real(1) + p[i, rival] - p[i, label] if rival >= 0 else real(0)
    if margin <= 0:
        return real(0)
    d[i, rival], d[i, label] = real(1), real(-1)
    return margin


@compiled
def _soft(p: Array, i: int, t: Array, r: int, d: Array) -> Number:
    real, n = p.dtype.type, p.shape[1]
    value, total, logarithm = real(0), real(0), softmax(p, d, i)
    for j in range(n):
        value += t[r, j] * (logarithm - p[i, j])
        total += t[r, j]
    for j in range(n):
        d[i, j] = total * d[i, j] - t[r, j]
    return value


@compiled
def row_loss(kind: int, constant: float, p: Array, i: int, t: Array, r: int, label: int, d: Array) -> Number:
    """The loss of the i-th row of p against the r-th target or its label, and its gradient in the i-th row of d."""
    real = p.dtype.type
    n = p.shape[1]
    value, scale = real(0), real(n)
    if kind == SOFTMAX_CROSS_ENTROPY:
        surprise: Number = softmax(p, d, i) - p[i, label]
        d[i, label] -= real(1)
        return surprise
    if kind == LABEL_SMOOTHING:
        return _smoothed(p, i, label, real(constant), d)
    if kind == FOCAL:
        return _focal(p, i, label, real(constant), d)
    if kind == HINGE:
        return _hinge(p, i, label, d)
    if kind == SOFT_CROSS_ENTROPY:
        return _soft(p, i, t, r, d)
    if kind == BINARY_CROSS_ENTROPY:
        for j in range(n):
            z = p[i, j]
            value += max(z, real(0)) - t[r, j] * z + real(math.log1p(math.exp(-abs(z))))
            d[i, j] = (_sigmoid(z, real) - t[r, j]) / scale
        return value / scale
    c, factor = real(constant), real(2 / n)
    for j in range(n):
        e = p[i, j] - t[r, j]
        if kind == MSE:
            value += e * e
            d[i, j] = e * factor
        elif kind == SUM_SQUARED_ERROR:
            value += e * e
            d[i, j] = e + e
        elif kind == POISSON:
            rate = real(math.exp(p[i, j]))
            value += rate - t[r, j] * p[i, j]
            d[i, j] = (rate - t[r, j]) / scale
        elif kind == LOG_COSH:
            size = abs(e)
            if size < 1:
                one_less = real(math.expm1(-size))
                value += real(math.log1p(one_less * one_less * real(math.exp(size)) / real(2)))
            else:
                value += size + real(math.log1p(math.exp(-real(2) * size))) - real(math.log(2))
            d[i, j] = real(math.tanh(e)) / scale
        elif kind == QUANTILE:
            value += max((real(1) - c) * e, -c * e)
            d[i, j] = (real(1) - c if e > 0 else -c if e < 0 else real(0)) / scale
        elif kind == BINARY_HINGE:
            sign = real(2) * t[r, j] - real(1)
            short = real(1) - sign * p[i, j]
            value += max(short, real(0))
            d[i, j] = -sign / scale if short > 0 else real(0)
        elif kind == MAE:
            value += abs(e)
            d[i, j] = real(np.sign(e)) / scale
        else:
            cut = min(max(e, -c), c)
            value += cut * (e - real(0.5) * cut)
            d[i, j] = cut / scale
    return value if kind == SUM_SQUARED_ERROR else value / scale
