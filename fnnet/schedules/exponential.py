"""Exponential decay, smooth and in steps."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from fnnet.core import NonNegative, Positive, Settings, Size
from fnnet.schedules._base import power, step_of


@dataclass(frozen=True, slots=True)
class ExponentialDecay(Settings):
    """lr · factor^(step / steps): from ``lr`` on the rate is multiplied by ``factor`` every ``steps`` steps, smoothly.

    Raises ValueError for a rate that is negative or not finite, steps below 1, a factor not above 0.

    >>> exponential_decay(0.1, steps=100, factor=0.5)(200)
    0.025
    """

    lr: NonNegative
    _: KW_ONLY
    steps: Size
    factor: Positive

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        return self.lr * power(self.factor, step_of(step) / self.steps)


exponential_decay = ExponentialDecay


@dataclass(frozen=True, slots=True)
class StepDecay(Settings):
    """lr · factor^⌊step / steps⌋: from ``lr`` on the rate is multiplied by ``factor`` every ``steps`` steps, at once.

    Raises ValueError for a rate that is negative or not finite, steps below 1, a factor not above 0.

    >>> [round(step_decay(0.1, steps=10)(step), 4) for step in (9, 10, 20)]
    [0.1, 0.01, 0.001]
    """

    lr: NonNegative
    _: KW_ONLY
    steps: Size
    factor: Positive = 0.1

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        return self.lr * power(self.factor, step_of(step) // self.steps)


step_decay = StepDecay
