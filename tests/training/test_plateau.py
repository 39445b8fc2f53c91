"""The factor falls when the history says so, and resumed training is the uninterrupted one."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Data, Epoch, Key, Params, Record, Step, TrainState, jit, tree
from fnnet.keys import normal
from fnnet.streams import Mode
from fnnet.training.plateau import Train
from tests.support.strategies import KEYS

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told:
    """A stream of epochs whose losses are told beforehand; the step and the data are not asked."""

    losses: tuple[float, ...]

    def __call__(self, step: Step[T], data: Data[T], state: TrainState[P], /) -> Iterator[Epoch[P]]:
        for loss in self.losses[state.epoch :]:
            record = Record(np.asarray(loss), (("score", np.asarray(-loss)),))
            state = replace(state, epoch=state.epoch + 1, history=state.history.append(record))
            yield Epoch(state)


OPTIMIZER = fn.sgd(0.1)
STEP: Any = fn.train_step(fn.value_and_grad(fn.mse), OPTIMIZER)
DATA: Any = fn.minibatches(np.ones((4, 2)), np.ones((4, 1)), batch_size=2)
STATE = fn.start(fn.linear(Key(0), 2, 1), OPTIMIZER, Key(0))


def scales(losses: tuple[float, ...], **settings: Any) -> list[float]:
    """The factor after each epoch."""
    train = fn.reduce_on_plateau(Told(losses), **settings)
    return [epoch.state.opt_state.scale for epoch in train(STEP, DATA, STATE)]


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ((3, 2, 1, 0.5), 1, [1, 1, 1, 1]),
        ((3, 3, 3, 3), 1, [1, 0.5, 0.25, 0.125]),
        ((3, 3, 3, 3, 3), 2, [1, 1, 0.5, 0.5, 0.25]),
        ((3, 4, 2, 4, 4, 4), 3, [1, 1, 1, 1, 1, 0.5]),
        ((3, 4, 4, 2.9, 4, 4, 4, 2.95), 2, [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]),
        ((3, np.nan, np.inf, 2, np.nan), 2, [1, 1, 0.5, 0.5, 0.5]),
    ],
)
def test_the_factor_falls_after_so_many_epochs_without_a_new_best(
    losses: tuple[float, ...], patience: int, expected: list[float]
) -> None:
    assert scales(losses, patience=patience) == expected
    assert scales(losses, patience=patience, metric="score", mode="max") == expected


def test_the_factor_has_a_floor_and_one_that_is_below_stays() -> None:
    assert scales((1, 1, 1, 1), patience=1, factor=0.1, floor=0.05) == [1, 0.1, 0.05, 0.05]
    low = replace(STATE, opt_state=replace(STATE.opt_state, scale=0.01))
    train = fn.reduce_on_plateau(Told((1, 1, 1)), patience=1, floor=0.05)
    assert [epoch.state.opt_state.scale for epoch in train(STEP, DATA, low)] == [0.01, 0.01, 0.01]


def test_progress_is_more_than_min_delta() -> None:
    losses = (3.0, 2.9, 2.8, 2.7, 2.0, 2.0)
    assert scales(losses, patience=2) == [1] * 6
    assert scales(losses, patience=2, min_delta=0.15) == [1, 1, 1, 1, 1, 1]  # 2.8 is better than 3 by more
    assert scales(losses, patience=2, min_delta=0.25) == [1, 1, 0.5, 0.5, 0.5, 0.5]
    assert scales(losses, patience=1, metric="score", mode="max", min_delta=1.0) == [
        1,
        0.5,
        0.25,
        0.125,
        0.0625,
        0.03125,
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_delta": -0.1}, r"reduce_on_plateau: min_delta must be in \[0, inf\), got -0.1"),
        ({"metric": 3}, "reduce_on_plateau: metric must be a name"),
        ({"mode": "up"}, "reduce_on_plateau: mode must be 'min' or 'max', got 'up'"),
        ({"streams": (fn.best("loss"),)}, "streams must give streams, and best gives one epoch; end the pipe by it"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fn.reduce_on_plateau(fn.train, **settings)


LOSSES = st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0]), min_size=1, max_size=20)


@given(LOSSES, st.integers(1, 4), st.sampled_from([0.0, 0.5, 0.9]))
def test_the_factor_is_the_loop_as_one_would_write_it(losses: list[float], patience: int, factor: float) -> None:
    best, waited, scale, expected = np.inf, 0, 1.0, []
    for loss in losses:
        if loss < best:
            best, waited = loss, 0
        else:
            waited += 1
            if waited == patience:
                scale, waited = scale * factor, 0
        expected.append(scale)
    assert scales(tuple(losses), patience=patience, factor=factor) == expected


def _run(key: Key) -> tuple[Any, Any, TrainState[fn.Mlp], Any]:
    """Training with dropout's kind of chance: shuffled batches, and a rate so large that the loss rises."""
    x, y = normal(key.child(0), (7, 3)), normal(key.child(1), (7, 2))
    optimizer = fn.pipe(fn.sgd(0.7, momentum=0.9), fn.clip_by_global_norm(1.0))
    state = fn.start(fn.mlp(key, (3, 4, 2)), optimizer, key)
    validate = fn.validate(x[:3], y[:3], {"r2": fn.metrics.r2})
    return fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=3), state, validate


