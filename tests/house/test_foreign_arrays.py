"""What came through pickle, copies, files and other processes gives the bytes that the original gives.

Over the whole catalogue and over laws 3 (fold), 9 (stopping), 10 (portable) and receipts: an equal dtype may be another
object, an array may be mapped, read-only or laid out anew, and none of that is seen in a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Params, tree
from fnnet.keys import normal
from fnnet.layers.portable import has_portable
from fnnet.numerics.bits import portably
from fnnet.streams import LossMetric
from fnnet.tree import structures
from tests.catalogue import CATEGORIES, LAYERS, LOSSES, METRICS, OPTIMIZERS, PENALTIES, WHOLE
from tests.support.passages import PASSAGES, Passage, of_leaves
from tests.support.strategies import KEYS

ROWS, WIDTH = 9, 5
X = normal(Key(1), (ROWS, WIDTH))
NUMBERS = np.floor(CATEGORIES * (0.5 + np.arctan(X) / np.pi))
"""Whole numbers, which name categories."""


def gapped(a: Array) -> Array:
    """The same numbers as some columns of a larger table that lies the other way: neither in C nor in Fortran order."""
    table = np.empty((*a.shape[:-2], a.shape[-1], 3 * a.shape[-2]), a.dtype)
    view: Array = table.mT[..., a.shape[-2] : 2 * a.shape[-2], :]
    view[...] = a
    return view


# --- the catalogue ------------------------------------------------------------------------------------------------
def mixtures(passage: Passage, *arguments: object) -> Iterator[tuple[Any, ...]]:
    """The arguments all as they came through, only the first one, and all but the first one."""
    came = tuple([passage(argument) for argument in arguments])
    yield came
    yield (came[0], *arguments[1:])
    yield (arguments[0], *came[1:])


def unseen(f: Callable[..., object], *arguments: object) -> None:
    """The law for one function: through whatever its arguments came, its result has the same bytes."""
    wanted = tree.digest(f(*arguments))
    for name, passage in PASSAGES.items():
        for given_ones in mixtures(passage, *arguments):
            assert tree.digest(f(*given_ones)) == wanted, name


def passes(key: Key | None, net: Params, x: Array, dy: Array) -> object:
    """Both ways through a network."""
    y, cache = fn.forward(net, x, key)
    return y, fn.backward(net, cache, dy), fn.param_gradients(net, cache, dy)


@pytest.mark.parametrize("name", LAYERS | WHOLE)
def test_layers(name: str) -> None:
    net = (LAYERS | WHOLE)[name](Key(0), WIDTH, WIDTH)
    x = NUMBERS if name in WHOLE else X
    nets = [net] if has_portable(net) else [net, fn.portable(net), tree.astype(net, np.float32)]
    for one in nets:
        y, _ = fn.forward(one, x)
        for each in (x, gapped(x)):
            unseen(partial(passes, None), one, each, 1 + y)
            unseen(partial(passes, Key(3)), one, each, 1 + y)


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    case = LOSSES[name]
    loss, target = case.of(WIDTH), case.target(Key(2), X.shape)
    for one in (loss, fn.portable(loss)):
        for prediction in (X, X.astype(np.float32)):
            unseen(lambda *pair, one=one: (one(*pair), one.rows(*pair)), prediction, target)


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name: str) -> None:
    case = METRICS[name]
    prediction = X[:, :1] if name.startswith("binary") else X[:, : 2 if "class 1" in name else WIDTH]
    target = case.target(Key(2), prediction.shape)
    targets = [target, gapped(target)] if isinstance(target, np.ndarray) and target.ndim == 2 else [target]
    for of in (partial(portably, case.metric), case.metric):
        for target in targets:
            unseen(lambda *pair, of=of: np.asarray(of(*pair)), prediction, target)


# --- views with gaps ------------------------------------------------------------------------------------------------
def views(value: Any) -> Any:
    """The same numbers, each array of two axes or more as a view with gaps."""
    if isinstance(value, tuple):
        return tuple(map(views, value))
    return gapped(value) if value.ndim > 1 else value


def orders(a: Array) -> Iterator[Array]:
    """An array as views with gaps, its axes in every order in memory, and backwards."""
    for axes in permutations(range(a.ndim)):
        shape = [a.shape[axis] for axis in axes]
        view = np.empty((*shape[:-1], 3 * shape[-1]), a.dtype)[..., ::3].transpose(np.argsort(axes))
        view[...] = a
        yield view
    yield a[::-1, ::-1].copy()[::-1, ::-1]


def stacked(value: Any, dtype: Any) -> Any:
    """A target or weights for each of three replicas, numbers in a dtype."""
    if isinstance(value, tuple):
        return tuple([stacked(one, dtype) for one in value])
    kept = value.astype(dtype) if value.dtype.kind == "f" else value
    return np.stack([np.roll(kept, i, axis=0) for i in range(3)])


WIDE = normal(Key(5), (3, 60, 20))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_views_with_gaps(name: str, dtype: Any) -> None:
    """Long rows, for sums of few numbers are the same in every order."""
    loss, target = LOSSES[name].of(20), LOSSES[name].target(Key(2), (60, 20))
    for prediction in (WIDE[0].astype(dtype), WIDE.astype(dtype)):
        for one in (target, stacked(target, dtype)) if prediction.ndim > 2 else (target,):
            wanted = tree.digest((loss(prediction, one), loss.rows(prediction, one)))
            for p, t in ((prediction, views(one)), *[(each, one) for each in orders(prediction)]):
                assert tree.digest((loss(p, t), loss.rows(p, t))) == wanted


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_views_with_gaps(name: str, dtype: Any) -> None:
    case, columns = METRICS[name], 1 if name.startswith("binary") else 2 if "class 1" in name else 20
    target: Any = case.target(Key(2), (60, columns))
    weights = np.abs(WIDE[..., 0])
    for t in (target, stacked(target, dtype)):
        for one in (t, (t, weights)):
            p0 = WIDE[..., :columns].copy()
            wanted = np.asarray(case.metric(p0, one))
            for p, came in ((p0, views(one)), *[(each, one) for each in orders(p0)]):
                assert np.array_equal(wanted, case.metric(p, came))


@pytest.mark.parametrize("is_packed", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name: str, dtype: fn.Dtype, is_packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structures, "LIMIT", 1 << 18 if is_packed else 0)
    optimizer = OPTIMIZERS[name]
    net = fn.mlp(Key(0), (WIDTH, 40, 3), dtype=dtype)
    grads = tree.map(lambda a: normal(Key(a.size), a.shape).astype(a.dtype), net)
    params, state = optimizer.update(net, grads, optimizer.init(net))
    unseen(optimizer.init, net)
    unseen(optimizer.update, params, grads, state)


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties(name: str) -> None:
    unseen(PENALTIES[name], fn.mlp(Key(0), (WIDTH, 40, 3), dtype=np.float64))


# --- laws 3 and 9 -------------------------------------------------------------------------------------------------
class Run:
    """A run with chance, a penalty and a wrapper, portable or not, in a vector or not."""

    def __init__(self, name: str, dtype: fn.Dtype, is_portable: bool, through: Passage = lambda value: value) -> None:
        hidden = fn.serial(fn.Tanh(), fn.Dropout(0.2), fn.linear(Key(1), 11, 3, dtype=dtype))
        net: Params = through(fn.serial(fn.linear(Key(0), WIDTH, 11, dtype=dtype), hidden))
        net = fn.portable(net) if is_portable else net
        x, y = through((normal(Key(2), (23, WIDTH)), normal(Key(3), (23, 3))))
        optimizer = fn.pipe(OPTIMIZERS[name], fn.clip_by_global_norm(0.1))
        self.step = fn.train_step(fn.value_and_grad(fn.mse, penalty=fn.l2(0.01)), optimizer)
        self.data = fn.minibatches(x, y, batch_size=8)
        self.start: fn.TrainState[Any] = fn.start(net, optimizer, through(Key(4)))

    def state(self, after: int, first: fn.TrainState[Any] | None = None) -> fn.TrainState[Any]:
        """The state so many steps after another one."""
        first = self.start if first is None else first
        return fn.last(fn.take(after)(fn.steps(self.step, self.data, first))) if after else first


@pytest.mark.parametrize("name", PASSAGES)
def test_validation(name: str) -> None:
    run, passage = Run("adam", np.float64, False), PASSAGES[name]
    x, y = normal(Key(7), (31, WIDTH)), (normal(Key(8), (31, 3)), np.abs(normal(Key(9), (31,))))
    metrics: Any = {"r2": fn.metrics.r2, "loss of rows": LossMetric(fn.weighted(fn.mse))}
    stream = fn.validate(x, y, metrics)
    is_of_arrays = isinstance(passage, partial) and passage.func is of_leaves
    came = fn.validate(passage(x), passage(y), metrics) if is_of_arrays else passage(stream)
    held = [fn.reduce_on_plateau(fn.train, streams=[one], metric="r2", mode="max") for one in (stream, came)]
    ends = [
        fn.pipe(run_by(run.step, run.data, run.start), each, fn.take(2), fn.last).state
        for each, run_by in (
            (stream, fn.train),
            (came, fn.train),
            (fn.take(5), held[0]),
            (fn.take(5), held[1] if is_of_arrays else passage(held[0])),
        )
    ]
    assert tree.equal(ends[0], ends[1])
    assert tree.equal(ends[2], ends[3])


FORMS = [(np.float32, False), (np.float64, False), (np.float64, True)]


@pytest.mark.parametrize("is_packed", [True, False])
@pytest.mark.parametrize(("dtype", "is_portable"), FORMS)
@pytest.mark.parametrize("name", PASSAGES)
def test_a_run_from_what_came_through_is_the_run(
    name: str, dtype: fn.Dtype, is_portable: bool, is_packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data, network and key; then a state at every step of an epoch; then a batch."""
    monkeypatch.setattr(structures, "LIMIT", 1 << 18 if is_packed else 0)
    passage = PASSAGES[name]
    run, other = Run("adam", dtype, is_portable), Run("adam", dtype, is_portable, passage)
    end = tree.digest(run.state(5))
    assert tree.digest(other.state(5)) == end
    for done in range(4):
        assert tree.digest(run.state(5 - done, passage(run.state(done)))) == end
    batch = next(iter(run.data(Key(5))))
    assert tree.equal(run.step(run.start, passage(batch), Key(6)), run.step(run.start, batch, Key(6)))


