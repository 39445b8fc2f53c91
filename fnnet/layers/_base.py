"""What layers with one array a feature have in common: its shape beside that of x, alone or stacked."""

from __future__ import annotations

import math

import numpy as np

from fnnet.errors import DtypeError, ShapeError
from fnnet.numerics import row_sum
from fnnet.numerics.sums import magnitude
from fnnet.types import Array

TINY = {np.dtype(kind): float(np.finfo(kind).tiny) for kind in (np.float32, np.float64)}
"""The smallest number of a dtype that has all its digits."""


def check_arrays(where: str, **arrays: Array) -> None:
    """Raises ShapeError or DtypeError where the arrays of a layer are not (..., n), one a feature, in one dtype."""
    first = next(iter(arrays.values()))
    for name, array in arrays.items():
        if array.ndim == 0 or array.shape != first.shape:
            raise ShapeError(f"{where}: {' and '.join(arrays)} must be (..., n), got {name} {array.shape}")
        if array.dtype != first.dtype:
            raise DtypeError(
                f"{where}: {' and '.join(arrays)} must have one dtype, got {first.dtype} and {array.dtype}"
            )


def check_features(where: str, x: Array, array: Array) -> None:
    """Raises ShapeError where x is not (..., batch, n) with the replica axes of an array (..., n) or none."""
    if x.shape[-1] != array.shape[-1] or x.shape[:-2] not in ((), array.shape[:-1]):
        axes = "".join([f"{n}, " for n in array.shape[:-1]])
        raise ShapeError(f"{where}: x must be ({axes}batch, {array.shape[-1]}) or (batch, n), got {x.shape}")


def over_rows(array: Array) -> Array:
    """(..., n) as (..., 1, n), to meet (..., batch, n)."""
    return array if array.ndim == 1 else array[..., None, :]


def normalized(x: Array, eps: float, is_centred: bool) -> tuple[Array, Array]:
    """z = c / r and 1 / r of each row, r = √(the mean of c² + eps), where c is x less its mean, or x."""
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
    """Each row less its mean, and then less the mean of that: a mean is off by its last digit, which may be more than
    all that the entries of a row differ by."""
    n = x.shape[-1]
    c: Array = x - row_sum(x) / n
    c -= row_sum(c) / n
    return c


def _normalized_in_range(x: Array, root: float, is_centred: bool) -> tuple[Array, Array]:
    """The same where squares of x or eps, the square of the root, are no floats: of each row over its magnitude s."""
    n, s = x.shape[-1], magnitude(x)
    c = centred(x / s) if is_centred else x / s
    a, b = np.sqrt(row_sum(c * c) / n) * s, np.asarray(max(root, np.finfo(x.dtype).smallest_subnormal), x.dtype)
    longer = np.maximum(a, b)
    r = longer * np.sqrt((a / longer) ** 2 + (b / longer) ** 2)
    return c * np.minimum(s / r, np.finfo(x.dtype).max), 1 / r
