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
def _mean(x: Array, i: int) -> Number:
    real, n = x.dtype.type, x.shape[1]
    total = real(0)
    for j in range(n):
        total += x[i, j]
    mean: Number = total / real(n)
    return mean


@compiled_loosely
def _mean_square(x: Array, i: int) -> Number:
    real, n = x.dtype.type, x.shape[1]
    total = real(0)
    for j in range(n):
        total += x[i, j] * x[i, j]
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
def _take(x: Array, i: int, unit: Number, is_centred: bool, c: Array) -> Number:
    """c = unit x, less its mean and the mean of that where it is centred; and the mean of c²."""
    for j in range(x.shape[1]):
        c[i, j] = x[i, j] * unit
    for _ in range(2 if is_centred else 0):
        mean = _mean(c, i)
        for j in range(x.shape[1]):
            c[i, j] -= mean
    return _mean_square(c, i)


@compiled
def _standardized(kind: int, eps: float, x: Array, i: int, z: Array) -> tuple[Number, Number]:
    """z = (x - mean) / √(variance + eps) of the i-th row; a unit, and that root of unit x.

    The unit is 1, unless squares of x are beyond all floats, or eps, the square of one, is below those with all digits.
    """
    real = x.dtype.type
    unit = real(1)
    square = _take(x, i, unit, kind == LAYER_NORM, z)
    deviation = np.sqrt(square + real(eps))
    if not (square < real(np.inf) and eps >= (TINY_SINGLE if x.itemsize == 4 else TINY_DOUBLE)):
        unit = _unit(x, i)
        square = _take(x, i, unit, kind == LAYER_NORM, z)
        deviation = real(math.hypot(math.sqrt(square), math.sqrt(eps) * unit))
    for j in range(x.shape[1]):
        z[i, j] /= deviation
    return unit, deviation


@compiled
def normalize(kind: int, eps: float, x: Array, w: Array, y: Array) -> None:
    """y = scale (x - mean) / √(variance + eps) + shift, the rows of w; the second form has neither mean nor shift."""
    for i in range(x.shape[0]):
        _standardized(kind, eps, x, i, y)
        for j in range(x.shape[1]):
            y[i, j] *= w[0, j]
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
        unit, deviation = _standardized(kind, eps, x, i, dx)
        along, across = real(0), real(0)
        for j in range(n):
            z, dz = dx[i, j], dy[i, j] * w[0, j]
            dw[0, j] += z * dy[i, j]
            along += z * dz
            across += dz
            if kind == LAYER_NORM:
                dw[1, j] += dy[i, j]
        along /= real(n)
        across = across / real(n) if kind == LAYER_NORM else real(0)
        for j in range(n):
            dx[i, j] = (dy[i, j] * w[0, j] - across - dx[i, j] * along) / deviation * unit
