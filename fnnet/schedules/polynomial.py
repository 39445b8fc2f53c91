"""Polynomial decay, and decay with the inverse square root."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

from fnnet.core import NonNegative, Positive, Settings, Size
from fnnet.schedules._base import step_of


@dataclass(frozen=True, slots=True)
class PolynomialDecay(Settings):
    """end + (lr - end) (1 - step / steps)^power: from ``lr`` to ``end`` in ``steps`` steps, and ``end`` afterwards.

    With ``power`` 1 it is a straight line; a larger one falls faster at first.

    Raises ValueError for rates that are negative or not finite, steps below 1, a power not above 0.

    >>> [polynomial_decay(0.2, steps=10)(step) for step in (0, 5, 10, 99)]
    [0.2, 0.1, 0.0, 0.0]
    """

    lr: NonNegative
    _: KW_ONLY
    steps: Size
    end: NonNegative = 0.0
    power: Positive = 1.0

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        left = 1 - min(step_of(step), self.steps) / self.steps
        return float(self.end + (self.lr - self.end) * left**self.power)


polynomial_decay = PolynomialDecay


@dataclass(frozen=True, slots=True)
class InverseSqrt(Settings):
    """lr / √(1 + step / steps), for runs whose length is not known.

    ``lr`` is the rate at step 0; after ``steps`` steps it has fallen by √2. After a ``linear_warmup`` of as many steps
    it is the schedule of the Transformer, lr · min(t / steps, √(steps / t)) after t steps in all (A. Vaswani et al.,
    NeurIPS 2017, eq. 3).

    Raises ValueError for a rate that is negative or not finite, steps below 1.

    >>> [inverse_sqrt(0.3, steps=10)(step) for step in (0, 30, 80)]
    [0.3, 0.15, 0.09999999999999999]
    """

    lr: NonNegative
    _: KW_ONLY
    steps: Size

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        return self.lr / math.sqrt(1 + step_of(step) / self.steps)


inverse_sqrt = InverseSqrt
