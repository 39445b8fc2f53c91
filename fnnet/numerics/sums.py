"""Sums, means and norms that are right wherever the result itself is finite.

The plain formula is tried first, and its result is kept to the bit. Only if it overflows on the way to a finite result
are the numbers divided first: by a power of two, which rounds nothing, or by their count. The result for a row never
depends on the other rows. Callers silence the overflow of the plain formula.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np

from fnnet.numerics.bits import F64
from fnnet.numerics.formulas import is_entry
from fnnet.types import Array, Value


def is_finite(a: Array) -> bool:
    """Whether no entry of a is infinite or NaN.

    >>> is_finite(np.array([0.0, np.inf]))
    False
    """
    return math.isfinite(a) if a.ndim == 0 else bool(np.logical_and.reduce(np.isfinite(a), axis=None))


def weighed(w: Array, x: Array) -> Array:
    """w x, and 0 where w is 0, even if x is NaN or infinite."""
    if is_entry(x):
        return np.where(w != 0, w * x, 0)
    if is_finite(x):
        product: Array = w * x
        return product
    return np.multiply(w, x, out=np.zeros_like(x), where=w != 0)


def power_of_two(size: Array) -> Array:
    """The largest power of two at or below each number, which is not negative; 1 for 0, infinity and NaN."""
    _, exponent = np.frexp(size)
    is_number = (size > 0) & (size < np.inf)
    out: Array = np.ldexp(np.ones_like(size), np.where(is_number, exponent - 1, 0))
    return out


def magnitude(a: Array) -> Array:
    """The largest power of two at or below the largest |entry| of each row, (..., 1)."""
    return power_of_two(np.maximum.reduce(np.abs(a), axis=-1, keepdims=True))


def share_of(n: int) -> float:
    """The power of two below 1 / n: multiplying by it rounds nothing, and the sum of n numbers multiplied by it is
    finite; divided by n times it, that sum is their mean."""
    return 2.0 ** -n.bit_length()


def shares(w: Array, largest: Array | None = None) -> Array:
    """w / Σ w over the last axis, from weights divided by the largest of them, whose sum cannot overflow."""
    unit = w / (np.maximum.reduce(w, axis=-1, keepdims=True) if largest is None else largest)
    out: Array = unit / np.add.reduce(unit, axis=-1, keepdims=True)
    return out


def mean(a: Array) -> Array:
    """The mean of a over its last axis, (..., n) to (...): Σ a / n, or Σ (a / n) where Σ a overflows.

    >>> mean(np.array([[1.0, 3.0], [4.0, 5.0]])).tolist()
    [2.0, 4.5]
    """
    n = a.shape[-1]
    plain: Array = np.add.reduce(a, axis=-1) / n
    if is_finite(plain):
        return plain
    shares: Array = np.add.reduce(a / n, axis=-1)
    return np.where(np.isfinite(plain), plain, shares)


BLOCK = 1 << 10
"""How many rows are added one after another."""


def batch_sum(a: Array) -> Array:
    """Σ a over the batch, (..., batch, n) to (..., n): db, the gradient of a bias.

    Blocks of rows are summed first, then the sums of the blocks. NumPy would add row after row, so that a sum in
    float32 loses half its digits after 2¹² rows and stops growing after 2²⁴.

    >>> batch_sum(np.ones((4, 2))).tolist()
    [4.0, 4.0]
    """
    n = a.shape[-2]
    if n <= BLOCK:
        out: Array = np.add.reduce(a, axis=-2)
        return out
    return batch_sum(np.stack([batch_sum(a[..., i : i + BLOCK, :]) for i in range(0, n, BLOCK)], axis=-2))


def scaled_squares(a: Array, factor: float) -> Value:
    """factor · Σ a² over the last axis, from a divided by its magnitude, for use where the plain sum overflows."""
    square, s = _unit_squares(a)
    return np.asarray(square * factor * s * s)


def norm(a: Array) -> Value:
    """√(Σ a²) over the last axis, from a divided by its magnitude."""
    square, s = _unit_squares(a)
    return np.asarray(np.sqrt(square) * s)


def _unit_squares(a: Array) -> tuple[Array, Array]:
    """Σ (a / s)² over the last axis, and s, the magnitude."""
    scale = magnitude(a)
    unit = a / scale
    return np.add.reduce(unit * unit, axis=-1), scale[..., 0]


# --- products and squares --------------------------------------------------------------------------------------------
def inner_product(a: Array, b: Array) -> Value:
    """Σ a b over the last axis, (..., n) to (...). In float64 it is a sum along an axis, because the bits of a
    library's inner product depend on its kernel and its threads.

    >>> float(inner_product(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    if a.dtype == F64:
        return np.asarray(np.add.reduce(a * b, axis=-1))
    out: Value = np.asarray(a.dot(b) if a.ndim == b.ndim == 1 else np.vecdot(a, b))
    return out


def square_sum(a: Array) -> Value:
    """Σ a² over the last two axes, (..., m, n) to (...); infinite, without a warning, where it exceeds the largest
    float.

    >>> float(square_sum(np.ones((2, 3))))
    6.0
    """
    if a.ndim > 2 or a.dtype == F64:
        flat = a.reshape((*a.shape[:-2], -1))
        with np.errstate(over="ignore"):
            return inner_product(flat, flat)
    flat = a.ravel()
    return cast(Value, np.vdot(flat, flat))  # dot without its warning


def square_mean(a: Array) -> Value:
    """Σ a² / n over the last axis, (..., n) to (...); where Σ a² overflows, Σ a (c a) / (c n), which overflows only if
    the mean itself does. The plain form is tried first, because c would cost small squares their digits.

    >>> float(square_mean(np.array([1.0, 3.0])))
    5.0
    """
    n = a.shape[-1]
    with np.errstate(over="ignore"):
        plain: Value = np.asarray(inner_product(a, a) / n)
    if is_finite(plain):
        return plain
    share = share_of(n)
    return np.where(np.isfinite(plain), plain, inner_product(a, a * share) / (n * share))
