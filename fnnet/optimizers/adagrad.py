"""Adagrad."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from fnnet.core import Array, NonNegative, Numbers, Positive, Rate
from fnnet.optimizers.elementwise import Elementwise


@dataclass(frozen=True, slots=True)
class Adagrad(Elementwise):
    """Adagrad (J. Duchi, E. Hazan, Y. Singer, JMLR 12, 2011, section 1.2): the gradient over the root of the sum of its
    squares, p' = p - lr g / (√(start + Σ g²) + eps).

    ``lr`` is the learning rate, a number or a schedule. ``start`` and ``eps`` are PyTorch's
    ``initial_accumulator_value`` and ``eps``. Optax and Keras have eps inside the root and start at 0.1: for theirs,
    set start=0.1 + 1e-7 and a negligible eps, such as 1e-30.

    Raises ValueError for a learning rate or start that is negative or not finite, eps not above 0.

    >>> import fnnet as fn
    >>> fn.adagrad(0.01)
    Adagrad(lr=0.01, start=0.0, eps=1e-10)
    """

    lr: Rate
    _: KW_ONLY
    start: NonNegative = 0.0
    eps: Positive = 1e-10

    slots = 1

    def rule(self, numbers: Numbers, p: Array, g: Array, v: Array) -> tuple[Array, Array]:
        """v' = v + g², p' = p - lr g / (√(start + v') + eps)."""
        (lr,) = numbers
        v = v + g * g
        root = np.sqrt(v + self.start if self.start else v)
        return p - lr * (g / (root + self.eps)), v


adagrad = Adagrad
