"""The compiled norms: the formulas of ``fnnet.layers.layer_norm`` and ``rms_norm``, row by row."""

from __future__ import annotations

import math

import numpy as np

from fnnet.jit.compiling import compiled, compiled_loosely
from fnnet.jit.kernels import LAYER_NORM, Number
from fnnet.types import Array

SOURCES = "98e2e1c573edaab0"
"""The digest of the modules here that this one imports from, as in ``kernels``."""

TINY_SINGLE, TINY_DOUBLE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float64).tiny)


@compiled_loosely
def _mean(x: Array, i: int, unit: Number) -> Number:
    real, n = x.dtype.type, x.shape[1]
    total = real(0)
    for j in range(n):
        total += x[i, j] * unit
    mean: Number = total / real(n)
    return mean


@compiled
def _centred(x: Array, i: int, j: int, unit: Number, mean: Number, rest: Number) -> Number:
    """An entry less the mean, and less what that is off; in this order, which sums in any order would lose."""
    c: Number = x[i, j] * unit - mean
    return c - rest


@compiled_loosely
def _mean_centred(x: Array, i: int, unit: Number, mean: Number) -> Number:
    real, n = x.dtype.type, x.shape[1]
    total = real(0)
    for j in range(n):
        total += _centred(x, i, j, unit, mean, real(0))
    rest: Number = total / real(n)
    return rest


@compiled_loosely
def _mean_square(x: Array, i: int, unit: Number, mean: Number, rest: Number) -> Number:
    real, n = x.dtype.type, x.shape[1]
    total = real(0)
    for j in range(n):
        d = _centred(x, i, j, unit, mean, rest)
        total += d * d
    square: Number = total / real(n)
    return square


@compiled
def _unit(x: Array, i: int) -> Number:
    """The power of two that brings the largest entry of a row to about 1."""
    real, most = x.dtype.type, 120 if x.itemsize == 4 else 1000
    largest = real(0)
    for j in range(x.shape[1]):
        largest = max(largest, abs(x[i, j]))
    _, exponent = math.frexp(largest)
    return real(math.ldexp(1.0, min(max(-exponent, -most), most)))


@compiled
def _moments(kind: int, eps: float, x: Array, i: int) -> tuple[Number, Number, Number, Number]:
    """A unit u, the mean of u x, what that is off, and the deviation √(the mean of (u x - mean)² + u² eps).

    u is 1, unless squares of x are beyond all floats or eps, which is one itself, below those with all their digits.
    """
    real = x.dtype.type
    unit, is_centred = real(1), kind == LAYER_NORM
    mean = _mean(x, i, unit) if is_centred else real(0)
    rest = _mean_centred(x, i, unit, mean) if is_centred else real(0)
    square = _mean_square(x, i, unit, mean, rest)
    if square < real(np.inf) and eps >= (TINY_SINGLE if x.itemsize == 4 else TINY_DOUBLE):
        return unit, mean, rest, np.sqrt(square + real(eps))
    unit = _unit(x, i)
    mean = _mean(x, i, unit) if is_centred else real(0)
    rest = _mean_centred(x, i, unit, mean) if is_centred else real(0)
    square = _mean_square(x, i, unit, mean, rest)
    return unit, mean, rest, real(math.hypot(math.sqrt(square), math.sqrt(eps) * unit))


@compiled
def normalize(kind: int, eps: float, x: Array, w: Array, y: Array) -> None:
    """y = scale (x - mean) / √(variance + eps) + shift, the rows of w; the second form has neither mean nor shift."""
    for i in range(x.shape[0]):
        unit, mean, rest, deviation = _moments(kind, eps, x, i)
        for j in range(x.shape[1]):
            y[i, j] = _centred(x, i, j, unit, mean, rest) / deviation * w[0, j]
            if kind == LAYER_NORM:
                y[i, j] += w[1, j]


@compiled
def normalize_gradients(kind: int, eps: float, x: Array, w: Array, dy: Array, dw: Array, dx: Array) -> None:
    """With z = (x - mean) / deviation and dz = scale dy: dx = (dz - the mean of dz - z the mean of z dz) / deviation,
    the gradient of scale is Σ z dy, that of shift Σ dy; the second form has no mean of dz."""
    real, n = x.dtype.type, x.shape[1]
    for r in range(dw.shape[0]):
        for j in range(n):
            dw[r, j] = real(0)
    for i in range(x.shape[0]):
        unit, mean, rest, deviation = _moments(kind, eps, x, i)
        along, across = real(0), real(0)
        for j in range(n):
            z, dz = _centred(x, i, j, unit, mean, rest) / deviation, dy[i, j] * w[0, j]
            dw[0, j] += z * dy[i, j]
            along += z * dz
            across += dz
            if kind == LAYER_NORM:
                dw[1, j] += dy[i, j]
        along /= real(n)
        across = across / real(n) if kind == LAYER_NORM else real(0)
        for j in range(n):
            z, dz = _centred(x, i, j, unit, mean, rest) / deviation, dy[i, j] * w[0, j]
            dx[i, j] = (dz - across - z * along) / deviation * unit
