"""Rates and schedules one after another, changed at boundaries."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Annotated

from fnnet import checks
from fnnet.core import Schedule, Settings
from fnnet.core.settings import each
from fnnet.schedules._base import at, step_of


def _check_rising(where: str, name: str, stages: tuple[object, ...], boundaries: tuple[int, ...]) -> None:
    """Raises ValueError unless the boundaries rise and there is one less of them than of the stages."""
    if len(stages) != len(boundaries) + 1:
        raise ValueError(f"{where}: {name} must be one more than the boundaries, {len(boundaries)}, got {len(stages)}")
    if list(boundaries) != sorted(set(boundaries)):
        raise ValueError(f"{where}: boundaries must rise, got {boundaries}")


@dataclass(frozen=True, slots=True)
class Join(Settings):
    """One schedule after another, each counting its own steps from 0.

    ``schedules`` are schedules or constant rates; ``boundaries`` are the steps at which the second and each later one
    begins. Raises ValueError unless there is one more schedule than boundaries, and these rise.

    >>> import fnnet as fn
    >>> schedule = join((0.1, fn.exponential_decay(0.1, steps=1, factor=0.5)), (3,))
    >>> [schedule(step) for step in (0, 3, 4, 5)]
    [0.1, 0.1, 0.05, 0.025]
    """

    schedules: Annotated[tuple[float | Schedule, ...], each(checks.rate)]
    boundaries: Annotated[tuple[int, ...], each(checks.size)]

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        _check_rising(self.name, "schedules", self.schedules, self.boundaries)

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        i = bisect_right(self.boundaries, step_of(step))
        begin = self.boundaries[i - 1] if i else 0
        return at("join", f"schedules[{i}]", self.schedules[i], step - begin)


join = Join


@dataclass(frozen=True, slots=True)
class Piecewise(Settings):
    """Constant rates, one after another.

    ``boundaries`` are the steps at which the second and each later one of ``rates`` begins. Raises ValueError for rates
    that are negative or not finite, and unless there is one more rate than boundaries, and these rise.

    >>> [piecewise((0.1, 0.01), (100,))(step) for step in (99, 100)]
    [0.1, 0.01]
    """

    rates: Annotated[tuple[float, ...], each(checks.real)]
    boundaries: Annotated[tuple[int, ...], each(checks.size)]

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        _check_rising(self.name, "rates", self.rates, self.boundaries)

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        return self.rates[bisect_right(self.boundaries, step_of(step))]


piecewise = Piecewise
