"""Cosine decay, once or again and again."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet import checks
from fnnet.schedules._base import between, step_of


@dataclass(frozen=True, slots=True)
class CosineDecay:
    """What ``cosine_decay(...)`` returns."""

    lr: float
    steps: int
    end: float = 0.0
    restarts: bool = False

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checks.real("cosine_decay", "lr", self.lr),
            steps=checks.size("cosine_decay", "steps", self.steps),
            end=checks.real("cosine_decay", "end", self.end),
            restarts=bool(self.restarts),
        )

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        done = step_of(step) % self.steps if self.restarts else min(step_of(step), self.steps)
        return between(self.lr, self.end, done / self.steps)


def cosine_decay(lr: float, *, steps: int, end: float = 0.0, restarts: bool = False) -> CosineDecay:
    """end + (lr - end) (1 + cos(π step / steps)) / 2, and ``end`` from there on; with restarts it begins anew
    (I. Loshchilov, F. Hutter, SGDR, ICLR 2017, eq. 5).

    Raises ValueError for rates that are negative or not finite, steps below 1.

    >>> [cosine_decay(0.2, steps=10)(step) for step in (0, 5, 10, 99)]
    [0.2, 0.1, 0.0, 0.0]
    """
    return CosineDecay(lr, steps, end, restarts)
