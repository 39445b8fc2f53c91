"""A run that is watched: the same bytes while all is well, and an error that knows what was not finite first."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, NonFiniteError, OptState, Params, TrainState, Value, tree
from fnnet.keys import normal
from tests.laws.law03_fold import RUNS, Run

P = TypeVar("P", bound=Params)

X, Y = normal(Key(0), (4, 3)), normal(Key(1), (4, 2))
STEP = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1))


def net_of(dtype: fn.Dtype = np.float32) -> fn.Serial[fn.Linear, fn.Relu, fn.Mlp]:
    """Layers in layers."""
    return fn.serial(fn.linear(Key(0), 3, 5, dtype=dtype), fn.Relu(), fn.mlp(Key(1), (5, 4, 2), dtype=dtype))


def caught(step: fn.Step[Array], state: TrainState[P], x: Array = X, y: Array = Y) -> NonFiniteError:
    """The error of one step."""
    with pytest.raises(NonFiniteError) as found:
        fn.stop_on_nonfinite(step)(state, (x, y), Key(7))
    return found.value


def started(net: fn.Params) -> TrainState[fn.Params]:
    """Before the first step."""
    return fn.start(net, fn.sgd(0.1), Key(0))


@given(RUNS, st.integers(1, 3))
def test_nothing_changes_while_all_is_well(run: Run, n: int) -> None:
    watched = islice(fn.train(fn.stop_on_nonfinite(run.step), run.data, run.start), n)
    assert [tree.digest(epoch) for epoch in watched] == [
        tree.digest(epoch) for epoch in islice(fn.train(run.step, run.data, run.start), n)
    ]


def test_data_that_are_not_finite() -> None:
    for value in (math.nan, math.inf):
        bad = np.where(np.arange(12).reshape(4, 3) == 7, value, X)
        error = caught(STEP, started(net_of()), x=bad)
        assert (error.tensor, error.path, error.step) == ("x", "", 0)
        assert str(error).startswith(
            f"stop_on_nonfinite: x must be finite, got {value} in batch 1 of epoch 1, after 0 "
        )
        assert error.learning_rate == 0.1 and "steps, at learning rate 0.1; " in str(error)
    error = caught(STEP, started(net_of()), y=np.full((4, 2), math.inf))
    assert (error.tensor, error.loss) == ("target", None)
    step = fn.train_step(fn.value_and_grad(fn.weighted(fn.mse)), fn.sgd(0.1))
    with pytest.raises(NonFiniteError, match="target 0 must be finite, got nan"):
        fn.stop_on_nonfinite(step)(started(net_of()), (X, (np.full((4, 2), math.nan), np.ones(4))), Key(0))


@pytest.mark.parametrize("path", ["layers.0", "layers.2.layers.0", "layers.2.layers.1"])
def test_a_layer_that_overflows_is_named(path: str) -> None:
    net = tree.at(net_of(), f"{path}.w", lambda w: np.full_like(w, 3e38))
    error = caught(STEP, started(net))
    assert (error.tensor, error.path) == ("output", path)
    assert isinstance(error.state, TrainState)
    assert tree.equal(error.state, started(net))


def test_a_loss_that_overflows() -> None:
    error = caught(STEP, started(net_of()), y=np.full((4, 2), 1e30))
    assert (error.tensor, error.path) == ("loss", "")


def test_gradients_and_parameters_that_overflow() -> None:
    def steep(prediction: Array, target: Array) -> tuple[Value, Array]:
        value, grad = fn.mse(prediction, target)
        return value, grad * np.float32(1e38) * 10

    error = caught(fn.train_step(fn.value_and_grad(steep), fn.sgd(0.1)), started(net_of()))
    assert (error.tensor, error.path) == ("gradients", "layers.0.w")
    assert error.loss == float(fn.mse(fn.predict(net_of(), X), Y)[0])
    error = caught(fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(1e39)), started(net_of()))
    assert error.tensor == "params"
    assert error.path.startswith("layers.")


@pytest.mark.parametrize("width", [4, 700])
def test_squares_of_gradients_that_overflow_in_the_optimizer(width: int) -> None:
    """The parameters stay finite, and where they are: m / inf is 0."""

    def steep(prediction: Array, target: Array) -> tuple[Value, Array]:
        value, grad = fn.mse(prediction, target)
        return value, grad * np.float32(1e25)

    optimizer = fn.pipe(fn.adam(0.1), fn.ema(0.9))
    state = fn.start(fn.mlp(Key(0), (3, width, width, 2)), optimizer, Key(0))
    error = caught(fn.train_step(fn.value_and_grad(steep), optimizer), state)
    assert (error.tensor, error.path, error.step) == ("opt_state", "inner.slots.1.layers.0.w", 0)
    assert "opt_state inner.slots.1.layers.0.w must be finite, got inf in batch 1 of epoch 1" in str(error)
    assert isinstance(error.state, TrainState)
    assert tree.equal(error.state, state)


@dataclass(frozen=True, slots=True)
class Lowest:
    """Descent that remembers the lowest gradient so far, and begins with infinity."""

    def init(self, params: P, /) -> OptState[P]:
        return OptState(0, (tree.map(lambda p: np.full_like(p, math.inf), params),))

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        lowest = tree.map(self._lower, state.slots[0], grads)
        return fn.sgd_update(params, grads, 0.01), OptState(state.step + 1, (lowest,))

    def _lower(self, low: Array, g: Array) -> Array:
        lower: Array = np.where(g < 0, np.minimum(low, g), low)
        return lower


def test_slots_may_begin_with_infinity() -> None:
    step = fn.stop_on_nonfinite(fn.train_step(fn.value_and_grad(fn.mse), Lowest()))
    state = fn.last(
        fn.take(3)(fn.train(step, fn.minibatches(X, Y, batch_size=2), fn.start(net_of(), Lowest(), Key(0))))
    ).state
    assert any(math.isinf(leaf.max()) for leaf in tree.leaves(state.opt_state.slots[0]))


def test_parameters_that_were_not_finite_before() -> None:
    error = caught(STEP, started(tree.at(net_of(), "layers.2.layers.1.b", lambda b: b * math.nan)))
    assert (error.tensor, error.path, error.state) == ("params", "layers.2.layers.1.b", None)
    assert "begin with finite parameters" in str(error)


def _spike(step: int) -> float:
    return 1e39 if step == 3 else 0.01


@pytest.mark.parametrize("width", [4, 700])
def test_going_on_from_the_last_good_state(width: int) -> None:
    """Small networks lie in a vector, large ones do not."""
    net, data = fn.mlp(Key(0), (3, width, width, 2)), fn.minibatches(X, Y, batch_size=2)

    def steps(lr: float | fn.Schedule, state: TrainState[fn.Mlp]) -> Iterator[TrainState[fn.Mlp]]:
        step = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(lr))
        return fn.steps(fn.stop_on_nonfinite(step), data, state)

    start = fn.start(net, fn.sgd(0.01), Key(0))
    with pytest.raises(NonFiniteError) as found:
        fn.last(fn.take(99)(steps(_spike, start)))
    error, whole = found.value, list(islice(steps(0.01, start), 6))
    assert (error.tensor, error.step) == ("params", 3)
    assert isinstance(error.state, TrainState)
    assert tree.equal(error.state, whole[2])
    assert [tree.digest(state) for state in islice(steps(0.01, error.state), 3)] == [tree.digest(s) for s in whole[3:]]


def test_the_last_finite_loss() -> None:
    net, optimizer = net_of(np.float64), fn.sgd(0.0)
    step = fn.stop_on_nonfinite(fn.train_step(fn.value_and_grad(fn.mse), optimizer))
    first = float(fn.mse(fn.predict(net, X[:3]), Y[:3])[0])
    for at, epochs in ((1, 0), (0, 1)):  # the bad batch is the second of the first epoch, or the second epoch
        y = np.where(np.arange(8).reshape(4, 2) == 7, math.nan, Y)
        good = fn.minibatches(X[:3], Y[:3], batch_size=3, shuffle=False)

        def data(key: Key, y: Array = y, good: fn.Data[Array] = good, at: int = at) -> Iterator[tuple[Array, Array]]:
            if at or key.path[-1] == 0:
                yield from good(key)
            if at or key.path[-1] == 1:
                yield X[3:], y[3:]

        with pytest.raises(NonFiniteError) as found:
            fn.last(fn.take(99)(fn.train(step, data, fn.start(net, optimizer, Key(0)))))
        assert found.value.tensor == "target"
        assert found.value.step == 1
        assert found.value.loss == pytest.approx(first, rel=1e-12)
        assert isinstance(found.value.state, TrainState)
        assert len(found.value.state.history) == epochs


def test_stacked_networks() -> None:
    nets = [net_of(), tree.at(net_of(), "layers.0.w", lambda w: np.full_like(w, 3e38))]
    error = caught(STEP, started(tree.map(lambda *leaves: np.stack(leaves), *nets)))
    assert (error.tensor, error.path) == ("output", "layers.0")


def test_the_error_pickles_with_what_it_knows() -> None:
    error = caught(STEP, started(net_of()), y=np.full((4, 2), 1e30))
    copied = pickle.loads(pickle.dumps(error))
    assert isinstance(copied, NonFiniteError)
    assert (str(copied), copied.tensor, copied.step) == (str(error), "loss", 0)
    assert tree.equal(copied.state, error.state)
    assert isinstance(copied, FloatingPointError)
