"""Root mean square normalization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.core import Array, Dtype, Params, define_kernels, define_layer
from fnnet.layers._base import check_arrays, check_width, normalized, normalized_back, normalized_row, over_rows
from fnnet.numerics import row_sum, sum_to
from fnnet.numerics.sums import batch_sum
from fnnet.tree.nodes import read_only

Saved = tuple[Array, Array, tuple[int, ...]]
"""z, 1 / √(mean square + eps), and the shape of x."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RmsNorm(Params):
    """y = scale z with z = x / √(mean x² + eps), the mean over a row (B. Zhang, R. Sennrich, Root Mean Square Layer
    Normalization, NeurIPS 2019, eq. 4).

    ``scale`` has one entry per feature; ``eps`` keeps rows of 0 from a division by 0. The result of a row depends on
    that row alone. Shapes: scale (..., n), x and y (..., batch, n). Raises ValueError unless eps is above 0.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.rms_norm(2, eps=1e-12), np.array([[3.0, 3.0]], np.float32))[0].tolist()
    [[1.0, 1.0]]
    """

    scale: Array
    eps: float = 1e-5

    def __post_init__(self) -> None:
        checks.settle(self, eps=checks.positive("RmsNorm", "eps", self.eps))


def rms_norm_forward(p: RmsNorm, x: Array) -> tuple[Array, Saved]:
    check_width("rms_norm", x, "scale", p.scale)
    z, inverse = normalized(x, p.eps, False)
    return z * over_rows(p.scale), (z, inverse, x.shape)


def rms_norm_backward(p: RmsNorm, saved: Saved, dy: Array) -> tuple[RmsNorm, Array]:
    """dx = (dz - z · the mean of z dz) / √(mean square + eps), with dz = scale dy."""
    z, inverse, shape = saved
    dz = dy * over_rows(p.scale)
    dx = dz - z * (row_sum(z * dz) / dy.shape[-1])
    dx *= inverse
    return RmsNorm(batch_sum(z * dy), p.eps), sum_to(dx, shape)


def rms_norm_replicas(p: RmsNorm) -> tuple[int, ...]:
    return p.scale.shape[:-1]


def check_rms_norm(p: RmsNorm) -> None:
    check_arrays("rms_norm", scale=p.scale)


define_layer(
    RmsNorm,
    forward=rms_norm_forward,
    backward=rms_norm_backward,
    replicas=rms_norm_replicas,
    check=check_rms_norm,
)


def rms_norm_rows(x: Array, w: Array, y: Array, eps: float) -> None:
    for i in range(x.shape[0]):
        _, inverse = normalized_row(x[i], eps, False, y[i])
        for j in range(x.shape[1]):
            y[i, j] = y[i, j] * inverse * w[0, j]


def rms_norm_rows_back(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array, eps: float) -> None:
    normalized_back(x, w, dy, eps, False, dw, dx)


define_kernels(RmsNorm, rms_norm_rows, rms_norm_rows_back)


def rms_norm(n: int, *, eps: float = 1e-5, dtype: Dtype = np.float32) -> RmsNorm:
    """An RmsNorm of ``n`` features with this ``eps``; it begins with scale 1, an array of ``dtype``.

    Raises ValueError for an n below 1 or an eps not above 0, DtypeError for a dtype that is not float32 or float64.

    >>> import fnnet as fn
    >>> fn.rms_norm(3)
    RmsNorm(scale=float32[3], eps=1e-05)
    """
    size, kind = checks.size("rms_norm", "n", n), checks.dtype("rms_norm", dtype)
    return read_only(RmsNorm(np.ones(size, kind), eps))
