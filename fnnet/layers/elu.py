"""The exponential linear unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.core import Array, Params, define_activation
from fnnet.numerics import expm1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Elu(Params):
    """y = x where x > 0, alpha (eˣ - 1) elsewhere (D.-A. Clevert et al., ICLR 2016, eq. 16).

    y tends to -``alpha`` as x tends to -∞. Shapes: x and y (..., batch, n). y is its own cache and therefore read-only:
    dy/dx = y + alpha where x <= 0. Raises ValueError unless alpha > 0.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Elu(), np.array([[0.0, 2.0]]))[0].tolist()
    [[0.0, 2.0]]
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        checks.settle(self, alpha=checks.positive("Elu", "alpha", self.alpha))


def elu(p: Elu, x: Array) -> tuple[Array, Array]:
    y: Array = np.where(x > 0, x, p.alpha * expm1(np.minimum(x, 0)))
    return y, y


def elu_slope(p: Elu, y: Array) -> Array:
    return np.where(y > 0, 1, y + p.alpha)


define_activation(Elu, elu, slope=elu_slope)
