"""One cycle: up to a peak, then down to far below the start."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Annotated

from fnnet import checks
from fnnet.core import NonNegative, Settings, Share
from fnnet.schedules._base import between, step_of


@dataclass(frozen=True, slots=True)
class OneCycle(Settings):
    """From begin · lr up to lr and then down to end · lr, each along half a cosine (L. N. Smith, N. Topin,
    Super-Convergence, arXiv 1708.07120, section 3).

    ``lr`` is the peak; ``begin`` and ``end`` are shares of it. ``steps`` is the length of the cycle, ``rise`` the share
    of it that goes up. Afterwards the rate stays at end · lr.

    Raises ValueError for rates or shares that are negative or not finite, a rise outside [0, 1), steps below 2.

    >>> [round(one_cycle(1.0, steps=10)(step), 6) for step in (0, 3, 10)]
    [0.04, 1.0, 4e-06]
    """

    lr: NonNegative
    _: KW_ONLY
    steps: Annotated[int, partial(checks.size, low=2)]
    rise: Share = 0.3
    begin: NonNegative = 0.04
    end: NonNegative = 4e-6

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        top, done = self.rise * self.steps, min(step_of(step), self.steps)
        if done < top:
            return self.lr * between(self.begin, 1.0, done / top)
        return self.lr * between(1.0, self.end, (done - top) / (self.steps - top))


one_cycle = OneCycle
