"""Going on after a stop equals never having stopped: byte for byte, after every step, in whatever is trained how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, reduce
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Epoch, Key, TrainState, jit, tree
from fnnet.keys import normal, uniform
from fnnet.training.lbfgs import Lbfgs
from tests.catalogue import OPTIMIZERS, PENALTIES, WHOLE, is_weight
from tests.support.strategies import DTYPES, KEYS

X = normal(Key(0), (22, 3))
Y = np.tanh(X[:, :2] - X[:, 1:]) + 0.3 * normal(Key(1), (22, 2))
LABELS = (uniform(Key(2), (22,)) * 2).astype(np.int64)
WEIGHTS = 0.1 + uniform(Key(3), (22,))

SCHEDULE = fn.linear_warmup(fn.cosine_decay(0.05, steps=12), steps=4)

ALL: dict[str, fn.Optimizer] = OPTIMIZERS | {
    "momentum on a schedule": fn.sgd(SCHEDULE, momentum=0.9),
    "ema of lookahead of adam on a schedule": fn.pipe(fn.adam(SCHEDULE), fn.lookahead(3), fn.ema(0.9)),
    "freeze and decay and clip": fn.pipe(
        fn.adamw(0.01), fn.freeze(lambda path: path.endswith("b")), fn.weight_decay(0.1), fn.clip_by_global_norm(0.1)
    ),
}


def squared(p: Array, y: Array) -> tuple[Array, Array]:
    """A loss that is a function."""
    return np.asarray(((p - y) ** 2).mean()), 2 * (p - y) / p.size


def _net(key: Key, dtype: fn.Dtype, n_in: int = 3) -> fn.Params:
    return fn.serial(
        fn.mlp(key.child(0), (n_in, 5, 4), dtype=dtype),
        fn.Dropout(0.3),
        fn.layer_norm(4, dtype=dtype),
        fn.linear(key.child(1), 4, 2, dtype=dtype),
    )


def _stacked(key: Key, dtype: fn.Dtype) -> fn.Params:
    return fn.init_many(lambda k: _net(k, dtype), key, 3)


class Run:
    """Training, step by step."""

    def __init__(
        self,
        optimizer: fn.Optimizer,
        net: fn.Params,
        gradient: Any = None,
        data: fn.Data[Any] | None = None,
        step: fn.Step[Any] | None = None,
    ) -> None:
        self.step = step or fn.train_step(gradient or fn.value_and_grad(fn.mse), optimizer)
        self.data = data or fn.minibatches(X, Y, batch_size=5)
        self.first = fn.start(net, step if isinstance(step, Lbfgs) else optimizer, Key(7))

    def states(self, n: int) -> list[TrainState[Any]]:
        """The first state and the n that follow."""
        return [self.first, *islice(fn.steps(self.step, self.data, self.first), n)]


def resumed_after(run: Run, states: list[TrainState[Any]], k: int, path: Path) -> str:
    """The digest of the last state, of a run that was saved after k steps and went on from the file."""
    fn.save(path, states[k])
    again = fn.load(path, like=run.first)
    rest = len(states) - 1 - k
    return tree.digest([again, *islice(fn.steps(run.step, run.data, again), rest)][-1])


def holds_after_every_step(run: Run, n: int, path: Path) -> None:
    """The law, for all steps of a small run."""
    states = run.states(n)
    assert {resumed_after(run, states, k, path) for k in range(n + 1)} == {tree.digest(states[-1])}


# --- every step ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ALL)
def test_every_optimizer(name: str, dtype: fn.Dtype, tmp_path: Path) -> None:
    holds_after_every_step(Run(ALL[name], _net(Key(0), dtype)), 11, tmp_path / "state")


MOMENTUM = ALL["momentum on a schedule"]

GRADIENTS: dict[str, tuple[Any, fn.Data[Any]]] = {
    "accumulation": (fn.accumulate(fn.value_and_grad(fn.mse), 3), fn.minibatches(X, Y, batch_size=6)),
    "a penalty": (fn.value_and_grad(fn.mse, penalty=fn.elastic_net(0.01, 0.02)), fn.minibatches(X, Y, batch_size=5)),
    "penalty and accumulation": (
        fn.accumulate(fn.value_and_grad(fn.mse, penalty=fn.l2(0.1, where=is_weight)), 2),
        fn.minibatches(X, Y, batch_size=6),
    ),
    "weights": (fn.value_and_grad(fn.weighted(fn.mse)), fn.minibatches(X, (Y, WEIGHTS), batch_size=5)),
    "class weights": (
        fn.value_and_grad(fn.class_weighted(fn.softmax_cross_entropy, (1.0, 2.0))),
        fn.minibatches(X, LABELS, batch_size=5),
    ),
    "strata": (
        fn.value_and_grad(fn.softmax_cross_entropy),
        fn.minibatches(X, LABELS, batch_size=5, order=fn.stratified(LABELS)),
    ),
    "balance": (
        fn.value_and_grad(fn.softmax_cross_entropy),
        fn.minibatches(X, LABELS, batch_size=5, order=fn.balanced(LABELS), last="drop"),
    ),
    "a loss that is a function": (
        fn.value_and_grad(squared),
        fn.minibatches(X, Y, batch_size=5),
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", GRADIENTS)
def test_every_way_to_a_gradient(name: str, dtype: fn.Dtype, tmp_path: Path) -> None:
    gradient, data = GRADIENTS[name]
    holds_after_every_step(Run(MOMENTUM, _net(Key(0), dtype), gradient, data), 11, tmp_path / "state")


CODES = (uniform(Key(4), (22, 1)) * 5).astype(np.float64)

NETS: dict[str, tuple[fn.Params, fn.Data[Any]]] = {
    "three at once": (_stacked(Key(0), np.float64), fn.minibatches(X, Y, batch_size=5)),
    "three at once in float32": (_stacked(Key(0), np.float32), fn.minibatches(X, Y, batch_size=5)),
    "constants": (fn.serial(fn.standardize(X), _net(Key(0), np.float32)), fn.minibatches(X, Y, batch_size=5)),
    "an embedding": (WHOLE["Embedding in Branches"](Key(0), 1, 2), fn.minibatches(np.floor(CODES), Y, batch_size=5)),
    "one too large for a vector": (fn.mlp(Key(0), (3, 600, 600, 2)), fn.minibatches(X, Y, batch_size=11)),
    "an Mlp": (fn.mlp(Key(0), (3, 30, 20, 2)), fn.minibatches(X, Y, batch_size=5)),
}


@pytest.mark.parametrize("optimizer", ["momentum on a schedule", "freeze and decay and clip", "ema of all"])
@pytest.mark.parametrize("name", NETS)
def test_every_kind_of_network(name: str, optimizer: str, tmp_path: Path) -> None:
    net, data = NETS[name]
    holds_after_every_step(Run(ALL[optimizer], net, None, data), 6, tmp_path / "state")


def test_whole_batches(tmp_path: Path) -> None:
    step = fn.lbfgs(fn.value_and_grad(fn.mse), memory=4)
    run = Run(fn.sgd(0.1), fn.mlp(Key(0), (3, 5, 2)), data=fn.minibatches(X, Y, batch_size=22), step=step)
    holds_after_every_step(run, 9, tmp_path / "state")


# --- random steps of larger runs -------------------------------------------------------------------------------------
@st.composite
def runs(draw: st.DrawFn) -> Run:
    """A run of random shape, with dropout and shuffling."""
    key, dtype, size = draw(KEYS), draw(DTYPES), draw(st.integers(2, 9))
    rows, pieces = draw(st.integers(9, 40)), draw(st.integers(1, 3))
    x, y = normal(key.child(2), (rows, 3)), normal(key.child(3), (rows, 2))
    penalty = draw(st.sampled_from([None, *PENALTIES.values()]))
    gradient: Any = fn.value_and_grad(fn.mse, penalty=penalty)
    if pieces > 1:
        gradient, size = fn.accumulate(gradient, pieces), size * pieces
    data = fn.minibatches(x, y, batch_size=min(size, rows - rows % pieces), last="drop")
    net = draw(st.sampled_from([_net, _stacked]))(key, dtype)
    return Run(ALL[draw(st.sampled_from(sorted(ALL)))], net, gradient, data)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all examples of a property."""
    return tmp_path_factory.mktemp("resuming") / "state"


