"""L-BFGS: Newton's method with a curvature estimated from the last few steps.

J. Nocedal, S. J. Wright, Numerical Optimization, 2nd edition, 2006, section 7.2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from fnnet.core import Array
from fnnet.numerics import inner_product
from fnnet.training._line_search import Line, Point, search

TRIALS = 20
"""The most points that a line search tries."""

NOISE = 8
"""Units in the last place by which two values of the loss differ through rounding alone."""


class Pair(NamedTuple):
    """A step s and the change y of the gradient over it."""

    s: Array
    y: Array

    @property
    def is_curved(self) -> bool:
        """Whether sᵀy is so far above 0 that H is positive definite with this pair."""
        return float(inner_product(self.s, self.y)) > float(np.finfo(self.y.dtype).eps) * float(
            inner_product(self.y, self.y)
        )


Pairs = tuple[Pair, ...]
Evaluate = Callable[[Array], tuple[float, Array]]
"""The loss and its gradient at a vector of parameters."""


class Iterate(NamedTuple):
    """The current point of the iteration, with its loss, gradient, pairs and number of steps."""

    x: Array
    value: float
    gradient: Array
    pairs: Pairs = ()
    step: int = 0


def direction(gradient: Array, pairs: Pairs) -> Array:
    """-H g by the two-loop recursion (algorithm 7.4), with H⁰ = sᵀy / yᵀy of the latest pair (equation 7.20)."""
    if not pairs:
        return -gradient
    q, shares = gradient.copy(), []
    for s, y in reversed(pairs):
        share = float(inner_product(s, q)) / float(inner_product(s, y))
        q -= share * y
        shares.append(share)
    s, y = pairs[-1]
    q *= float(inner_product(s, y)) / float(inner_product(y, y))
    for (s, y), share in zip(pairs, reversed(shares), strict=True):
        q += (share - float(inner_product(y, q)) / float(inner_product(s, y))) * s
    return -q


def _point(evaluate: Evaluate, x: Array, d: Array, at: float) -> Point:
    there = x + at * d
    value, gradient = evaluate(there)
    return Point(at, value, float(inner_product(gradient, d)), there, gradient)


def iterate(evaluate: Evaluate, now: Iterate, memory: int) -> Iterate | None:
    """One iteration (algorithm 7.5), or None where no lower point is found, as rounding allows no further descent."""
    d = direction(now.gradient, now.pairs)
    slope = float(inner_product(now.gradient, d))
    found = None
    if slope < 0:
        start = Point(0.0, now.value, slope, now.x, now.gradient)
        noise = NOISE * float(np.finfo(now.x.dtype).eps) * abs(now.value)
        first = 1.0 if now.pairs else min(1.0, 1 / float(np.sqrt(-slope)))
        found = search(Line(partial(_point, evaluate, now.x, d), start, noise), first, TRIALS)
    if found is None:
        return iterate(evaluate, now._replace(pairs=()), memory) if now.pairs else None
    pair = Pair(found.x - now.x, found.gradient - now.gradient)
    pairs = (*now.pairs, pair)[-memory:] if pair.is_curved else now.pairs
    return Iterate(found.x, found.value, found.gradient, pairs, now.step + 1)


def run(evaluate: Evaluate, now: Iterate, memory: int, iterations: int, tolerance: float) -> Iterate:
    """Up to ``iterations`` iterations, fewer where the gradient's norm reaches the tolerance or no descent is left."""
    for _ in range(iterations):
        after = (
            iterate(evaluate, now, memory) if np.sqrt(inner_product(now.gradient, now.gradient)) > tolerance else None
        )
        if after is None:
            return now
        now = after
    return now
