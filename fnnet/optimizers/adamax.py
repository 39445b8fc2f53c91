"""Adamax: Adam with the maximum norm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.optimizers.elementwise import Elementwise, Rule, checked_rate
from fnnet.types import Array


def adamax_rule(
    b1: float, b2: float, eps: float, lr: float, p: Array, g: Array, m: Array, u: Array
) -> tuple[Array, Array, Array]:
    """m' = b₁ m + g, u' = max(b₂ u, |g| + eps), p' = p - lr m' / u', with everything that is the same for all entries
    in lr."""
    m = m * b1
    m += g
    new: Array = np.abs(g)
    new += eps
    u = u * b2
    np.maximum(u, new, out=u)
    np.divide(m, u, out=new)
    new *= -lr
    new += p
    return new, m, u


@dataclass(frozen=True, slots=True)
class Adamax(Elementwise):
    """What ``adamax(...)`` returns."""

    lr: float | Schedule
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checked_rate("adamax", self.lr),
            b1=checks.real("adamax", "b1", self.b1, below=1),
            b2=checks.real("adamax", "b2", self.b2, below=1),
            eps=checks.positive("adamax", "eps", self.eps),
        )

    @property
    def slots(self) -> int:
        """The gradient's first moment over 1 - b₁, and its decaying maximum."""
        return 2

    def corrected(self, lr: float, t: int) -> float:
        """The learning rate of the t-th step, with the first moment's correction in it."""
        return lr * (1 - self.b1) / (1 - self.b1**t)

    def rule(self, lr: float, t: int) -> Rule:
        """The t-th step's."""
        return partial(adamax_rule, self.b1, self.b2, self.eps, self.corrected(lr, t))


def adamax(lr: float | Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Adamax:
    """Adamax (D. P. Kingma, J. Ba, ICLR 2015, algorithm 2): p' = p - lr m̂ / u, where m̂ is the corrected running mean of
    the gradient and u = max(b₂ u, |g| + eps) its decaying maximum; eps, not in the paper, stands as in PyTorch and
    Optax.

    Raises ValueError for a learning rate that is negative or not finite, b1 or b2 outside [0, 1), eps not above 0.

    >>> import fnnet as fn
    >>> fn.adamax(2e-3)
    Adamax(lr=0.002, b1=0.9, b2=0.999, eps=1e-08)
    """
    return Adamax(lr, b1, b2, eps)
