"""Exponential decay, smooth and in steps."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet import checks
from fnnet.schedules._base import power, step_of


@dataclass(frozen=True, slots=True)
class ExponentialDecay:
    """What ``exponential_decay(...)`` returns."""

    lr: float
    steps: int
    factor: float

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checks.real("exponential_decay", "lr", self.lr),
            steps=checks.size("exponential_decay", "steps", self.steps),
            factor=checks.positive("exponential_decay", "factor", self.factor),
        )

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        return self.lr * power(self.factor, step_of(step) / self.steps)


def exponential_decay(lr: float, *, steps: int, factor: float) -> ExponentialDecay:
    """lr · factor^(step / steps): the rate is multiplied by the factor every ``steps`` steps, smoothly.

    Raises ValueError for a rate that is negative or not finite, steps below 1, a factor not above 0.

    >>> exponential_decay(0.1, steps=100, factor=0.5)(200)
    0.025
    """
    return ExponentialDecay(lr, steps, factor)


@dataclass(frozen=True, slots=True)
class StepDecay:
    """What ``step_decay(...)`` returns."""

    lr: float
    steps: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checks.real("step_decay", "lr", self.lr),
            steps=checks.size("step_decay", "steps", self.steps),
            factor=checks.positive("step_decay", "factor", self.factor),
        )

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        return self.lr * power(self.factor, step_of(step) // self.steps)


def step_decay(lr: float, *, steps: int, factor: float = 0.1) -> StepDecay:
    """lr · factor^⌊step / steps⌋: the rate is multiplied by the factor every ``steps`` steps, all at once.

    Raises ValueError for a rate that is negative or not finite, steps below 1, a factor not above 0.

    >>> [round(step_decay(0.1, steps=10)(step), 4) for step in (9, 10, 20)]
    [0.1, 0.01, 0.001]
    """
    return StepDecay(lr, steps, factor)
