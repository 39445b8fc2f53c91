"""Data, streams, one-call training, prediction, reports, pipes."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Params, tree
from fnnet.keys import normal
from tests.support.strategies import KEYS, Problem, composites

P = TypeVar("P", bound=Params)
X, Y = normal(Key(0), (20, 3)), normal(Key(1), (20, 2))


# --- minibatches --------------------------------------------------------------------------------------------------
@given(KEYS, st.integers(1, 30), st.integers(1, 30), st.booleans())
def test_an_epoch_has_every_row_once(key: Key, rows: int, size: int, shuffle: bool) -> None:
    x, y = np.arange(rows * 2.0).reshape(rows, 2), np.arange(rows)
    data = fn.minibatches(x, (y, -y), batch_size=min(size, rows), shuffle=shuffle)
    batches = list(data(key))
    seen = np.concatenate([target[0] for _, target in batches])
    assert np.array_equal(np.sort(seen), y)
    assert shuffle or np.array_equal(seen, y)
    for x_batch, (a, b) in batches:
        assert np.array_equal(x_batch, x[a])
        assert np.array_equal(a, -b)
        assert not np.shares_memory(x_batch, x)
    assert all(len(x_batch) == data.batch_size for x_batch, _ in batches[:-1])


def test_the_last_batch_can_be_dropped() -> None:
    for rows, sizes in [(7, [3, 3]), (6, [3, 3]), (3, [3])]:
        data = fn.minibatches(X[:rows], Y[:rows], batch_size=3, last="drop")
        assert [len(x) for x, _ in data(Key(0))] == sizes


def test_every_epoch_has_its_own_order_and_every_key_the_same_one() -> None:
    data = fn.minibatches(X, np.arange(20), batch_size=20)
    orders = [next(data(Key(0).child(epoch)))[1].tolist() for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]


# --- streams ------------------------------------------------------------------------------------------------------
def test_validate_adds_metrics_to_the_history() -> None:
    net = fn.serial(fn.linear(Key(0), 3, 2), fn.Dropout(0.5))
    validation = fn.validate(X, Y, {"r2": fn.metrics.r2})
    fitted = fn.fit(
        net,
        X,
        Y,
        loss=fn.mse,
        optimizer=fn.sgd(0.1),
        key=Key(0),
        epochs=3,
        batch_size=7,
        valid=(X, Y),
        streams=[validation],
    )
    assert [[name for name, _ in record.metrics] for record in fitted.history] == [["valid_loss", "r2"]] * 3
    (_, loss), (_, share) = fitted.history[-1].metrics
    prediction = fn.predict(fitted.state.params, X)
    assert float(loss) == float(fn.mse(prediction, Y)[0])
    assert float(share) == float(fn.metrics.r2(prediction, Y))


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows() -> None:
    net = fn.linear(Key(0), 3, 2, dtype=np.float64)
    fitted = fn.fit(net, X, Y, loss=fn.mse, optimizer=fn.sgd(0.0), key=Key(0), epochs=1, batch_size=6)
    np.testing.assert_allclose(fitted.history[0].loss, fn.mse(fn.predict(net, X), Y)[0], rtol=1e-12)


def test_a_plain_function_is_a_loss() -> None:
    def loss(prediction: Array, target: Array) -> tuple[Array, Array]:
        return fn.mse(prediction, target)

    results = [
        fn.fit(fn.linear(Key(0), 3, 2), X, Y, loss=f, optimizer=fn.sgd(0.1), key=Key(0), epochs=2, batch_size=5)
        for f in (loss, fn.mse)
    ]
    assert tree.equal(results[0].state, results[1].state)


def test_settings_pickle_and_work_in_another_process() -> None:
    optimizer = fn.adamw(0.01)
    step = fn.train_step(fn.accumulate(fn.value_and_grad(fn.weighted(fn.mse)), 2), optimizer)
    data = fn.minibatches(X, (Y, np.ones(20)), batch_size=5)
    state = fn.start(fn.mlp(Key(0), (3, 4, 2)), optimizer, Key(0))
    step2, data2, state2 = pickle.loads(pickle.dumps((step, data, state)))
    one, two = (next(fn.train(*run)).state for run in ((step, data, state), (step2, data2, state2)))
    assert tree.equal(one, two)
    assert step2 == step


def test_threads_do_not_disturb_each_other() -> None:
    def run(seed: int) -> str:
        net = fn.serial(fn.linear(Key(seed), 3, 4), fn.Dropout(0.5), fn.linear(Key(seed), 4, 2))
        return tree.digest(
            fn.fit(net, X, Y, loss=fn.mse, optimizer=fn.adam(0.01), key=Key(seed), epochs=20, batch_size=5).state
        )

    alone = [run(seed) for seed in range(4)]
    found: dict[int, str] = {}
    threads = [threading.Thread(target=lambda s=seed: found.update({s: run(s)})) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[seed] for seed in range(4)] == alone


# --- prediction ---------------------------------------------------------------------------------------------------
@given(composites(), st.integers(1, 6))
def test_predicting_by_pieces(problem: Problem, size: int) -> None:
    np.testing.assert_allclose(fn.predict(problem.net, problem.x, size), problem.y, rtol=1e-12, atol=1e-12)
    assert np.array_equal(fn.predict(problem.net, problem.x), problem.y)


# --- dropout ------------------------------------------------------------------------------------------------------
def test_dropout_keeps_the_mean_and_is_off_without_a_key() -> None:
    x = np.ones((1000, 100))
    y, _ = fn.forward(fn.Dropout(0.3), x, Key(0))
    assert set(np.unique(y)) == {0.0, 1 / 0.7}
    assert abs(y.mean() - 1) < 0.01
    assert np.array_equal(fn.forward(fn.Dropout(0.3), x)[0], x)
    assert np.array_equal(fn.forward(fn.Dropout(0.0), x, Key(0))[0], x)


def test_places_of_a_network_draw_independently() -> None:
    layer = fn.Dropout(0.5)
    x = np.ones((50, 20))
    first, _ = fn.forward(fn.serial(layer, fn.Identity()), x, Key(0))
    second, _ = fn.forward(fn.serial(fn.Identity(), layer), x, Key(0))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.15


def test_a_deterministic_network_ignores_the_key() -> None:
    net = fn.mlp(Key(0), (3, 4, 2))
    assert np.array_equal(fn.forward(net, X, Key(7))[0], fn.forward(net, X)[0])


# --- an activation with parameters of its own ---------------------------------------------------------------------
def test_an_mlp_whose_activation_learns() -> None:
    activation = fn.serial(fn.linear(Key(5), 4, 4, dtype=np.float64), fn.Tanh())
    net = fn.mlp(Key(0), (3, 4, 4, 2), activation=activation, dtype=np.float64)
    assert fn.testing.check_gradients(net, X[:3]).error < 1e-6
    fitted = fn.fit(net, X, Y, loss=fn.mse, optimizer=fn.adam(0.01), key=Key(0), epochs=2, batch_size=5)
    assert not np.array_equal(tree.leaves(fitted.state.params.activation)[0], activation.layers[0].w)
    found = fn.summary(net)
    assert sum(row.parameters for row in found.lines) == found.parameters == tree.count(net)


# --- pipes --------------------------------------------------------------------------------------------------------
def test_pipe_take_last() -> None:
    assert fn.pipe(range(10), fn.take(4), fn.last) == 3
    assert fn.pipe(2) == 2
    assert list(fn.take(0)(iter([1]))) == []
    stream = iter(range(5))
    assert list(fn.take(2)(stream)) == [0, 1]
    assert next(stream) == 2
    with pytest.raises(ValueError, match=r"the stream is empty, .* or name a default"):
        fn.last(iter(()))
    assert fn.last(iter(()), default=None) is None
    assert fn.last(iter([1, 2]), default=3) == 2


# --- what a run carries -------------------------------------------------------------------------------------------
def test_streams_of_fit_come_in_their_order() -> None:
    seen: list[str] = []

    def noting(name: str) -> fn.StreamFn:
        def passing(epochs: Iterable[fn.Epoch[P]], /) -> Iterator[fn.Epoch[P]]:
            for epoch in epochs:
                seen.append(name)
                yield epoch

        return passing

    net = fn.linear(Key(0), 3, 2, dtype=np.float64)
    streams = [noting("first"), noting("second")]
    fn.fit(net, X, Y, loss=fn.mse, optimizer=fn.sgd(0.1), key=Key(0), epochs=2, batch_size=5, streams=streams)
    assert seen == ["first", "second"] * 2


def test_histories_are_read_only() -> None:
    net = fn.linear(Key(0), 3, 2, dtype=np.float64)
    fitted = fn.fit(net, X, Y, loss=fn.mse, optimizer=fn.sgd(0.1), key=Key(0), epochs=2, batch_size=5, valid=(X, Y))
    for record in fitted.history:
        for value in (record.loss, *[value for _, value in record.metrics]):
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 0


def test_what_a_users_optimizer_gives_is_checked_and_read_only() -> None:
    @dataclass(frozen=True)
    class Own:
        wrong: bool

        def init(self, params: P, /) -> fn.OptState[P]:
            return fn.OptState(0)

        def update(self, params: P, grads: P, state: fn.OptState[P], /) -> tuple[P, fn.OptState[P]]:
            new = tree.map(lambda p, g: p - 0.1 * g, params, grads)
            return (fn.Relu() if self.wrong else new), state  # type: ignore[return-value]

    net = fn.linear(Key(0), 3, 2, dtype=np.float64)
    for own in (Own(False), Own(True)):
        state, step = fn.start(net, own, Key(0)), fn.train_step(fn.value_and_grad(fn.mse), own)
        if own.wrong:
            with pytest.raises(
                fn.TreeError, match="train_step: the structures differ at the root: Linear against Relu"
            ):
                step(state, (X, Y), Key(0))
        else:
            assert not step(state, (X, Y), Key(0))[0].params.w.flags.writeable


def test_settings_from_numpy_do_not_promote() -> None:
    one = np.float64(0.5)
    net = fn.mlp(Key(0), (3, 4, 4, 2), activation=fn.serial(fn.LeakyRelu(one), fn.Elu(one), fn.Dropout(one)))
    for optimizer in (
        fn.sgd(one, momentum=one, nesterov=True),
        fn.adamw(np.float64(0.01), b1=one, b2=one, eps=np.float64(1e-8), weight_decay=one),
    ):
        fitted = fn.fit(net, X, Y, loss=fn.Huber(one), optimizer=optimizer, key=Key(0), epochs=2, batch_size=5)
        state = fitted.state
        assert {leaf.dtype for leaf in tree.leaves((state.params, state.opt_state))} == {np.dtype(np.float32)}


def test_a_large_network_is_copied_where_it_enters() -> None:
    w = np.ones((300, 300), np.float32)
    state = fn.start(fn.Linear(w, np.zeros(300, np.float32)), fn.sgd(0.1), Key(0))
    w[...] = 7
    assert state.params.w.max() == 1
    assert not state.params.w.flags.writeable


def test_weights_in_fortran_order_are_trained() -> None:
    net = fn.Linear(np.ones((4, 3)).T, np.zeros(4))
    value, grads = fn.value_and_grad(fn.mse)(net, (X, np.ones((len(X), 4))), Key(0))
    same = fn.value_and_grad(fn.mse)(tree.map(np.ascontiguousarray, net), (X, np.ones((len(X), 4))), Key(0))
    assert tree.equal((value, grads), same)


def test_predictions_belong_to_the_caller() -> None:
    net = fn.serial(fn.linear(Key(0), 3, 2), fn.Softmax())
    for y in (fn.predict(net, X), fn.predict(net, X, batch_size=4), fn.predict(net, X, batch_size=int(np.int8(4)))):
        y += 1
        assert len(y) == len(X)


def test_pickled_rows_are_the_same_rows() -> None:
    x = X.astype(np.float32)
    net = fn.serial(fn.Relu(), fn.Dropout(0.5))
    for other in (pickle.loads(pickle.dumps(x)), x.astype(">f4")):
        y = fn.forward(net, other, Key(1))[0]
        assert y.dtype == np.float32
        assert tree.equal(y, fn.forward(net, x, Key(1))[0])


def test_minibatches_print_and_compare_by_content() -> None:
    data = fn.minibatches(X, Y, batch_size=5)
    settings = "batch_size=5, shuffle=True, last='keep', order=None"
    assert repr(data) == f"Minibatches(x=float64[20, 3], y=float64[20, 2], {settings})"


def test_weights_and_biases_are_drawn_apart() -> None:
    layer = fn.linear(Key(0), 1, 4, init=fn.normal(1.0), bias_init=fn.normal(1.0))
    assert not np.intersect1d(layer.w, layer.b).size
