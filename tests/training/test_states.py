"""States are values: nobody can write to them, and a step that fails leaves them as they were."""

from __future__ import annotations

import numpy as np
import pytest

from fnnet import Key, Optimizer, ShapeError, TreeError, tree
from tests.support.refusals import NET, X, Y, fn


def test_parameters_are_read_only() -> None:
    for leaf in tree.leaves((NET, fn.mlp(Key(0), (2, 3, 1)), fn.start(NET, fn.adam(0.1), Key(0)))):
        with pytest.raises(ValueError, match="read-only"):
            leaf += 1
    with pytest.raises(AttributeError, match="cannot assign to field 'w'"):
        NET.layers[0].w = X


def test_nothing_is_half_done() -> None:
    state = fn.start(NET, fn.adam(0.1), Key(0))
    before = tree.digest(state)
    with pytest.raises(ShapeError):
        fn.train_step(fn.value_and_grad(fn.mse), fn.adam(0.1))(state, (X, Y[:, :1]), Key(0))
    assert tree.digest(state) == before


@pytest.mark.parametrize("other", [fn.adamax(0.1), fn.radam(0.1), fn.pipe(fn.lion(0.1), fn.ema(0.9)), fn.adadelta()])
def test_the_slots_of_another_optimizer_are_refused_wherever_a_run_goes_on(other: Optimizer) -> None:
    x, own = np.eye(4), fn.adam(0.1)
    data, gradient = fn.minibatches(x, x[:, :1], batch_size=2), fn.value_and_grad(fn.mse)
    state = fn.start(fn.linear(Key(0), 4, 1), own, Key(0))
    for _ in range(2):
        with pytest.raises(TreeError, match=r"state must be that of the step's optimizer, .* got one of Adam;"):
            fn.train(fn.train_step(gradient, other), data, state)
        state = fn.last(fn.take(1)(fn.train(fn.train_step(gradient, own), data, state))).state
    slower = fn.train_step(gradient, fn.adamw(0.01))
    assert fn.last(fn.take(1)(fn.train(slower, data, state))).state.epoch == 3


def test_a_state_of_other_memory_layout_is_trained_on_to_the_same_bits() -> None:
    x = np.random.default_rng(0).normal(size=(12, 5))
    optimizer = fn.adam(0.1)
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, x[:, :2], batch_size=4)
    net = fn.serial(fn.linear(Key(0), 5, 7, dtype=np.float64), fn.Tanh(), fn.linear(Key(1), 7, 2, dtype=np.float64))
    state = fn.last(fn.take(2)(fn.steps(step, data, fn.start(net, optimizer, Key(0)))))
    other = tree.map(np.asfortranarray, state)
    ends = [fn.last(fn.take(3)(fn.steps(step, data, one))) for one in (state, other)]
    assert tree.digest(ends[0]) == tree.digest(ends[1])
