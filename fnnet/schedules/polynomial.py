"""Polynomial decay, and decay with the inverse square root."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fnnet import checks
from fnnet.schedules._base import step_of


@dataclass(frozen=True, slots=True)
class PolynomialDecay:
    """What ``polynomial_decay(...)`` returns."""

    lr: float
    steps: int
    end: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checks.real("polynomial_decay", "lr", self.lr),
            steps=checks.size("polynomial_decay", "steps", self.steps),
            end=checks.real("polynomial_decay", "end", self.end),
            power=checks.positive("polynomial_decay", "power", self.power),
        )

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        left = 1 - min(step_of(step), self.steps) / self.steps
        return float(self.end + (self.lr - self.end) * left**self.power)


def polynomial_decay(lr: float, *, steps: int, end: float = 0.0, power: float = 1.0) -> PolynomialDecay:
    """end + (lr - end) (1 - step / steps)^power, and ``end`` from there on; a straight line for power 1.

    Raises ValueError for rates that are negative or not finite, steps below 1, a power not above 0.

    >>> [polynomial_decay(0.2, steps=10)(step) for step in (0, 5, 10, 99)]
    [0.2, 0.1, 0.0, 0.0]
    """
    return PolynomialDecay(lr, steps, end, power)


@dataclass(frozen=True, slots=True)
class InverseSqrt:
    """What ``inverse_sqrt(...)`` returns."""

    lr: float
    steps: int

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checks.real("inverse_sqrt", "lr", self.lr),
            steps=checks.size("inverse_sqrt", "steps", self.steps),
        )

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        return self.lr / math.sqrt(1 + step_of(step) / self.steps)


def inverse_sqrt(lr: float, *, steps: int) -> InverseSqrt:
    """lr / √(1 + step / steps), which needs no end. After a ``linear_warmup`` of as many steps it is the schedule of
    the Transformer, lr · min(t / steps, √(steps / t)) after t steps in all (A. Vaswani et al., NeurIPS 2017, eq. 3).

    Raises ValueError for a rate that is negative or not finite, steps below 1.

    >>> [inverse_sqrt(0.3, steps=10)(step) for step in (0, 30, 80)]
    [0.3, 0.15, 0.09999999999999999]
    """
    return InverseSqrt(lr, steps)
