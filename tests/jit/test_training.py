"""The compiled path is the NumPy path: same signatures, same meaning, the same numbers to rounding."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Key, jit, tree
from fnnet.keys import normal, uniform
from tests.catalogue import KEEPING, LOSSES
from tests.support.compiled import ACTIVATIONS, OPTIMIZERS, PATHS, distance, net_around, run
from tests.support.strategies import KEYS

TRIPLES = [
    *[(activation, "mse", "adamw") for activation in ACTIVATIONS],
    *[("Tanh", loss, "rmsprop") for loss in LOSSES],
    *[("Gelu", "softmax_cross_entropy", optimizer) for optimizer in OPTIMIZERS],
]
"""Every activation, every loss and every optimizer, but not each with each: they meet in arrays alone."""


@pytest.mark.parametrize(("activation", "loss", "optimizer"), TRIPLES)
def test_a_hundred_steps_agree(activation: str, loss: str, optimizer: str) -> None:
    case, key = LOSSES[loss], Key(ACTIVATIONS.index(activation))
    net, x = net_around(KEEPING[activation](Key(0), 6, 6)), normal(key, (72, 5))
    y = case.target(key.child(1), (72, 3))
    ours, theirs = (run(train, net, case.loss, OPTIMIZERS[optimizer], x, y, 20) for train in PATHS)
    assert ours.opt_state.step == theirs.opt_state.step == 100
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12
    for a, b in zip(ours.history, theirs.history, strict=True):
        assert abs(float(a.loss) - float(b.loss)) <= 1e-12 * abs(float(b.loss))
    assert replace(ours, params=theirs.params, opt_state=theirs.opt_state).epoch == theirs.epoch


@given(KEYS, st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(1, 40), st.integers(1, 40))
def test_all_sizes_agree(key: Key, sizes: list[int], rows: int, size: int) -> None:
    net = fn.mlp(key, sizes, activation=fn.Tanh(), dtype=np.float64)
    x, y = normal(key.child(1), (rows, sizes[0])), normal(key.child(2), (rows, sizes[-1]))
    optimizer = fn.sgd(0.01, momentum=0.5)
    step, state = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.start(net, optimizer, key)
    data = fn.minibatches(x, y, batch_size=min(size, rows))
    ours, theirs = (fn.last(fn.take(2)(train(step, data, state))).state for train in PATHS)
    assert distance(ours.params, theirs.params) <= 1e-12


def test_products_beyond_the_own_loops_agree() -> None:
    net, x = net_around(fn.Relu(), hidden=300), normal(Key(0), (64, 5))
    y = normal(Key(1), (64, 3))
    ours, theirs = (run(train, net, fn.mse, fn.adam(0.01, eps=1e-6), x, y, 5) for train in PATHS)
    assert distance(ours.params, theirs.params) <= 1e-12
    wide = fn.mlp(Key(3), (5, 400, 300, 3), dtype=np.float64)  # too many numbers for a vector
    ours, theirs = (run(train, wide, fn.mse, fn.adam(0.01, eps=1e-6), x, y, 2) for train in PATHS)
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12


@pytest.mark.parametrize("activation", ["Relu", "Tanh", "Gelu"])
def test_float32_is_as_near_to_float64_as_the_numpy_path(activation: str) -> None:
    layer = KEEPING[activation](Key(0), 6, 6)
    x, y = normal(Key(0), (80, 5)), normal(Key(1), (80, 3))
    single, double = net_around(layer, np.float32), tree.astype(net_around(layer, np.float32), np.float64)
    optimizer = fn.sgd(0.05, momentum=0.9)
    for n in (1, 20):
        exact = run(fn.train, double, fn.mse, optimizer, x, y, n).params
        ours, theirs = (run(train, single, fn.mse, optimizer, x, y, n).params for train in PATHS)
        assert {leaf.dtype for leaf in tree.leaves(ours)} == {np.dtype(np.float32)}
        assert distance(ours, exact) <= 2 * distance(theirs, exact)
        if n == 1:
            assert distance(ours, theirs) <= 1e-5


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_runs_are_pure_and_reproducible_and_fold(optimizer: str) -> None:
    net, x, y = net_around(fn.Silu()), normal(Key(0), (50, 5)), normal(Key(1), (50, 3))
    step = fn.train_step(fn.value_and_grad(fn.mse), OPTIMIZERS[optimizer])
    data, state = fn.minibatches(x, y, batch_size=16), fn.start(net, OPTIMIZERS[optimizer], Key(0))
    before = tree.digest((state, x, y))
    epochs = [epoch.state for epoch in islice(jit.train(step, data, state), 5)]
    again = [epoch.state for epoch in islice(jit.train(step, data, state), 5)]
    onward = [epoch.state for epoch in islice(jit.train(step, data, epochs[1]), 3)]
    assert [tree.digest(s) for s in epochs] == [tree.digest(s) for s in again]
    assert [tree.digest(s) for s in epochs[2:]] == [tree.digest(s) for s in onward]
    assert tree.digest((state, x, y)) == before
    assert not any(leaf.flags.writeable for leaf in tree.leaves(tuple(epochs)))


def test_an_epoch_under_way_is_finished() -> None:
    net, x, y = net_around(fn.Tanh()), normal(Key(0), (50, 5)), normal(Key(1), (50, 3))
    optimizer = fn.adam(0.01, eps=1e-6)
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=16)
    state = fn.start(net, optimizer, Key(0))
    under_way = fn.last(fn.take(2)(fn.steps(step, data, state)))
    ours, theirs = next(jit.train(step, data, under_way)).state, next(fn.train(step, data, state)).state
    assert (ours.epoch, ours.batch, ours.rows) == (1, 0, 0)
    assert distance(ours.params, theirs.params) <= 1e-12
    assert abs(float(ours.history[0].loss) - float(theirs.history[0].loss)) <= 1e-12


def test_schedules_are_read_step_by_step_from_where_the_state_is() -> None:
    seen: list[int] = []

    def own(step: int) -> float:
        seen.append(step)
        return 0.02 / (1 + step) if step < 9 else float("nan")

    once = fn.linear_warmup(fn.join((fn.cosine_decay(0.02, steps=4, restarts=True), own), (5,)), steps=3)
    step = fn.train_step(fn.value_and_grad(fn.mse), fn.adam(once, eps=1e-6))
    data = fn.minibatches(normal(Key(0), (50, 5)), normal(Key(1), (50, 3)), batch_size=16)
    state = fn.start(net_around(fn.Tanh()), fn.adam(0.1), Key(0))
    half, slower = replace(state.opt_state, scale=0.5), fn.last(fn.take(6)(fn.steps(step, data, state)))
    for begin, n in ((state, 4), (replace(state, opt_state=half), 4), (slower, 3)):
        seen.clear()
        theirs, asked = fn.last(fn.take(n)(fn.train(step, data, begin))).state, list(seen)
        seen.clear()
        ours = fn.last(fn.take(n)(jit.train(step, data, begin))).state
        assert seen == asked == list(range(8))  # its own steps, which begin at the eighth
        assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12
    wrong = fn.train_step(fn.value_and_grad(fn.mse), fn.adam(own))
    with pytest.raises(ValueError, match="jit: lr, the schedule's at step 9, must be in"):
        fn.last(fn.take(3)(jit.train(wrong, data, state)))


def test_last_batches_are_kept_or_dropped() -> None:
    net, x, y = net_around(fn.Tanh()), normal(Key(0), (50, 5)), normal(Key(1), (50, 3))
    step = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1))
    for last, count in (("keep", 4), ("drop", 3)):
        data = fn.minibatches(x, y, batch_size=16, last=last, shuffle=False)  # type: ignore[arg-type]
        state = fn.start(net, fn.sgd(0.1), Key(0))
        ours, theirs = next(jit.train(step, data, state)).state, next(fn.train(step, data, state)).state
        assert ours.opt_state.step == theirs.opt_state.step == count
        assert distance(ours.params, theirs.params) <= 1e-12


def test_residuals_in_residuals_and_norms_anywhere() -> None:
    norm = fn.layer_norm(5, dtype=np.float64)
    inner = fn.residual(
        fn.serial(fn.rms_norm(5, dtype=np.float64), fn.linear(Key(0), 5, 5, dtype=np.float64), fn.Relu())
    )
    outer = fn.residual(fn.residual(fn.serial(inner, fn.residual(fn.Dropout(0.2)), norm)))
    net = fn.serial(
        fn.residual(fn.Tanh()), norm, outer, fn.Relu(), fn.linear(Key(1), 5, 3, dtype=np.float64), fn.Relu()
    )
    x, y = normal(Key(0), (50, 5)), normal(Key(1), (50, 3))
    ours, theirs = (run(train, net, fn.mse, fn.adam(0.01, eps=1e-6), x, y, 20) for train in PATHS)
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12


def test_masks_are_those_of_the_numpy_path_at_any_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = fn.mlp(Key(0), (5, 7, 6, 5), activation=fn.serial(fn.Tanh(), fn.Dropout(0.4)), dtype=np.float64)
    net = fn.serial(fn.Dropout(0.2), fn.serial(inner, fn.Dropout(0.3)), fn.linear(Key(1), 5, 3, dtype=np.float64))
    x, y = normal(Key(0), (50, 5)), normal(Key(1), (50, 3))
    expected = run(fn.train, net, fn.mse, fn.adam(0.01, eps=1e-6), x, y, 5)
    for at_a_time in (1 << 26, 700, 1):
        monkeypatch.setattr("fnnet.jit.training.MASKS", at_a_time)
        ours = run(jit.train, net, fn.mse, fn.adam(0.01, eps=1e-6), x, y, 5)
        assert distance((ours.params, ours.opt_state), (expected.params, expected.opt_state)) <= 1e-12


def test_fit_is_fit() -> None:
    x, y = normal(Key(0), (50, 5)), (uniform(Key(1), (50,)) * 3).astype(np.int64)
    settings_of: Any = {"loss": fn.softmax_cross_entropy, "optimizer": fn.adam(0.01, eps=1e-6), "key": Key(0)}
    ours, theirs = (f(net_around(fn.Relu()), x, y, **settings_of, epochs=3, valid=(x, y)) for f in (jit.fit, fn.fit))
    assert distance(ours.state.params, theirs.state.params) <= 1e-12
    assert [name for name, _ in ours.history[-1].metrics] == ["valid_loss"]
