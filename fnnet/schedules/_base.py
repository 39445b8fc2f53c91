"""What the schedules share: checks of the step, and calls of the schedules inside them."""

from __future__ import annotations

import math

from fnnet import checks
from fnnet.core import Schedule


def step_of(step: int) -> int:
    """The number of steps done. Raises ValueError unless it is a whole number from 0 up."""
    return checks.size("schedule", "step", step, 0)


def at(where: str, name: str, schedule: float | Schedule, step: int) -> float:
    """The rate of a schedule after ``step`` of its own steps, or the constant rate. Raises ValueError where the
    schedule does not return a rate."""
    if callable(schedule):
        return checks.real(where, f"{name}, the schedule's at its step {step},", schedule(step))
    return schedule


def between(a: float, b: float, share: float) -> float:
    """From a to b along half a cosine."""
    return b + (a - b) * (1 + math.cos(math.pi * share)) / 2


def power(factor: float, exponent: float) -> float:
    """factor^exponent, infinite where it overflows, so that the optimizer can name the step."""
    try:
        return float(factor**exponent)
    except OverflowError:
        return math.inf if factor > 1 else 0.0
