"""Adadelta."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.optimizers.elementwise import Elementwise, Rule, checked_rate
from fnnet.types import Array


def adadelta_rule(
    decay: float, eps: float, lr: float, p: Array, g: Array, v: Array, u: Array
) -> tuple[Array, Array, Array]:
    """v' = decay v + (1 - decay) g², d = g √(u + eps) / √(v' + eps), u' = decay u + (1 - decay) d², p' = p - lr d."""
    square = g * g
    square *= 1 - decay
    v = v * decay
    v += square
    d = u + eps
    np.add(v, eps, out=square)
    d /= square
    np.sqrt(d, out=d)
    d *= g
    np.multiply(d, d, out=square)
    square *= 1 - decay
    u = u * decay
    u += square
    d *= -lr
    d += p
    return d, v, u


@dataclass(frozen=True, slots=True)
class Adadelta(Elementwise):
    """What ``adadelta(...)`` returns."""

    lr: float | Schedule = 1.0
    decay: float = 0.9
    eps: float = 1e-6

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checked_rate("adadelta", self.lr),
            decay=checks.real("adadelta", "decay", self.decay, below=1),
            eps=checks.positive("adadelta", "eps", self.eps),
        )

    @property
    def slots(self) -> int:
        """The mean squares of the gradient and of the steps."""
        return 2

    def rule(self, lr: float, t: int) -> Rule:
        """The same in every step."""
        return partial(adadelta_rule, self.decay, self.eps, lr)


def adadelta(lr: float | Schedule = 1.0, *, decay: float = 0.9, eps: float = 1e-6) -> Adadelta:
    """Adadelta (M. D. Zeiler, arXiv 1212.5701, algorithm 1): steps in the units of the parameters, the gradient times
    the root mean square of past steps over that of past gradients, both with eps inside the root.

    Raises ValueError for a learning rate that is negative or not finite, a decay outside [0, 1), eps not above 0.

    >>> import fnnet as fn
    >>> fn.adadelta()
    Adadelta(lr=1.0, decay=0.9, eps=1e-06)
    """
    return Adadelta(lr, decay, eps)
