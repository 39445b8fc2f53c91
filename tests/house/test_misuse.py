"""What users write and hand in is checked too: layers, losses, optimizers, caches, keys. The errors are ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from fnnet import Array, DtypeError, Key, LayerError, Params, RowLoss, ShapeError, TreeError
from fnnet.keys import normal
from tests.support.tracebacks import check_tells_all

fn: Any = import_module("fnnet")
"""Untyped: type checkers reject what stands here, and must let it pass to be tried."""

tree: Any = fn.tree

NET = fn.serial(fn.linear(Key(0), 3, 4), fn.Relu(), fn.linear(Key(1), 4, 2))
X = normal(Key(2), (5, 3)).astype(np.float32)
Y = normal(Key(3), (5, 2)).astype(np.float32)

Case = tuple[Callable[[], object], type[Exception], str]


@dataclass(frozen=True, slots=True, eq=False)
class Wrong(Params):
    """A layer whose rules give whatever they are told to give."""

    y: Any = None
    dx: Any = None


fn.define_layer(
    Wrong,
    forward=lambda p, x: p.y(x),
    backward=lambda p, saved, dy: p.dx(p, dy),
)


@dataclass(frozen=True, slots=True, eq=False)
class Bare(Params):
    """A layer of parameters that says nothing of replicas."""

    a: Array


fn.define_layer(
    Bare, forward=lambda p, x: (x * p.a, x), backward=lambda p, x, dy: (Bare((dy * x).sum(axis=0)), dy * p.a)
)


@dataclass(frozen=True, slots=True, eq=False)
class Undefined(Params):
    """A class that never becomes a layer."""


class WrongRows(RowLoss[Array]):
    """A loss whose rows are whatever they are told to be."""

    def __init__(self, made: Callable[[Array], Any]) -> None:
        self.made = made

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        made: tuple[Array, Array] = self.made(prediction)
        return made


def _wrong_forward(y: Callable[[Array], Any]) -> Callable[[], object]:
    return lambda: fn.forward(Wrong(y), X)


def _wrong_backward(dx: Callable[[Any, Array], Any]) -> Callable[[], object]:
    net = Wrong(lambda x: (x.copy(), None), dx)
    return lambda: fn.backward(net, fn.forward(net, X)[1], X)


def _wrong_rows(made: Callable[[Array], Any]) -> Callable[[], object]:
    return lambda: WrongRows(made)(Y, Y)


def _wrong_loss(made: object) -> Callable[[], object]:
    return lambda: fn.value_and_grad(lambda prediction, target: made)(NET, (X, Y), Key(0))


def _other_cache(net: Params, other: Params) -> Callable[[], object]:
    y, cache = fn.forward(other, X)
    return lambda: fn.backward(net, cache, y)


OF_USERS: dict[str, Case] = {
    "a forward without a cache": (
        _wrong_forward(lambda x: x),
        LayerError,
        r"Wrong's forward must return the pair \(y, saved\), got a ndarray",
    ),
    "a forward of fewer rows": (
        _wrong_forward(lambda x: (x[1:], x)),
        ShapeError,
        r"Wrong's forward: y must be \(5, features\)",
    ),
    "a forward in one axis": (_wrong_forward(lambda x: (x[0], x)), ShapeError, "Wrong's forward: y must be"),
    "a forward of complex numbers": (
        _wrong_forward(lambda x: (x + 1j, x)),
        DtypeError,
        "Wrong's forward: y must hold real numbers",
    ),
    "a forward in float16": (
        _wrong_forward(lambda x: (x.astype(np.float16), x)),
        DtypeError,
        "Wrong's forward: dtype must be float32 or float64, got float16",
    ),
    "a forward that gives a list": (
        _wrong_forward(lambda x: ([1.0], x)),
        DtypeError,
        "y must be a numpy.ndarray, got list",
    ),
    "a backward without dx": (
        _wrong_backward(lambda p, dy: p),
        LayerError,
        r"must return the pair \(gradients, dx\), got a Wrong",
    ),
    "a backward of another shape": (
        _wrong_backward(lambda p, dy: (p, dy[1:])),
        ShapeError,
        r"dx must have x's shape \(5, 3\), got \(4, 3\)",
    ),
    "a backward without gradients": (
        _wrong_backward(lambda p, dy: (None, dy)),
        LayerError,
        "gradients must be a Wrong like the parameters, got None",
    ),
    "rows in two axes": (
        _wrong_rows(lambda p: (p[:, :1], p)),
        ShapeError,
        r"WrongRows.rows: values must have the shape \(5,\), got \(5, 1\)",
    ),
    "too few rows": (
        _wrong_rows(lambda p: (p[:3, 0], p)),
        ShapeError,
        r"values must have the shape \(5,\), got \(3,\)",
    ),
    "rows in another dtype": (
        _wrong_rows(lambda p: (p[:, 0].astype(float), p)),
        DtypeError,
        "values must be float32 as the prediction is, got float64",
    ),
    "rows without a gradient": (
        _wrong_rows(lambda p: p[:, 0]),
        ValueError,
        r"the result \(values, gradient\) must be a pair",
    ),
    "a loss without a gradient": (
        _wrong_loss(np.ones(())),
        ValueError,
        r"what the loss returns, \(value, gradient\), must be a pair",
    ),
    "a loss of many values": (
        _wrong_loss((np.ones(5), Y)),
        ShapeError,
        r"must have the prediction's replica axes, \(\), and no other, got \(5,\)",
    ),
    "a loss of no value": (_wrong_loss((None, Y)), DtypeError, "must be a real number, got object"),
    "a complex loss": (_wrong_loss((1j, Y)), DtypeError, "must be a real number, got complex128"),
    "the cache of another activation": (
        _other_cache(fn.mlp(Key(0), (3, 4, 2)), fn.mlp(Key(0), (3, 4, 2), activation=fn.Tanh())),
        LayerError,
        "a pass through Linear, Relu, Linear, got that of one through Linear, Tanh, Linear",
    ),
    "the cache of another depth": (
        _other_cache(fn.mlp(Key(0), (3, 4, 2)), fn.mlp(Key(0), (3, 4, 4, 2))),
        LayerError,
        "got that of one through Linear, Relu, Linear, Relu, Linear",
    ),
    "the cache of another width": (
        _other_cache(fn.mlp(Key(0), (3, 4, 2)), fn.mlp(Key(0), (3, 5, 2))),
        ShapeError,
        "the cache must come from a pass through Linear layers of sizes",
    ),
    "the cache of another dtype": (
        _other_cache(fn.linear(Key(0), 3, 2), fn.linear(Key(0), 3, 2, dtype=np.float64)),
        DtypeError,
        "must come from a pass in float32",
    ),
    "the cache of a longer Serial": (
        _other_cache(fn.serial(fn.Relu()), fn.serial(fn.Relu(), fn.Relu())),
        LayerError,
        "a pass through Relu, got that of one through Relu, Relu",
    ),
    "an activation that changes the width": (
        lambda: fn.forward(fn.mlp(Key(0), (3, 4, 2), activation=fn.linear(Key(1), 4, 7)), X),
        ShapeError,
        r"layers.1: linear: x must be \(..., batch, 4\), got \(5, 7\)",
    ),
    "an activation in float64": (
        lambda: fn.forward(fn.mlp(Key(0), (3, 4, 2), activation=fn.linear(Key(1), 4, 4, dtype=np.float64)), X),
        DtypeError,
        "mlp: activation must have the layers' dtype, float32, got float64",
    ),
    "weights upon weights": (lambda: fn.weighted(fn.weighted(fn.mse)), TypeError, "loss must weigh all rows alike"),
    "weights that vanish in float32": (
        lambda: fn.weighted(fn.mse)(Y, (Y, np.full(5, 1e-50))),
        ValueError,
        "the weights of a batch must not all be 0",
    ),
    "weights beyond float32": (
        lambda: fn.weighted(fn.mse)(Y, (Y, np.full(5, 1e50))),
        ValueError,
        "must be finite float32 numbers",
    ),
    "stacking a layer without a rule": (
        lambda: fn.forward(Bare(np.ones((5, 3), np.float32)), np.ones((5, 2, 3))),
        LayerError,
        "Bare has no replicas rule, so it cannot be stacked",
    ),
    "a rule that is no function": (
        lambda: fn.define_layer(Undefined, forward=None, backward=None),
        ValueError,
        "forward must be a function",
    ),
    "a number for a key": (
        lambda: fn.forward(NET, X, 5),
        ValueError,
        r"forward: key must be a fnnet.Key such as Key\(0\), got 5",
    ),
    "a number for a key of mlp": (lambda: fn.mlp(5, (3, 2)), ValueError, "mlp: key must be a fnnet.Key"),
    "a number for a key of linear": (lambda: fn.linear(5, 3, 2), ValueError, "linear: key must be a fnnet.Key"),
    "a number for a key of start": (
        lambda: fn.start(NET, fn.sgd(0.1), 5),
        ValueError,
        "start: key must be a fnnet.Key",
    ),
    "a number for the key of an order": (
        lambda: list(fn.minibatches(X, Y, size=2)(5)),
        ValueError,
        "minibatches: key must be",
    ),
    "a number for a key of a draw": (lambda: fn.keys.normal(5, (2,)), ValueError, "keys: key must be a fnnet.Key"),
    "complex first weights": (
        lambda: fn.linear(Key(0), 3, 2, init=lambda key, shape: np.ones(shape, complex)),
        DtypeError,
        "the result of init must hold real numbers",
    ),
    "first weights in a list": (
        lambda: fn.linear(Key(0), 3, 2, init=lambda key, shape: [1.0]),
        DtypeError,
        "the result of init must be a numpy.ndarray",
    ),
    "no dtype": (lambda: fn.linear(Key(0), 3, 2, dtype=None), DtypeError, "dtype must be float32 or float64, got None"),
    "whole numbers as parameters": (
        lambda: fn.start(fn.Linear(np.ones((3, 2), int), np.ones(2, int)), fn.sgd(0.1), Key(0)),
        DtypeError,
        "float32 or float64, got int64",
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
    "an optimizer that is a function": (
        lambda: fn.start(NET, fn.sgd, Key(0)),
        ValueError,
        "start: optimizer.init must be a function",
    ),
    "data that are a list": (
        lambda: fn.train(
            fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1)), [(X, Y)], fn.start(NET, fn.sgd(0.1), Key(0))
        ),
        ValueError,
        "train: data must be a function",
    ),
    "a batch of three": (
        lambda: fn.value_and_grad(fn.mse)(NET, (X, Y, Y), Key(0)),
        ValueError,
        "batch must be a pair, got 3 things",
    ),
    "validation data of three": (
        lambda: fn.fit(NET, X, Y, loss=fn.mse, optimizer=fn.sgd(0.1), key=Key(0), epochs=1, size=5, valid=(X, Y, Y)),
        ValueError,
        "fit: valid must be a pair, got 3 things",
    ),
    "a number for a stream function": (
        lambda: fn.fit(NET, X, Y, loss=fn.mse, optimizer=fn.sgd(0.1), key=Key(0), epochs=1, size=5, streams=(3,)),
        ValueError,
        r"fit: streams\[0\] must be a function",
    ),
    "metrics in a list": (lambda: fn.validate(X, Y, [fn.metrics.r2]), ValueError, "metrics must"),
    "no layers in an Mlp": (
        lambda: fn.start(fn.Mlp((), fn.Relu()), fn.sgd(0.1), Key(0)),
        TreeError,
        "layers must be a tuple of at least one Linear",
    ),
    "numbers for weights": (
        lambda: fn.start(fn.Linear(1.0, 2.0), fn.sgd(0.1), Key(0)),
        TreeError,
        "w and b must be arrays, got float and float",
    ),
    "vectors for weights": (
        lambda: fn.summary(fn.Linear(np.ones(3), np.ones(3))),
        ShapeError,
        r"linear: w must be \(..., n_in, n_out\)",
    ),
    "a number for sizes": (
        lambda: fn.mlp(Key(0), 5),
        ValueError,
        r"mlp: sizes must be \(inputs, hidden, ..., outputs\)",
    ),
    "half a feature": (lambda: fn.summary(NET, features=2.5), ValueError, "summary: features must be a whole number"),
    "a path that is a number": (lambda: tree.at(NET, 0, lambda leaf: leaf), TreeError, "path must be a str"),
    "a leaf that becomes a list": (
        lambda: tree.at(NET, "layers.0.w", lambda leaf: [1.0]),
        TreeError,
        "f must give an array or a static value",
    ),
    "text for a leaf": (lambda: tree.rebuild((X,), ("x",)), TreeError, r"values\[0\] must be a numpy.ndarray, got 'x'"),
}


@pytest.mark.parametrize("name", OF_USERS)
def test_misuse(name: str) -> None:
    call, kind, message = OF_USERS[name]
    with pytest.raises(kind, match=message) as caught:
        call()
    assert type(caught.value) is kind
    check_tells_all(caught.value)
