"""The compiled norms: the formulas of ``fnnet.layers.layer_norm`` and ``rms_norm``, row by row."""

from __future__ import annotations

import numpy as np

from fnnet.jit.compiling import compiled, compiled_loosely
from fnnet.jit.kernels import LAYER_NORM, Number
from fnnet.types import Array

SOURCES = "98e2e1c573edaab0"
"""The digest of the modules here that this one imports from, as in ``kernels``."""


@compiled_loosely
def _mean(x: Array, i: int) -> Number:
    real, n = x.dtype.type, x.shape[1]
    total = real(0)
    for j in range(n):
        total += x[i, j]
    mean: Number = total / real(n)
    return mean


@compiled_loosely
def _deviation(x: Array, i: int, mean: Number, eps: float) -> Number:
    """√(the mean of (x - mean)² + eps)."""
    real, n = x.dtype.type, x.shape[1]
    total = real(0)
    for j in range(n):
        d = x[i, j] - mean
        total += d * d
    deviation: Number = np.sqrt(total / real(n) + real(eps))
    return deviation


@compiled
def normalize(kind: int, eps: float, x: Array, w: Array, y: Array) -> None:
    """y = scale (x - mean) / √(variance + eps) + shift, the rows of w; the second form has neither mean nor shift."""
    for i in range(x.shape[0]):
        mean = _mean(x, i) if kind == LAYER_NORM else x.dtype.type(0)
        deviation = _deviation(x, i, mean, eps)
        for j in range(x.shape[1]):
            y[i, j] = (x[i, j] - mean) / deviation * w[0, j]
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
        mean = _mean(x, i) if kind == LAYER_NORM else real(0)
        deviation = _deviation(x, i, mean, eps)
        along, across = real(0), real(0)
        for j in range(n):
            z, dz = (x[i, j] - mean) / deviation, dy[i, j] * w[0, j]
            dw[0, j] += z * dy[i, j]
            along += z * dz
            across += dz
            if kind == LAYER_NORM:
                dw[1, j] += dy[i, j]
        along /= real(n)
        across = across / real(n) if kind == LAYER_NORM else real(0)
        for j in range(n):
            z, dz = (x[i, j] - mean) / deviation, dy[i, j] * w[0, j]
            dx[i, j] = (dz - across - z * along) / deviation
