"""What layers refuse: parameters, settings and inputs that do not fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fnnet import DtypeError, Key, LayerError, Params, ShapeError, TreeError
from tests.support.refusals import NET, SGD, Case, X, check, fn


def _other_cache(net: Params, other: Params) -> Callable[[], object]:
    y, cache = fn.forward(other, X)
    return lambda: fn.backward(net, cache, y)


ROW = np.ones((1, 3))

CASES: dict[str, Case] = {
    "wrong feature count": (
        lambda: fn.forward(NET, X[:, :2]),
        ShapeError,
        r"linear: x must be \(..., batch, 3\), got \(5, 2\)",
    ),
    "foreign replicas": (
        lambda: fn.forward(NET, X[None]),
        ShapeError,
        r"replica axes of the parameters, \(\), or none, got \(1,\)",
    ),
    "a list of layers": (lambda: fn.forward(fn.Serial([fn.Relu()]), X), TreeError, "serial: layers must be a tuple"),
    "a list of Linear": (
        lambda: fn.forward(fn.Mlp([NET.layers[0]], fn.Relu()), X),
        TreeError,
        "mlp: layers must be a tuple",
    ),
    "weights in a list": (
        lambda: fn.forward(fn.Linear([[1.0]], [1.0]), X),
        TreeError,
        "linear: w and b must be arrays, got list",
    ),
    "b that does not fit": (
        lambda: fn.forward(fn.Linear(np.ones((3, 4)), np.ones(1)), X),
        ShapeError,
        r"b \(..., n_out\), got \(3, 4\) and \(1,\)",
    ),
    "w without rows": (
        lambda: fn.forward(fn.Linear(np.ones(3), np.ones(3)), X),
        ShapeError,
        r"w must be \(..., n_in, n_out\)",
    ),
    "two dtypes": (
        lambda: fn.forward(fn.Linear(np.ones((3, 4)), np.ones(4, np.float32)), X),
        DtypeError,
        "one dtype, got float64 and float32",
    ),
    "layers that do not fit": (
        lambda: fn.forward(fn.Mlp((fn.linear(Key(0), 3, 4), fn.linear(Key(0), 5, 2)), fn.Relu()), X),
        ShapeError,
        r"mlp: layers.1 must take what layers.0 gives, in one dtype, got float32\(3, 4\) before float32\(5, 2\)",
    ),
    "rate 1": (lambda: fn.Dropout(1.0), ValueError, r"Dropout: rate must be in \[0, 1\), got 1.0"),
    "negative rate": (lambda: fn.Dropout(-0.1), ValueError, r"Dropout: rate must be in \[0, 1\), got -0.1"),
    "slope 1": (lambda: fn.LeakyRelu(1.0), ValueError, r"LeakyRelu: slope must be in \[0, 1\), got 1.0"),
    "alpha 0": (lambda: fn.Elu(0.0), ValueError, "Elu: alpha must be above 0, got 0.0"),
    "a size of 0": (
        lambda: fn.mlp(Key(0), (3, 0, 2)),
        ValueError,
        r"mlp: sizes\[1\] must be a whole number from 1 up, got 0",
    ),
    "a size of 2.5": (
        lambda: fn.mlp(Key(0), (3, 2.5)),
        ValueError,
        r"mlp: sizes\[1\] must be a whole number from 1 up, got 2.5",
    ),
    "one size": (
        lambda: fn.mlp(Key(0), (3,)),
        ValueError,
        r"mlp: sizes must be \(inputs, hidden, ..., outputs\), at least two, got \(3,\)",
    ),
    "n_in 0": (lambda: fn.linear(Key(0), 0, 2), ValueError, "linear: n_in must be a whole number from 1 up, got 0"),
    "float16": (
        lambda: fn.linear(Key(0), 3, 2, dtype=np.float16),
        DtypeError,
        "linear: dtype must be float32 or float64, got float16",
    ),
    "an activation that is a function": (
        lambda: fn.mlp(Key(0), (3, 2), activation=np.tanh),
        LayerError,
        "activation must be a layer such as Relu",
    ),
    "an initializer of another shape": (
        lambda: fn.linear(Key(0), 3, 2, init=lambda key, shape: np.ones(shape[::-1])),
        ShapeError,
        r"init must give an array of shape \(3, 2\)",
    ),
    "serial of nothing": (lambda: fn.serial(), LayerError, "serial: needs at least one layer"),
    "serial of a function": (lambda: fn.serial(fn.Relu(), np.tanh), LayerError, "serial: argument 1 must be a layer"),
    "a list in a network": (
        lambda: fn.start(fn.Linear([1.0], X), SGD, Key(0)),
        TreeError,
        "w and b must be arrays, got list",
    ),
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
    "a number for a key of mlp": (lambda: fn.mlp(5, (3, 2)), ValueError, "mlp: key must be a fnnet.Key"),
    "a number for a key of linear": (lambda: fn.linear(5, 3, 2), ValueError, "linear: key must be a fnnet.Key"),
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
    "a norm of nothing": (lambda: fn.layer_norm(0), ValueError, "layer_norm: n must be a whole number from 1 up"),
    "a norm's eps": (lambda: fn.rms_norm(3, eps=0), ValueError, "RmsNorm: eps must be above 0"),
    "a norm's width": (lambda: fn.forward(fn.layer_norm(3), np.ones((1, 4))), ShapeError, r"x must be \(batch, 3\)"),
    "a norm's shapes": (
        lambda: fn.forward(fn.LayerNorm(np.ones(3), np.ones(2)), np.ones((1, 3))),
        ShapeError,
        "scale and shift must be",
    ),
    "a norm's dtypes": (
        lambda: fn.forward(fn.LayerNorm(np.ones(3), np.ones(3, np.float32)), ROW),
        DtypeError,
        "must have one dtype",
    ),
    "a residual of no layer": (lambda: fn.residual(fn.mse), LayerError, "residual: layer must be a layer"),
    "a residual that widens": (
        lambda: fn.forward(fn.residual(fn.linear(Key(0), 2, 3)), ROW[:, :2]),
        ShapeError,
        "residual: layer must give as",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])
