"""Lion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.optimizers.elementwise import Elementwise, Rule, checked_rate
from fnnet.types import Array


def lion_rule(b1: float, b2: float, lr: float, shrink: float, p: Array, g: Array, m: Array) -> tuple[Array, Array]:
    """p' = shrink p - lr sign(b₁ m + (1 - b₁) g), m' = b₂ m + (1 - b₂) g."""
    mixed, new = m * b1, g * (1 - b1)
    mixed += new
    np.sign(mixed, out=new)  # up to ten times as fast as in place
    new *= -lr
    new += p if shrink == 1 else shrink * p
    m = m * b2
    m += np.multiply(g, 1 - b2, out=mixed)
    return new, m


@dataclass(frozen=True, slots=True)
class Lion(Elementwise):
    """What ``lion(...)`` returns."""

    lr: float | Schedule
    b1: float = 0.9
    b2: float = 0.99
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checked_rate("lion", self.lr),
            b1=checks.real("lion", "b1", self.b1, below=1),
            b2=checks.real("lion", "b2", self.b2, below=1),
            weight_decay=checks.real("lion", "weight_decay", self.weight_decay),
        )

    @property
    def slots(self) -> int:
        """The running mean of the gradient."""
        return 1

    def rule(self, lr: float, t: int) -> Rule:
        """The same in every step but for the rate."""
        return partial(lion_rule, self.b1, self.b2, lr, 1 - lr * self.weight_decay)


def lion(lr: float | Schedule, *, b1: float = 0.9, b2: float = 0.99, weight_decay: float = 0.0) -> Lion:
    """Lion (X. Chen et al., NeurIPS 2023, algorithm 2): p' = p - lr (sign(b₁ m + (1 - b₁) g) + weight_decay p),
    m' = b₂ m + (1 - b₂) g.

    Raises ValueError for a learning rate or weight decay that is negative or not finite, b1 or b2 outside [0, 1).

    >>> import fnnet as fn
    >>> fn.lion(1e-4)
    Lion(lr=0.0001, b1=0.9, b2=0.99, weight_decay=0.0)
    """
    return Lion(lr, b1, b2, weight_decay)
