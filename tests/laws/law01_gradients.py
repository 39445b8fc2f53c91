"""Law 1: analytic gradients equal central differences to 1e-6, for every layer, loss and random composite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, GradientError, Key, Params, tree
from fnnet.keys import normal
from fnnet.testing import BOUND, check_gradients
from fnnet.tree import fields
from tests.catalogue import LAYERS, LOSSES, PENALTIES, is_weight
from tests.support.strategies import KEYS, Problem, composites, problems, target

P = TypeVar("P", bound=Params)


@pytest.mark.parametrize("name", LAYERS)
@given(st.data())
def test_every_layer(name: str, data: st.DataObject) -> None:
    problem = data.draw(problems(name))
    noise = data.draw(st.none() | KEYS)
    assert check_gradients(problem.net, problem.x, noise=noise, key=problem.key).error <= BOUND


@pytest.mark.parametrize("name", LOSSES)
@given(problems("Linear"))
def test_every_loss(name: str, problem: Problem) -> None:
    case = LOSSES[name]
    report = check_gradients(
        problem.net, problem.x, loss=case.of(problem.y.shape[-1]), target=target(case, problem), key=problem.key
    )
    assert report.error <= BOUND


@given(composites(), st.none() | KEYS)
def test_random_composites(problem: Problem, noise: Key | None) -> None:
    assert check_gradients(problem.net, problem.x, noise=noise, key=problem.key).error <= BOUND


@given(composites(), st.sampled_from(sorted(LOSSES)))
def test_random_composites_with_a_loss(problem: Problem, name: str) -> None:
    case = LOSSES[name]
    report = check_gradients(
        problem.net, problem.x, loss=case.of(problem.y.shape[-1]), target=target(case, problem), key=problem.key
    )
    assert report.error <= BOUND


@pytest.mark.parametrize("name", PENALTIES)
@given(composites(depth=3), st.booleans())
def test_every_penalty(name: str, problem: Problem, is_alone: bool) -> None:
    if name == "l2 of some" and not any(map(is_weight, tree.paths(problem.net))):
        return
    loss = None if is_alone else fn.mse
    wanted = None if is_alone else np.zeros_like(problem.y)
    penalty = PENALTIES[name]
    assert (
        check_gradients(problem.net, problem.x, loss=loss, target=wanted, penalty=penalty, key=problem.key).error
        <= BOUND
    )


# --- the checker itself is checked: planted errors ---------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False)
class OffByATenthOfAPercent(Params):
    """A Linear layer whose gradient has one wrong coordinate, by 0.1 % of the leaf's largest entry."""

    w: Array


@dataclass(frozen=True, slots=True, eq=False)
class Transposed(Params):
    """A square Linear layer that forgets to transpose the weights on the way back."""

    w: Array


@dataclass(frozen=True, slots=True, eq=False)
class ForgottenSum(Params):
    """A bias whose gradient is that of the first row only."""

    b: Array


@dataclass(frozen=True, slots=True, eq=False)
class Scaled(Params):
    """x a with the right gradients for backward and other ones for gradients."""

    a: Array


@dataclass(frozen=True, slots=True, eq=False)
class Shift(Params):
    """x - mean with a constant mean that is given a gradient all the same."""

    mean: Array = fields.constant()


def _times(p: OffByATenthOfAPercent | Transposed, x: Array) -> tuple[Array, Array]:
    return x @ p.w, x


def _off_backward(p: OffByATenthOfAPercent, x: Array, dy: Array) -> tuple[OffByATenthOfAPercent, Array]:
    dw = x.T @ dy
    dw[-1, -1] += 1e-3 * np.abs(dw).max()
    return OffByATenthOfAPercent(dw), dy @ p.w.T


def _transposed_backward(p: Transposed, x: Array, dy: Array) -> tuple[Transposed, Array]:
    return Transposed(x.T @ dy), dy @ p.w


def _forgotten_forward(p: ForgottenSum, x: Array) -> tuple[Array, None]:
    return x + p.b, None


def _forgotten_backward(p: ForgottenSum, saved: None, dy: Array) -> tuple[ForgottenSum, Array]:
    return ForgottenSum(dy[0].copy()), dy.copy()


