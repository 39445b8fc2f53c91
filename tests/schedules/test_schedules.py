"""Schedules: where they begin and end, that they join without a gap, and that they are values."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Key, Schedule, jit, tree
from fnnet.keys import normal

STEPS = st.integers(2, 10_000)
RATES = st.floats(1e-6, 10)
SCHEDULES: dict[str, Schedule] = {
    "exponential_decay": fn.exponential_decay(0.1, steps=10, factor=0.5),
    "step_decay": fn.step_decay(0.1, steps=10),
    "polynomial_decay": fn.polynomial_decay(0.1, steps=20, end=0.01, power=2),
    "cosine_decay": fn.cosine_decay(0.1, steps=20),
    "cosine_decay with restarts": fn.cosine_decay(0.1, steps=7, restarts=True),
    "inverse_sqrt": fn.inverse_sqrt(0.1, steps=10),
    "linear_warmup": fn.linear_warmup(0.1, steps=5),
    "linear_warmup before another": fn.linear_warmup(fn.cosine_decay(0.1, steps=20), steps=5),
    "one_cycle": fn.one_cycle(0.1, steps=30),
    "one_cycle from its top": fn.one_cycle(0.1, steps=30, rise=0),
    "piecewise": fn.piecewise((0.1, 0.05, 0.01), (5, 10)),
    "join": fn.join((fn.linear_warmup(0.1, steps=4), fn.step_decay(0.1, steps=3)), (6,)),
}


def test_every_schedule_is_here() -> None:
    made = {name for name, value in vars(fn).items() if getattr(value, "__module__", "").startswith("fnnet.schedules.")}
    assert made == {name.split()[0] for name in SCHEDULES}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_values_that_train(name: str) -> None:
    schedule = SCHEDULES[name]
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert hash(schedule) == hash(pickle.loads(pickle.dumps(schedule)))
    assert all(0 <= schedule(step) < math.inf and type(schedule(step)) is float for step in range(100))
    optimizer, net = fn.sgd(schedule), fn.linear(Key(0), 3, 2)
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    data = fn.minibatches(normal(Key(0), (30, 3)), normal(Key(1), (30, 2)), batch_size=5)
    runs: tuple[Any, Any] = (fn.train, jit.train)
    ours, compiled = (fn.last(fn.take(4)(run(step, data, fn.start(net, optimizer, Key(0))))) for run in runs)
    assert tree.allclose(ours.state.params, compiled.state.params, 1e-5, 1e-6)


@given(RATES, STEPS, st.floats(0.01, 2))
def test_decays_begin_at_the_rate_and_fall(lr: float, steps: int, factor: float) -> None:
    end = lr / 10
    for schedule in (
        fn.exponential_decay(lr, steps=steps, factor=min(factor, 1)),
        fn.step_decay(lr, steps=steps, factor=min(factor, 1)),
        fn.cosine_decay(lr, steps=steps, end=end),
        fn.polynomial_decay(lr, steps=steps, end=end, power=factor),
    ):
        assert math.isclose(schedule(0), lr)
        places = [0, 1, steps // 2, steps - 1, steps, steps + 1, 10 * steps]
        found = [schedule(step) for step in places]
        assert all(b <= a * (1 + 1e-12) for a, b in pairwise(found))
    assert fn.cosine_decay(lr, steps=steps, end=end)(7 * steps) == end
    assert math.isclose(fn.exponential_decay(lr, steps=steps, factor=factor)(steps), lr * factor)
    again = fn.cosine_decay(lr, steps=steps, restarts=True)
    assert [again(step) for step in range(5)] == [again(3 * steps + step) for step in range(5)] or steps < 5


@given(RATES, STEPS, STEPS)
def test_a_warmup_meets_what_follows(lr: float, rise: int, fall: int) -> None:
    then = fn.cosine_decay(lr, steps=fall)
    schedule = fn.linear_warmup(then, steps=rise, begin=lr / 4)
    assert schedule(0) == lr / 4
    assert schedule(rise) == then(0)
    assert abs(schedule(rise) - schedule(rise - 1)) <= lr / rise
    assert [schedule(rise + step) for step in (1, fall, 2 * fall)] == [then(step) for step in (1, fall, 2 * fall)]


@given(RATES, STEPS, st.floats(0, 0.99))
def test_one_cycle_rises_to_the_rate_and_falls(lr: float, steps: int, rise: float) -> None:
    schedule = fn.one_cycle(lr, steps=steps, rise=rise)
    found = [schedule(step) for step in range(0, steps + 1, max(1, steps // 50))]
    top = found.index(max(found))
    assert max(found) <= lr * (1 + 1e-12)
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert math.isclose(schedule(steps), lr * 4e-6)
    assert schedule(5 * steps) == schedule(steps)


@given(RATES, STEPS)
def test_inverse_sqrt_behind_a_warmup_is_the_transformers(lr: float, warm: int) -> None:
    schedule = fn.linear_warmup(fn.inverse_sqrt(lr, steps=warm), steps=warm)
    for t in (1, warm // 2 + 1, warm, warm + 1, 3 * warm, 100 * warm):
        assert math.isclose(schedule(t), lr * warm**0.5 * min(t**-0.5, t * warm**-1.5), rel_tol=1e-12)


@given(RATES, STEPS, st.integers(0, 30_000), st.floats(0, 1), st.floats(0.1, 3))
def test_closed_forms(lr: float, steps: int, step: int, share: float, power: float) -> None:
    end, done = share * lr, min(step / steps, 1)
    assert math.isclose(
        fn.cosine_decay(lr, steps=steps, end=end)(step), end + (lr - end) * math.cos(math.pi * done / 2) ** 2,
        rel_tol=1e-9, abs_tol=1e-12,
    )  # fmt: skip
    assert math.isclose(
        fn.polynomial_decay(lr, steps=steps, end=end, power=power)(step), end + (lr - end) * (1 - done) ** power
    )
    assert math.isclose(
        fn.exponential_decay(lr, steps=steps, factor=0.9)(step), lr * math.exp(math.log(0.9) * step / steps),
        abs_tol=1e-300,
    )  # fmt: skip
    halved = fn.step_decay(lr, steps=steps, factor=0.5)(step)
    assert math.isclose(halved, math.ldexp(lr, -(step // steps)), rel_tol=1e-15, abs_tol=1e-300)
    assert math.isclose(fn.inverse_sqrt(lr, steps=steps)(step), lr * (steps / (steps + step)) ** 0.5)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=5, unique=True), st.integers(0, 120))
def test_boundaries_belong_to_what_follows(boundaries: list[int], step: int) -> None:
    places = tuple(sorted(boundaries))
    rates = tuple([float(i) for i in range(len(places) + 1)])
    passed = [place for place in places if place <= step]
    assert fn.piecewise(rates, places)(step) == len(passed)
    parts = tuple([fn.polynomial_decay(rate + 200, steps=200, end=rate) for rate in rates])
    assert fn.join(parts, places)(step) == parts[len(passed)](step - max(passed, default=0))


def test_parts_count_their_own_steps() -> None:
    decay = fn.exponential_decay(1.0, steps=1, factor=0.5)
    schedule = fn.join((decay, decay, 0.25), (3, 5))
    assert [schedule(step) for step in range(7)] == [1.0, 0.5, 0.25, 1.0, 0.5, 0.25, 0.25]


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "lr": (lambda: fn.exponential_decay(-1, steps=1, factor=0.5), "exponential_decay: lr must be in"),
    "steps": (lambda: fn.step_decay(0.1, steps=0), "step_decay: steps must be a whole number from 1 up, got 0"),
    "factor": (lambda: fn.step_decay(0.1, steps=1, factor=0), "step_decay: factor must be above 0"),
    "end": (lambda: fn.cosine_decay(0.1, steps=1, end=math.nan), "cosine_decay: end must be in"),
    "power": (lambda: fn.polynomial_decay(0.1, steps=1, power=0), "polynomial_decay: power must be above 0"),
    "then": (lambda: fn.linear_warmup(-0.1, steps=1), "linear_warmup: then must be in"),
    "begin": (lambda: fn.linear_warmup(0.1, steps=1, begin=-1), "linear_warmup: begin must be in"),
    "rise": (lambda: fn.one_cycle(0.1, steps=5, rise=1.0), r"one_cycle: rise must be in \[0, 1\)"),
    "one step": (lambda: fn.one_cycle(0.1, steps=1), "one_cycle: steps must be a whole number from 2 up"),
    "lr that is inf": (lambda: fn.cosine_decay(math.inf, steps=1), "cosine_decay: lr must be in"),
    "lr of the rest": (lambda: fn.polynomial_decay(math.nan, steps=1), "polynomial_decay: lr must be in"),
    "lr of one cycle": (lambda: fn.one_cycle(-1, steps=2), "one_cycle: lr must be in"),
    "lr of step decay": (lambda: fn.step_decay(-1, steps=2), "step_decay: lr must be in"),
    "lr of inverse_sqrt": (lambda: fn.inverse_sqrt(-1, steps=2), "inverse_sqrt: lr must be in"),
    "steps of exponential decay": (lambda: fn.exponential_decay(1, steps=0, factor=1), "exponential_decay: steps must"),
    "steps that are no number": (lambda: fn.cosine_decay(1, steps=2.5), "cosine_decay: steps must be a whole number"),  # type: ignore[arg-type]
    "steps of polynomial decay": (lambda: fn.polynomial_decay(1, steps=0), "polynomial_decay: steps must be a whole"),
    "steps of inverse_sqrt": (lambda: fn.inverse_sqrt(1, steps=0), "inverse_sqrt: steps must be a whole number"),
    "steps of warm-up": (lambda: fn.linear_warmup(1, steps=0), "linear_warmup: steps must be a whole number"),
    "factor that is inf": (lambda: fn.exponential_decay(1, steps=1, factor=math.inf), "exponential_decay: factor must"),
    "end of polynomial decay": (lambda: fn.polynomial_decay(1, steps=1, end=-1), "polynomial_decay: end must be in"),
    "begin of one cycle": (lambda: fn.one_cycle(1, steps=5, begin=-1), "one_cycle: begin must be in"),
    "end of one cycle": (lambda: fn.one_cycle(1, steps=5, end=math.nan), "one_cycle: end must be in"),
    "too few": (lambda: fn.piecewise((0.1,), (3,)), "piecewise: rates must be one more than the boundaries, 1, got 1"),
    "too many": (lambda: fn.join((0.1, 0.2, 0.3), (3,)), "join: schedules must be one more than the boundaries, 1"),
    "a number for boundaries": (lambda: fn.join((0.1, 0.2), 3), "join: boundaries must be a tuple, got 3"),  # type: ignore[arg-type]
    "text for rates": (lambda: fn.piecewise("ab", (3,)), "piecewise: rates must be a tuple, got 'ab'"),  # type: ignore[arg-type]
    "a rate of piecewise": (lambda: fn.piecewise((0.1, -1), (3,)), r"piecewise: rates\[1\] must be in"),
    "a schedule in piecewise": (
        lambda: fn.piecewise((0.1, fn.inverse_sqrt(1, steps=2)), (3,)),  # type: ignore[arg-type]
        r"piecewise: rates\[1\] must be a number",
    ),
    "falling": (lambda: fn.piecewise((0.1, 0.2, 0.3), (5, 3)), r"piecewise: boundaries must rise, got \(5, 3\)"),
    "unordered": (lambda: fn.join((0.1, 0.2, 0.3), (5, 5)), r"join: boundaries must rise, got \(5, 5\)"),
    "a rate in a join": (lambda: fn.join((0.1, math.inf), (5,)), r"join: schedules\[1\] must be in"),
    "a boundary": (lambda: fn.join((0.1, 0.1), (0,)), r"join: boundaries\[0\] must be a whole number from 1 up"),
    "a part that gives NaN": (
        lambda: fn.join((0.1, lambda step: math.nan), (3,))(5),
        r"join: schedules\[1\], the schedule's at its step 2, must be in",
    ),
    "a part that gives text": (
        lambda: fn.linear_warmup(lambda step: "0.1", steps=3)(1),  # type: ignore[arg-type]
        "linear_warmup: then, the schedule's at its step 0, must be a number",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("step", [-1, 1.5, True])
def test_wrong_steps(name: str, step: Any) -> None:
    with pytest.raises(ValueError, match="schedule: step must be a whole number from 0 up"):
        SCHEDULES[name](step)


def test_a_rate_beyond_all_floats_is_refused_with_its_step() -> None:
    net = fn.linear(Key(0), 1, 1)
    growing = (fn.exponential_decay(0.1, steps=1, factor=2), fn.step_decay(0.1, steps=1, factor=2))
    for schedule in (*growing, fn.exponential_decay(1e300, steps=1, factor=1e300)):
        with pytest.raises(ValueError, match=r"sgd: lr, the schedule's at step 5000, must be in \[0, inf\), got inf"):
            fn.sgd(schedule).update(net, net, fn.OptState(5000))


def test_rates_of_ones_own_become_floats() -> None:
    def single(step: int) -> Any:
        return np.float32(0.5)

    for schedule in (fn.join((single, 0.1), (3,)), fn.linear_warmup(single, steps=3)):
        assert [type(schedule(step)) for step in range(5)] == [float] * 5


def test_a_schedule_that_gives_no_rate_is_named_with_its_step() -> None:
    net = fn.linear(Key(0), 1, 1)
    for wrong in (math.nan, -1.0, math.inf):
        optimizer = fn.adam(lambda step, wrong=wrong: 0.1 if step < 2 else wrong)
        state = optimizer.init(net)
        for _ in range(2):
            _, state = optimizer.update(net, net, state)
        with pytest.raises(ValueError, match="adam: lr, the schedule's at step 2, must be in"):
            optimizer.update(net, net, state)
