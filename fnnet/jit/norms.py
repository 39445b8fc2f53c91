"""The compiled norms: the formulas of ``fnnet.layers.layer_norm`` and ``rms_norm``, row by row."""

from __future__ import annotations

import math

import numpy as np

from fnnet.jit.compiling import compiled, compiled_loosely
from fnnet.jit.kernels import BLOCK, LAYER_NORM, Number
from fnnet.types import Array

SOURCES = "bb1b0b3303a3b692"
"""The digest of the modules here that this one imports from, as in ``kernels``."""

TINY_SINGLE, TINY_DOUBLE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float64).tiny)
LARGEST_SINGLE, LARGEST_DOUBLE = float(np.finfo(np.float32).max), float(np.finfo(np.float64).max)


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
    """The power of two that brings the largest entry of a row to about 1, or as far that its square is a float: a
    smaller unit would take the root of eps to 0."""
    real, least, most = x.dtype.type, -100 if x.itemsize == 4 else -900, 120 if x.itemsize == 4 else 1000
    largest = real(0)
    for j in range(x.shape[1]):
        largest = max(largest, abs(x[i, j]))
    _, exponent = math.frexp(largest)
    return real(math.ldexp(1.0, min(max(-exponent, least), most)))


@compiled
def _take(kind: int, x: Array, i: int, c: Array) -> Number:
    """c = x, in a LayerNorm less its mean and then the mean of that; gives the mean of c²."""
    mean = _mean(x, i) if kind == LAYER_NORM else x.dtype.type(0)
    for j in range(x.shape[1]):
        c[i, j] = x[i, j] - mean
    if kind == LAYER_NORM:
        mean = _mean(c, i)
        for j in range(x.shape[1]):
            c[i, j] -= mean
    return _mean_square(c, i)


@compiled
def _centred(kind: int, eps: float, x: Array, i: int, c: Array) -> tuple[Number, Number]:
    """c = u (x - mean) of the i-th row, or u x; the unit u, and 1 / (u √(the mean of (x - mean)² + eps)).

    The unit is 1, unless squares of x are beyond all floats, or eps, the square of one, is below those with all digits.
    """
    real = x.dtype.type
    one = real(1)
    square = _take(kind, x, i, c)
    if square < real(np.inf) and eps >= (TINY_SINGLE if x.itemsize == 4 else TINY_DOUBLE):
        return one, one / np.sqrt(square + real(eps))
    unit = _unit(x, i)
    for j in range(x.shape[1]):
        c[i, j] = x[i, j] * unit
    square = _take(kind, c, i, c)
    inverse = one / real(math.hypot(math.sqrt(square), math.sqrt(eps) * unit))
    return unit, min(inverse, real(LARGEST_SINGLE if x.itemsize == 4 else LARGEST_DOUBLE))


@compiled
def normalize(kind: int, eps: float, x: Array, w: Array, y: Array) -> None:
    """y = scale (x - mean) / √(variance + eps) + shift, the rows of w; the second form has neither mean nor shift."""
    for i in range(x.shape[0]):
        _, inverse = _centred(kind, eps, x, i, y)
        if kind == LAYER_NORM:
            for j in range(x.shape[1]):
                y[i, j] = y[i, j] * inverse * w[0, j] + w[1, j]
        else:
            for j in range(x.shape[1]):
                y[i, j] = y[i, j] * inverse * w[0, j]


@compiled
def normalize_gradients(kind: int, eps: float, x: Array, w: Array, dy: Array, dw: Array, dx: Array) -> None:
    """With z = (x - mean) / deviation and dz = scale dy: dx = (dz - the mean of dz - z the mean of z dz) / deviation,
    the gradient of scale is Σ z dy, that of shift Σ dy; the second form has no mean of dz."""
    real, n = x.dtype.type, x.shape[1]
    part = np.zeros_like(dw)
    for r in range(dw.shape[0]):
        for j in range(n):
            dw[r, j] = real(0)
    for i in range(x.shape[0]):
        unit, inverse = _centred(kind, eps, x, i, dx)
        along, across = real(0), real(0)
        for j in range(n):
            z, dz = dx[i, j] * inverse, dy[i, j] * w[0, j]
            part[0, j] += z * dy[i, j]
            along += z * dz
            across += dz
            if kind == LAYER_NORM:
                part[1, j] += dy[i, j]
        along /= real(n)
        across = across / real(n) if kind == LAYER_NORM else real(0)
        for j in range(n):
            dx[i, j] = (dy[i, j] * w[0, j] - across - dx[i, j] * inverse * along) * inverse * unit
        if (i + 1) % BLOCK == 0 or i + 1 == x.shape[0]:
            for r in range(dw.shape[0]):
                for j in range(n):
                    dw[r, j] += part[r, j]
                    part[r, j] = real(0)
