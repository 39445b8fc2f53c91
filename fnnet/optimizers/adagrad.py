"""Adagrad."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.optimizers.elementwise import Elementwise, Rule, checked_rate
from fnnet.types import Array


def adagrad_rule(start: float, eps: float, lr: float, p: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """v' = v + g², p' = p - lr g / (√(start + v') + eps)."""
    new = g * g
    v = v + new
    np.sqrt(v + start if start else v, out=new)
    new += eps
    np.divide(g, new, out=new)
    new *= -lr
    new += p
    return new, v


@dataclass(frozen=True, slots=True)
class Adagrad(Elementwise):
    """What ``adagrad(...)`` returns."""

    lr: float | Schedule
    start: float = 0.0
    eps: float = 1e-10

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checked_rate("adagrad", self.lr),
            start=checks.real("adagrad", "start", self.start),
            eps=checks.positive("adagrad", "eps", self.eps),
        )

    @property
    def slots(self) -> int:
        """The sum of the gradient's squares."""
        return 1

    def rule(self, lr: float, t: int) -> Rule:
        """The same in every step."""
        return partial(adagrad_rule, self.start, self.eps, lr)


def adagrad(lr: float | Schedule, *, start: float = 0.0, eps: float = 1e-10) -> Adagrad:
    """Adagrad (J. Duchi, E. Hazan, Y. Singer, JMLR 12, 2011, section 1.2): the gradient over the root of the sum of its
    squares, p' = p - lr g / (√(start + Σ g²) + eps).

    start and eps are PyTorch's ``initial_accumulator_value`` and ``eps``. Optax and Keras have eps inside the root, and
    begin at 0.1: theirs is start=0.1 + 1e-7 with an eps that is as good as 0, such as 1e-30.

    Raises ValueError for a learning rate or start that is negative or not finite, eps not above 0.

    >>> import fnnet as fn
    >>> fn.adagrad(0.01)
    Adagrad(lr=0.01, start=0.0, eps=1e-10)
    """
    return Adagrad(lr, start, eps)
