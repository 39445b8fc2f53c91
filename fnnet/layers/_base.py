"""Shared by layers with one parameter per feature: checks of shapes, and the normalization of rows."""

from __future__ import annotations

import math

import numpy as np

from fnnet import checks
from fnnet.core import Array, DtypeError, ShapeError
from fnnet.numerics import row_sum
from fnnet.numerics.kernels import Number, row_mean, row_mean_square
from fnnet.numerics.sums import BLOCK, magnitude

TINY = {np.dtype(kind): float(np.finfo(kind).tiny) for kind in (np.float32, np.float64)}
"""The smallest normal number of a dtype."""

TINY_SINGLE, TINY_DOUBLE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float64).tiny)
LARGEST_SINGLE, LARGEST_DOUBLE = float(np.finfo(np.float32).max), float(np.finfo(np.float64).max)


def check_arrays(where: str, **arrays: Array) -> None:
    """Raises ShapeError or DtypeError unless the arrays of a layer are (..., n), all of one shape and one dtype."""
    first = next(iter(arrays.values()))
    for name, array in arrays.items():
        if array.ndim == 0 or array.shape != first.shape:
            raise ShapeError(f"{where}: {' and '.join(arrays)} must be (..., n), got {name} {array.shape}")
        if array.dtype != first.dtype:
            raise DtypeError(
                f"{where}: {' and '.join(arrays)} must have one dtype, got {first.dtype} and {array.dtype}"
            )


def check_width(where: str, x: Array, name: str, array: Array) -> None:
    """Raises ShapeError unless x is (..., batch, n), with the replica axes of the array (..., n) or none."""
    if x.ndim != 2 or array.shape != x.shape[1:]:
        checks.features(where, x, {name: array})


def over_rows(array: Array) -> Array:
    """An array (..., n) as (..., 1, n), which broadcasts over (..., batch, n)."""
    return array if array.ndim == 1 else array[..., None, :]


def normalized(x: Array, eps: float, is_centred: bool) -> tuple[Array, Array]:
    """z = c / r and 1 / r of each row, with r = √(the mean of c² + eps), where c is x minus its mean, or x itself."""
    n = x.shape[-1]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        c = centred(x) if is_centred else x
        inverse: Array = 1 / np.sqrt(row_sum(c * c) / n + eps)
        if np.minimum.reduce(inverse, axis=None) > 0 and eps >= TINY[x.dtype]:
            return c * inverse, inverse
        z, other = _normalized_in_range(x, math.sqrt(eps), is_centred)
        is_plain = (inverse > 0) & (eps >= TINY[x.dtype])
        return np.where(is_plain, c * inverse, z), np.where(is_plain, inverse, other)


def centred(x: Array) -> Array:
    """Each row minus its mean, and then minus the mean of the result: the first mean is rounded, and its rounding may
    exceed all differences within the row."""
    n = x.shape[-1]
    c: Array = x - row_sum(x) / n
    c -= row_sum(c) / n
    return c


def _normalized_in_range(x: Array, root: float, is_centred: bool) -> tuple[Array, Array]:
    """The same where squares of x, or eps = root², overflow or underflow: computed on each row over its magnitude s."""
    n, s = x.shape[-1], magnitude(x)
    c = centred(x / s) if is_centred else x / s
    a, b = np.sqrt(row_sum(c * c) / n) * s, np.asarray(max(root, np.finfo(x.dtype).smallest_subnormal), x.dtype)
    longer = np.maximum(a, b)
    r = longer * np.sqrt((a / longer) ** 2 + (b / longer) ** 2)
    return c * np.minimum(s / r, np.finfo(x.dtype).max), 1 / r


# --- the same in plain loops -------------------------------------------------------------------------------------
def normalized_row(x: Array, eps: float, is_centred: bool, c: Array) -> tuple[Number, Number]:
    """Writes c = u (x - mean), or u x, of a row; returns the unit u and 1 / (u √(the mean of (x - mean)² + eps)).

    The unit is 1 unless squares of x overflow, or eps is below the smallest normal number.
    """
    real = x.dtype.type
    one = real(1)
    square = centred_row(x, is_centred, c)
    if square < real(np.inf) and eps >= (TINY_SINGLE if x.itemsize == 4 else TINY_DOUBLE):
        return one, one / np.sqrt(square + real(eps))
    unit = unit_of_row(x)
    for j in range(x.size):
        c[j] = x[j] * unit
    square = centred_row(c, is_centred, c)
    inverse = one / real(math.hypot(math.sqrt(square), math.sqrt(eps) * unit))
    return unit, min(inverse, real(LARGEST_SINGLE if x.itemsize == 4 else LARGEST_DOUBLE))


def centred_row(x: Array, is_centred: bool, c: Array) -> Number:
    """Writes c = x, or x minus its mean and then minus the mean of the result; returns the mean of c²."""
    mean = row_mean(x) if is_centred else x.dtype.type(0)
    for j in range(x.size):
        c[j] = x[j] - mean
    if is_centred:
        mean = row_mean(c)
        for j in range(x.size):
            c[j] -= mean
    return row_mean_square(c)


def unit_of_row(x: Array) -> Number:
    """The power of two that scales the largest entry of a row to about 1, or just so far that its square is finite: a
    smaller unit would scale the root of eps to 0."""
    real, least, most = x.dtype.type, -100 if x.itemsize == 4 else -900, 120 if x.itemsize == 4 else 1000
    largest = real(0)
    for j in range(x.size):
        largest = max(largest, abs(x[j]))
    _, exponent = math.frexp(largest)
    return real(math.ldexp(1.0, min(max(-exponent, least), most)))


def normalized_back(x: Array, w: Array, dy: Array, eps: float, is_centred: bool, dw: Array, dx: Array) -> None:
    """Writes the gradients dw and dx. With z = (x - mean) / deviation and dz = scale dy,
    dx = (dz - the mean of dz - z · the mean of z dz) / deviation; the gradient of scale is Σ z dy, that of shift Σ dy.
    Without centring there is neither the mean of dz nor a shift."""
    real, n = x.dtype.type, x.shape[1]
    some = np.zeros_like(dw)
    for r in range(dw.shape[0]):
        for j in range(n):
            dw[r, j] = real(0)
    for i in range(x.shape[0]):
        unit, inverse = normalized_row(x[i], eps, is_centred, dx[i])
        along, across = real(0), real(0)
        for j in range(n):
            z, dz = dx[i, j] * inverse, dy[i, j] * w[0, j]
            some[0, j] += z * dy[i, j]
            along += z * dz
            across += dz
            if is_centred:
                some[1, j] += dy[i, j]
        along /= real(n)
        across = across / real(n) if is_centred else real(0)
        for j in range(n):
            dx[i, j] = (dy[i, j] * w[0, j] - across - dx[i, j] * inverse * along) * inverse * unit
        if (i + 1) % BLOCK == 0 or i + 1 == x.shape[0]:
            for r in range(dw.shape[0]):
                for j in range(n):
                    dw[r, j] += some[r, j]
                    some[r, j] = real(0)
