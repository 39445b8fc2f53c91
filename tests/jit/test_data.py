"""Data of every kind on the compiled path: what it makes of them, what it checks of them, and what that costs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Params, jit, tree
from fnnet.keys import normal, permutation
from tests.catalogue import KEEPING, LOSSES
from tests.support.compiled import ACTIVATIONS, PATHS, distance
from tests.support.strategies import KEYS

X, Y = np.round(8 * normal(Key(0), (20, 5))), np.round(8 * normal(Key(2), (20, 3)))
LABELS: Any = permutation(Key(1), 20) % 3
WEIGHTS: Any = np.arange(20) % 4 + 1


def _unaligned(a: Array) -> Array:
    made = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    made[...] = a
    return made


def _read_only(a: Array) -> Array:
    made = a.copy()
    made.setflags(write=False)
    return made


def _as(dtype: str) -> Callable[[Array], Array]:
    return lambda a: a.astype(dtype)


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran's order": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "unaligned": _unaligned,
    "read-only": _read_only,
}
WHOLE = {name: _as(name) for name in ("int8", "int16", ">i4", "int64", "uint8", "uint64", ">u8")}
REAL = {name: _as(name) for name in ("float16", "float32", ">f4", "float64", ">f8", "longdouble")}


def _train(train: Any, x: Any, y: Any, loss: Any, dtype: fn.Dtype = np.float64) -> Any:
    net, optimizer = fn.linear(Key(3), 5, 3, dtype=dtype), fn.sgd(0.001)
    step, data = fn.train_step(fn.value_and_grad(loss), optimizer), fn.minibatches(x, y, batch_size=6)
    return fn.last(fn.take(2)(train(step, data, fn.start(net, optimizer, Key(0))))).state


# --- what is trained on --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [*LAYOUTS, *WHOLE, *REAL])
def test_any_array_of_numbers_is_trained_on_as_float64_is(kind: str) -> None:
    given = {**LAYOUTS, **WHOLE, **REAL}[kind]
    x, y = (np.abs(a) if kind in WHOLE else a for a in (X, Y))
    plain, odd = _train(jit.train, x, y, fn.mse), _train(jit.train, given(x), given(y), fn.mse)
    assert tree.equal(odd, plain)
    assert distance(odd.params, _train(fn.train, given(x), given(y), fn.mse).params) <= 1e-12


@pytest.mark.parametrize("kind", [*LAYOUTS, *WHOLE])
def test_any_array_of_whole_numbers_is_labels(kind: str) -> None:
    given = {**LAYOUTS, **WHOLE}[kind]
    plain, odd = (_train(jit.train, X, labels, fn.softmax_cross_entropy) for labels in (LABELS, given(LABELS)))
    assert tree.equal(odd, plain)


@pytest.mark.parametrize("kind", [*LAYOUTS, *WHOLE, *REAL])
def test_any_array_of_numbers_is_weights(kind: str) -> None:
    given, loss = {**LAYOUTS, **WHOLE, **REAL}[kind], fn.weighted(fn.mse)
    plain, odd = (_train(jit.train, X, (Y, w), loss) for w in (WEIGHTS.astype(np.float64), given(WEIGHTS)))
    assert tree.equal(odd, plain)


@given(
    KEYS, st.lists(st.sampled_from([*ACTIVATIONS, "Dropout"]), max_size=3), st.sampled_from([np.float32, np.float64])
)
def test_x_of_another_dtype_is_cast_before_the_first_layer(key: Key, first: list[str], dtype: Any) -> None:
    layers = [KEEPING[name](key.child(i), 5, 5) for i, name in enumerate(first)]
    net: Params = fn.serial(*[tree.astype(layer, dtype) for layer in layers], fn.linear(key, 5, 3, dtype=dtype))
    x, optimizer = normal(key, (20, 5)).astype(np.float64 if dtype is np.float32 else np.float32), fn.sgd(0.01)
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, Y / 8, batch_size=6)
    ours, theirs = (fn.last(fn.take(3)(train(step, data, fn.start(net, optimizer, key)))).state for train in PATHS)
    assert distance(ours.params, theirs.params) <= (1e-12 if dtype is np.float64 else 1e-5)


# --- what is checked ---------------------------------------------------------------------------------------------
ROWS = 50


def _bad(a: Any, row: int, value: float) -> Any:
    made = a.copy()
    made[row] = value
    return made


def _spoiled(row: int) -> dict[str, tuple[Any, Any, str]]:
    """Losses, each with a target that one row spoils."""
    labels, y, w = np.arange(ROWS) % 3, np.full((ROWS, 3), 0.25), np.ones(ROWS)
    shares = y / 0.75
    return {
        "a label above": (fn.softmax_cross_entropy, _bad(labels, row, 3), r"labels must be in \[0, 3\)"),
        "a label below": (fn.focal(), _bad(labels, row, -1), r"labels must be in \[0, 3\)"),
        "a label and weights": (fn.weighted(fn.hinge), (_bad(labels, row, 3), w), r"labels must be in \[0, 3\)"),
        "a label of a class": (fn.class_weighted(fn.hinge, (1, 2, 3)), _bad(labels, row, 3), "labels must be in"),
        "a negative weight": (fn.weighted(fn.mse), (y, _bad(w, row, -1)), "none of them negative"),
        "a weight that is NaN": (fn.weighted(fn.hinge), (labels, _bad(w, row, np.nan)), "weights must be finite"),
        "an infinite weight": (fn.weighted(fn.hinge), (labels, _bad(w, row, np.inf)), "weights must be finite"),
        "a share above 1": (fn.binary_cross_entropy, _bad(y, row, 1.5), r"target must be in \[0, 1\]"),
        "no sign": (fn.binary_hinge, _bad(np.ones((ROWS, 3)), row, 0.5), "target must be 0 or 1"),
        "no distribution": (fn.soft_cross_entropy, _bad(shares, row, 0.5), "target must be a distribution"),
        "a negative count": (fn.poisson, _bad(y, row, -1), "target must be from 0 up"),
    }


@pytest.mark.parametrize("name", _spoiled(0))
def test_all_targets_are_checked_before_the_first_step(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fnnet.jit.targets.TOGETHER", 21)
    net, x = fn.linear(Key(0), 5, 3, dtype=np.float64), normal(Key(0), (ROWS, 5))
    for row in (0, 1, 6, 7, 30, ROWS - 1):
        loss, y, message = _spoiled(row)[name]
        step = fn.train_step(fn.value_and_grad(loss), fn.sgd(0.1))
        with pytest.raises(ValueError, match=message):
            jit.train(step, fn.minibatches(x, y, batch_size=5), fn.start(net, fn.sgd(0.1), Key(0)))


def test_targets_that_are_not_in_memory_and_what_is_masked_are_refused(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "y", np.float64, "w+", shape=Y.shape)
    with pytest.raises(TypeError, match=r"jit: y must be an array in memory, got memmap; read it by numpy\.array"):
        _train(jit.train, X, mapped, fn.mse)
    made = fn.minibatches(X, Y, batch_size=5)
    step, state = (
        fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1)),
        fn.start(fn.linear(Key(0), 5, 3), fn.sgd(0.1), Key(0)),
    )
    masked: Any = np.ma.masked_array(X, X > 0), np.ma.masked_array(Y, Y > 0)
    for data in (replace(made, x=masked[0]), replace(made, y=masked[1])):
        with pytest.raises(fn.DtypeError, match="fill in what is masked"):
            jit.train(step, data, state)
    for data in (replace(made, y=Y[:10]), replace(made, batch_size=0)):
        with pytest.raises(ValueError, match="minibatches: "):
            jit.train(step, data, state)


@pytest.mark.parametrize("wrong", [3, -1, 10**12, -(10**12)])
def test_labels_written_to_after_they_were_checked_are_refused(wrong: int) -> None:
    labels, net = LABELS.copy(), fn.linear(Key(0), 5, 3, dtype=np.float64)
    step = fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), fn.sgd(0.1))
    epochs = jit.train(step, fn.minibatches(X, labels, batch_size=5), fn.start(net, fn.sgd(0.1), Key(0)))
    next(epochs)
    labels[7] = wrong
    with pytest.raises(ValueError, match=r"jit: labels must stay in \[0, 3\), got .*; do not write to the data"):
        next(epochs)


def test_a_state_whose_slots_are_not_those_of_its_parameters_is_refused() -> None:
    adam, net = fn.adam(0.1), fn.linear(Key(0), 5, 3, dtype=np.float64)
    step, data = fn.train_step(fn.value_and_grad(fn.mse), adam), fn.minibatches(X, Y, batch_size=5)
    others: tuple[Any, ...] = fn.linear(Key(0), 2, 1, dtype=np.float64), fn.linear(Key(0), 5, 3), fn.serial(net)
    for other in others:
        state = replace(fn.start(net, adam, Key(0)), opt_state=adam.init(other))
        for train in PATHS:
            with pytest.raises((fn.TreeError, fn.ShapeError, fn.DtypeError)):
                next(train(step, data, state))
    for train in PATHS:
        with pytest.raises(ValueError):
            next(train(step, data, replace(fn.start(net, adam, Key(0)), batch=-1)))


# --- what it costs -----------------------------------------------------------------------------------------------
@contextmanager
def _within(megabytes: float) -> Generator[None, None, None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", LOSSES)
def test_checking_takes_a_few_megabytes_beside_the_data(name: str) -> None:
    case, rows, columns = LOSSES[name], 20_000, 100  # a prediction is 16 MB in float64
    loss, net = case.of(columns), fn.linear(Key(0), 2, columns, dtype=np.float64)
    step, x = fn.train_step(fn.value_and_grad(loss), fn.sgd(0.1)), np.zeros((rows, 2))
    data, state = (
        fn.minibatches(x, case.target(Key(0), (rows, columns)), batch_size=100),
        fn.start(net, fn.sgd(0.1), Key(0)),
    )
    with _within(6):
        jit.train(step, data, state)


def test_many_classes_cost_nothing_before_the_first_step_and_with_a_plateau_in_no_epoch() -> None:
    rows, columns = 50_000, 1000  # a prediction is 400 MB
    x, labels, net = np.zeros((rows, 1)), np.arange(rows) % columns, fn.linear(Key(0), 1, columns, dtype=np.float64)
    step = fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), fn.sgd(0.1))
    state = fn.start(net, fn.sgd(0.1), Key(0))
    with _within(1):
        jit.train(step, fn.minibatches(x, labels, batch_size=100), state)
    few = fn.minibatches(x, labels, batch_size=100, order=lambda key, n, size: np.arange(size))
    next(jit.train(step, few, state))  # which compiles, or reads what was compiled
    with _within(3):
        fn.last(fn.take(3)(fn.reduce_on_plateau(jit.train)(step, few, state)))


def _moved(net: Any) -> fn.StreamFn:
    """A stream function that goes on with another network after the second epoch."""

    def change(epochs: Any) -> Any:
        for epoch in epochs:
            state = epoch.state
            other = replace(fn.start(net, fn.sgd(0.01), Key(0)), epoch=2, history=state.history, origin=state.origin)
            yield fn.Epoch(other) if state.epoch == 2 else epoch

    return change


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(3, 2), (3, 5, 2), (3, 1), (3, 3), (3, 5000), (4, 2)])
def test_a_run_that_goes_on_with_another_network_is_checked_for_it(sizes: tuple[int, ...], dtype: Any) -> None:
    x, y, optimizer = normal(Key(0), (40, 3)), normal(Key(1), (40, 2)), fn.sgd(0.01)
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=8)
    state = fn.start(fn.linear(Key(2), 3, 2, dtype=np.float64), optimizer, Key(3))
    ours, plain = [
        fn.reduce_on_plateau(train, streams=(_moved(fn.mlp(Key(4), sizes, dtype=dtype)),))(step, data, state)
        for train in (jit.train, fn.train)
    ]
    if sizes[0] == 3 and sizes[-1] == 2:
        for mine, theirs in zip(fn.take(4)(ours), fn.take(4)(plain), strict=True):
            np.testing.assert_allclose(mine.record.loss, theirs.record.loss, 1e-5)
        return
    for stream in (ours, plain):
        with pytest.raises((fn.ShapeError, fn.LayerError)):
            list(fn.take(4)(stream))
