"""The gradient check: every analytic derivative against central differences.

The error of a coordinate is |analytic - numeric| / the largest |entry| of its leaf, where the numeric derivative is
(f(p + h) - f(p - h)) / 2h with h = 1e-5 max(1, |p|), in float64. Where that disagrees, because f bends within h, it is
the limit for smaller h, as far as rounding allows. f is the loss, or Σ c y with random numbers c where no loss is
given, so that all outputs take part. Where a whole leaf is smaller than the rounding error of the quotient, the error
is relative to the rounding error instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from fnnet import checks, tree
from fnnet.calculus.derivatives import BOUND as BOUND
from fnnet.calculus.derivatives import H as H
from fnnet.calculus.derivatives import (
    Judgement,
    Leaves,
    Problem,
    check_number,
    judgement,
    numeric_gradient,
    redrawn,
    size_of,
)
from fnnet.core.facts import check_network
from fnnet.core.network import forward
from fnnet.core.protocols import Loss, LossFunction, Penalty
from fnnet.errors import GradientError, ShapeError
from fnnet.keys import Key
from fnnet.losses.reductions import RowLoss
from fnnet.tree.matching import columns, trained
from fnnet.tree.nodes import Params
from fnnet.types import Array

P = TypeVar("P", bound=Params)
T = TypeVar("T")

REDRAWN = 0.05
"""The share of coordinates that may be moved off a kink."""


@dataclass(frozen=True, slots=True)
class GradientReport:
    """The result of a passed check.

    ``error`` is the largest error, ``path`` the leaf where it is, ``coordinates`` the number of coordinates that were
    checked, and ``redrawn`` how many of them were moved off a kink.
    """

    error: float
    path: str
    coordinates: int
    redrawn: int


def check_gradients(
    params: Params,
    x: Array,
    *,
    loss: Loss[T] | LossFunction[T] | None = None,
    target: T | None = None,
    penalty: Penalty | None = None,
    noise: Key | None = None,
    key: Key = Key(0),
    inputs: bool = True,
) -> GradientReport:
    """Checks the derivatives of the network ``params`` by every trained parameter and every input, against differences.

    ``x`` (..., rows, n_in) is the input at which they are checked. With a ``loss`` of the output and ``target``, and
    with a ``penalty``, the derivatives are those of their sum. ``noise`` is the key of a stochastic pass. ``key``
    decides the numbers c, and where coordinates that lie at a kink are moved to (at most 5 % of all, rounded up).
    ``inputs`` says whether x's derivatives are checked too; those of integers never are. Parameters and x are cast to
    float64.

    Raises GradientError naming the path, the coordinate and both derivatives where the error is above 1e-6; also where
    the gradient of a constant field is not zero, where ``gradients`` disagrees with ``backward``, where a loss's call
    disagrees with its rows, and where more than 5 % of the coordinates lie at kinks. Raises ShapeError or DtypeError
    where a gradient is not real or does not have the shape of its parameter or input.

    >>> import fnnet as fn
    >>> net = fn.mlp(fn.Key(0), (3, 5, 2), activation=fn.Tanh())
    >>> fn.testing.check_gradients(net, fn.keys.normal(fn.Key(1), (4, 3))).coordinates
    44
    """
    check_network("check_gradients", params)
    checks.inputs("check_gradients", x)
    net, inputs = tree.astype(params, np.float64), inputs and x.dtype.kind not in "iub"
    return _check(Problem(net, x.astype(np.float64), loss, target, penalty, noise, key, inputs))


def _check(problem: Problem) -> GradientReport:
    _check_call(problem)
    leaves = problem.leaves()
    analytic, rounding = problem.gradients(leaves), problem.rounding(leaves)
    checked = _checked(problem, leaves, analytic)
    total = sum([leaves[i].size for i, _ in checked])
    most, worst, where, moved = math.ceil(REDRAWN * total), 0.0, "", 0
    for i, path in checked:
        numeric = numeric_gradient(problem, leaves, i)
        check_number(path, analytic[i], numeric)
        size = size_of(analytic[i], numeric, rounding)
        for j in np.ndindex(leaves[i].shape):
            found = Judgement(abs(float(analytic[i][j] - numeric[j])) / size, float(numeric[j]))
            if not found.error <= BOUND:
                found = judgement(problem, leaves, i, j, float(analytic[i][j]), size)
                moved += found.is_kink
                found = redrawn(problem, leaves, i, j) if found.is_kink and moved <= most else found
                if found.is_kink:
                    raise GradientError(f"check_gradients: more than 5 % of {total} coordinates are at kinks; move x")
                _refuse_error(f"{path}{list(j)}", float(analytic[i][j]), found)
            worst, where = max((worst, where), (found.error, path))
    return GradientReport(worst, where, total, moved)


def _refuse_error(where: str, analytic: float, found: Judgement) -> None:
    """Raises GradientError where a coordinate's error is too large."""
    if not found.error <= BOUND:
        raise GradientError(
            f"check_gradients: {where}: the analytic derivative is {analytic:.9g}, the numeric one "
            f"{found.numeric:.9g}: an error of {found.error:.1e}, where {BOUND:g} is allowed"
        )


def _checked(problem: Problem, leaves: Leaves, analytic: Leaves) -> list[tuple[int, str]]:
    """The leaves to check, by number and path. Raises ShapeError where a gradient has another shape than its leaf,
    GradientError where that of a constant is not 0."""
    is_trained = [*trained(columns("check_gradients", (problem.net,))[1]), problem.inputs]
    found = []
    for i, path in enumerate([*tree.paths(problem.net), "x"]):
        if analytic[i].shape != leaves[i].shape:
            shapes = f"must have the shape {leaves[i].shape}, got {analytic[i].shape}"
            raise ShapeError(f"check_gradients: the gradient of {path} {shapes}")
        if is_trained[i]:
            found.append((i, path))
        elif path != "x" and analytic[i].any():
            raise GradientError(f"check_gradients: {path} is constant, so its gradient must be 0")
    return found


def _check_call(problem: Problem) -> None:
    """Raises GradientError unless calling a loss gives the mean or the sum of its rows."""
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