SETTINGS = st.tuples(st.integers(1, 3), st.sampled_from([("loss", "min"), ("r2", "max")]))


@given(KEYS, SETTINGS, st.integers(1, 6), st.integers(1, 6))
def test_stopped_and_resumed_is_not_stopped(key: Key, settings: tuple[int, tuple[str, Mode]], a: int, b: int) -> None:
    step, data, state, validate = _run(key)
    patience, (metric, mode) = settings
    train = fn.reduce_on_plateau(fn.train, metric=metric, mode=mode, patience=patience, streams=(validate,))
    half = fn.last(fn.take(a)(train(step, data, state))).state
    resumed = fn.last(fn.take(b)(train(step, data, pickle.loads(pickle.dumps(half))))).state
    assert tree.equal(resumed, fn.last(fn.take(a + b)(train(step, data, state))).state)


@given(KEYS, st.integers(1, 8))
def test_it_is_training_with_the_factor_set_by_hand(key: Key, n: int) -> None:
    step, data, state, _ = _run(key)
    train = fn.reduce_on_plateau(fn.train, patience=1, factor=0.25)
    falls = 0
    for epoch in islice(train(step, data, state), n):
        state = next(fn.train(step, data, state)).state
        losses = [float(record.loss) for record in state.history]
        if len(losses) > 1 and losses[-1] >= min(losses[:-1]):
            falls += 1
            state = replace(state, opt_state=replace(state.opt_state, scale=0.25**falls))
        assert tree.equal(epoch.state, state)


def test_without_a_plateau_it_is_train() -> None:
    step, data, state, _ = _run(Key(3))
    train: Train = fn.reduce_on_plateau(fn.train, patience=100)
    for ours, theirs in zip(islice(train(step, data, state), 5), islice(fn.train(step, data, state), 5), strict=True):
        assert tree.equal(ours, theirs)


def test_it_wraps_the_compiled_train() -> None:
    x, y = normal(Key(0), (8, 3)), normal(Key(1), (8, 2))
    optimizer = fn.sgd(0.9, momentum=0.9)
    state = fn.start(fn.mlp(Key(2), (3, 4, 2), dtype=np.float64), optimizer, Key(0))
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=4)
    compiled, plain = [
        fn.last(fn.take(6)(fn.reduce_on_plateau(train, patience=1)(step, data, state))).state
        for train in (jit.train, fn.train)
    ]
    assert compiled.opt_state.scale == plain.opt_state.scale < 1
    assert tree.allclose(compiled.params, plain.params, 1e-9, 1e-9)


def test_it_is_lazy_prints_and_is_pure() -> None:
    step, data, state, _ = _run(Key(0))
    train = fn.reduce_on_plateau(fn.train, patience=2)
    assert "patience=2" in repr(train)
    assert train == fn.reduce_on_plateau(fn.train, patience=2)
    before = pickle.dumps(state)
    first, second = [[tree.digest(epoch) for epoch in islice(train(step, data, state), 4)] for _ in range(2)]
    assert first == second
    assert pickle.dumps(state) == before


def test_a_metric_that_the_history_lacks() -> None:
    step, data, state, _ = _run(Key(0))
    with pytest.raises(ValueError, match=r"metric must be one of loss, which the last epoch's record has, got 'r2'"):
        next(fn.reduce_on_plateau(fn.train, metric="r2")(step, data, state))


def test_stacked_networks_have_no_common_plateau() -> None:
    net = tree.map(lambda p: np.stack([p, p]), fn.linear(Key(0), 2, 1))
    state = fn.start(net, OPTIMIZER, Key(0))
    with pytest.raises(fn.ShapeError, match=r"metric 'loss' must be one number per epoch, .* got \(2,\)"):
        next(fn.reduce_on_plateau(fn.train)(STEP, DATA, state))


def test_a_compiled_plan_is_made_once_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    training: Any = import_module("fnnet.jit.training")
    original = training.plan_of

    def noting(*given: Any) -> Any:
        made.append(given)
        return original(*given)

    monkeypatch.setattr(training, "plan_of", noting)
    x, y = normal(Key(0), (8, 2)), normal(Key(1), (8, 1))
    data = fn.minibatches(x, y, batch_size=4)
    epochs = fn.reduce_on_plateau(jit.train, patience=1)(STEP, data, STATE)
    assert len(list(islice(epochs, 6))) == 6
    assert len(made) <= 2