@given(
    KEYS,
    st.sampled_from(sorted(OPTIMIZERS)),
    st.sampled_from(FORMS),
    st.sampled_from(sorted(PASSAGES)),
    st.integers(0, 4),
)
def test_a_state_that_came_through_goes_on(
    key: Key, optimizer: str, form: tuple[fn.Dtype, bool], passage: str, done: int
) -> None:
    run = Run(optimizer, *form)
    before = run.state(done)
    assert tree.digest(run.state(3, PASSAGES[passage](before))) == tree.digest(run.state(3, before))


@pytest.mark.parametrize("name", PASSAGES)
def test_the_layout_of_weights_goes_with_no_passage(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state has rows one after another, whatever it was started from: a copy would lay them so."""
    monkeypatch.setattr(structures, "LIMIT", 0)
    optimizer, transposed = fn.sgd(0.1), normal(Key(0), (33, 300)).astype(np.float32)
    transposed.setflags(write=False)
    state = fn.start(fn.Linear(transposed.T, np.zeros(33, np.float32)), optimizer, Key(0))
    x, y = normal(Key(1), (70, 300)), normal(Key(2), (70, 33))
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=35)
    ends = [fn.last(fn.take(2)(fn.steps(step, data, one))) for one in (state, PASSAGES[name](state))]
    assert tree.digest(ends[0]) == tree.digest(ends[1])
    assert all(leaf.flags.c_contiguous for leaf in tree.leaves(state))


# --- law 10 and receipts ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PASSAGES)
def test_a_row_that_came_through_does_not_depend_on_its_batch(name: str) -> None:
    for activation in (fn.Relu(), fn.Tanh()):
        net = PASSAGES[name](fn.portable(fn.mlp(Key(0), (20, 70, 33, 9), activation=activation, dtype=np.float64)))
        x = PASSAGES[name](normal(Key(1), (61, 20)))
        whole = fn.predict(net, x)
        for size in (1, 7):
            assert np.array_equal(fn.predict(net, x, batch_size=size), whole)


@pytest.mark.parametrize("name", PASSAGES)
def test_a_run_from_what_came_through_is_verified(name: str) -> None:
    run, other = Run("adam", np.float64, True), Run("adam", np.float64, True, PASSAGES[name])
    made = fn.receipt(fn.take(2)(fn.train(run.step, run.data, run.start)), run.step, run.data, run.start)
    assert str(fn.verify(made, other.step, other.data, other.start)) == "yes: epochs 1 to 2 gave the recorded bytes"
    again = fn.receipt(fn.take(2)(fn.train(other.step, other.data, other.start)), other.step, other.data, other.start)
    assert again.links == made.links


def test_the_passages_do_what_they_are_for() -> None:
    """Or the tests above could not fail: some give another dtype object, some memory that is read-only."""
    came = {name: passage(X) for name, passage in PASSAGES.items()}
    assert {name for name, x in came.items() if x.dtype is not X.dtype} >= {
        "pickle 5",
        "joblib, mapped",
        "a spawned process",
        "newbyteorder",
    }
    assert {name for name, x in came.items() if not x.flags.writeable} >= {"joblib, mapped", "np.load, mapped"}
