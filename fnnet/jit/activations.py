"""The compiled activations: the formulas of ``fnnet.layers``, entry by entry."""

from __future__ import annotations

import math

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

SOURCES = "98e2e1c573edaab0"
"""The digest of the modules here that this one imports from, as in ``kernels``."""


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
                y[i, j] = x[i, j] if x[i, j] > 0 else c * x[i, j]
        elif kind == ELU:
            for j in range(n):
                y[i, j] = x[i, j] if x[i, j] > 0 else c * real(math.expm1(x[i, j]))
        elif kind == GELU:
            for j in range(n):
                y[i, j] = x[i, j] * _normal_cdf(x[i, j], real)
        elif kind == SILU:
            for j in range(n):
                y[i, j] = x[i, j] * sigmoid(x[i, j], real)
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
                s = sigmoid(x[i, j], real)
                dx[i, j] = dy[i, j] * (s * (one + x[i, j] * (one - s)))
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
