"""A warm-up before a rate or any schedule."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet import checks
from fnnet.core import Schedule
from fnnet.schedules._base import at, checked, step_of


@dataclass(frozen=True, slots=True)
class LinearWarmup:
    """What ``linear_warmup(...)`` returns."""

    then: float | Schedule
    steps: int
    begin: float = 0.0

    def __post_init__(self) -> None:
        checks.settle(
            self,
            then=checked("linear_warmup", "then", self.then),
            steps=checks.size("linear_warmup", "steps", self.steps),
            begin=checks.real("linear_warmup", "begin", self.begin),
        )

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        then = at("linear_warmup", "then", self.then, max(step_of(step) - self.steps, 0))
        return then if step >= self.steps else self.begin + (then - self.begin) * step / self.steps


def linear_warmup(then: float | Schedule, *, steps: int, begin: float = 0.0) -> LinearWarmup:
    """From ``begin`` in a straight line to where ``then`` begins, a rate or any schedule, which goes on from there
    (P. Goyal et al., arXiv 1706.02677, section 2.2).

    Raises ValueError for rates that are negative or not finite, steps below 1.

    >>> import fnnet as fn
    >>> schedule = linear_warmup(fn.cosine_decay(0.2, steps=10), steps=4)
    >>> [schedule(step) for step in (0, 2, 4, 9, 14)]
    [0.0, 0.1, 0.2, 0.1, 0.0]
    """
    return LinearWarmup(then, steps, begin)
