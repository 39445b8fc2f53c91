"""``fit`` starts from finite numbers and ends where there are no more; the rest is ``train``'s."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, NonFiniteError, TrainState, jit, tree
from fnnet.keys import normal
from fnnet.training import finite

FITS: list[Callable[..., Any]] = [fn.fit, jit.fit]
X, Y = normal(Key(0), (40, 3)), normal(Key(1), (40, 2))
W = np.ones(40)


def fitted(fit: Callable[..., Any], x: Any = X, y: Any = Y, loss: Any = fn.mse, lr: float = 0.01, **more: Any) -> Any:
    """Some epochs of a small network."""
    net = fn.mlp(Key(0), (3, 4, 2))
    return fit(net, x, y, loss=loss, optimizer=fn.sgd(lr), key=Key(0), epochs=30, batch_size=10, **more)


def broken(a: Array, value: float, *place: int) -> Array:
    """The array with one entry replaced."""
    changed = a.copy()
    changed[place] = value
    return changed


NAN, INF = float("nan"), float("inf")
PLACES: dict[str, tuple[dict[str, Any], str, str]] = {
    "x": ({"x": broken(X, NAN, 7, 1)}, "x", r"x must be finite, got nan in row 7, column 1, and 1 of its 120 numbers"),
    "all of x": ({"x": np.full((40, 3), NAN)}, "x", "got nan in row 0, column 0, and 120 of its 120"),
    "x of float32": ({"x": broken(X, -INF, 39, 2).astype(np.float32)}, "x", "got -inf in row 39, column 2"),
    "y": ({"y": broken(Y, INF, 3, 0)}, "target", r"y must be finite, got inf in row 3, column 0, and 1 of its 80"),
    "weights": (
        {"y": (Y, broken(W, NAN, 5)), "loss": fn.weighted(fn.mse)},
        "target",
        r"y\[1\] must be finite, got nan in row 5, and",
    ),
    "validation x": (
        {"valid": (broken(X, NAN, 2, 2), Y)},
        "x",
        r"valid\[0\] must be finite, got nan in row 2, column 2",
    ),
    "validation y": (
        {"valid": (X, broken(Y, NAN, 1, 1))},
        "target",
        r"valid\[1\] must be finite, got nan in row 1, column 1",
    ),
}


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("name", PLACES)
def test_data_that_are_not_finite_are_refused_before_the_first_step(fit: Callable[..., Any], name: str) -> None:
    given_data, tensor, message = PLACES[name]
    seen: list[int] = []
    streams = [lambda epochs: seen.append(1)]
    with pytest.raises(NonFiniteError, match=f"fit: .*{message}.*leave these rows out or fill in") as caught:
        fitted(fit, streams=streams, **given_data)
    assert (caught.value.tensor, caught.value.step, caught.value.state, seen) == (tensor, 0, None, [])


@pytest.mark.parametrize("chunk", [1, 7, 1000])
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 1)), unique=True, max_size=5))
def test_a_mapped_file_is_looked_at_in_pieces(
    tmp_path_factory: pytest.TempPathFactory, chunk: int, places: list[tuple[int, int]]
) -> None:
    path: Path = tmp_path_factory.mktemp("mapped") / "x.npy"
    data = np.lib.format.open_memmap(path, "w+", np.float64, (13, 2))
    for place in places:
        data[place] = NAN
    before, finite.CHUNK = finite.CHUNK, chunk
    try:
        if places:
            row, column = min(places)
            message = f"nan in row {row}, column {column}, and {len(places)} of its 26 numbers"
            with pytest.raises(NonFiniteError, match=message):
                finite.check_data("fit", "x", "x", data)
        else:
            finite.check_data("fit", "x", "x", data)
    finally:
        finite.CHUNK = before


def test_what_is_no_array_of_floats_is_passed_by() -> None:
    for data in (np.arange(3), np.ones((2, 2), bool), "text", None, (np.arange(2), None)):
        finite.check_data("fit", "x", "x", data)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("lr", [1e4, 1e30])
def test_a_run_that_diverges_ends_with_the_last_finite_state(fit: Callable[..., Any], lr: float) -> None:
    """That before the first bad step: its epoch is done again, step by step. NumPy's warnings are not seen."""
    seen: list[TrainState[Any]] = []

    def noting(epochs: Any) -> Any:
        for epoch in epochs:
            seen.append(epoch.state)
            yield epoch

    with pytest.raises(NonFiniteError) as caught:
        fitted(fit, lr=lr, streams=[noting])
    state = caught.value.state
    assert isinstance(state, TrainState)
    assert all(np.isfinite(leaf).all() for leaf in tree.leaves((state.params, state.history, state.total)))
    step = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(lr))
    begin = seen[-1] if seen else fn.start(fn.mlp(Key(0), (3, 4, 2)), fn.sgd(lr), Key(0))
    with np.errstate(over="ignore", invalid="ignore"):
        walk = [begin, *islice(fn.steps(step, fn.minibatches(X, Y, batch_size=10), begin), 4)]
    assert tree.equal(state, walk[state.batch])
    assert caught.value.step == state.opt_state.step and state.epoch == len(seen)
    assert caught.value.learning_rate == lr and f"in batch {state.batch + 1} of epoch {state.epoch + 1}, after " in str(
        caught.value
    )


