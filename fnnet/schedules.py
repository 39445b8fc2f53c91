"""Learning rates that depend on the number of steps done: values that print, compare, pickle and compose."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fnnet import checks
from fnnet.records import Schedule


def _step(step: int) -> int:
    return checks.size("schedule", "step", step, 0)


def _at(schedule: float | Schedule, step: int) -> float:
    return schedule(step) if callable(schedule) else schedule


def _rate(where: str, name: str, value: float | Schedule) -> float | Schedule:
    """A rate, or a schedule of its own."""
    return value if callable(value) else checks.real(where, name, value)


# --- falling -----------------------------------------------------------------------------------------------------
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
        return float(self.lr * self.factor ** (_step(step) / self.steps))


def exponential_decay(lr: float, *, steps: int, factor: float) -> ExponentialDecay:
    """lr · factor^(step / steps): in every so many steps the rate is multiplied by the factor, little by little.

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
    factor: float

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checks.real("step_decay", "lr", self.lr),
            steps=checks.size("step_decay", "steps", self.steps),
            factor=checks.positive("step_decay", "factor", self.factor),
        )

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        return float(self.lr * self.factor ** (_step(step) // self.steps))


def step_decay(lr: float, *, steps: int, factor: float = 0.1) -> StepDecay:
    """lr · factor^⌊step / steps⌋: every so many steps the rate is multiplied by the factor, all at once.

    Raises ValueError for a rate that is negative or not finite, steps below 1, a factor not above 0.

    >>> [round(step_decay(0.1, steps=10)(step), 4) for step in (9, 10, 20)]
    [0.1, 0.01, 0.001]
    """
    return StepDecay(lr, steps, factor)


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
        done = _step(step) % self.steps if self.restarts else min(_step(step), self.steps)
        return self.end + (self.lr - self.end) * (1 + math.cos(math.pi * done / self.steps)) / 2


def cosine_decay(lr: float, *, steps: int, end: float = 0.0, restarts: bool = False) -> CosineDecay:
    """end + (lr - end) (1 + cos(π step / steps)) / 2, and from there on ``end``; with restarts it begins anew
    (I. Loshchilov, F. Hutter, SGDR, ICLR 2017, eq. 5).

    Raises ValueError for rates that are negative or not finite, steps below 1.

    >>> [cosine_decay(0.2, steps=10)(step) for step in (0, 5, 10, 99)]
    [0.2, 0.1, 0.0, 0.0]
    """
    return CosineDecay(lr, steps, end, restarts)


@dataclass(frozen=True, slots=True)
class PolynomialDecay:
    """What ``polynomial_decay(...)`` returns."""

    lr: float
    steps: int
    end: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checks.real("polynomial_decay", "lr", self.lr),
            steps=checks.size("polynomial_decay", "steps", self.steps),
            end=checks.real("polynomial_decay", "end", self.end),
            power=checks.positive("polynomial_decay", "power", self.power),
        )

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        left = 1 - min(_step(step), self.steps) / self.steps
        return float(self.end + (self.lr - self.end) * left**self.power)


def polynomial_decay(lr: float, *, steps: int, end: float = 0.0, power: float = 1.0) -> PolynomialDecay:
    """end + (lr - end) (1 - step / steps)^power, and from there on ``end``; a straight line for power 1.

    Raises ValueError for rates that are negative or not finite, steps below 1, a power not above 0.

    >>> [polynomial_decay(0.2, steps=10)(step) for step in (0, 5, 10, 99)]
    [0.2, 0.1, 0.0, 0.0]
    """
    return PolynomialDecay(lr, steps, end, power)


# --- rising ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class LinearWarmup:
    """What ``linear_warmup(...)`` returns."""

    then: float | Schedule
    steps: int
    begin: float = 0.0

    def __post_init__(self) -> None:
        checks.settle(
            self,
            then=_rate("linear_warmup", "then", self.then),
            steps=checks.size("linear_warmup", "steps", self.steps),
            begin=checks.real("linear_warmup", "begin", self.begin),
        )

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        if _step(step) >= self.steps:
            return _at(self.then, step - self.steps)
        return self.begin + (_at(self.then, 0) - self.begin) * step / self.steps


def linear_warmup(then: float | Schedule, *, steps: int, begin: float = 0.0) -> LinearWarmup:
    """From ``begin`` in a straight line to where ``then`` begins, a rate or any schedule, which goes on from there
    (P. Goyal et al., arXiv 1706.02677, section 2.2).

    Raises ValueError for rates that are negative or not finite, steps below 1.

    >>> schedule = linear_warmup(cosine_decay(0.2, steps=10), steps=4)
    >>> [schedule(step) for step in (0, 2, 4, 9, 14)]
    [0.0, 0.1, 0.2, 0.1, 0.0]
    """
    return LinearWarmup(then, steps, begin)


@dataclass(frozen=True, slots=True)
class OneCycle:
    """What ``one_cycle(...)`` returns."""

    lr: float
    steps: int
    rise: float = 0.3
    begin: float = 0.04
    end: float = 4e-6

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checks.real("one_cycle", "lr", self.lr),
            steps=checks.size("one_cycle", "steps", self.steps, 2),
            rise=checks.real("one_cycle", "rise", self.rise, below=1),
            begin=checks.real("one_cycle", "begin", self.begin),
            end=checks.real("one_cycle", "end", self.end),
        )

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        top, done = self.rise * self.steps, min(_step(step), self.steps)
        if done < top:
            return self.lr * _between(self.begin, 1.0, done / top)
        return self.lr * _between(1.0, self.end, (done - top) / (self.steps - top))


