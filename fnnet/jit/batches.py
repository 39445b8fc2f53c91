"""How a batch's row losses are reduced: mean or sum, with or without weights. Copied into every compiled loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnnet.numerics.kernels import Number
from fnnet.types import Array

Target = NDArray[Any]
Index = NDArray[np.int64]


def row(z: Array, t: Array, d: Array, c: Array) -> Number:
    """The loss of a row z of scores against its target t; writes its gradient into d. c holds the settings."""
    raise NotImplementedError("in its place stands the loss's own")


def far_row(z: Array, t: Array, d: Array, c: Array) -> Number:
    """The same for a row whose plain formula is infinite; it may leave d as ``row`` wrote it."""
    raise NotImplementedError("in its place stands the loss's own")


def batch(
    p: Array, target: Target, weights: Array, index: Index, is_sum: bool, c: Array, shares: Array, d: Array
) -> tuple[float, bool]:
    """The loss of a batch, and whether it has weights other than 0; writes the gradient into d."""
    value = 0.0
    if not write_shares(weights, index, is_sum, shares):
        return value, False
    for i in range(p.shape[0]):
        one = row(p[i], target[index[i]], d[i], c)
        if one - one != 0:
            one = far_row(p[i], target[index[i]], d[i], c)
        value += float(one) * float(shares[i])
        for j in range(p.shape[1]):
            d[i, j] *= shares[i]
    return value, True


def write_shares(weights: Array, index: Index, is_sum: bool, shares: Array) -> bool:
    """Writes each row's share of the loss: w / Σ w, from weights divided by their largest, or w if the loss is a sum.
    Returns whether any weight is not 0. Without weights all of them are 1."""
    real, largest, total = shares.dtype.type, 0.0, 0.0
    for i in range(shares.size):
        shares[i] = weights[index[i]] if weights.size else real(1)
        largest = max(largest, float(shares[i]))
    for i in range(shares.size):
        total += float(shares[i]) / largest
    for i in range(0 if is_sum else shares.size):
        shares[i] = real(float(shares[i]) / largest / total)
    return is_sum or largest > 0
