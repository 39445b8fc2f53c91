"""Rates and schedules one after another, changed at boundaries."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from fnnet import checks
from fnnet.core import Schedule
from fnnet.schedules._base import at, step_of


def _listed(where: str, name: str, value: object) -> tuple[object, ...]:
    if not isinstance(value, (tuple, list)):
        raise ValueError(f"{where}: {name} must be a tuple, got {value!r}")
    return tuple(value)


def _rising(where: str, name: str, stages: object, boundaries: object) -> tuple[int, ...]:
    """Boundaries that rise from 1 up, one less than the stages between them."""
    given, count = _listed(where, "boundaries", boundaries), len(_listed(where, name, stages))
    if count != len(given) + 1:
        raise ValueError(f"{where}: {name} must be one more than the boundaries, {len(given)}, got {count}")
    found = tuple([checks.size(where, f"boundaries[{i}]", value) for i, value in enumerate(given)])
    if list(found) != sorted(set(found)):
        raise ValueError(f"{where}: boundaries must rise, got {found}")
    return found


@dataclass(frozen=True, slots=True)
class Join:
    """One schedule after another: the i-th from the i-th boundary on, each counting its own steps from 0.

    Raises ValueError unless there is one more schedule than boundaries, and these rise.

    >>> import fnnet as fn
    >>> schedule = join((0.1, fn.exponential_decay(0.1, steps=1, factor=0.5)), (3,))
    >>> [schedule(step) for step in (0, 3, 4, 5)]
    [0.1, 0.1, 0.05, 0.025]
    """

    schedules: tuple[float | Schedule, ...]
    boundaries: tuple[int, ...]

    def __post_init__(self) -> None:
        checks.settle(self, boundaries=_rising("join", "schedules", self.schedules, self.boundaries))
        schedules = tuple([checks.rate("join", f"schedules[{i}]", value) for i, value in enumerate(self.schedules)])
        checks.settle(self, schedules=schedules)

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        i = bisect_right(self.boundaries, step_of(step))
        begin = self.boundaries[i - 1] if i else 0
        return at("join", f"schedules[{i}]", self.schedules[i], step - begin)


join = Join


@dataclass(frozen=True, slots=True)
class Piecewise:
    """Constant rates, the i-th from the i-th boundary on.

    Raises ValueError for rates that are negative or not finite, or unless there is one more rate than boundaries, and
    these rise.

    >>> [piecewise((0.1, 0.01), (100,))(step) for step in (99, 100)]
    [0.1, 0.01]
    """

    rates: tuple[float, ...]
    boundaries: tuple[int, ...]

    def __post_init__(self) -> None:
        checks.settle(self, boundaries=_rising("piecewise", "rates", self.rates, self.boundaries))
        rates = tuple([checks.real("piecewise", f"rates[{i}]", value) for i, value in enumerate(self.rates)])
        checks.settle(self, rates=rates)

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        return self.rates[bisect_right(self.boundaries, step_of(step))]


piecewise = Piecewise
