"""Bad input gets an error of ours: where, the rule, what came. Nothing is broadcast, cast in silence or half done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from fnnet import Array, Cache, DtypeError, Key, LayerError, NonFiniteError, Params, ShapeError, TreeError, tree
from fnnet.keys import normal
from tests.catalogue import KEEPING
from tests.support.tracebacks import check_tells_all

fn: Any = import_module("fnnet")
"""Untyped: type checkers reject what stands here, and must let it pass to be tried."""

NET = fn.serial(fn.linear(Key(0), 3, 4), fn.Relu(), fn.linear(Key(1), 4, 2))
X = normal(Key(2), (5, 3)).astype(np.float32)
Y = normal(Key(3), (5, 2)).astype(np.float32)
LABELS = np.array([0, 1, 0, 1, 1])
SGD = fn.sgd(0.1)


@dataclass(frozen=True, slots=True, eq=False)
class Undefined(Params):
    """Never given to define_layer."""

    w: Array


@dataclass(frozen=True, slots=True, eq=False)
class Deaf(Params):
    """A composite without a sample rule."""

    layer: Params


def _deaf_forward(p: Deaf, x: Array) -> tuple[Array, Cache[Params]]:
    y, cache = fn.forward(p.layer, x)
    return y, cache


def _deaf_backward(p: Deaf, cache: Cache[Params], dy: Array) -> tuple[Deaf, Array]:
    grads, dx = fn.backward(p.layer, cache, dy)
    return Deaf(grads), dx


fn.define_layer(Deaf, forward=_deaf_forward, backward=_deaf_backward)

Case = tuple[Callable[[], object], type[Exception], str]


def gradient(target: Any, loss: Any = fn.mse, x: Array = X) -> object:
    """One call of value_and_grad."""
    return fn.value_and_grad(loss)(NET, (x, target), Key(0))


FORWARD: dict[str, Case] = {
    "wrong feature count": (
        lambda: fn.forward(NET, X[:, :2]),
        ShapeError,
        r"linear: x must be \(..., batch, 3\), got \(5, 2\)",
    ),
    "1-D x": (
        lambda: fn.forward(NET, X[0]),
        ShapeError,
        r"serial: x must be \(..., batch, features\), got \(3,\); a single row",
    ),
    "0-D x": (lambda: fn.forward(NET, np.array(1.0)), ShapeError, r"x must be \(..., batch, features\), got \(\)"),
    "empty batch": (lambda: fn.forward(NET, X[:0]), ShapeError, r"at least one row and one feature, got \(0, 3\)"),
    "no features": (lambda: fn.forward(NET, X[:, :0]), ShapeError, r"at least one row and one feature, got \(5, 0\)"),
    "a list": (
        lambda: fn.forward(NET, [[1.0, 2.0, 3.0]]),
        DtypeError,
        "x must be a numpy.ndarray, got list; use numpy.asarray",
    ),
    "a masked array": (
        lambda: fn.forward(NET, np.ma.ones((5, 3))),
        DtypeError,
        "must be a numpy.ndarray, got MaskedArray",
    ),
    "complex x": (lambda: fn.forward(NET, X + 1j), DtypeError, "serial: x must hold real numbers, got dtype complex64"),
    "objects": (lambda: fn.forward(NET, X.astype(object)), DtypeError, "x must hold real numbers, got dtype object"),
    "text": (lambda: fn.forward(NET, X.astype(str)), DtypeError, "x must hold real numbers, got dtype <U"),
    "foreign replicas": (
        lambda: fn.forward(NET, X[None]),
        ShapeError,
        r"replica axes of the parameters, \(\), or none, got \(1,\)",
    ),
    "no layer": (lambda: fn.forward("net", X), LayerError, "str was never defined as a layer"),
    "an undefined class": (
        lambda: fn.forward(Undefined(X), X),
        LayerError,
        "Undefined was never defined as a layer; a network is",
    ),
    "an undefined class inside": (
        lambda: fn.forward(fn.serial(Undefined(X)), X),
        LayerError,
        "Undefined was never defined",
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
    "float16 parameters": (
        lambda: fn.forward(tree.map(lambda a: a.astype(np.float16), NET), X),
        DtypeError,
        "float32 or float64, got float16",
    ),
    "layers that do not fit": (
        lambda: fn.forward(fn.Mlp((fn.linear(Key(0), 3, 4), fn.linear(Key(0), 5, 2)), fn.Relu()), X),
        ShapeError,
        r"mlp: layers.1 must take what layers.0 gives, in one dtype, got float32\(3, 4\) before float32\(5, 2\)",
    ),
    "hidden chance": (
        lambda: fn.forward(Deaf(fn.Dropout(0.5)), X, Key(0)),
        LayerError,
        "Deaf: holds a Dropout, which has a sample rule, and has none itself",
    ),
    "hidden chance deep down": (
        lambda: fn.forward(fn.serial(Deaf(fn.serial(fn.Dropout(0.5)))), X, Key(0)),
        LayerError,
        "Deaf: holds a Serial, which has a sample rule",
    ),
    "grad of another shape": (
        lambda: fn.backward(NET, fn.forward(NET, X)[1], Y[:, :1]),
        ShapeError,
        r"grad must have the output's shape \(5, 2\), got \(5, 1\)",
    ),
    "a grad that is a list": (
        lambda: fn.backward(NET, fn.forward(NET, X)[1], [1.0]),
        DtypeError,
        "grad must be a numpy.ndarray, got list",
    ),
    "complex grad": (
        lambda: fn.backward(NET, fn.forward(NET, X)[1], Y * 1j),
        DtypeError,
        "grad must hold real numbers, got dtype complex64",
    ),
    "another layer's cache": (
        lambda: fn.backward(NET, fn.forward(fn.Relu(), X)[1], X),
        LayerError,
        "cache must be that of a Serial's forward pass, got Cache",
    ),
    "no cache": (
        lambda: fn.backward(NET, None, Y),
        LayerError,
        "cache must be that of a Serial's forward pass, got None",
    ),
}

LOSSES: dict[str, Case] = {
    "(N,) beside (N, F)": (
        lambda: gradient(Y[:, 0]),
        ShapeError,
        r"mse: target must have the prediction's shape \(5, 2\), got \(5,\); a column is",
    ),
    "(N, 1) beside (N, F)": (
        lambda: gradient(Y[:, :1]),
        ShapeError,
        r"mse: target must have the prediction's shape \(5, 2\), got \(5, 1\)",
    ),
    "another number of rows": (lambda: gradient(Y[:4]), ShapeError, r"shape \(5, 2\), got \(4, 2\)"),
    "complex target": (lambda: gradient(Y * 1j), DtypeError, "mse: target must hold real numbers, got dtype complex64"),
    "a target that is a list": (
        lambda: gradient(Y.tolist()),
        DtypeError,
        "mse: target must be a numpy.ndarray, got list",
    ),
    "labels out of range": (
        lambda: gradient(LABELS + 1, fn.softmax_cross_entropy),
        ValueError,
        r"labels must be in \[0, 2\), the prediction's columns, got 1 to 2",
    ),
    "negative labels": (
        lambda: gradient(LABELS - 1, fn.softmax_cross_entropy),
        ValueError,
        r"labels must be in \[0, 2\), the prediction's columns, got -1 to 0",
    ),
    "float labels": (
        lambda: gradient(LABELS * 1.0, fn.softmax_cross_entropy),
        DtypeError,
        "class numbers of an integer dtype, got float64",
    ),
    "bool labels": (
        lambda: gradient(LABELS == 1, fn.softmax_cross_entropy),
        DtypeError,
        "class numbers of an integer dtype, got bool",
    ),
    "one-hot labels": (
        lambda: gradient(np.eye(2, dtype=int)[LABELS], fn.softmax_cross_entropy),
        ShapeError,
        r"target must be one a row, \(5,\), got \(5, 2\)",
    ),
    "shares above 1": (
        lambda: gradient(np.full((5, 2), 1.5), fn.binary_cross_entropy),
        ValueError,
        r"target must be in \[0, 1\], got 1.5 to 1.5",
    ),
    "shares that are NaN": (
        lambda: gradient(np.full((5, 2), np.nan), fn.binary_cross_entropy),
        ValueError,
        r"target must be in \[0, 1\], got nan",
    ),
    "weights of another length": (
        lambda: gradient((Y, np.ones(4)), fn.weighted(fn.mse)),
        ShapeError,
        r"weights must be one a row, \(5,\), got \(4,\)",
    ),
    "negative weights": (
        lambda: gradient((Y, -np.ones(5)), fn.weighted(fn.mse)),
        ValueError,
        "weights must be finite float32 numbers, none of them negative, got -1.0 to -1.0",
    ),
    "NaN weights": (
        lambda: gradient((Y, np.full(5, np.nan)), fn.weighted(fn.mse)),
        ValueError,
        "weights must be finite float32 numbers, none of them negative",
    ),
    "all-zero weights": (
        lambda: gradient((Y, np.zeros(5)), fn.weighted(fn.mse)),
        ValueError,
        "the weights of a batch must not all be 0",
    ),
    "no weights": (
        lambda: gradient(Y, fn.weighted(fn.mse)),
        TypeError,
        r"target must be the pair \(target, weights\), got ndarray",
    ),
    "weighting a function": (lambda: fn.weighted(lambda p, t: (p, p)), TypeError, "loss must have rows to be weighted"),
    "no class weights": (lambda: fn.class_weighted(fn.hinge, ()), ValueError, "weights must not all be 0"),
    "class weights by name": (
        lambda: fn.class_weighted(fn.hinge, {0: 1.0, 1: 2.0}),
        ValueError,
        "class_weighted: weights must be a sequence of numbers, one a class, got {0: 1.0, 1: 2.0}",
    ),
    "class weights in a matrix": (
        lambda: fn.class_weighted(fn.hinge, np.ones((2, 2))),
        ValueError,
        "class_weighted: weights must be a sequence of numbers, one a class",
    ),
    "class weights of a function": (
        lambda: fn.class_weighted(lambda p, t: (p, p), (1.0, 2.0)),
        TypeError,
        "class_weighted: loss must have rows to be weighted",
    ),
    "class weights upon weights": (
        lambda: fn.class_weighted(fn.weighted(fn.hinge), (1.0, 2.0)),
        TypeError,
        "class_weighted: loss must weigh all rows alike",
    ),
    "class labels out of range": (
        lambda: gradient(LABELS + 1, fn.class_weighted(fn.hinge, (1.0, 2.0))),
        ValueError,
        r"class_weighted: labels must be in \[0, 2\), the prediction's columns, got 1 to 2",
    ),
    "labels out of range for hinge": (
        lambda: gradient(LABELS - 1, fn.hinge),
        ValueError,
        r"hinge: labels must be in \[0, 2\), the prediction's columns, got -1 to 0",
    ),
    "labels out of range for smoothing": (
        lambda: gradient(LABELS + 1, fn.label_smoothing(0.1)),
        ValueError,
        r"label_smoothing: labels must be in \[0, 2\)",
    ),
    "one-hot labels for focal": (
        lambda: gradient(np.eye(2, dtype=int)[LABELS], fn.focal(2.0)),
        ShapeError,
        r"focal: target must be one a row, \(5,\), got \(5, 2\)",
    ),
    "infinite counts": (
        lambda: gradient(np.full((5, 2), np.inf), fn.poisson),
        ValueError,
        "poisson: target must be from 0 up and finite, got inf to inf",
    ),
    "counts that are NaN": (
        lambda: gradient(np.full((5, 2), np.nan), fn.poisson),
        ValueError,
        "poisson: target must be from 0 up and finite, got nan",
    ),
    "signs for binary_hinge": (
        lambda: gradient(np.array([[-1.0, 1.0]] * 5), fn.binary_hinge),
        ValueError,
        r"binary_hinge: target must be 0 or 1, got -1.0 to 1.0; of -1 and 1 it is \(target \+ 1\) / 2",
    ),
    "a distribution of another sum": (
        lambda: gradient(np.full((5, 2), 0.6), fn.soft_cross_entropy),
        ValueError,
        "soft_cross_entropy: target must be a distribution, of sum 1 in each row, got 1.2",
    ),
    "a distribution below 0": (
        lambda: gradient(np.array([[-0.5, 1.5]] * 5), fn.soft_cross_entropy),
        ValueError,
        r"soft_cross_entropy: target must be in \[0, 1\], got -0.5 to 1.5",
    ),
    "a distribution that is NaN": (
        lambda: gradient(np.full((5, 2), np.nan), fn.soft_cross_entropy),
        ValueError,
        r"soft_cross_entropy: target must be in \[0, 1\], got nan",
    ),
    "labels for a distribution": (
        lambda: gradient(LABELS, fn.soft_cross_entropy),
        ShapeError,
        r"soft_cross_entropy: target must have the prediction's shape \(5, 2\), got \(5,\)",
    ),
    "(N,) beside (N, F) for log_cosh": (lambda: gradient(Y[:, 0], fn.log_cosh), ShapeError, "log_cosh: target must"),
    "(N,) beside (N, F) for quantile": (
        lambda: gradient(Y[:, 0], fn.quantile(0.5)),
        ShapeError,
        "quantile: target must",
    ),
    "quantile NaN": (lambda: fn.quantile(float("nan")), ValueError, "quantile: q must be in"),
    "quantile as text": (lambda: fn.quantile("0.5"), ValueError, "quantile: q must be a number"),
    "infinite gamma": (lambda: fn.focal(float("inf")), ValueError, r"focal: gamma must be in \[0, inf\), got inf"),
    "negative smoothing": (
        lambda: fn.label_smoothing(-0.1),
        ValueError,
        r"label_smoothing: rate must be in \[0, 1\), got -0.1",
    ),
    "parts of a function": (
        lambda: fn.value_and_grad(lambda p, t: fn.mse(p, t)).part(NET, (X, Y), Key(0)),
        TypeError,
        "has no rows and is_sum, so its parts cannot be added up; derive a class from fnnet.RowLoss",
    ),
    "no loss": (lambda: fn.value_and_grad(3), TypeError, "loss must be a loss such as fnnet.mse, got 3"),
    "a prediction that is no array": (
        lambda: fn.mse(1.0, Y),
        DtypeError,
        "prediction must be a numpy.ndarray, got float",
    ),
    "a prediction of one axis": (
        lambda: fn.mse(Y[:, 0], Y[:, 0]),
        ShapeError,
        r"prediction must be \(..., batch, features\), not empty",
    ),
    "an integer prediction": (
        lambda: fn.mse(LABELS[:, None], LABELS[:, None]),
        DtypeError,
        "dtype must be float32 or float64, got int64",
    ),
    "delta 0": (lambda: fn.Huber(0.0), ValueError, "Huber: delta must be above 0, got 0.0"),
    "accuracy of shares": (
        lambda: fn.metrics.accuracy(Y, Y),
        DtypeError,
        "class numbers of an integer dtype, got float32",
    ),
    "r2 of a vector": (
        lambda: fn.metrics.r2(Y, Y[:, 0]),
        ShapeError,
        r"r2: target must have the prediction's shape \(5, 2\), got \(5,\)",
    ),
}


def penalized(penalty: Any) -> object:
    """One call of value_and_grad with a penalty."""
    return fn.value_and_grad(fn.mse, penalty=penalty)(NET, (X, Y), Key(0))


PENALTIES: dict[str, Case] = {
    "a negative strength of l1": (lambda: fn.l1(-1.0), ValueError, r"penalty: l1 must be in \[0, inf\), got -1.0"),
    "a negative strength of l2": (lambda: fn.l2(-1.0), ValueError, r"penalty: l2 must be in \[0, inf\), got -1.0"),
    "NaN for a strength": (lambda: fn.l2(float("nan")), ValueError, r"penalty: l2 must be in \[0, inf\), got nan"),
    "an infinite strength": (lambda: fn.l1(float("inf")), ValueError, r"penalty: l1 must be in \[0, inf\), got inf"),
    "a negative part of elastic_net": (
        lambda: fn.elastic_net(0.1, -0.1),
        ValueError,
        r"penalty: l2 must be in \[0, inf\), got -0.1",
    ),
    "text for a part of elastic_net": (
        lambda: fn.elastic_net("0.1", 0.1),
        ValueError,
        r"penalty: l1 must be a number in \[0, inf\), got '0.1'",
    ),
    "a path for a predicate": (
        lambda: fn.l2(0.1, where="layers.0.w"),
        ValueError,
        "penalty: where must be a function or an object that can be called, got 'layers.0.w'",
    ),
    "a predicate that matches nothing": (
        lambda: fn.l2(0.1, where=lambda path: path == "layers.1.w")(NET),
        ValueError,
        "penalty: where must match a path of the network, one of layers.0.w, layers.0.b, .*; it matches none",
    ),
    "a predicate that matches nothing in a gradient": (
        lambda: penalized(fn.elastic_net(0.1, 0.1, where=lambda path: path.endswith("bias"))),
        ValueError,
        "penalty: where must match a path of the network, one of layers.0.w",
    ),
    "a list for a network": (lambda: fn.l2(0.1)([NET]), LayerError, "list was never defined as a layer"),
    "a number for a penalty": (
        lambda: fn.value_and_grad(fn.mse, penalty=0.1),
        ValueError,
        "value_and_grad: penalty must be a function or an object that can be called, got 0.1",
    ),
    "the function for the penalty": (lambda: penalized(fn.l2), ValueError, "penalty: l2 must be a number in"),
    "a penalty without gradients": (
        lambda: penalized(lambda params: np.zeros(())),
        ValueError,
        r"what penalty returns, \(value, gradients\), must be a pair",
    ),
    "a penalty of many values": (
        lambda: penalized(lambda params: (np.zeros(3), params)),
        ShapeError,
        r"penalty must give one number a replica, \(\), got \(3,\)",
    ),
    "a penalty that is text": (
        lambda: penalized(lambda params: ("0", params)),
        DtypeError,
        "penalty must give a real number, got <U1",
    ),
    "a penalty's gradients of another structure": (
        lambda: penalized(lambda params: (0.0, params.layers[0])),
        TreeError,
        "penalty's gradient: the structures differ at the root: Serial against Linear",
    ),
    "a penalty's gradients of another shape": (
        lambda: penalized(lambda params: (0.0, tree.at(params, "layers.2.b", lambda b: b[:1]))),
        ShapeError,
        r"penalty's gradient: layers.2.b must have the parameters' shape \(2,\), got \(1,\)",
    ),
    "a penalty's gradients of another dtype": (
        lambda: penalized(lambda params: (0.0, tree.astype(params, np.float64))),
        DtypeError,
        "penalty's gradient: layers.0.w must have the parameters' dtype float32, got float64",
    ),
}

SETTINGS: dict[str, Case] = {
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
    "low above high": (lambda: fn.uniform(1.0, 0.0), ValueError, r"uniform: high must be in \[1, inf\), got 0.0"),
    "negative std": (lambda: fn.normal(-1.0), ValueError, r"normal: std must be in \[0, inf\), got -1.0"),
    "fans of a vector": (lambda: fn.he_normal(Key(0), (3,)), ShapeError, r"shape must be \(n_in, n_out\), got \(3,\)"),
    "serial of nothing": (lambda: fn.serial(), LayerError, "serial: needs at least one layer"),
    "serial of a function": (lambda: fn.serial(fn.Relu(), np.tanh), LayerError, "serial: argument 1 must be a layer"),
    "take -1": (lambda: fn.take(-1), ValueError, "take: n must be a whole number from 0 up, got -1"),
    "last of nothing": (lambda: fn.last([]), ValueError, "last: the stream is empty"),
    "accumulate 0": (
        lambda: fn.accumulate(fn.value_and_grad(fn.mse), 0),
        ValueError,
        "accumulate: n must be a whole number from 1 up, got 0",
    ),
    "accumulate above the batch": (
        lambda: fn.accumulate(fn.value_and_grad(fn.mse), 6)(NET, (X, Y), Key(0)),
        ValueError,
        "accumulate: n must be at most the batch's rows, 5, got 6",
    ),
    "accumulate over other rows": (
        lambda: fn.accumulate(fn.value_and_grad(fn.mse), 2)(NET, (X, Y[:4]), Key(0)),
        ShapeError,
        r"accumulate: target must have the batch's 5 rows, got \(4, 2\)",
    ),
    "a class defined twice": (
        lambda: fn.define_layer(Deaf, forward=_deaf_forward, backward=_deaf_backward),
        LayerError,
        "Deaf is a layer already",
    ),
    "a class that is no Params": (
        lambda: fn.define_layer(str, forward=None, backward=None),
        LayerError,
        "must be a class derived from fnnet.Params",
    ),
}

TRAINING: dict[str, Case] = {
    "batch size 0": (
        lambda: fn.minibatches(X, Y, size=0),
        ValueError,
        "minibatches: size must be a whole number from 1 up, got 0",
    ),
    "batch size above the data": (
        lambda: fn.minibatches(X, Y, size=6),
        ValueError,
        "size must be at most the number of rows, 5, got 6",
    ),
    "rows that differ": (
        lambda: fn.minibatches(X, Y[:4], size=2),
        ShapeError,
        "same number of rows, got: x has 5, y has 4",
    ),
    "rows that differ in a tuple": (
        lambda: fn.minibatches(X, (Y, np.ones(3)), size=2),
        ShapeError,
        r"x has 5, y\[0\] has 5, y\[1\] has 3",
    ),
    "x of three axes": (
        lambda: fn.minibatches(X[None], Y, size=1),
        ShapeError,
        r"x must be \(rows, features\), got \(1, 5, 3\)",
    ),
    "y that is a list": (lambda: fn.minibatches(X, [1, 2], size=1), DtypeError, "y must be a numpy.ndarray, got list"),
    "last='cut'": (
        lambda: fn.minibatches(X, Y, size=2, last="cut"),
        ValueError,
        "last must be 'keep' or 'drop', got 'cut'",
    ),
    "no epochs": (
        lambda: fn.fit(NET, X, Y, loss=fn.mse, optimizer=SGD, key=Key(0), epochs=0, size=5),
        ValueError,
        "fit: epochs must be a whole number from 1 up",
    ),
    "fit with too large batches": (
        lambda: fn.fit(NET, X, Y, loss=fn.mse, optimizer=SGD, key=Key(0), epochs=1),
        ValueError,
        "at most the number of rows, 5, got 32",
    ),
    "predict by 0": (lambda: fn.predict(NET, X, size=0), ValueError, "predict: size must be a whole number from 1 up"),
    "a network in a list": (lambda: fn.start([NET], SGD, Key(0)), LayerError, "start: params must be a network"),
    "a dict in a network": (
        lambda: fn.start(fn.Serial(({"w": X},)), SGD, Key(0)),
        TreeError,
        "a dict can be no part of a tree",
    ),
    "a list in a network": (
        lambda: fn.start(fn.Linear([1.0], X), SGD, Key(0)),
        TreeError,
        "w and b must be arrays, got list",
    ),
    "an undefined class": (
        lambda: fn.start(fn.serial(Undefined(X)), SGD, Key(0)),
        LayerError,
        "Undefined was never defined as a layer",
    ),
    "complex parameters": (
        lambda: fn.start(fn.Linear(X * 1j, X[0]), SGD, Key(0)),
        DtypeError,
        "float32 or float64, got complex64",
    ),
    "two dtypes in a network": (
        lambda: fn.start(fn.serial(NET, fn.linear(Key(0), 2, 2, dtype=np.float64)), SGD, Key(0)),
        DtypeError,
        "start: all parameters must have one dtype, got float32 and float64",
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
    "validation without rows": (
        lambda: fn.validate(X[:0], Y[:0], {"r2": fn.metrics.r2}),
        ShapeError,
        "validate: x must have at least one row",
    ),
    "a metric without a name": (lambda: fn.validate(X, Y, {1: fn.metrics.mae}), ValueError, "have names that are text"),
    "masked data": (
        lambda: fn.minibatches(np.ma.array(X), Y, size=1),
        fn.DtypeError,
        r"fill in what is masked, by its filled\(\)",
    ),
    "validation without metrics": (lambda: fn.validate(X, Y, {}), ValueError, "metrics must name at least one metric"),
    "summary of a batch of 0": (
        lambda: fn.summary(NET, batch=0),
        ValueError,
        "summary: batch must be a whole number from 1 up",
    ),
    "summary without a beginning": (
        lambda: fn.summary(fn.serial(fn.Relu())),
        ValueError,
        "the number of inputs cannot be read off this Serial; tell it by features=",
    ),
}

STATE = fn.start(NET, SGD, Key(0))


def stream(*functions: Any, step: Any = None) -> object:
    """The first epoch of a pipe."""
    step = step or fn.train_step(fn.value_and_grad(fn.mse), SGD)
    return next(fn.pipe(fn.train(step, fn.minibatches(X, Y, size=5), STATE), *functions))


def fitted(**settings: Any) -> object:
    """One epoch of fit."""
    return fn.fit(NET, X, Y, loss=fn.mse, optimizer=SGD, key=Key(0), epochs=1, size=5, **settings)


STREAMS: dict[str, Case] = {
    "patience 0": (
        lambda: fn.early_stopping(0),
        ValueError,
        "early_stopping: patience must be a whole number from 1 up, got 0",
    ),
    "patience 1.5": (lambda: fn.early_stopping(1.5), ValueError, "patience must be a whole number from 1 up, got 1.5"),
    "negative min_delta": (
        lambda: fn.early_stopping(3, min_delta=-0.1),
        ValueError,
        r"early_stopping: min_delta must be in \[0, inf\), got -0.1",
    ),
    "an unknown mode": (
        lambda: fn.early_stopping(3, mode="lowest"),
        ValueError,
        "early_stopping: mode must be 'min' or 'max', got 'lowest'",
    ),
    "an unknown mode of best": (
        lambda: fn.best("loss", "Max"),
        ValueError,
        "best: mode must be 'min' or 'max', got 'Max'",
    ),
    "a metric that is a function": (
        lambda: fn.best(fn.metrics.r2),
        ValueError,
        "best: metric must be a name such as 'loss' or 'valid_loss', got <function r2",
    ),
    "an unknown metric": (
        lambda: stream(fn.validate(X, Y, {"r2": fn.metrics.r2}), fn.early_stopping(3, metric="accuracy")),
        ValueError,
        "early_stopping: metric must be one of 'loss', 'r2', which this epoch has, got 'accuracy'; what adds it",
    ),
    "an unknown metric of best": (
        lambda: stream(fn.take(1), fn.best("valid_loss")),
        ValueError,
        "best: metric must be one of 'loss', which this epoch has, got 'valid_loss'",
    ),
    "best of nothing": (lambda: fn.best("loss")([]), ValueError, "best: the stream is empty, so it has no best epoch"),
    "best in fit": (
        lambda: fitted(streams=[fn.best("loss")]),
        ValueError,
        "fit: streams must give streams, and best gives one epoch; end a pipe of train by it",
    ),
    "a stream that is no function": (
        lambda: fitted(streams=[3]),
        ValueError,
        r"fit: streams\[0\] must be a function or an object that can be called, got 3",
    ),
    "empty validation data in fit": (
        lambda: fitted(valid=(X[:0], Y[:0])),
        ShapeError,
        "validate: x must have at least one row",
    ),
    "a metric named loss": (
        lambda: fn.validate(X, Y, {"loss": fn.metrics.r2}),
        ValueError,
        "validate: metrics must have names other than 'loss', which is the training loss, and 'epoch', got 'loss'",
    ),
    "a negative time limit": (
        lambda: fn.time_limit(-1),
        ValueError,
        r"time_limit: seconds must be in \[0, inf\), got -1",
    ),
    "an endless time limit": (
        lambda: fn.time_limit(float("inf")),
        ValueError,
        r"seconds must be in \[0, inf\), got inf",
    ),
    "a total of 0": (lambda: fn.progress(0), ValueError, "progress: total must be a whole number from 1 up, got 0"),
    "a file of another kind": (
        lambda: fn.record("run.txt"),
        ValueError,
        "record: paths must end in .json or .csv, got 'run.txt'",
    ),
    "a path that is none": (lambda: fn.record(3), ValueError, "record: paths must end in .json or .csv, got 3"),
    "no path": (lambda: fn.record(), ValueError, r"record: paths must be at least one, and no one twice, got \[\]"),
    "a path twice": (
        lambda: fn.record("a.csv", "a.csv"),
        ValueError,
        r"record: paths must be at least one, and no one twice, got \['a.csv', 'a.csv'\]",
    ),
    "a folder that is not there": (
        lambda: stream(fn.record("no/such/folder/run.json")),
        FileNotFoundError,
        "record: the path must be that of a file that can be written: No such file .*: 'no/such/folder/run.json'",
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
        r"stop_on_nonfinite: loss must be finite, got nan at step 0 \(epoch 0, batch 0\); the last finite loss is None",
    ),
}


@pytest.mark.parametrize("name", FORWARD)
def test_forward_and_backward(name: str) -> None:
    _check(FORWARD[name])


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    _check(LOSSES[name])


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties(name: str) -> None:
    _check(PENALTIES[name])


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name: str) -> None:
    _check(SETTINGS[name])


@pytest.mark.parametrize("name", STREAMS)
def test_streams(name: str) -> None:
    _check(STREAMS[name])


@pytest.mark.parametrize("name", TRAINING)
def test_training(name: str) -> None:
    _check(TRAINING[name])


def _check(case: Case) -> None:
    call, kind, message = case
    with pytest.raises(kind, match=message) as caught:
        call()
    assert type(caught.value) is kind
    check_tells_all(caught.value)


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize("dtype", [complex, object, "U3"])
def test_no_layer_casts_what_is_not_a_real_number(name: str, dtype: Any) -> None:
    layer = KEEPING[name](Key(0), 2, 2)
    with pytest.raises(DtypeError, match="x must hold real numbers"):
        fn.forward(layer, np.ones((2, 2)).astype(dtype))


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize("dtype", [int, bool, np.uint8, np.float16])
def test_layers_without_parameters_take_whole_numbers_as_float64(name: str, dtype: Any) -> None:
    layer, x = KEEPING[name](Key(0), 2, 2), np.array([[0, 1], [1, 1]]).astype(dtype)
    y, _ = fn.forward(layer, x)
    np.testing.assert_array_equal(y, fn.forward(layer, x.astype(np.float64))[0])
    assert y.dtype == np.float64


@pytest.mark.parametrize("dtype", [int, bool, np.uint8, np.float16, np.float64, ">f4", np.longdouble])
def test_inputs_and_targets_are_cast_to_the_dtype_of_the_parameters(dtype: Any) -> None:
    x, y = np.ones((5, 3)).astype(dtype), np.ones((5, 2)).astype(dtype)
    value, grads = fn.value_and_grad(fn.mse)(NET, (x, y), Key(0))
    assert {leaf.dtype for leaf in tree.leaves((value, grads))} == {np.dtype(np.float32)}


def test_parameters_are_read_only() -> None:
    for leaf in tree.leaves((NET, fn.mlp(Key(0), (2, 3, 1)), fn.start(NET, fn.adam(0.1), Key(0)))):
        with pytest.raises(ValueError, match="read-only"):
            leaf += 1
    with pytest.raises(AttributeError, match="cannot assign to field 'w'"):
        NET.layers[0].w = X


def test_nothing_is_half_done() -> None:
    state = fn.start(NET, fn.adam(0.1), Key(0))
    before = tree.digest(state)
    with pytest.raises(ShapeError):
        fn.train_step(fn.value_and_grad(fn.mse), fn.adam(0.1))(state, (X, Y[:, :1]), Key(0))
    assert tree.digest(state) == before
