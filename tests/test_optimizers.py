"""Optimizers against their papers' formulas, written out leaf by leaf."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, tree
from fnnet.keys import normal
from tests.catalogue import OPTIMIZERS
from tests.own_layers import Centred
from tests.strategies import KEYS

P = TypeVar("P", bound=fn.Params)
Trajectory = Callable[[Array, list[Array]], Array]


def _run(optimizer: fn.Optimizer, p: Array, gradients: list[Array]) -> Array:
    net = fn.Linear(p, p[0])
    state = optimizer.init(net)
    for g in gradients:
        net, state = optimizer.update(net, fn.Linear(g, g[0]), state)
    assert state.step == len(gradients)
    np.testing.assert_array_equal(net.w[0], net.b)
    return net.w


def _problem(key: Key, steps: int) -> tuple[Array, list[Array]]:
    return normal(key, (2, 3)), [normal(key.child(i), (2, 3)) for i in range(steps)]


@given(KEYS, st.integers(1, 20), st.floats(0, 1), st.sampled_from([0.0, 0.5, 0.9]), st.booleans())
def test_sgd(key: Key, steps: int, lr: float, momentum: float, nesterov: bool) -> None:
    p, gradients = _problem(key, steps)
    nesterov = nesterov and momentum > 0
    expected, v = p, np.zeros_like(p)
    for g in gradients:
        v = momentum * v + g
        expected = expected - lr * (g + momentum * v if nesterov else v)
    result = _run(fn.sgd(lr, momentum=momentum, nesterov=nesterov), p, gradients)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@given(KEYS, st.integers(1, 20), st.floats(0, 0.1), st.sampled_from([0.0, 0.3]))
def test_adam_and_adamw(key: Key, steps: int, lr: float, decay: float) -> None:
    p, gradients = _problem(key, steps)
    b1, b2, eps = 0.8, 0.95, 1e-6
    expected, m, v = p, np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        expected = expected - lr * (m_hat / (np.sqrt(v_hat) + eps) + decay * expected)
    betas = {"b1": b1, "b2": b2, "eps": eps}
    result = _run(fn.adamw(lr, weight_decay=decay, **betas), p, gradients)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
    if not decay:
        assert np.array_equal(result, _run(fn.adam(lr, **betas), p, gradients))


def test_the_first_step_of_adam_is_the_learning_rate() -> None:
    result = _run(fn.adam(0.1), np.zeros((2, 3)), [np.full((2, 3), 1e-3)])
    np.testing.assert_allclose(result, -0.1, rtol=1e-4)


def test_a_schedule_is_a_function_of_the_steps_done_and_the_scale_a_factor() -> None:
    p, gradients = _problem(Key(0), 4)
    seen: list[int] = []

    def lr(step: int) -> float:
        seen.append(step)
        return 0.1 / (1 + step)

    expected = p
    for step, g in enumerate(gradients):
        expected = expected - 0.1 / (1 + step) * g
    np.testing.assert_allclose(_run(fn.sgd(lr), p, gradients), expected)
    assert seen == [0, 1, 2, 3]
    net = fn.Linear(p, p[0])
    halved, _ = fn.sgd(0.1).update(net, net, fn.OptState(0, scale=0.5))
    np.testing.assert_allclose(halved.w, p - 0.05 * p)
    for name, optimizer in OPTIMIZERS.items():
        state = replace(optimizer.init(net), scale=np.float64(0.5))
        assert optimizer.update(net, net, state)[1].scale == 0.5, name


TRAINS_ALL = [name for name in OPTIMIZERS if not name.startswith("freeze")]


@pytest.mark.parametrize("name", TRAINS_ALL)
def test_constants_and_their_slots_stay(name: str) -> None:
    net = Centred(np.ones(2), np.full(2, 3.0))
    optimizer = OPTIMIZERS[name]
    before = optimizer.init(net)
    new, state = optimizer.update(net, Centred(np.ones(2), np.ones(2)), before)
    assert new.mean.tolist() == [3, 3]
    assert (new.scale < 1).all()
    for slot, first in zip(_slots(state), _slots(before), strict=True):
        assert slot.mean.tolist() == first.mean.tolist()
        assert slot.scale.all()
    assert not any(leaf.flags.writeable for leaf in tree.leaves((new, state)))


def _slots(state: fn.OptState[P]) -> tuple[P, ...]:
    """All slots, those of optimizers inside included."""
    return state.slots if state.inner is None else state.slots + _slots(state.inner)


@pytest.mark.parametrize("name", TRAINS_ALL)
def test_every_optimizer_finds_a_minimum(name: str) -> None:
    x = normal(Key(0), (40, 3))
    y = x @ np.array([[1.0], [-2.0], [0.5]]) + 3
    net = fn.linear(Key(1), 3, 1, dtype=np.float64)
    fitted = fn.fit(net, x, y, loss=fn.mse, optimizer=OPTIMIZERS[name], key=Key(2), epochs=400, size=10)
    assert float(fitted.history[-1].loss) < 0.1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_settings_print_compare_and_are_hashed(name: str) -> None:
    optimizer = OPTIMIZERS[name]
    assert "lr=" in repr(optimizer)
    assert optimizer == optimizer
    assert hash(optimizer) == hash(optimizer)