def _scaled_forward(p: Scaled, x: Array) -> tuple[Array, Array]:
    return x * p.a, x


def _scaled_backward(p: Scaled, x: Array, dy: Array) -> tuple[Scaled, Array]:
    return Scaled((dy * x).sum(axis=0)), dy * p.a


def _scaled_gradients(p: Scaled, x: Array, dy: Array) -> Scaled:
    return Scaled((dy * x).mean(axis=0))


def _shift_forward(p: Shift, x: Array) -> tuple[Array, None]:
    return x - p.mean, None


def _shift_backward(p: Shift, saved: None, dy: Array) -> tuple[Shift, Array]:
    return Shift(-dy.sum(axis=0)), dy.copy()


fn.define_layer(OffByATenthOfAPercent, forward=_times, backward=_off_backward)
fn.define_layer(Transposed, forward=_times, backward=_transposed_backward)
fn.define_layer(ForgottenSum, forward=_forgotten_forward, backward=_forgotten_backward)
fn.define_layer(Scaled, forward=_scaled_forward, backward=_scaled_backward, gradients=_scaled_gradients)
fn.define_layer(Shift, forward=_shift_forward, backward=_shift_backward)


@given(KEYS)
def test_a_coordinate_off_by_a_tenth_of_a_percent_is_found(key: Key) -> None:
    net = OffByATenthOfAPercent(normal(key, (3, 2)))
    with pytest.raises(GradientError, match=r"w\[2, 1\]: the analytic derivative is"):
        check_gradients(net, normal(key.child(1), (4, 3)))


@given(KEYS)
def test_a_transposed_weight_is_found(key: Key) -> None:
    with pytest.raises(GradientError, match=r"x\[\d, \d\]: the analytic derivative is"):
        check_gradients(Transposed(normal(key, (3, 3))), normal(key.child(1), (4, 3)))


@given(KEYS)
def test_a_forgotten_batch_sum_is_found(key: Key) -> None:
    with pytest.raises(GradientError, match=r"b\[\d\]: the analytic derivative is"):
        check_gradients(ForgottenSum(normal(key, (3,))), normal(key.child(1), (4, 3)))


@given(KEYS)
def test_a_planted_error_is_found_inside_a_composite(key: Key) -> None:
    wrong = OffByATenthOfAPercent(normal(key, (3, 2)))
    net = fn.serial(fn.linear(key, 2, 3, dtype=np.float64), fn.Tanh(), wrong, fn.Softplus())
    with pytest.raises(GradientError, match=r"layers\.2\.w\[2, 1\]: the analytic derivative is"):
        check_gradients(net, normal(key.child(1), (4, 2)))


def _off_penalty(net: P) -> tuple[fn.Value, P]:
    value, grads = fn.l2(0.5)(net)
    return value, tree.map(lambda g: g + 1e-3 * np.abs(g).max() * (np.arange(g.size) == 0).reshape(g.shape), grads)


@given(KEYS)
def test_a_penalty_off_by_a_tenth_of_a_percent_is_found(key: Key) -> None:
    net = fn.Linear(normal(key, (3, 2)), np.zeros(2))
    with pytest.raises(GradientError, match=r"w\[0, 0\]: the analytic derivative is"):
        check_gradients(net, 1e-3 * normal(key.child(1), (4, 3)), penalty=_off_penalty)


def test_gradients_that_differ_from_backward_are_found() -> None:
    with pytest.raises(GradientError, match="gradients must give what backward gives"):
        check_gradients(Scaled(np.ones(3)), normal(Key(0), (4, 3)))


def test_a_gradient_of_a_constant_is_found() -> None:
    with pytest.raises(GradientError, match="mean is constant, so its gradient must be 0"):
        check_gradients(Shift(np.ones(3)), normal(Key(0), (4, 3)))


def test_points_at_a_kink_are_redrawn_and_counted() -> None:
    x = normal(Key(0), (10, 4))
    x[3, 2] = x[7, 0] = 0.0
    assert check_gradients(fn.Relu(), x).redrawn == 2


