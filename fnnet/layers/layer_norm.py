"""Layer normalization."""

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
"""z, 1 / √(variance + eps), and the shape of x."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LayerNorm(Params):
    """y = scale z + shift with z = (x - mean) / √(variance + eps), the mean and variance of a row (J. L. Ba et al.,
    Layer Normalization, arXiv 1607.06450, section 3, eq. 4).

    ``scale`` and ``shift`` have one entry per feature; ``eps`` keeps constant rows from a division by 0. The result of
    a row depends on that row alone. Shapes: scale and shift (..., n), x and y (..., batch, n). Raises ValueError unless
    eps is above 0.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.layer_norm(2, eps=1e-12), np.array([[1.0, 3.0]], np.float32))[0].tolist()
    [[-1.0, 1.0]]
    """

    scale: Array
    shift: Array
    eps: float = 1e-5

    def __post_init__(self) -> None:
        checks.settle(self, eps=checks.positive("LayerNorm", "eps", self.eps))


def layer_norm_forward(p: LayerNorm, x: Array) -> tuple[Array, Saved]:
    check_width("layer_norm", x, "scale", p.scale)
    z, inverse = normalized(x, p.eps, True)
    y = z * over_rows(p.scale)
    y += over_rows(p.shift)
    return y, (z, inverse, x.shape)


def layer_norm_backward(p: LayerNorm, saved: Saved, dy: Array) -> tuple[LayerNorm, Array]:
    """dx = (dz - the mean of dz - z · the mean of z dz) / √(variance + eps), with dz = scale dy."""
    z, inverse, shape = saved
    n = dy.shape[-1]
    dz = dy * over_rows(p.scale)
    dx = dz - row_sum(dz) / n
    dx -= z * (row_sum(z * dz) / n)
    dx *= inverse
    return LayerNorm(batch_sum(z * dy), batch_sum(dy), p.eps), sum_to(dx, shape)


def check_layer_norm(p: LayerNorm) -> None:
    check_arrays("layer_norm", scale=p.scale, shift=p.shift)


def layer_norm_replicas(p: LayerNorm) -> tuple[int, ...]:
    return p.scale.shape[:-1]


define_layer(
    LayerNorm,
    forward=layer_norm_forward,
    backward=layer_norm_backward,
    replicas=layer_norm_replicas,
    check=check_layer_norm,
)


def layer_norm_rows(x: Array, w: Array, y: Array, eps: float) -> None:
    for i in range(x.shape[0]):
        _, inverse = normalized_row(x[i], eps, True, y[i])
        for j in range(x.shape[1]):
            y[i, j] = y[i, j] * inverse * w[0, j] + w[1, j]


def layer_norm_rows_back(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array, eps: float) -> None:
    normalized_back(x, w, dy, eps, True, dw, dx)


define_kernels(LayerNorm, layer_norm_rows, layer_norm_rows_back)


def layer_norm(n: int, *, eps: float = 1e-5, dtype: Dtype = np.float32) -> LayerNorm:
    """A LayerNorm of ``n`` features with this ``eps``; it begins with scale 1 and shift 0, arrays of ``dtype``.

    Raises ValueError for an n below 1 or an eps not above 0, DtypeError for a dtype that is not float32 or float64.

    >>> import fnnet as fn
    >>> fn.layer_norm(3)
    LayerNorm(scale=float32[3], shift=float32[3], eps=1e-05)
    """
    size, kind = checks.size("layer_norm", "n", n), checks.dtype("layer_norm", dtype)
    return read_only(LayerNorm(np.ones(size, kind), np.zeros(size, kind), eps))
