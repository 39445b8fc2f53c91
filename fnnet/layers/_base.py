"""What layers with one array a feature have in common: its shape beside that of x, alone or stacked."""

from __future__ import annotations

import numpy as np

from fnnet.errors import DtypeError, ShapeError
from fnnet.types import Array


def check_features(where: str, x: Array, arrays: dict[str, Array]) -> None:
    """Raises ShapeError or DtypeError where the arrays of a layer are not (..., n), one a feature, in one dtype, or x
    is not (..., batch, n) with their replica axes or none."""
    first = next(iter(arrays.values()))
    for name, array in arrays.items():
        if array.ndim == 0 or array.shape != first.shape:
            raise ShapeError(f"{where}: {' and '.join(arrays)} must be (..., n), got {name} {array.shape}")
        if array.dtype != first.dtype:
            raise DtypeError(
                f"{where}: {' and '.join(arrays)} must have one dtype, got {first.dtype} and {array.dtype}"
            )
    if x.shape[-1] != first.shape[-1] or x.shape[:-2] not in ((), first.shape[:-1]):
        axes = "".join([f"{n}, " for n in first.shape[:-1]])
        raise ShapeError(f"{where}: x must be ({axes}batch, {first.shape[-1]}) or (batch, n), got {x.shape}")


def over_rows(array: Array) -> Array:
    """(..., n) as (..., 1, n), to meet (..., batch, n)."""
    return array if array.ndim == 1 else array[..., None, :]


def batch_sum(a: Array) -> Array:
    """The sum over the batch."""
    out: Array = np.add.reduce(a, axis=-2)
    return out