@pytest.mark.parametrize("fit", FITS)
def test_the_remedy_blames_steps_only_where_there_were_some(fit: Callable[..., Any]) -> None:
    net, how = fn.linear(Key(0), 3, 2), {"loss": fn.mse, "key": Key(0), "epochs": 2, "batch_size": 10}
    with pytest.raises(
        NonFiniteError, match=r"after 0 steps.*; no step has been made, so look at the scale of the data"
    ):
        fit(net, X * 1e30, Y, optimizer=fn.sgd(0.01), **how)
    with pytest.raises(NonFiniteError, match=r"of epoch 1, after [1-9].* steps .*: begin anew, with smaller steps"):
        fit(net, X, Y, optimizer=fn.sgd(1e25), **how)


@pytest.mark.parametrize("fit", FITS)
def test_the_first_bad_tensor_and_the_rate_of_its_step_are_named(fit: Callable[..., Any]) -> None:
    def rate(step: int) -> float:
        return 1e30 if step == 9 else 0.01

    net = fn.serial(fn.linear(Key(0), 3, 4), fn.linear(Key(1), 4, 2))
    schedule = fn.pipe(fn.sgd(rate), fn.clip_by_global_norm(1.0))
    with pytest.raises(
        NonFiniteError, match=r"fit: .* at learning rate 0.01; .* go back to an earlier epoch"
    ) as caught:
        fit(net, X, Y, loss=fn.mse, optimizer=schedule, key=Key(0), epochs=9, batch_size=10)
    found = caught.value
    assert (found.tensor, found.path, found.step, found.learning_rate) == ("output", "layers.1", 10, 0.01)


def test_an_epoch_that_is_finite_the_second_time_is_an_error_all_the_same() -> None:
    calls: list[int] = []

    def once(prediction: Array, target: Array) -> tuple[fn.Value, Array]:
        calls.append(1)
        value, grad = fn.mse(prediction, target)
        return (value * np.float32(INF) if len(calls) == 6 else value), grad

    with pytest.raises(NonFiniteError, match="loss must be finite, got inf in epoch 2, whose steps were fin") as caught:
        fitted(fn.fit, loss=once)
    assert isinstance(caught.value.state, TrainState) and caught.value.state.epoch == 1


def test_parameters_that_are_lost_at_the_very_end_are_found() -> None:
    with pytest.raises(NonFiniteError, match=r"params [wb] must be finite, got .* in batch 1 of epoch 1") as caught:
        fn.fit(
            fn.linear(Key(0), 3, 2), X, Y, loss=fn.mse, optimizer=fn.sgd(1e300), key=Key(0), epochs=1, batch_size=len(X)
        )
    assert caught.value.tensor == "params"


def test_a_network_that_is_lost_from_the_beginning() -> None:
    net = fn.Linear(np.full((3, 2), np.nan), np.zeros(2))
    with pytest.raises(NonFiniteError, match="begin with finite parameters") as caught:
        fn.fit(net, X, Y, loss=fn.mse, optimizer=fn.sgd(0.1), key=Key(0), epochs=3)
    assert caught.value.state is None


def test_train_goes_on() -> None:
    step = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1))
    data = fn.minibatches(broken(X, NAN, 0, 0), Y, batch_size=10)
    final = fn.last(fn.take(2)(fn.train(step, data, fn.start(fn.linear(Key(0), 3, 2), fn.sgd(0.1), Key(0)))))
    assert np.isnan(final.record.loss)


# --- names of metrics --------------------------------------------------------------------------------------------
def test_two_metrics_of_one_name_are_refused() -> None:
    check = fn.validate(X, Y, {"r2": fn.metrics.r2})
    other = fn.validate(X[:9], Y[:9], {"mae": fn.metrics.mae, "r2": fn.metrics.r2})
    for fit in FITS:
        with pytest.raises(
            ValueError, match="validate: metrics must have names of their own, got 'r2', which the epoch"
        ):
            fitted(fit, streams=[check, other])
        with pytest.raises(ValueError, match="got 'valid_loss'"):
            fitted(fit, valid=(X, Y), streams=[fn.validate(X, Y, {"valid_loss": fn.metrics.mae})])
    fine = fn.validate(X[:9], Y[:9], {"mae": fn.metrics.mae})
    assert [name for name, _ in fitted(fn.fit, streams=[check, fine]).history[-1].metrics] == ["r2", "mae"]