def test_too_many_kinks_are_refused() -> None:
    with pytest.raises(GradientError, match="more than 5 % of 12 coordinates are at kinks"):
        check_gradients(fn.Relu(), np.zeros((3, 4)))


def test_a_wrong_gradient_is_not_excused_as_a_kink() -> None:
    net = fn.serial(OffByATenthOfAPercent(normal(Key(0), (3, 2))), fn.Relu())
    with pytest.raises(GradientError, match="the analytic derivative is"):
        check_gradients(net, normal(Key(1), (4, 3)))


# --- numbers of any size -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("make", [fn.rms_norm, fn.layer_norm])
@given(KEYS, st.sampled_from([1e-5, 1e-12]), st.floats(-7, 1))
def test_small_inputs_of_a_function_that_bends_within_the_first_step(
    make: Callable[..., Params], key: Key, eps: float, power: float
) -> None:
    x, t = 10**power * normal(key, (2, 4)), normal(key.child(1), (2, 4))
    report = check_gradients(make(4, eps=eps, dtype=np.float64), x, loss=fn.mse, target=t)
    assert report.error <= BOUND
    assert report.redrawn == 0


@given(KEYS, st.floats(-7, 1))
def test_a_planted_error_is_found_behind_small_inputs(key: Key, power: float) -> None:
    net = fn.serial(fn.rms_norm(3, eps=1e-12, dtype=np.float64), OffByATenthOfAPercent(normal(key, (3, 2))))
    with pytest.raises(GradientError, match=r"layers\.1\.w\[2, 1\]: the analytic derivative is"):
        check_gradients(net, 10**power * normal(key.child(1), (4, 3)), inputs=False)


@given(KEYS, st.sampled_from(["sigmoid", "tanh", "softplus"]), st.floats(5, 60), st.floats(-12, 0))
def test_saturated_outputs_that_nearly_meet_their_target(key: Key, name: str, size: float, power: float) -> None:
    """The loss is known to the last places of the outputs, not to those of what is left of them."""
    activation: Params = {"sigmoid": fn.Sigmoid(), "tanh": fn.Tanh(), "softplus": fn.Softplus()}[name]
    net = fn.serial(fn.Linear(normal(key, (3, 2)), np.full(2, size)), activation)
    x = normal(key.child(1), (4, 3))
    target = fn.predict(net, x) + 10**power * normal(key.child(2), (4, 2))
    assert check_gradients(net, x, loss=fn.mse, target=target).error <= BOUND


@pytest.mark.parametrize("size", [0.0, 5e-324, 1e-320, 1e-310, 1e-300])
def test_leaves_of_subnormal_numbers(size: float) -> None:
    net = fn.serial(
        fn.Linear(np.full((3, 2), size), np.full(2, size)), fn.Tanh(), fn.Linear(np.full((2, 1), size), np.zeros(1))
    )
    assert check_gradients(net, size * normal(Key(0), (4, 3))).error <= BOUND


def test_whole_numbers_have_no_derivatives() -> None:
    x = np.arange(12).reshape(4, 3) % 5
    some: Any = x
    assert check_gradients(fn.linear(Key(0), 3, 1), some).coordinates == 4
    assert check_gradients(fn.linear(Key(0), 3, 1), x.astype(float)).coordinates == 16
    assert check_gradients(fn.serial(fn.embedding(Key(0), 5, 2), fn.linear(Key(1), 6, 1)), some).coordinates == 17


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Gate(fn.Params):
    """y = x a², whose gradient is 0/0 at a = 0 as it is written."""

    a: Array


fn.define_layer(
    Gate,
    forward=lambda p, x: (x * p.a**2, x),
    backward=lambda p, x, dy: (Gate(np.array([2 * np.add.reduce(x * dy, None) * p.a[0] ** 2 / p.a[0]])), dy * p.a**2),
)


def test_a_derivative_that_is_no_number_is_no_kink() -> None:
    net = fn.serial(fn.linear(Key(0), 3, 2, dtype=np.float64), Gate(np.zeros(1)))
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(GradientError, match=r"layers.1.a\[0\]: the analytic derivative is nan, the numeric one 0"),
    ):
        check_gradients(net, normal(Key(1), (4, 3)))