@given(run=runs(), data=st.data())
def test_random_steps_of_larger_runs(run: Run, data: st.DataObject, path: Path) -> None:
    n = data.draw(st.integers(20, 60))
    states = run.states(n)
    for k in data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2)):
        assert resumed_after(run, states, k, path) == tree.digest(states[-1])


@given(run=runs(), pieces=st.lists(st.integers(0, 7), min_size=2, max_size=5))
def test_stops_upon_stops(run: Run, pieces: list[int], path: Path) -> None:
    state = run.first
    for n in pieces:
        fn.save(path, [state, *islice(fn.steps(run.step, run.data, state), n)][-1])
        state = fn.load(path, like=run.first)
    assert tree.equal(state, run.states(sum(pieces))[-1])


# --- epochs and pipelines --------------------------------------------------------------------------------------------
Pipeline = Callable[[TrainState[Any], Path], Iterator[Epoch[Any]]]
ADAM = fn.adam(0.01)
STEP = fn.train_step(fn.value_and_grad(fn.mse), ADAM)
BATCHES = fn.minibatches(X, Y, batch_size=5)
VALIDATE = fn.validate(X[:5], Y[:5], {"valid_loss": fn.metrics.rmse, "r2": fn.metrics.r2})


def _plain(state: TrainState[Any], folder: Path) -> Iterator[Epoch[Any]]:
    return fn.pipe(fn.train(STEP, BATCHES, state), fn.time_limit(1000), fn.take(8 - state.epoch))


