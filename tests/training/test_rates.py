"""The range finder trains as ``steps`` does, at growing rates, and leaves the state as it was."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Params, RateCurve, TrainState, Value, tree
from fnnet.keys import normal
from tests.support.strategies import KEYS

P = TypeVar("P", bound=Params)

OPTIMIZER = fn.sgd(1.0, momentum=0.5)
STEP = fn.train_step(fn.value_and_grad(fn.mse), OPTIMIZER)


def problem(key: Key) -> tuple[Any, TrainState[Params]]:
    """Data, and a state in the middle of an epoch; the network draws from its key."""
    x, y = normal(key.child(0), (11, 3)), normal(key.child(1), (11, 2))
    net = fn.serial(fn.linear(key, 3, 4), fn.Dropout(0.2), fn.Tanh(), fn.linear(key.child(2), 4, 2))
    data = fn.minibatches(x, y, batch_size=4)
    begin: TrainState[Params] = fn.start(net, OPTIMIZER, key)
    return data, fn.last(fn.take(4)(fn.steps(STEP, data, begin)))


@given(KEYS, st.integers(2, 9))
def test_it_is_training_with_the_factor_set_by_hand(key: Key, n: int) -> None:
    data, state = problem(key)
    before = pickle.dumps(state)
    curve = fn.find_rate(STEP, data, state, low=1e-4, high=1e-2, n=n)
    assert pickle.dumps(state) == before
    assert tree.equal(curve, fn.find_rate(STEP, data, state, low=1e-4, high=1e-2, n=n))
    np.testing.assert_allclose(curve.rates, np.geomspace(1e-4, 1e-2, n), rtol=1e-12)
    for rate, loss in zip(curve.rates, curve.losses, strict=True):
        state = replace(state, opt_state=replace(state.opt_state, scale=float(rate)))
        batch = list(data(state.key.child(fn.keys.ORDER, state.epoch)))[state.batch]
        value, _ = fn.value_and_grad(fn.mse)(
            state.params, batch, state.key.child(fn.keys.NOISE, state.epoch, state.batch)
        )
        assert float(value) == loss
        state = next(fn.steps(STEP, data, state))


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20), st.sampled_from([0.0, 0.5, 0.9]))
def test_smoothed(losses: list[float], smoothing: float) -> None:
    curve = RateCurve(np.geomspace(1e-3, 1, len(losses)), np.array(losses), smoothing)
    for t in range(len(losses)):
        weights = smoothing ** np.arange(t, -1.0, -1.0)
        expected = (weights * losses[: t + 1]).sum() / weights.sum()
        np.testing.assert_allclose(curve.smoothed[t], expected, atol=1e-12)


def test_the_suggestion_is_a_tenth_of_the_rate_of_the_lowest_loss() -> None:
    rates = np.geomspace(1e-4, 1, 41)
    losses = (np.log10(rates) + 1) ** 2
    assert RateCurve(rates, losses, 0.0).suggestion == pytest.approx(0.01)


def test_no_suggestion_where_the_loss_never_falls() -> None:
    rising = RateCurve(np.geomspace(1e-4, 1, 40), np.arange(40.0), 0.9)
    with pytest.raises(
        ValueError, match=r"find_rate: the loss must fall somewhere between the rates 0.0001 and 1, and did"
    ):
        _ = rising.suggestion


@pytest.mark.parametrize("optimizer", [fn.sgd(1.0), fn.adam(1.0), fn.pipe(fn.adam(1.0), fn.clip_by_global_norm(1.0))])
def test_the_suggested_rate_trains(optimizer: fn.Optimizer) -> None:
    x = normal(Key(0), (200, 3))
    y = np.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:]
    net = fn.mlp(Key(1), (3, 32, 1))
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=20)
    state = fn.start(net, optimizer, Key(2))
    curve = fn.find_rate(step, data, state)
    assert len(curve.rates) < 100
    assert not any(leaf.flags.writeable for leaf in (curve.rates, curve.losses))

    def trained(rate: float) -> float:
        scaled = replace(state, opt_state=replace(state.opt_state, scale=rate))
        return float(fn.last(fn.take(30)(fn.train(step, data, scaled))).record.loss)

    variance = float(np.var(y))
    assert trained(curve.suggestion) < 0.2 * variance < trained(curve.suggestion / 1000)


@dataclass(frozen=True, slots=True)
class Told:
    """A step whose loss is a function of the rate."""

    kind: str

    def __call__(self, state: TrainState[P], batch: tuple[Array, Any], key: Key, /) -> tuple[TrainState[P], Value]:
        rate = state.opt_state.scale
        if self.kind == "refuses" and rate > 0.01:
            raise fn.NonFiniteError("no further")
        loss = {"nan": np.nan if rate > 0.01 else 1.0, "below 0": -1.0 if rate < 0.01 else 1e3 * rate}.get(
            self.kind, 1.0
        )
        return replace(state, batch=state.batch + 1), np.asarray(loss)


@pytest.mark.parametrize("kind", ["nan", "refuses", "below 0"])
def test_it_stops_where_training_diverges(kind: str) -> None:
    data, state = problem(Key(0))
    curve = fn.find_rate(Told(kind), data, state, low=1e-4, high=1.0, n=41, smoothing=0.0)
    assert curve.rates[-1] == pytest.approx(0.01, rel=0.3)
    assert np.isfinite(curve.losses).all()


def test_it_does_not_take_the_first_batches_for_divergence() -> None:
    """Batches of a few rows whose losses differ by more than the factor that stops the test."""
    x = np.array([[0.0], [4.0], [8.0]])
    optimizer = fn.sgd(1.0)
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, x, batch_size=1, shuffle=False)
    state = fn.start(fn.linear(Key(0), 1, 1, init=fn.zeros, bias_init=fn.constant_fill(0.1)), optimizer, Key(0))
    curve = fn.find_rate(step, data, state)
    assert curve.losses[2] > 100 * curve.losses[0]
    assert 1e-4 < curve.suggestion < 0.1


def test_bad_input() -> None:
    data, state = problem(Key(0))
    find: Any = fn.find_rate
    for settings, message in (
        ({"low": 0}, "find_rate: low must be above 0, got 0"),
        ({"low": np.nan}, r"find_rate: low must be in \[0, inf\), got nan"),
        ({"high": -1.0}, r"find_rate: high must be in \[0, inf\), got -1.0"),
        ({"low": 1.0, "high": 1.0}, "find_rate: low must be below high, 1, got 1"),
        ({"n": 1}, "find_rate: n must be a whole number from 2 up, got 1"),
        ({"smoothing": 1.0}, r"find_rate: smoothing must be in \[0, 1\), got 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            find(STEP, data, state, **settings)
    with pytest.raises(ValueError, match="train: step must be a function"):
        find(None, data, state)
    with pytest.raises(fn.TreeError, match="train: state must be a TrainState"):
        find(STEP, data, state.params)
    broken = replace(state, params=tree.map(lambda p: p * np.nan, state.params))
    with pytest.raises(
        ValueError, match="find_rate: the loss must be finite at the lowest rate, 1e-06, where it is not"
    ):
        find(STEP, data, broken)
    stacked = fn.start(tree.map(lambda p: np.stack([p, p]), state.params), OPTIMIZER, Key(0))
    with pytest.raises(fn.ShapeError, match=r"find_rate: params must be one network, .* got replica axes \(2,\)"):
        find(STEP, data, stacked)
