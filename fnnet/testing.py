"""The gradient check: every analytic derivative against central differences.

The error of a coordinate is |analytic - numeric| / the largest |entry| of its leaf, where the numeric derivative is
(f(p + h) - f(p - h)) / 2h with h = 1e-5 max(1, |p|), in float64. f is the loss, or Σ c y with random numbers c where no
loss is given, so that all outputs take part. Only where a whole leaf is smaller than what the rounding of f makes of
its quotient, that takes the place of the largest entry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from fnnet import checks, keys, tree
from fnnet.errors import GradientError, ShapeError
from fnnet.gradients import penalized
from fnnet.keys import Key
from fnnet.losses._base import RowLoss
from fnnet.matching import columns, trained
from fnnet.network import backward, forward, param_gradients
from fnnet.nodes import Params
from fnnet.records import Loss, LossFunction, Penalty
from fnnet.rules import check_network, replicas
from fnnet.types import Array

P = TypeVar("P", bound=Params)
T = TypeVar("T")

STEP = 1e-5
"""h, times max(1, |p|)."""

BOUND = 1e-6
"""The largest error that a right gradient may have."""

REDRAWN = 0.05
"""The share of coordinates that may be moved off a kink."""

Leaves = tuple[Array, ...]
Place = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GradientReport:
    """What a passed check found: the largest error, where, and how many coordinates were checked and redrawn."""

    error: float
    path: str
    coordinates: int
    redrawn: int


def check_gradients(
    params: P,
    x: Array,
    *,
    loss: Loss[T] | LossFunction[T] | None = None,
    target: T | None = None,
    penalty: Penalty | None = None,
    noise: Key | None = None,
    key: Key = Key(0),
    inputs: bool = True,
) -> GradientReport:
    """Checks each trained parameter's and each input's derivative of a network, with or without a loss behind it, and a
    penalty beside it.

    ``inputs`` says whether x's derivatives are checked too; those of whole numbers are not.
    ``noise`` is the key of a stochastic pass. ``key`` decides the numbers c and where coordinates are moved to that
    stand at a kink (at most 5 % of all, rounded up). Parameters and x are cast to float64.

    Raises GradientError naming the path, the coordinate and both derivatives where the error is above 1e-6, where the
    gradient of a constant field is not zero, where ``gradients`` disagrees with ``backward``, where a loss's call
    disagrees with its rows, or where more than 5 % of the coordinates stand at kinks; ShapeError or DtypeError where a
    gradient has not the shape of what it belongs to or is not real.

    >>> import fnnet as fn
    >>> net = fn.mlp(fn.Key(0), (3, 5, 2), activation=fn.Tanh())
    >>> fn.testing.check_gradients(net, fn.keys.normal(fn.Key(1), (4, 3))).coordinates
    44
    """
    check_network("check_gradients", params)
    checks.rows("check_gradients", x)
    problem = _Problem(tree.astype(params, np.float64), x.astype(np.float64), loss, target, penalty, noise, key, inputs)
    return _check(problem)


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
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
        return *tree.leaves(self.net), self.x

    def terms(self, leaves: Leaves) -> Array:
        """What f is the sum of: differences are taken before the sum, to keep digits."""
        net = tree.rebuild(self.net, leaves[:-1])
        terms, _ = self._terms(forward(net, leaves[-1], self.noise)[0])
        return terms if self.penalty is None else np.append(terms, self.penalty(net)[0])

    def gradients(self, leaves: Leaves) -> Leaves:
        net = tree.rebuild(self.net, leaves[:-1])
        y, cache = forward(net, leaves[-1], self.noise)
        dy = self._terms(y)[1]
        grads, dx = backward(net, cache, dy)
        columns("check_gradients", (net, grads))
        for leaf in (*tree.leaves(grads), dx):
            checks.array("check_gradients", "a gradient", leaf)
        if not tree.equal(grads, param_gradients(net, cache, dy)):
            raise GradientError(f"check_gradients: {type(net).__name__}: gradients must give what backward gives")
        if self.penalty is not None:
            grads = penalized(self.penalty, net, np.zeros(replicas(net)), grads)[1]
        return *tree.leaves(grads), dx

    def _terms(self, y: Array) -> tuple[Array, Array]:
        if self.loss is None:
            c = keys.normal(self.key.child(0), y.shape)
            return c * y, c
        if isinstance(self.loss, Loss):
            return self.loss.rows(y, self.target)
        value, grad = self.loss(y, self.target)
        return np.asarray(value), grad


def _check(problem: _Problem) -> GradientReport:
    _check_call(problem)
    leaves = problem.leaves()
    analytic, terms = problem.gradients(leaves), problem.terms(leaves)
    is_trained = [*trained(columns("check_gradients", (problem.net,))[1]), problem.inputs]
    total = sum([leaf.size for leaf, counts in zip(leaves, is_trained, strict=True) if counts])
    worst, where, redrawn = 0.0, "", 0
    for i, path in enumerate([*tree.paths(problem.net), "x"]):
        if analytic[i].shape != leaves[i].shape:
            shapes = f"must have the shape {leaves[i].shape}, got {analytic[i].shape}"
            raise ShapeError(f"check_gradients: the gradient of {path} {shapes}")
        if not is_trained[i]:
            if i < len(leaves) - 1 and analytic[i].any():
                raise GradientError(f"check_gradients: {path} is constant, so its gradient must be 0")
            continue
        numeric = _numeric(problem, leaves, i)
        scale = _scale(analytic[i], numeric, terms)
        for j in np.ndindex(leaves[i].shape):
            error = abs(float(analytic[i][j] - numeric[j])) / scale
            if not error <= BOUND and _is_kink(problem, leaves, i, j, scale):
                redrawn += 1
                if redrawn > math.ceil(REDRAWN * total):
                    raise GradientError(f"check_gradients: more than 5 % of {total} coordinates are at kinks; move x")
                error = _redrawn_error(problem, leaves, i, j)
            if not error <= BOUND:
                raise GradientError(
                    f"check_gradients: {path}{list(j)}: the analytic derivative is {analytic[i][j]:.9g}, the numeric "
                    f"one {numeric[j]:.9g}: an error of {error:.1e}, where {BOUND:g} is allowed"
                )
            worst, where = max((worst, where), (error, path))
    return GradientReport(worst, where, total, redrawn)


def _check_call(problem: _Problem) -> None:
    """Whether calling a loss gives the mean or the sum of its rows, which are what is compared with differences."""
    loss = problem.loss
    if not isinstance(loss, Loss):
        return
    prediction, _ = forward(problem.net, problem.x, problem.noise)
    (values, grads), (value, grad) = loss.rows(prediction, problem.target), loss(prediction, problem.target)
    weight = (
        loss.weight(prediction, problem.target) if isinstance(loss, RowLoss) else np.asarray(float(values.shape[-1]))
    )
    divisor = np.ones(()) if loss.is_sum else weight
    for name, got, wanted in (
        ("value", value, values.sum(axis=-1) / divisor),
        ("gradient", grad, grads / divisor[..., None, None]),
    ):
        if not np.abs(got - wanted).max() <= BOUND * np.abs(wanted).max():
            raise GradientError(
                f"check_gradients: {loss!r}: the {name} of the call must be that of the rows over their weight, "
                f"{np.ravel(wanted)[0]:.9g}, got {np.ravel(got)[0]:.9g}"
            )


def _scale(analytic: Array, numeric: Array, terms: Array) -> float:
    """The largest |entry| of a leaf, by either account, or what the rounding of the quotient alone would pass for.

    f is a sum of terms t and is known to eps Σ |t| at best, its quotient to eps Σ |t| / h.
    """
    rounding = float(np.finfo(np.float64).eps * np.abs(terms).sum() / STEP)
    return max(float(np.abs(analytic).max()), float(np.abs(numeric).max()), rounding / BOUND) or 1.0


def _moved(leaves: Leaves, i: int, j: Place, by: float) -> Leaves:
    """The leaves with one coordinate moved."""
    leaf = leaves[i].copy()
    leaf[j] += by
    return *leaves[:i], leaf, *leaves[i + 1 :]


def _sides(problem: _Problem, leaves: Leaves, i: int, j: Place, h: float) -> tuple[float, float]:
    """The derivatives to the left and to the right of a coordinate."""
    h *= max(1.0, abs(float(leaves[i][j])))
    center = problem.terms(leaves)
    left = float((center - problem.terms(_moved(leaves, i, j, -h))).sum()) / h
    right = float((problem.terms(_moved(leaves, i, j, h)) - center).sum()) / h
    return left, right


def _central(problem: _Problem, leaves: Leaves, i: int, j: Place) -> float:
    h = STEP * max(1.0, abs(float(leaves[i][j])))
    up, down = problem.terms(_moved(leaves, i, j, h)), problem.terms(_moved(leaves, i, j, -h))
    return float((up - down).sum()) / (2 * h)


def _numeric(problem: _Problem, leaves: Leaves, i: int) -> Array:
    """The numeric gradient of one leaf."""
    values = [_central(problem, leaves, i, j) for j in np.ndindex(leaves[i].shape)]
    return np.array(values).reshape(leaves[i].shape)


def _is_kink(problem: _Problem, leaves: Leaves, i: int, j: Place, scale: float) -> bool:
    """Whether f has a kink between p - h and p + h, judged by f alone.

    Where f is smooth, a step of h / 4 gives the same central derivative, and one-sided ones four times nearer to each
    other. At a kink one of the two fails.
    """
    left, right = _sides(problem, leaves, i, j, STEP)
    near_left, near_right = _sides(problem, leaves, i, j, STEP / 4)
    shifted = abs((left + right) - (near_left + near_right)) / 2 > BOUND / 2 * scale
    gap = abs(near_right - near_left)
    return shifted or (gap > BOUND * scale and gap > abs(right - left) / 2)


def _redrawn_error(problem: _Problem, leaves: Leaves, i: int, j: Place) -> float:
    """The error of a coordinate at another point near by, where there is no kink."""
    for attempt in range(10):
        u = float(keys.uniform(problem.key.child(1, i, attempt), (1,))[0]) - 0.5
        moved = _moved(leaves, i, j, 0.2 * u * max(1.0, abs(float(leaves[i][j]))))
        analytic, numeric = problem.gradients(moved)[i], _central(problem, moved, i, j)
        scale = _scale(analytic, np.asarray(numeric), problem.terms(moved))
        error = abs(float(analytic[j]) - numeric) / scale
        if error <= BOUND or not _is_kink(problem, moved, i, j, scale):
            return error
    return math.inf
