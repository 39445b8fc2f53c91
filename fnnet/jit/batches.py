"""What becomes of the rows of a batch: their mean or sum, with weights or without. Copied into every compiled loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fnnet.numerics.kernels import Number
from fnnet.types import Array

Target = NDArray[np.generic]
Index = NDArray[np.int64]


def row(z: Array, t: Array, d: Array, c: Array) -> Number:
    """The loss of a row z of scores against its target, and its gradient in d; c has the settings."""
    raise NotImplementedError("in its place stands the loss's own")


def far_row(z: Array, t: Array, d: Array, c: Array) -> Number:
    """The same for a row whose plain formula is infinite; it may leave d as ``row`` wrote it."""
    raise NotImplementedError("in its place stands the loss's own")


def batch(
    p: Array, target: Target, weights: Array, index: Index, is_sum: bool, c: Array, shares: Array, d: Array
) -> tuple[float, bool]:
    """The loss of a batch, its gradient in d, and whether it has weights that are not 0."""
    rows, value, is_weighted = p.shape[0], 0.0, weights.size > 0
    if is_weighted and not write_shares(weights, index, is_sum, shares):
        return 0.0, False
    for i in range(rows):
        one = row(p[i], target[index[i]], d[i], c)
        if is_weighted:
            one *= shares[i]
            for j in range(p.shape[1]):
                d[i, j] *= shares[i]
        value += float(one)
    if value - value != 0.0:
        return far_batch(p, target, index, is_weighted, is_sum, c, shares, d), True
    if is_weighted or is_sum:
        return value, True
    share = p.dtype.type(1 / rows)
    for i in range(rows):
        for j in range(p.shape[1]):
            d[i, j] *= share
    return value / rows, True


def write_shares(weights: Array, index: Index, is_sum: bool, shares: Array) -> bool:
    """Each row's share of the loss: w / Σ w, of weights over their largest, or w where the loss is a sum; and whether
    there is anything to share."""
    largest, total = weights.dtype.type(0), 0.0
    for i in range(shares.size):
        largest = max(largest, weights[index[i]])
    for i in range(shares.size):
        shares[i] = weights[index[i]] if is_sum else weights[index[i]] / largest
        total += shares[i]
    for i in range(shares.size):
        shares[i] /= weights.dtype.type(1.0 if is_sum else total)
    return True if is_sum else bool(largest > 0)


def far_batch(
    p: Array, target: Target, index: Index, is_weighted: bool, is_sum: bool, c: Array, shares: Array, d: Array
) -> float:
    """The same where the plain formula gives no number; once a batch is asked for that, for a row costs it."""
    value, rows = 0.0, p.shape[0]
    for i in range(rows):
        one = row(p[i], target[index[i]], d[i], c)
        if not np.isfinite(one):
            one = far_row(p[i], target[index[i]], d[i], c)
        share = shares[i] if is_weighted else p.dtype.type(1.0 if is_sum else 1 / rows)
        value += float(one * share)
        for j in range(p.shape[1]):
            d[i, j] *= share
    return value
