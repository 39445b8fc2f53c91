"""The compiled activations: the formulas of ``fnnet.layers``, entry by entry."""

from __future__ import annotations

import math

import numpy as np

from fnnet.jit.compiling import compiled
from fnnet.jit.kernels import (
    ELU,
    GELU,
    IDENTITY,
    LEAKY_RELU,
    RELU,
    SIGMOID,
    SILU,
    SOFTMAX,
    SOFTPLUS,
    TANH,
    Number,
)
from fnnet.types import Array

SOURCES = "bb1b0b3303a3b692"
"""The digest of the modules here that this one imports from, as in ``kernels``."""

END = 1000.0
"""From here on Φ and σ are 1 or 0 and their slopes 0: no square overflows, and no infinity meets a 0."""


@compiled
def sigmoid(x: Number, real: type[Number]) -> Number:
    """1 / (1 + e⁻ˣ), from e^-|x|, which does not overflow."""
    e = real(math.exp(-abs(x)))
    return (real(1) if x >= 0 else e) / (real(1) + e)


@compiled
def _normal_cdf(x: Number, real: type[Number]) -> Number:
    return real(0.5) * (real(1) + real(math.erf(x * real(math.sqrt(0.5)))))


@compiled
def activate(kind: int, constant: float, x: Array, y: Array) -> None:
    """y = f(x) for every entry, or for every row."""
    real = x.dtype.type
    c, zero, end = real(constant), real(0), real(END)
    least = real(-np.inf) if c > 0 else zero  # 0 times infinity is no number
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
                y[i, j] = x[i, j] if x[i, j] > 0 else c * max(x[i, j], least)
        elif kind == ELU:
            for j in range(n):
                y[i, j] = x[i, j] if x[i, j] > 0 else c * real(math.expm1(x[i, j]))
        elif kind == GELU:
            for j in range(n):
                y[i, j] = max(x[i, j], -end) * _normal_cdf(x[i, j], real)
        elif kind == SILU:
            for j in range(n):
                y[i, j] = max(x[i, j], -end) * sigmoid(x[i, j], real)
        elif kind == SOFTPLUS:
            for j in range(n):
                y[i, j] = max(x[i, j], zero) + real(math.log1p(math.exp(-abs(x[i, j]))))
        elif kind == TANH:
            for j in range(n):
                y[i, j] = real(math.tanh(x[i, j]))
        elif kind == SIGMOID:
            for j in range(n):
                y[i, j] = sigmoid(x[i, j], real)
        else:
            softmax(x, y, i)


@compiled
def softmax(x: Array, y: Array, i: int) -> tuple[Number, Number]:
    """y = eᶻ / Σ eᶻ of the i-th row, where z is x less its maximum; gives that maximum and the logarithm of the sum.

    Not the logarithm of Σ eˣ, their sum: where scores share a large offset it has none of their digits.
    """
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
    return top, real(math.log(total))


@compiled
def deactivate(kind: int, constant: float, x: Array, y: Array, dy: Array, dx: Array) -> None:
    """dx = dy f'(x) for every entry, or for every row."""
    real = x.dtype.type
    c, one, zero, end = real(constant), real(1), real(0), real(END)
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
                z = min(max(x[i, j], -end), end)
                density = real(math.exp(-real(0.5) * z * z)) * real(1 / math.sqrt(2 * math.pi))
                dx[i, j] = dy[i, j] * (_normal_cdf(z, real) + z * density)
        elif kind == SILU:
            for j in range(n):
                z = min(max(x[i, j], -end), end)
                s = sigmoid(z, real)
                dx[i, j] = dy[i, j] * (s * (one + z * (one - s)))
        elif kind == SOFTPLUS:
            for j in range(n):
                dx[i, j] = dy[i, j] * (sigmoid(x[i, j], real))
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
