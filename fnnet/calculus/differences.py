"""Derivatives of a function of one number, from its values alone.

A function is given by the terms whose sum it is: they are subtracted before they are added up, to keep digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fnnet.core import Array

Terms = Callable[[float], Array]
"""The terms of f as a function of the shift of its argument."""

LEVELS = 10
RATIO = 4
"""At most ``LEVELS`` values of h are tried, each the one before over ``RATIO``."""


class Estimate(NamedTuple):
    """A derivative, how far it may be off, and the smallest h it was computed with."""

    value: float
    doubt: float
    h: float


def central(terms: Terms, h: float) -> float:
    """(f(h) - f(-h)) / 2h."""
    return float((terms(h) - terms(-h)).sum()) / (2 * h)


def extrapolated(terms: Terms, h: float, noise: float, room: float) -> Estimate:
    """The limit of central differences over ever smaller h (C. J. F. Ridders, Advances in Engineering Software 4,
    1982): at least two, and more while the error from the noise of f, noise / h, is within ``room``.

    Their error is a series in h², whose terms are removed one after another (L. F. Richardson, 1911). The best estimate
    is the one that agrees best with those it is computed from, with the noise at its h added.
    """
    row = [central(terms, h)]
    best = Estimate(row[0], float("inf"), h)
    for level in range(LEVELS):
        h /= RATIO
        if level and noise > room * h:
            break
        new, factor = [central(terms, h)], 1
        for before in row:
            factor *= RATIO * RATIO
            new.append(new[-1] + (new[-1] - before) / (factor - 1))
            doubt = max(abs(new[-1] - new[-2]), abs(new[-1] - before)) + noise / h
            if doubt <= best.doubt:
                best = Estimate(new[-1], doubt, h)
        row = new
    return best


def has_kink(terms: Terms, h: float, room: float) -> bool:
    """Whether the derivatives to the left and to the right differ by more than ``room``, which rounding needs, and do
    not approach each other as h shrinks."""
    gap, near = _gap(terms, h), _gap(terms, h / RATIO)
    return near > room and near > gap / 2


def _gap(terms: Terms, h: float) -> float:
    center = terms(0.0)
    left, right = float((center - terms(-h)).sum()) / h, float((terms(h) - center).sum()) / h
    return abs(right - left)
