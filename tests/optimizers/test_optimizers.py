"""Optimizers against their papers' formulas, written out leaf by leaf."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, tree
from fnnet.keys import normal
from fnnet.optimizers.elementwise import Elementwise
from tests.catalogue import OPTIMIZERS
from tests.support.own_layers import Centred
from tests.support.strategies import KEYS

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
    result = _run(fn.adamw(lr, weight_decay=decay, b1=b1, b2=b2, eps=eps), p, gradients)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
    if not decay:
        assert np.array_equal(result, _run(fn.adam(lr, b1=b1, b2=b2, eps=eps), p, gradients))


def _rmsprop(p: Array, gradients: list[Array], momentum: float, centered: bool, eps_in_sqrt: bool) -> Array:
    v, mean, m = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for g in gradients:
        v, mean = 0.8 * v + 0.2 * g**2, 0.8 * mean + 0.2 * g
        square = v - mean**2 if centered else v
        m = momentum * m + g / (np.sqrt(square + 1e-3) if eps_in_sqrt else np.sqrt(square) + 1e-3)
        p = p - 0.1 * m
    return p


@given(KEYS, st.integers(1, 20), st.sampled_from([0.0, 0.5]), st.booleans(), st.booleans())
def test_rmsprop(key: Key, steps: int, momentum: float, centered: bool, eps_in_sqrt: bool) -> None:
    p, gradients = _problem(key, steps)
    optimizer = fn.rmsprop(0.1, decay=0.8, eps=1e-3, momentum=momentum, centered=centered, eps_in_sqrt=eps_in_sqrt)
    expected = _rmsprop(p, gradients, momentum, centered, eps_in_sqrt)
    np.testing.assert_allclose(_run(optimizer, p, gradients), expected, rtol=1e-10, atol=1e-10)


@given(st.floats(1e-3, 1e3), st.floats(0, 0.99), st.booleans())
def test_centered_rmsprop_bears_a_gradient_that_stays(size: float, decay: float, eps_in_sqrt: bool) -> None:
    """The mean square less the square of the mean is here the rounding alone, and below 0 as often as above."""
    p, g = np.zeros((2, 3), np.float32), np.full((2, 3), size, np.float32)
    optimizer = fn.rmsprop(0.1, decay=decay, centered=True, eps=1e-4, eps_in_sqrt=eps_in_sqrt)
    state = optimizer.init(fn.Linear(p, p[0]))
    for _ in range(200):
        net, state = optimizer.update(fn.Linear(p, p[0]), fn.Linear(g, g[0]), state)
        assert (state.slots[0].w >= 0).all()
        assert (net.w < 0).all() and np.isfinite(net.w).all()


@given(KEYS, st.integers(1, 20), st.sampled_from([0.0, 0.3]))
def test_adagrad(key: Key, steps: int, start: float) -> None:
    p, gradients = _problem(key, steps)
    expected, v = p, np.full_like(p, start)
    for g in gradients:
        v = v + g**2
        expected = expected - 0.1 * g / (np.sqrt(v) + 1e-3)
    result = _run(fn.adagrad(0.1, start=start, eps=1e-3), p, gradients)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@given(KEYS, st.integers(1, 20))
def test_adadelta(key: Key, steps: int) -> None:
    p, gradients = _problem(key, steps)
    expected, v, u = p, np.zeros_like(p), np.zeros_like(p)
    for g in gradients:
        v = 0.8 * v + 0.2 * g**2
        d = np.sqrt(u + 1e-4) / np.sqrt(v + 1e-4) * g
        u = 0.8 * u + 0.2 * d**2
        expected = expected - 0.5 * d
    result = _run(fn.adadelta(0.5, decay=0.8, eps=1e-4), p, gradients)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


B1, B2, EPS = 0.8, 0.95, 1e-6


@given(KEYS, st.integers(1, 20))
def test_adamax_amsgrad_and_nadam(key: Key, steps: int) -> None:
    p, gradients = _problem(key, steps)
    zero = np.zeros_like(p)
    (maximum, rising, ahead), m, v, u, top = (p, p, p), zero, zero, zero, zero
    for t, g in enumerate(gradients, start=1):
        m, v, u = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g**2, np.maximum(B2 * u, np.abs(g) + EPS)
        m_hat, v_hat, top = m / (1 - B1**t), v / (1 - B2**t), np.maximum(top, v / (1 - B2**t))
        m_bar = B1 * m / (1 - B1 ** (t + 1)) + (1 - B1) * g / (1 - B1**t)
        maximum = maximum - 0.1 * m_hat / u
        rising = rising - 0.1 * m_hat / (np.sqrt(top) + EPS)
        ahead = ahead - 0.1 * m_bar / (np.sqrt(v_hat) + EPS)
    for optimizer, expected in ((fn.adamax, maximum), (fn.amsgrad, rising), (fn.nadam, ahead)):
        result = _run(optimizer(0.1, b1=B1, b2=B2, eps=EPS), p, gradients)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@given(KEYS, st.integers(1, 20), st.sampled_from([0.5, 0.6, 0.8, 0.95, 0.999]), st.sampled_from([4.0, 5.0]))
def test_radam(key: Key, steps: int, b2: float, threshold: float) -> None:
    p, gradients = _problem(key, steps)
    expected, m, v = p, np.zeros_like(p), np.zeros_like(p)
    most = 2 / (1 - b2) - 1
    for t, g in enumerate(gradients, start=1):
        m, v = B1 * m + (1 - B1) * g, b2 * v + (1 - b2) * g**2
        m_hat, rho = m / (1 - B1**t), most - 2 * t * b2**t / (1 - b2**t)
        if rho > threshold:
            r = np.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
            m_hat = r * m_hat / (np.sqrt(v / (1 - b2**t)) + EPS)
        expected = expected - 0.1 * m_hat
    result = _run(fn.radam(0.1, b1=B1, b2=b2, eps=EPS, threshold=threshold), p, gradients)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


def _with_eps_hat(p: Array, gradients: list[Array], small: float) -> dict[str, Array]:
    """The end of section 2 of Adam's paper, p' = p - lr √(1 - b₂ᵗ) / (1 - b₁ᵗ) m / (√v + eps), and what follows:
    with decay, the look-ahead, the largest v so far, the rectified step."""
    names, most = ("adam", "adamw", "nadam", "amsgrad", "radam"), 2 / (1 - B2) - 1
    new: dict[str, Array] = dict.fromkeys(names, p)
    m, v, top = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g**2
        top, root = np.maximum(top, v), np.sqrt(1 - B2**t)
        rho, m_hat = most - 2 * t * B2**t / (1 - B2**t), m / (1 - B1**t)
        plain = m_hat * root / (np.sqrt(v) + small)
        ahead = (B1 * m / (1 - B1 ** (t + 1)) + (1 - B1) * g / (1 - B1**t)) * root / (np.sqrt(v) + small)
        r = np.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)) if rho > 5 else 0.0
        steps = plain, plain + 0.3 * new["adamw"], ahead, m_hat * root / (np.sqrt(top) + small)
        made = (*steps, r * plain if rho > 5 else m_hat)
        new = {name: new[name] - 0.1 * step for name, step in zip(names, made, strict=True)}
    return new


@pytest.mark.parametrize("name", ["adam", "adamw", "nadam", "amsgrad", "radam"])
@pytest.mark.parametrize("is_compiled", [False, True])
@given(KEYS, st.integers(1, 20), st.sampled_from([1e-7, 1e-2, 1.0]), st.sampled_from([1e-6, 1.0]))
def test_eps_hat(name: str, is_compiled: bool, key: Key, steps: int, small: float, size: float) -> None:
    p, gradients = _problem(key, steps)
    gradients = [size * g for g in gradients]
    home = import_module("fnnet.jit") if is_compiled else fn
    more = {"weight_decay": 0.3} if name == "adamw" else {}
    optimizer = getattr(home, name)(0.1, b1=B1, b2=B2, eps=small, eps_hat=True, **more)
    expected = _with_eps_hat(p, gradients, small)[name]
    np.testing.assert_allclose(_run(optimizer, p, gradients), expected, rtol=1e-11, atol=1e-12)


@given(KEYS, st.integers(1, 20), st.sampled_from([0.0, 0.3]))
def test_lion(key: Key, steps: int, decay: float) -> None:
    p, gradients = _problem(key, steps)
    expected, m = p, np.zeros_like(p)
    for g in gradients:
        expected = expected - 0.1 * (np.sign(B1 * m + (1 - B1) * g) + decay * expected)
        m = B2 * m + (1 - B2) * g
    result = _run(fn.lion(0.1, b1=B1, b2=B2, weight_decay=decay), p, gradients)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


def test_radam_at_once_and_never() -> None:
    assert [fn.radam(1.0).rectified(t) > 0 for t in (1, 5, 6, 1000)] == [False, False, True, True]
    assert [fn.radam(1.0, threshold=4).rectified(t) > 0 for t in (4, 5)] == [False, True]
    assert not any(fn.radam(1.0, b2=0.6).rectified(t) for t in range(1, 1000))
    assert 0.9999 < fn.radam(1.0).rectified(100_000) <= 1


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


PLAIN: dict[str, Elementwise] = {name: o for name, o in OPTIMIZERS.items() if isinstance(o, Elementwise)}


@pytest.mark.parametrize("name", PLAIN)
def test_the_scale_is_a_factor_on_every_rate(name: str) -> None:
    optimizer: Any = PLAIN[name]
    lr: float | fn.Schedule = optimizer.lr
    slower = replace(optimizer, lr=(lambda step: lr(step) * 0.25) if callable(lr) else lr * 0.25)
    net = fn.mlp(Key(0), (3, 4, 2), dtype=np.float64)
    scaled, plain = (net, replace(optimizer.init(net), scale=0.25)), (net, slower.init(net))
    for i in range(10):
        grads = tree.map(lambda p, i=i: normal(Key(i).child(p.size), p.shape), net)
        scaled, plain = optimizer.update(scaled[0], grads, scaled[1]), slower.update(plain[0], grads, plain[1])
    assert tree.equal(scaled[0], plain[0])
    assert tree.equal(scaled[1].slots, plain[1].slots)
    assert scaled[1].scale == 0.25


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
    fitted = fn.fit(net, x, y, loss=fn.mse, optimizer=OPTIMIZERS[name], key=Key(2), epochs=400, batch_size=10)
    assert float(fitted.history[-1].loss) < 0.1


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_settings_print_compare_and_are_hashed(name: str) -> None:
    optimizer = OPTIMIZERS[name]
    assert "lr=" in repr(optimizer)
    assert optimizer == optimizer
    assert hash(optimizer) == hash(optimizer)
