"""The function that a gradient check tests, its analytic derivatives, and how far numeric ones are from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fnnet import checks, keys, tree
from fnnet.calculus.differences import Terms, central, extrapolated, has_kink
from fnnet.calculus.gradients import penalized
from fnnet.core import Array, Key, Loss, LossFunction, Params, Penalty, backward, forward, param_gradients
from fnnet.core.facts import replicas
from fnnet.errors import GradientError
from fnnet.tree.matching import columns

H = 1e-5
"""The h of central differences, times max(1, |p|)."""

BOUND = 1e-6
"""The largest error of a correct gradient."""

PLACES = 8
"""By how many last places an output may be off: those of a sum, of its terms and of a function of it."""

NOISE = 1 / 16
"""The share of the worst rounding that is allowed for."""

WHERE = "check_gradients"

Leaves = tuple[Array, ...]
Coordinate = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """f as a function of the leaves of (network, x)."""

    net: Params
    x: Array
    loss: Loss[Any] | LossFunction[Any] | None
    target: object
    penalty: Penalty | None
    noise: Key | None
    key: Key
    inputs: bool

    def leaves(self) -> Leaves:
        """Those of the network, and x."""
        return *tree.leaves(self.net), self.x

    def terms(self, leaves: Leaves) -> Array:
        """The terms whose sum is f: differences are taken before the sum, to keep digits."""
        net = tree.rebuild(self.net, leaves[:-1])
        terms, _ = self._terms(forward(net, leaves[-1], self.noise)[0])
        return terms if self.penalty is None else np.append(terms, self.penalty(net)[0])

    def gradients(self, leaves: Leaves) -> Leaves:
        """The analytic gradients, from ``backward`` and the penalty."""
        net = tree.rebuild(self.net, leaves[:-1])
        y, cache = forward(net, leaves[-1], self.noise)
        dy = self._terms(y)[1]
        grads, dx = backward(net, cache, dy)
        columns(WHERE, (net, grads))
        for leaf in (*tree.leaves(grads), dx):
            checks.array(WHERE, "a gradient", leaf)
        if not tree.equal(grads, param_gradients(net, cache, dy)):
            raise GradientError(f"{WHERE}: {type(net).__name__}: gradients must give what backward gives")
        if self.penalty is not None:
            grads = penalized(self.penalty, net, np.zeros(replicas(net)), grads)[1]
        return *tree.leaves(grads), dx

    def rounding(self, leaves: Leaves) -> float:
        """The rounding error of f: a few last places of its terms and of the outputs y that they are computed from,
        because each is a sum and a function of one; and a subnormal number for each."""
        y, _ = forward(tree.rebuild(self.net, leaves[:-1]), leaves[-1], self.noise)
        terms, dy = self.terms(leaves), self._terms(y)[1]
        mass = max(float(np.abs(terms).sum()), float(np.abs(dy * y).sum()))
        about = np.finfo(np.float64)
        return PLACES * float(about.eps) * mass + float(about.smallest_subnormal) * (terms.size + y.size)

    def along(self, leaves: Leaves, i: int, j: Coordinate) -> Terms:
        """The terms of f as a function of the shift of one coordinate."""
        return lambda by: self.terms(self.moved(leaves, i, j, by) if by else leaves)

    @staticmethod
    def moved(leaves: Leaves, i: int, j: Coordinate, by: float) -> Leaves:
        """The leaves with one coordinate moved."""
        leaf = leaves[i].copy()
        leaf[j] += by
        return *leaves[:i], leaf, *leaves[i + 1 :]

    def _terms(self, y: Array) -> tuple[Array, Array]:
        if self.loss is None:
            c = keys.normal(self.key.child(0), y.shape)
            return c * y, c
        if isinstance(self.loss, Loss):
            return self.loss.rows(y, self.target)
        value, grad = self.loss(y, self.target)
        return np.asarray(value), grad


class Judgement(NamedTuple):
    """The error of a coordinate, the numeric derivative it is relative to, and whether f has a kink there instead."""

    error: float
    numeric: float
    is_kink: bool = False


def check_number(path: str, analytic: Array, numeric: Array) -> None:
    """Raises GradientError where an analytic derivative is NaN and the numeric one is finite."""
    for j in np.ndindex(analytic.shape):
        if math.isnan(analytic[j]) and math.isfinite(numeric[j]):
            place = f"{path}{list(j)}"
            raise GradientError(f"{WHERE}: {place}: the analytic derivative is nan, the numeric one {numeric[j]:.9g}")


def size_of(analytic: Array, numeric: Array, rounding: float) -> float:
    """The size that errors of a leaf are relative to: the largest |entry| of both gradients, or a larger one, at which
    the rounding of the difference quotient alone is within ``BOUND``."""
    return max(float(np.abs(analytic).max()), float(np.abs(numeric).max()), rounding / H / BOUND)


def numeric_gradient(problem: Problem, leaves: Leaves, i: int) -> Array:
    """The numeric gradient of one leaf."""
    places = np.ndindex(leaves[i].shape)
    values = [central(problem.along(leaves, i, j), _h(leaves, i, j)) for j in places]
    return np.array(values).reshape(leaves[i].shape)


def _h(leaves: Leaves, i: int, j: Coordinate) -> float:
    return H * max(1.0, abs(float(leaves[i][j])))


def judgement(problem: Problem, leaves: Leaves, i: int, j: Coordinate, analytic: float, size: float) -> Judgement:
    """The judgement of a derivative that the difference over h does not confirm, by the limit of smaller h.

    A derivative that the limit confirms is correct, however uncertain the limit is. Otherwise there is a kink where the
    limit is not found, or where the sides differ; f alone decides that. Near a minimum of f the rounding at p ± h is
    larger than that at p, and counts.
    """
    terms, h, rounding = problem.along(leaves, i, j), _h(leaves, i, j), problem.rounding(leaves)
    far = max([problem.rounding(problem.moved(leaves, i, j, by)) for by in (-h, h)])
    size = max(size, far / H / BOUND)
    room = BOUND * size
    best = extrapolated(terms, h, NOISE * rounding, room)
    error, is_sure = abs(analytic - best.value) / size, best.doubt <= room / 2
    is_kink = not error <= BOUND and (not is_sure or has_kink(terms, max(best.h, rounding / room), room))
    return Judgement(error, best.value, is_kink)


def redrawn(problem: Problem, leaves: Leaves, i: int, j: Coordinate) -> Judgement:
    """The judgement at a nearby point without a kink; that of the last point tried where all have one."""
    for attempt in range(10):
        u = float(keys.uniform(problem.key.child(1, i, attempt), (1,))[0]) - 0.5
        moved = problem.moved(leaves, i, j, 0.2 * u * max(1.0, abs(float(leaves[i][j]))))
        analytic, numeric = problem.gradients(moved)[i], central(problem.along(moved, i, j), _h(moved, i, j))
        size = size_of(analytic, np.asarray(numeric), problem.rounding(moved))
        found = Judgement(abs(float(analytic[j]) - numeric) / size, numeric)
        if not found.error <= BOUND:
            found = judgement(problem, moved, i, j, float(analytic[j]), size)
        if not found.is_kink:
            break
    return found
