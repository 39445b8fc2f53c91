"""An error that comes in the midst of a run is shown as it is, with nothing of other packages before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, Key, TrainState, Value
from tests.support.tracebacks import check_tells_all

X, Y = np.ones((8, 3)), np.ones((8, 1))
ADAM = fn.adam(0.1)
SOME: Any = fn.take(9)
GOOD, NARROW = fn.mlp(Key(0), (3, 4, 1)), fn.mlp(Key(0), (4, 4, 1))
STEP: fn.Step[Array] = fn.train_step(fn.value_and_grad(fn.mse), ADAM)


class OwnError(Exception):
    """A user's."""


def _metric(prediction: Array, target: Array) -> Value:
    raise OwnError


def _loss(prediction: Array, target: Array) -> tuple[Value, Array]:
    raise OwnError


def _step(state: TrainState[Any], batch: object, key: Key) -> Any:
    raise OwnError


def _data(key: Key) -> Any:
    yield X, Y
    raise OwnError


def _transform(epochs: Any) -> Any:
    for epoch in epochs:
        yield _metric(epoch, epoch)


def _fit(net: fn.Params, *, loss: Any = fn.mse, y: Array = Y, size: int = 4, **more: Any) -> object:
    return fn.fit(net, X, y, loss=loss, optimizer=ADAM, key=Key(0), epochs=2, batch_size=size, **more)


def _states(net: fn.Params = GOOD, step: Any = STEP, data: Any = None) -> Any:
    return SOME(fn.steps(step, data or fn.minibatches(X, Y, batch_size=4), fn.start(net, ADAM, Key(0))))


def _epochs(net: fn.Params = GOOD, step: Any = STEP, data: Any = None) -> Any:
    return SOME(fn.train(step, data or fn.minibatches(X, Y, batch_size=4), fn.start(net, ADAM, Key(0))))


VALID = fn.validate(X, Y, {"m": _metric})

RUNS: dict[str, tuple[Callable[[Path], object], type[Exception]]] = {
    "fit of a wrong width": (lambda folder: _fit(NARROW), fn.ShapeError),
    "fit on a wrong target": (lambda folder: _fit(GOOD, y=Y[:, 0]), fn.ShapeError),
    "fit by a loss that raises": (lambda folder: _fit(GOOD, loss=_loss), OwnError),
    "fit through a stream that raises": (lambda folder: _fit(GOOD, streams=[_transform]), OwnError),
    "fit on other validation data": (lambda folder: _fit(GOOD, valid=(X[:, :2], Y)), fn.ShapeError),
    "fit through an unknown metric": (lambda folder: _fit(GOOD, streams=[fn.early_stopping(2)]), ValueError),
    "fit of no epoch": (lambda folder: _fit(GOOD, streams=[lambda epochs: iter(())]), ValueError),
    "last of a step that raises": (lambda folder: fn.last(_epochs(step=_step)), OwnError),
    "last of data that raise": (lambda folder: fn.last(_epochs(data=_data)), OwnError),
    "last of nothing": (lambda folder: fn.last(fn.take(0)(_epochs())), ValueError),
    "list of data that raise": (lambda folder: list(_states(data=_data)), OwnError),
    "best of data that raise": (lambda folder: fn.best("loss")(_epochs(data=_data)), OwnError),
    "a metric that raises": (lambda folder: fn.pipe(_epochs(), VALID, fn.take(1), fn.last), OwnError),
    "a time limit": (lambda folder: fn.pipe(_epochs(data=_data), fn.time_limit(99), fn.last), OwnError),
    "progress": (lambda folder: fn.pipe(_epochs(data=_data), fn.progress(), fn.last), OwnError),
    "record": (lambda folder: fn.pipe(_epochs(data=_data), fn.record(folder / "a.csv"), fn.last), OwnError),
    "checkpoints": (lambda folder: fn.pipe(_states(data=_data), fn.checkpoint_to(folder), fn.last), OwnError),
    "signals": (lambda folder: fn.pipe(_epochs(data=_data), fn.stop_on_signal(), fn.last), OwnError),
    "a plateau": (lambda folder: next(fn.reduce_on_plateau(fn.train)(STEP, _data, next(_states()))), OwnError),
    "a rate": (lambda folder: fn.find_rate(STEP, _data, next(_states())), OwnError),
    "accumulation": (
        lambda folder: fn.accumulate(fn.value_and_grad(fn.mse), 2)(NARROW, (X, Y), Key(0)),
        fn.ShapeError,
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_an_error_of_a_run_stands_alone(name: str, tmp_path: Path) -> None:
    run, kind = RUNS[name]
    with pytest.raises(kind) as caught:
        run(tmp_path)
    assert type(caught.value) is kind
    check_tells_all(caught.value)
    assert caught.value.__context__ is None