def _compiled(optimizer: fn.Optimizer, state: TrainState[Any], folder: Path) -> Iterator[Epoch[Any]]:
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    return fn.pipe(jit.train(step, BATCHES, state), VALIDATE, fn.take(8 - state.epoch))


def _watched(state: TrainState[Any], folder: Path) -> Iterator[Epoch[Any]]:
    seen = fn.pipe(fn.train(STEP, BATCHES, state), VALIDATE, fn.early_stopping(3), fn.time_limit(1000))
    return fn.pipe(seen, fn.record(folder / "run.json", folder / "run.csv"), fn.progress(40), fn.take(40 - state.epoch))


def _measured_last(state: TrainState[Any], folder: Path) -> Iterator[Epoch[Any]]:
    stopped = fn.pipe(fn.train(STEP, BATCHES, state), fn.early_stopping(2, metric="loss"), fn.take(30 - state.epoch))
    return fn.pipe(stopped, VALIDATE, fn.record(folder / "run.json"))


def _plateau(state: TrainState[Any], folder: Path) -> Iterator[Epoch[Any]]:
    train = fn.reduce_on_plateau(fn.train, metric="valid_loss", patience=2, streams=(VALIDATE,))
    return fn.pipe(train(STEP, BATCHES, state), fn.early_stopping(6), fn.take(25 - state.epoch))


def _guarded(state: TrainState[Any], folder: Path) -> Iterator[Epoch[Any]]:
    step = fn.stop_on_nonfinite(STEP)
    return fn.pipe(fn.train(step, BATCHES, state), fn.stop_on_signal(), fn.take(5 - state.epoch))


