"""Cosine decay, with or without restarts."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from fnnet.core import Flag, NonNegative, Settings, Size
from fnnet.schedules._base import between, step_of


@dataclass(frozen=True, slots=True)
class CosineDecay(Settings):
    """end + (lr - end) (1 + cos(π step / steps)) / 2 (I. Loshchilov, F. Hutter, SGDR, ICLR 2017, eq. 5).

    ``lr`` is the rate at step 0 and ``end`` that at step ``steps`` and afterwards; with ``restarts`` the schedule
    restarts from ``lr`` every ``steps`` steps instead.

    Raises ValueError for rates that are negative or not finite, steps below 1.

    >>> [cosine_decay(0.2, steps=10)(step) for step in (0, 5, 10, 99)]
    [0.2, 0.1, 0.0, 0.0]
    """

    lr: NonNegative
    _: KW_ONLY
    steps: Size
    end: NonNegative = 0.0
    restarts: Flag = False

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        done = step_of(step) % self.steps if self.restarts else min(step_of(step), self.steps)
        return between(self.lr, self.end, done / self.steps)


cosine_decay = CosineDecay
