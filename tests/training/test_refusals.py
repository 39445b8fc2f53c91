"""What start, train, fit, lbfgs and the plateau refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fnnet import DtypeError, Key, LayerError, NonFiniteError, TreeError
from tests.support.refusals import GRADIENT, NET, SGD, Case, X, Y, check, fitted, fn, stream


class Careless:
    """An optimizer that forgets its state."""

    def init(self, params: Any) -> Any:
        return fn.OptState(0)

    def update(self, params: Any, grads: Any, state: Any) -> Any:
        return params


CASES: dict[str, Case] = {
    "no epochs": (
        lambda: fn.fit(NET, X, Y, loss=fn.mse, optimizer=SGD, key=Key(0), epochs=0, batch_size=5),
        ValueError,
        "fit: epochs must be a whole number from 1 up",
    ),
    "metrics without data for them": (
        lambda: fitted(metrics={"r2": fn.metrics.r2}),
        ValueError,
        r"fit: metrics must be of validation data, got none of them; give valid=\(x, y\) too",
    ),
    "a metric named valid_loss": (
        lambda: fitted(valid=(X, Y), metrics={"valid_loss": fn.metrics.mae}),
        ValueError,
        "fit: metrics must have names of their own, got 'valid_loss'",
    ),
    "metrics in a list for fit": (
        lambda: fitted(valid=(X, Y), metrics=[fn.metrics.mae]),
        ValueError,
        "validate: metrics must name at least one metric",
    ),
    "patience 0 in fit": (
        lambda: fitted(patience=0),
        ValueError,
        "fit: patience must be a whole number from 1 up, got 0",
    ),
    "a penalty that is a number": (
        lambda: fitted(penalty=0.1),
        ValueError,
        "value_and_grad: penalty must be a function or an object that can be called, got 0.1",
    ),
    "no more epochs": (
        lambda: fitted().continue_(0),
        ValueError,
        "continue_: epochs must be a whole number from 1 up, got 0",
    ),
    "streams that let nothing pass": (
        lambda: fitted(streams=[lambda epochs: iter(())]),
        ValueError,
        "fit: streams must let at least one epoch pass, got none",
    ),
    "a fit to predict by": (
        lambda: fn.predict(fitted(), X),
        LayerError,
        r"^forward: params must be a network, .*, got an instance of Fit; give its params$",
    ),
    "a fit to be fitted": (
        lambda: fn.fit(fitted(), X, Y, loss=fn.mse, optimizer=SGD, key=Key(0), epochs=1),
        LayerError,
        r"^fit: params must be a network, an instance of a Params class, got an instance of Fit; give its params$",
    ),
    "an epoch to start from": (
        lambda: fn.start(fitted().last, SGD, Key(0)),
        LayerError,
        r"^start: params must be a network, .*, got an instance of Epoch; give its state.params$",
    ),
    "a state to pass x through": (
        lambda: fn.forward(fitted().state, X),
        LayerError,
        r"^forward: params must be a network, .*, got an instance of TrainState; give its params$",
    ),
    "a fit as a tree": (
        lambda: fn.tree.digest(fitted()),
        TreeError,
        r"^tree: a Fit can be no part of a tree; its network is \.params$",
    ),
    "predict by 0": (
        lambda: fn.predict(NET, X, batch_size=0),
        ValueError,
        "predict: batch_size must be a whole number from 1 up",
    ),
    "a dict in a network": (
        lambda: fn.start(fn.Serial(({"w": X},)), SGD, Key(0)),
        TreeError,
        "a dict can be no part of a tree",
    ),
    "best in fit": (
        lambda: fitted(streams=[fn.best("loss")]),
        ValueError,
        "fit: streams must give streams, and best gives one epoch; end a pipe of train by it",
    ),
    "last in fit": (
        lambda: fitted(streams=[fn.last]),
        ValueError,
        "fit: streams must give streams, and last gives",
    ),
    "a stream function that gives none": (
        lambda: fitted(streams=[lambda epochs: None]),
        ValueError,
        r"fit: streams\[0\] must give a stream of epochs, got None",
    ),
    "a stream that is no function": (
        lambda: fitted(streams=[3]),
        ValueError,
        r"fit: streams\[0\] must be a function or an object that can be called, got 3",
    ),
    "streams that are none": (
        lambda: fitted(streams=fn.progress()),
        ValueError,
        "fit: streams must be a list or tuple of stream functions, got .*; write",
    ),
    "a step that gives a state": (
        lambda: stream(step=lambda state, batch, key: state),
        TreeError,
        r"train: the step must give \(state, loss\), got TrainState",
    ),
    "a step that gives no loss": (
        lambda: stream(step=lambda state, batch, key: (state, None)),
        DtypeError,
        "train: the loss that a step gives must be a real number, got None",
    ),
    "an update that gives parameters": (
        lambda: stream(step=fn.train_step(GRADIENT, Careless())),
        ValueError,
        "train_step: what the optimizer's update gives, .* must be a pair, got .*Serial",
    ),
    "data that give nothing": (
        lambda: next(fn.train(fn.train_step(GRADIENT, SGD), lambda key: None, fn.start(NET, SGD, Key(0)))),
        ValueError,
        "train: data must give the batches of an epoch, got None",
    ),
    "a step that is no function": (
        lambda: fn.stop_on_nonfinite(3),
        ValueError,
        "stop_on_nonfinite: step must be a function or an object that can be called, got 3",
    ),
    "data that are not finite": (
        lambda: stream(
            step=fn.stop_on_nonfinite(fn.train_step(fn.value_and_grad(lambda p, t: fn.mse(p, t * np.nan)), SGD))
        ),
        NonFiniteError,
        r"stop_on_nonfinite: loss must be finite, got nan in batch 1 of epoch 1.*; the last finite loss is None; no ",
    ),
    "a number for a key of start": (
        lambda: fn.start(NET, fn.sgd(0.1), 5),
        ValueError,
        "start: key must be a fnnet.Key",
    ),
    "an optimizer that is a function": (
        lambda: fn.start(NET, fn.sgd, Key(0)),
        ValueError,
        "start: optimizer must be an object with a method init such as adam.*, got the class Sgd; call it",
    ),
    "data that are a list": (
        lambda: fn.train(
            fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1)), [(X, Y)], fn.start(NET, fn.sgd(0.1), Key(0))
        ),
        ValueError,
        "train: data must be a function",
    ),
    "validation data of three": (
        lambda: fn.fit(
            NET, X, Y, loss=fn.mse, optimizer=fn.sgd(0.1), key=Key(0), epochs=1, batch_size=5, valid=(X, Y, Y)
        ),
        ValueError,
        "fit: valid must be a pair, got a tuple of 3",
    ),
    "a number for a stream function": (
        lambda: fn.fit(NET, X, Y, loss=fn.mse, optimizer=fn.sgd(0.1), key=Key(0), epochs=1, batch_size=5, streams=(3,)),
        ValueError,
        r"fit: streams\[0\] must be a function",
    ),
    "a wrapper as an optimizer": (
        lambda: fn.start(NET, fn.ema(0.9), Key(0)),
        ValueError,
        "start: optimizer must be an object with a method init",
    ),
    "no memory": (lambda: fn.lbfgs(GRADIENT, 0), ValueError, "lbfgs: memory must be a whole number from 1 up, got 0"),
    "no iterations": (
        lambda: fn.lbfgs(GRADIENT, iterations=0),
        ValueError,
        "lbfgs: iterations must be a whole number from 1 up, got 0",
    ),
    "a tolerance below 0": (
        lambda: fn.lbfgs(GRADIENT, tolerance=-1e-8),
        ValueError,
        r"lbfgs: tolerance must be in \[0, inf\), got -1e-08",
    ),
    "no gradient": (lambda: fn.lbfgs(None), ValueError, "lbfgs: gradient must be a function"),
    "no train": (lambda: fn.reduce_on_plateau(None), ValueError, "reduce_on_plateau: train must be a function"),
    "no patience": (
        lambda: fn.reduce_on_plateau(fn.train, patience=0),
        ValueError,
        "reduce_on_plateau: patience must be a whole number from 1 up, got 0",
    ),
    "a factor of 1": (
        lambda: fn.reduce_on_plateau(fn.train, factor=1.0),
        ValueError,
        r"reduce_on_plateau: factor must be in \[0, 1\), got 1.0",
    ),
    "a floor below 0": (
        lambda: fn.reduce_on_plateau(fn.train, floor=-1),
        ValueError,
        r"reduce_on_plateau: floor must be in \[0, inf\), got -1",
    ),
    "a stream that is none": (
        lambda: fn.reduce_on_plateau(fn.train, streams=(3,)),
        ValueError,
        r"reduce_on_plateau: streams\[0\] must be a function",
    ),
    "another mode": (
        lambda: fn.reduce_on_plateau(fn.train, mode="least"),
        ValueError,
        "reduce_on_plateau: mode must be 'min' or 'max', got 'least'",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])