def _between(a: float, b: float, share: float) -> float:
    """From a to b along half a cosine."""
    return b + (a - b) * (1 + math.cos(math.pi * share)) / 2


def one_cycle(lr: float, *, steps: int, rise: float = 0.3, begin: float = 0.04, end: float = 4e-6) -> OneCycle:
    """From begin · lr up to lr in the first share of the steps, ``rise``, and down to end · lr in the rest, along
    cosines (L. N. Smith, N. Topin, Super-Convergence, arXiv 1708.07120, section 3).

    Raises ValueError for rates or shares that are negative or not finite, a rise outside [0, 1), steps below 2.

    >>> [round(one_cycle(1.0, steps=10)(step), 6) for step in (0, 3, 10)]
    [0.04, 1.0, 4e-06]
    """
    return OneCycle(lr, steps, rise, begin, end)


# --- put together ------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Join:
    """What ``join(...)`` and ``piecewise(...)`` return."""

    schedules: tuple[float | Schedule, ...]
    boundaries: tuple[int, ...]

    def __post_init__(self) -> None:
        schedules: object = self.schedules
        if not isinstance(schedules, (tuple, list)) or len(schedules) != len(self.boundaries) + 1:
            raise ValueError(
                f"join: schedules must be one more than the boundaries, {len(self.boundaries)}, got {schedules!r}"
            )
        checks.settle(
            self,
            schedules=tuple([_rate("join", f"schedules[{i}]", value) for i, value in enumerate(self.schedules)]),
            boundaries=tuple([checks.size("join", "boundaries", value) for value in self.boundaries]),
        )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError(f"join: boundaries must rise, got {self.boundaries}")

    def __call__(self, step: int, /) -> float:
        """The learning rate after so many steps."""
        begin, place = 0, 0
        for boundary in self.boundaries:
            if _step(step) >= boundary:
                begin, place = boundary, place + 1
        return _at(self.schedules[place], step - begin)


def join(schedules: tuple[float | Schedule, ...], boundaries: tuple[int, ...]) -> Join:
    """One schedule after another: the i-th from the i-th boundary on, each counting its own steps from 0.

    Raises ValueError unless there is one more schedule than boundaries, and these rise.

    >>> schedule = join((0.1, exponential_decay(0.1, steps=1, factor=0.5)), (3,))
    >>> [schedule(step) for step in (0, 3, 4, 5)]
    [0.1, 0.1, 0.05, 0.025]
    """
    return Join(schedules, boundaries)


def piecewise(rates: tuple[float, ...], boundaries: tuple[int, ...]) -> Join:
    """Constant rates, the i-th from the i-th boundary on.

    Raises ValueError unless there is one more rate than boundaries, and these rise.

    >>> [piecewise((0.1, 0.01), (100,))(step) for step in (99, 100)]
    [0.1, 0.01]
    """
    return Join(rates, boundaries)
