"""What optimizers refuse: settings, gradients and states that are not theirs."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from fnnet import DtypeError, Key, LayerError, Params, ShapeError, TreeError, tree
from tests import catalogue
from tests.support.refusals import NET, SGD, Case, X, check, fn

ONE = fn.linear(Key(0), 1, 1)

CASES: dict[str, Case] = {
    "negative lr": (lambda: fn.sgd(-0.1), ValueError, r"sgd: lr must be in \[0, inf\), got -0.1"),
    "NaN lr": (lambda: fn.adam(float("nan")), ValueError, r"adam: lr must be in \[0, inf\), got nan"),
    "infinite lr": (lambda: fn.sgd(float("inf")), ValueError, r"sgd: lr must be in \[0, inf\), got inf"),
    "lr as text": (lambda: fn.sgd("0.1"), ValueError, r"sgd: lr must be a number in \[0, inf\), got '0.1'"),
    "negative lr of sgd_update": (
        lambda: fn.sgd_update(NET, NET, -1.0),
        ValueError,
        r"sgd_update: lr must be in \[0, inf\), got -1.0",
    ),
    "momentum 1": (lambda: fn.sgd(0.1, momentum=1.0), ValueError, r"sgd: momentum must be in \[0, 1\), got 1.0"),
    "nesterov without momentum": (lambda: fn.sgd(0.1, nesterov=True), ValueError, "nesterov needs a momentum above 0"),
    "b2 above 1": (lambda: fn.adam(0.1, b2=1.5), ValueError, r"adam: b2 must be in \[0, 1\), got 1.5"),
    "eps 0": (lambda: fn.adam(0.1, eps=0.0), ValueError, "adam: eps must be above 0, got 0.0"),
    "negative decay": (
        lambda: fn.adamw(0.1, weight_decay=-1.0),
        ValueError,
        r"adam: weight_decay must be in \[0, inf\), got -1.0",
    ),
    "a schedule that gives NaN": (
        lambda: fn.sgd(lambda step: float("nan")).update(NET, NET, fn.OptState(7)),
        ValueError,
        "lr, the schedule's at step 7, must be in",
    ),
    "gradients of another structure": (
        lambda: SGD.update(NET, fn.serial(*NET.layers[:2]), SGD.init(NET)),
        TreeError,
        "sgd: the structures differ at layers: a tuple of 3 against a tuple of 2",
    ),
    "gradients of another class": (
        lambda: fn.sgd_update(NET, fn.serial(NET.layers[0], fn.Tanh(), NET.layers[2]), 0.1),
        TreeError,
        r"sgd_update: the structures differ at layers.1: Relu against Tanh",
    ),
    "gradients of another shape": (
        lambda: fn.sgd_update(NET, tree.at(NET, "layers.2.b", lambda b: b[:1]), 0.1),
        ShapeError,
        r"sgd_update: layers.2.b must have the parameters' shape \(2,\), got \(1,\)",
    ),
    "gradients of another dtype": (
        lambda: fn.sgd_update(NET, tree.astype(NET, np.float64), 0.1),
        DtypeError,
        "layers.0.w must have the parameters' dtype float32, got float64",
    ),
    "another optimizer's state": (
        lambda: fn.adam(0.1).update(NET, NET, SGD.init(NET)),
        TreeError,
        "adam: state must have 2 slots, as its own init makes them, got 0",
    ),
    "an update of whole numbers": (
        lambda: fn.sgd_update(
            fn.Linear(np.ones((3, 2), int), np.ones(2, int)), fn.Linear(np.ones((3, 2), int), np.ones(2, int)), 0.1
        ),
        DtypeError,
        "sgd_update: w must be float32 or float64 to be trained, got int64",
    ),
    "an update of an array": (lambda: fn.sgd_update(X, X, 0.1), LayerError, "params must be a network"),
    "a schedule of text": (
        lambda: fn.sgd(lambda step: "0.1").update(NET, NET, fn.OptState(0)),
        ValueError,
        "lr, the schedule's at step 0, must be a number",
    ),
    "an int beyond all floats": (lambda: fn.sgd(10**400), ValueError, r"sgd: lr must be in \[0, inf\)"),
    "no optimizer state": (lambda: fn.adam(0.1).update(NET, NET, None), TreeError, "adam: state must be the OptState"),
    "a state with slots for plain sgd": (
        lambda: fn.sgd(0.1).update(NET, NET, fn.adam(0.1).init(NET)),
        TreeError,
        "sgd: state must have 0 slots",
    ),
    "rmsprop's decay": (lambda: fn.rmsprop(0.1, decay=1.0), ValueError, r"rmsprop: decay must be in \[0, 1\), got 1.0"),
    "rmsprop's momentum": (lambda: fn.rmsprop(0.1, momentum=-0.1), ValueError, "rmsprop: momentum must be in"),
    "rmsprop's eps": (lambda: fn.rmsprop(0.1, eps=0), ValueError, "rmsprop: eps must be above 0"),
    "rmsprop's rate": (lambda: fn.rmsprop(-0.1), ValueError, "rmsprop: lr must be in"),
    "adagrad's start": (lambda: fn.adagrad(0.1, start=-1), ValueError, "adagrad: start must be in"),
    "adagrad's eps": (lambda: fn.adagrad(0.1, eps=0), ValueError, "adagrad: eps must be above 0"),
    "adadelta's decay": (lambda: fn.adadelta(decay=2), ValueError, "adadelta: decay must be in"),
    "adamax's b1": (lambda: fn.adamax(0.1, b1=1), ValueError, "adamax: b1 must be in"),
    "adamax's rate": (lambda: fn.adamax(math.nan), ValueError, "adamax: lr must be in"),
    "amsgrad's b2": (lambda: fn.amsgrad(0.1, b2=-1), ValueError, "amsgrad: b2 must be in"),
    "nadam's eps": (lambda: fn.nadam(0.1, eps=math.inf), ValueError, "nadam: eps must be in"),
    "lion's decay": (lambda: fn.lion(0.1, weight_decay=-1), ValueError, "lion: weight_decay must be in"),
    "adam's state for amsgrad": (
        lambda: fn.amsgrad(0.1).update(ONE, ONE, fn.adam(0.1).init(ONE)),
        fn.TreeError,
        "amsgrad: state must have 3 slots, as its own init makes them, got 2",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])


UNLIKE: dict[str, tuple[Callable[[], Params], type[Exception]]] = {
    "of one leaf in another dtype": (lambda: tree.at(NET, "layers.0.b", lambda b: b.astype(np.float64)), DtypeError),
    "of all in another dtype": (lambda: tree.astype(NET, np.float64), DtypeError),
    "of one leaf in another shape": (lambda: tree.at(NET, "layers.0.b", lambda b: b[:1]), ShapeError),
    "of another network": (lambda: fn.serial(*NET.layers, fn.Relu()), TreeError),
}


@pytest.mark.parametrize("gradients", UNLIKE)
@pytest.mark.parametrize("name", catalogue.OPTIMIZERS)
def test_gradients_unlike_the_parameters_are_refused(name: str, gradients: str) -> None:
    make, error = UNLIKE[gradients]
    optimizer = catalogue.OPTIMIZERS[name]
    with pytest.raises(error, match=r"layers"):
        optimizer.update(NET, make(), optimizer.init(NET))