PIPELINES: dict[str, tuple[fn.Optimizer, Pipeline]] = {
    "limits": (ADAM, _plain),
    "validation, early stopping, a record": (ADAM, _watched),
    "a record behind": (ADAM, _measured_last),
    "a plateau": (ADAM, _plateau),
    "guards": (ADAM, _guarded),
    "compiled epochs": (ADAM, partial(_compiled, ADAM)),
    "compiled epochs with momentum": (MOMENTUM, partial(_compiled, MOMENTUM)),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_resumed_at_any_epoch_ends_as_the_uninterrupted_one(name: str, tmp_path: Path) -> None:
    optimizer, pipeline = PIPELINES[name]
    first = fn.start(fn.serial(fn.mlp(Key(0), (3, 8, 8)), fn.Dropout(0.3), fn.linear(Key(1), 8, 2)), optimizer, Key(7))
    whole = tmp_path / "whole"
    whole.mkdir()
    through = [epoch.state for epoch in fn.checkpoint_to(whole)(pipeline(first, whole))]
    assert len(through) > 3
    for k in range(1, len(through) + 1):
        folder = tmp_path / str(k)
        stopped = fn.pipe(pipeline(first, folder), fn.checkpoint_to(folder), fn.take(k), fn.last)
        again = fn.resume(folder, first)
        assert tree.equal(again, stopped.state)
        on = [epoch.state for epoch in fn.checkpoint_to(folder)(pipeline(again, folder))]
        assert [tree.digest(state) for state in on] == [tree.digest(state) for state in through[k:]]
        assert tree.equal(fn.resume(folder, first), through[-1])
        for record in whole.glob("run.*"):
            assert (folder / record.name).read_text() == record.read_text()


def test_a_run_that_had_stopped_early_stays_where_it_stopped(tmp_path: Path) -> None:
    first = fn.start(fn.mlp(Key(0), (3, 8, 2)), ADAM, Key(7))

    def go(state: TrainState[Any]) -> list[Epoch[Any]]:
        return list(fn.pipe(_watched(state, tmp_path), fn.checkpoint_to(tmp_path)))

    epochs = go(first)
    assert 4 < len(epochs) < 40
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.suffix == ".safetensors"}
    assert go(fn.resume(tmp_path, first)) == []
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.suffix == ".safetensors"} == files


def test_the_best_epoch_of_a_resumed_run_is_among_its_checkpoints(tmp_path: Path) -> None:
    """Where as many are kept as early stopping waits for, and one more."""
    first = fn.start(fn.mlp(Key(0), (3, 8, 2)), ADAM, Key(7))
    through = fn.best()(_watched(first, tmp_path))
    for k in range(1, 40):
        folder = tmp_path / str(k)
        state = fn.last(fn.pipe(_watched(first, folder), fn.checkpoint_to(folder, keep=4), fn.take(k))).state
        list(fn.checkpoint_to(folder, keep=4)(_watched(fn.resume(folder, first), folder)))
        kept = [Epoch(fn.load(path, like=first)) for path in fn.checkpoints_in(folder)]
        assert tree.equal(fn.best()(kept), through)
        if state.epoch < k:
            break
    else:
        raise AssertionError("it never stopped early")


def test_an_epoch_is_resumed_in_its_midst(tmp_path: Path) -> None:
    """What a stream of steps has written, a stream of epochs goes on from, and the other way round."""
    first = fn.start(fn.mlp(Key(0), (3, 8, 2)), ADAM, Key(7))
    through = [epoch.state for epoch in fn.take(4)(fn.train(STEP, BATCHES, first))]
    for k in range(1, 16):
        fn.last(fn.pipe(fn.steps(STEP, BATCHES, first), fn.checkpoint_to(tmp_path / str(k), every=7), fn.take(k)))
        state = fn.resume(tmp_path / str(k), first)
        on = [epoch.state for epoch in fn.take(4 - state.epoch)(fn.train(STEP, BATCHES, state))]
        assert [tree.digest(state) for state in on] == [tree.digest(state) for state in through[state.epoch :]]


def test_a_run_that_is_through_stays_as_it_is(tmp_path: Path) -> None:
    """Started again and again: what writes stands behind early stopping."""

    def program() -> tuple[str, list[str]]:
        first = fn.start(fn.linear(Key(0), X.shape[1], Y.shape[1]), ADAM, Key(1))
        begin = fn.resume(tmp_path / "run", first) if fn.checkpoints_in(tmp_path / "run") else first
        stream = fn.pipe(
            fn.train(STEP, BATCHES, begin),
            VALIDATE,
            fn.early_stopping(1, metric="loss", min_delta=1e3),
            fn.receipt_to(tmp_path / "run.json", STEP, BATCHES, begin, VALIDATE),
            fn.checkpoint_to(tmp_path / "run"),
            fn.take(30 - begin.epoch),
            fn.stop_on_signal(),
        )
        state = reduce(lambda state, epoch: epoch.state, stream, begin)
        files = (tmp_path / "run.json", *fn.checkpoints_in(tmp_path / "run"))
        return tree.digest(state), [f"{path.name} {hash(path.read_bytes())}" for path in files]

    done = program()
    assert [program() for _ in range(3)] == [done] * 3
