"""Law 3: training is the explicit loop, and a + b epochs, or steps, are a and then b, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, tree
from fnnet.keys import NOISE, ORDER, normal
from tests.catalogue import OPTIMIZERS
from tests.support.strategies import KEYS, SIZES

EPOCHS = st.integers(0, 3)


class Run:
    """A run with dropout, shuffling and a last batch that is smaller."""

    def __init__(self, key: Key, rows: int, size: int, optimizer: str) -> None:
        self.optimizer = OPTIMIZERS[optimizer]
        self.x, self.y = normal(key.child(0), (rows, 3)), normal(key.child(1), (rows, 2))
        self.net: fn.Params = fn.serial(fn.linear(key, 3, 4), fn.Dropout(0.5), fn.Tanh(), fn.linear(key.child(2), 4, 2))
        self.data = fn.minibatches(self.x, self.y, batch_size=min(size, rows))
        self.step = fn.train_step(fn.value_and_grad(fn.mse), self.optimizer)
        self.start = fn.start(self.net, self.optimizer, key)

    def epochs(self, state: object, n: int) -> fn.TrainState[fn.Params]:
        """The state n epochs further on."""
        assert isinstance(state, fn.TrainState)
        for epoch in islice(fn.train(self.step, self.data, state), n):
            state = epoch.state
        return state

    def explicit(self, n: int) -> Iterator[tuple[fn.Params, Array]]:
        """The loop as one would write it, with the keys that the documentation promises."""
        params, opt_state, key = self.start.params, self.start.opt_state, self.start.key
        for epoch in range(n):
            total, rows = np.zeros(()), 0
            for i, batch in enumerate(self.data(key.child(ORDER, epoch))):
                value, grads = fn.value_and_grad(fn.mse)(params, batch, key.child(NOISE, epoch, i))
                params, opt_state = self.optimizer.update(params, grads, opt_state)
                total, rows = total + value.astype(np.float64) * len(batch[0]), rows + len(batch[0])
            yield params, np.asarray(total / rows)


RUNS = st.builds(Run, KEYS, st.integers(1, 7), st.integers(1, 4), st.sampled_from(sorted(OPTIMIZERS)))


@given(RUNS, EPOCHS)
def test_train_is_the_explicit_loop(run: Run, n: int) -> None:
    streamed = list(islice(fn.train(run.step, run.data, run.start), n))
    for epoch, (params, loss) in zip(streamed, run.explicit(n), strict=True):
        assert tree.equal(epoch.state.params, params)
        assert epoch.record.loss == loss


@given(RUNS, EPOCHS, EPOCHS)
def test_epochs_add_up(run: Run, a: int, b: int) -> None:
    assert tree.equal(run.epochs(run.epochs(run.start, a), b), run.epochs(run.start, a + b))


@given(RUNS, st.integers(0, 10), st.integers(0, 10))
def test_steps_add_up(run: Run, a: int, b: int) -> None:
    whole = [run.start, *islice(fn.steps(run.step, run.data, run.start), a + b)]
    again = [whole[a], *islice(fn.steps(run.step, run.data, whole[a]), b)]
    assert [tree.digest(state) for state in again] == [tree.digest(state) for state in whole[a:]]


@given(RUNS, EPOCHS)
def test_train_is_steps_seen_at_the_ends_of_epochs(run: Run, n: int) -> None:
    per_epoch = -(-len(run.x) // run.data.batch_size)
    seen = [state for state in islice(fn.steps(run.step, run.data, run.start), n * per_epoch) if state.batch == 0]
    epochs = [epoch.state for epoch in islice(fn.train(run.step, run.data, run.start), n)]
    assert [tree.digest(state) for state in seen] == [tree.digest(state) for state in epochs]


@given(RUNS, SIZES)
def test_an_epoch_stays_valid(run: Run, n: int) -> None:
    epochs, digests = [], []
    for epoch in islice(fn.train(run.step, run.data, run.start), n):
        epochs.append(epoch)
        digests.append(tree.digest(epoch))
    assert [tree.digest(epoch) for epoch in epochs] == digests
    assert [epoch.state.epoch for epoch in epochs] == list(range(1, n + 1))
    assert all(len(epoch.state.history) == i + 1 for i, epoch in enumerate(epochs))


@given(RUNS, st.integers(1, 3))
def test_fit_is_the_pipeline_in_one_call(run: Run, n: int) -> None:
    size, key = run.data.batch_size, run.start.key
    fitted = fn.fit(run.net, run.x, run.y, loss=fn.mse, optimizer=run.optimizer, key=key, epochs=n, batch_size=size)
    assert tree.equal(fitted.state, run.epochs(run.start, n))
    assert fitted.history == fitted.state.history


@given(RUNS)
def test_a_resumed_pipeline_with_validation_is_the_uninterrupted_one(run: Run) -> None:
    validate = fn.validate(run.x, run.y, {"r2": fn.metrics.r2})

    def go(state: object, n: int) -> fn.TrainState[fn.Params]:
        assert isinstance(state, fn.TrainState)
        return fn.pipe(fn.train(run.step, run.data, state), validate, fn.take(n), fn.last).state

    half = go(run.start, 2)
    assert [name for name, _ in half.history[0].metrics] == ["r2"]
    assert tree.equal(go(half, 2), go(run.start, 4))


def test_training_is_lazy() -> None:
    calls: list[int] = []

    def data(key: Key) -> Iterator[tuple[Array, Array]]:
        calls.append(key.path[-1])
        yield np.ones((1, 1)), np.ones((1, 1))

    optimizer = fn.sgd(0.1)
    state = fn.start(fn.linear(Key(0), 1, 1), optimizer, Key(0))
    stream = fn.train(fn.train_step(fn.value_and_grad(fn.mse), optimizer), data, state)
    assert calls == []
    assert len(list(fn.take(3)(stream))) == 3
    assert calls == [0, 1, 2]


def test_an_epoch_without_batches_is_refused() -> None:
    optimizer = fn.sgd(0.1)
    state = fn.start(fn.linear(Key(0), 1, 1), optimizer, Key(0))
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    with pytest.raises(ValueError, match="data must give more than 0 batches in epoch 0"):
        next(fn.train(step, lambda key: iter(()), state))
