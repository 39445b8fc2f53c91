"""A warm-up before a rate or any schedule."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from fnnet.core import NonNegative, Rate, Settings, Size
from fnnet.schedules._base import at, step_of


@dataclass(frozen=True, slots=True)
class LinearWarmup(Settings):
    """From ``begin`` in a straight line to the first rate of ``then`` (P. Goyal et al., arXiv 1706.02677, section 2.2).

    ``then`` is a rate or a schedule, which continues after ``steps`` steps and counts its own from 0.

    Raises ValueError for rates that are negative or not finite, steps below 1.

    >>> import fnnet as fn
    >>> schedule = linear_warmup(fn.cosine_decay(0.2, steps=10), steps=4)
    >>> [schedule(step) for step in (0, 2, 4, 9, 14)]
    [0.0, 0.1, 0.2, 0.1, 0.0]
    """

    then: Rate
    _: KW_ONLY
    steps: Size
    begin: NonNegative = 0.0

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        then = at("linear_warmup", "then", self.then, max(step_of(step) - self.steps, 0))
        return then if step >= self.steps else self.begin + (then - self.begin) * step / self.steps


linear_warmup = LinearWarmup
