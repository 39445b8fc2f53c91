"""The leaky rectified linear unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.core import Array, Params, define_activation
from fnnet.numerics import relu


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LeakyRelu(Params):
    """y = x where x > 0, slope x elsewhere (A. L. Maas et al., ICML 2013, section 2).

    ``slope`` is the derivative where x <= 0. Shapes: x and y (..., batch, n). Raises ValueError unless slope is in
    [0, 1).

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.LeakyRelu(0.1), np.array([[-1.0, 2.0]]))[0].tolist()
    [[-0.1, 2.0]]
    """

    slope: float = 0.01

    def __post_init__(self) -> None:
        checks.settle(self, slope=checks.real("LeakyRelu", "slope", self.slope, below=1))


def leaky_relu(p: LeakyRelu, x: Array) -> tuple[Array, Array]:
    y: Array = np.maximum(x, p.slope * x) if p.slope else relu(x)  # 0 times infinity is NaN
    return y, x


def leaky_relu_slope(p: LeakyRelu, x: Array) -> Array:
    return np.where(x > 0, 1, p.slope).astype(x.dtype)


define_activation(LeakyRelu, leaky_relu, slope=leaky_relu_slope)
