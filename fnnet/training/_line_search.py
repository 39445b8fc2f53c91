"""A step length that satisfies the strong Wolfe conditions.

J. Nocedal, S. J. Wright, Numerical Optimization, 2nd edition, 2006, section 3.5. With φ(α) for the function's value at
the step length α along a descent direction, a good α lowers both the value and the slope:

    φ(α) <= φ(0) + c₁ α φ'(0)        |φ'(α)| <= c₂ |φ'(0)|
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fnnet.core import Array

C1 = 1e-4
C2 = 0.9


class Point(NamedTuple):
    """A step length α (``at``) with φ(α), φ'(α), and the parameters and gradient there."""

    at: float
    value: float
    slope: float
    x: Array
    gradient: Array


@dataclass(frozen=True, slots=True)
class Line:
    """A line in a descent direction: ``point`` evaluates a step length, ``start`` is the point at length 0.

    Values that differ by no more than ``noise`` count as equal: near a minimum such differences are rounding errors,
    and the slopes are more reliable (W. W. Hager, H. Zhang, SIAM J. Optim. 2005, section 4).
    """

    point: Callable[[float], Point]
    start: Point
    noise: float

    def is_low(self, point: Point) -> bool:
        """Whether the value is low enough; one that is not finite never is."""
        return point.value <= self.start.value + C1 * point.at * self.start.slope + self.noise

    def is_found(self, point: Point) -> bool:
        """Whether both conditions hold."""
        return self.is_low(point) and abs(point.slope) <= -C2 * self.start.slope


def search(line: Line, first: float, trials: int) -> Point | None:
    """A point where both conditions hold (algorithm 3.5: the interval is widened until it must hold such a point).

    Where the trials run out it is the lowest point found, or None where that is not below the start.
    """
    low, at = line.start, first
    for trial in range(trials):
        point = line.point(at)
        if line.is_found(point):
            return point
        if not line.is_low(point) or (trial and point.value >= low.value):
            return _zoom(line, low, point, trials - trial - 1)
        if point.slope >= 0:
            return _zoom(line, point, low, trials - trial - 1)
        wider = point.at - low.at
        at = min(max(point.at + 1.1 * wider, _cubic(low, point)), point.at + 4 * wider)  # a NaN comes second, and loses
        low = point
    return _lower(line, low)


def _zoom(line: Line, low: Point, high: Point, trials: int) -> Point | None:
    """Narrows the interval between the lowest point so far and one beyond a minimum (algorithm 3.6)."""
    for _ in range(trials):
        point = line.point(_between(low, high))
        if line.is_found(point):
            return point
        if not line.is_low(point) or point.value >= low.value:
            high = point
            continue
        if point.slope * (high.at - low.at) >= 0:
            high = low
        low = point
    return _lower(line, low)


def _lower(line: Line, point: Point) -> Point | None:
    return point if point.value < line.start.value else None


def _between(a: Point, b: Point) -> float:
    """The cubic's minimum where it is well inside the interval, else the midpoint."""
    first, last = min(a.at, b.at), max(a.at, b.at)
    margin, at = 0.1 * (last - first), _cubic(a, b)
    return at if first + margin <= at <= last - margin else (first + last) / 2


def _cubic(a: Point, b: Point) -> float:
    """The minimizer of the cubic through two points with their slopes (equation 3.59); NaN where there is none."""
    if a.at == b.at:
        return math.nan
    d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.at - b.at)
    square = d1 * d1 - a.slope * b.slope
    if not (math.isfinite(square) and square >= 0):
        return math.nan
    d2 = math.copysign(math.sqrt(square), b.at - a.at)
    below = b.slope - a.slope + 2 * d2
    return b.at - (b.at - a.at) * (b.slope + d2 - d1) / below if below else math.nan
