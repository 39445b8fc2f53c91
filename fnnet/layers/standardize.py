"""Features scaled to mean 0 and standard deviation 1 by a layer of the network itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.core import Array, Dtype, Params, ShapeError, constant, define_kernels, define_layer
from fnnet.layers._base import check_arrays, check_width, over_rows
from fnnet.numerics import sum_to
from fnnet.numerics.sums import power_of_two
from fnnet.tree.nodes import read_only


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Standardize(Params):
    """y = (x - mean) / scale, with constants that are not trained.

    ``mean`` and ``scale`` have one entry per feature. x is not cast, but the result is, to the dtype of the constants,
    so that large numbers keep their differences. Shapes: mean and scale (..., n), x and y (..., batch, n). A pass
    raises ShapeError where x does not fit them.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Standardize(np.array([1.0]), np.array([2.0])), np.array([[5.0]]))[0].tolist()
    [[2.0]]
    """

    mean: Array = constant()
    scale: Array = constant()


Saved = tuple[tuple[int, ...], np.dtype[np.floating]]


def standardize_forward(p: Standardize, x: Array) -> tuple[Array, Saved]:
    check_width("standardize", x, "mean", p.mean)
    y: Array = (x - over_rows(p.mean)) / over_rows(p.scale)
    return y.astype(p.mean.dtype, copy=False), (x.shape, x.dtype)


def standardize_backward(p: Standardize, saved: Saved, dy: Array) -> tuple[Standardize, Array]:
    """dx = dy / scale; the constants have gradient 0."""
    shape, dtype = saved
    dx = sum_to(dy / over_rows(p.scale), shape)
    return Standardize(np.zeros_like(p.mean), np.zeros_like(p.scale)), dx.astype(dtype, copy=False)


def check_standardize(p: Standardize) -> None:
    check_arrays("standardize", mean=p.mean, scale=p.scale)


def standardize_replicas(p: Standardize) -> tuple[int, ...]:
    return p.mean.shape[:-1]


define_layer(
    Standardize,
    forward=standardize_forward,
    backward=standardize_backward,
    replicas=standardize_replicas,
    check=check_standardize,
    casts=False,
)


def standardize_rows(x: Array, w: Array, y: Array) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = (x[i, j] - w[0, j]) / w[1, j]


def standardize_rows_back(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            dx[i, j] = dy[i, j] / w[1, j]


define_kernels(Standardize, standardize_rows, standardize_rows_back)


OFF = 1e-3
"""How many deviations a mean may be off because the dtype rounds it."""

NOISE = 64 * float(np.finfo(np.float64).eps)
"""The deviation, relative to the mean, that rounding alone may give to numbers that are meant to be equal."""


def standardize(x: Array, *, dtype: Dtype = np.float32) -> Standardize:
    """The layer that scales the columns of x (rows, n) to mean 0 and standard deviation 1, both computed in float64.

    ``x`` are the training rows, ``dtype`` is that of the constants. Put the layer first in the network, which is then
    saved and stacked with its scaling. A constant column, or one whose numbers differ by rounding alone, becomes 0 or
    close to it: its scale is 1, or its mean where ``dtype`` rounds that by more than 0.001.

    Raises ShapeError or DtypeError where x is not such an array, ValueError where it has NaN or infinite numbers, or a
    column whose mean or deviation ``dtype`` cannot hold: because its numbers differ by less than the spacing of floats
    of their size, as seconds since 1970 do in float32, or because they are out of range.

    >>> import fnnet as fn
    >>> layer = fn.standardize(np.array([[0.0, 5.0], [4.0, 5.0]]))
    >>> layer.mean.tolist(), layer.scale.tolist()
    ([2.0, 5.0], [2.0, 1.0])
    """
    checks.inputs("standardize", x)
    if x.ndim != 2:
        raise ShapeError(f"standardize: x must be (rows, n), got {x.shape}")
    kind = checks.dtype("standardize", dtype)
    if not np.isfinite(x).all():
        raise ValueError("standardize: x must hold finite numbers, got NaN or infinity; fill or drop such rows first")
    with np.errstate(over="ignore", invalid="ignore"):  # infinite results are refused
        return read_only(Standardize(*_held(x.astype(np.float64, copy=False), kind)))


def _held(x: Array, kind: np.dtype[np.floating]) -> tuple[Array, Array]:
    """The constants in this dtype. Raises ValueError for a column whose mean or deviation it cannot hold.

    Everything is computed on columns divided by their magnitude s, as differences from their first entry: no sum
    overflows, and small differences of large numbers are not lost in their mean.
    """
    s = power_of_two(np.abs(x).max(axis=0))
    first = x[0] / s
    d = x / s - first
    beyond = d.mean(axis=0)
    mean, scale = (first + beyond) * s, np.sqrt(((d - beyond) ** 2).mean(axis=0)) * s
    center = mean.astype(kind)
    off = np.abs(center / s - first - beyond) * s
    is_constant = (scale == 0) | ((scale <= NOISE * np.abs(mean)) & (off > OFF * scale))
    far = np.abs(x - center).max(axis=0) > OFF
    scale = np.where(is_constant, np.where(far, np.abs(mean), 1), scale)
    found = scale.astype(kind)
    is_held = (off <= OFF * scale) & (found >= np.finfo(kind).tiny) & np.isfinite(found)
    if not is_held.all():
        i = int(is_held.argmin())
        raise ValueError(
            f"standardize: x's column {i} has the mean {mean[i]:g} and the deviation {scale[i]:g}, which {kind} cannot "
            "hold; subtract a common number or divide by one first, or take dtype=float64"
        )
    return center, found
