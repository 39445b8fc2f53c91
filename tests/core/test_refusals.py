"""What the contract refuses: inputs, caches, and layers whose rules give what no layer may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from fnnet import Array, Cache, DtypeError, Key, LayerError, Params, RowLoss, ShapeError, tree
from tests.support.refusals import NET, SGD, Case, X, Y, check, fn


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
class Learned(Params):
    """An activation that has something to learn, of which a formula gives no gradient."""

    a: Array


fn.define_activation(Learned, lambda p, x: (np.where(x > 0, x, p.a * x), x), slope=lambda p, x: np.where(x > 0, 1, p.a))


@dataclass(frozen=True, slots=True, eq=False)
class Bare(Params):
    """A layer of parameters that says nothing of replicas."""

    a: Array


fn.define_layer(
    Bare, forward=lambda p, x: (x * p.a, x), backward=lambda p, x, dy: (Bare((dy * x).sum(axis=0)), dy * p.a)
)


def _wrong_forward(y: Callable[[Array], Any]) -> Callable[[], object]:
    return lambda: fn.forward(Wrong(y), X)


def _wrong_backward(dx: Callable[[Any, Array], Any]) -> Callable[[], object]:
    net = Wrong(lambda x: (x.copy(), None), dx)
    return lambda: fn.backward(net, fn.forward(net, X)[1], X)


CASES: dict[str, Case] = {
    "an activation of trained arrays": (
        lambda: fn.forward(fn.serial(Learned(np.ones(3, np.float32))), X),
        LayerError,
        r"layers\.0: Learned: define_activation is for a class without trained arrays, got .*; declare them constant",
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
    "no layer": (
        lambda: fn.forward("net", X),
        LayerError,
        "forward: params must be a network, an instance of a Params class, got 'net'",
    ),
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
    "float16 parameters": (
        lambda: fn.forward(tree.map(lambda a: a.astype(np.float16), NET), X),
        DtypeError,
        "float32 or float64, got float16",
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
    "a network in a list": (lambda: fn.start([NET], SGD, Key(0)), LayerError, "start: params must be a network"),
    "an undefined class to start": (
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
    "whole numbers as parameters": (
        lambda: fn.start(fn.Linear(np.ones((3, 2), int), np.ones(2, int)), fn.sgd(0.1), Key(0)),
        DtypeError,
        "float32 or float64, got int64",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])


# --- what is compiled --------------------------------------------------------------------------------------------
def _nothing(*arrays: Array) -> None:
    """A kernel that does nothing."""


@pytest.mark.parametrize(
    ("kind", "kernel", "error", "message"),
    [
        (int, _nothing, fn.LayerError, r"define_kernels\(int\): kind must be a layer; give it to define_layer first"),
        (
            fn.Softmax,
            _nothing,
            fn.LayerError,
            r"define_kernels\(Softmax\): kind must have neither kernels",
        ),
        (fn.Relu, _nothing, fn.LayerError, r"define_kernels\(Relu\): kind must have neither kernels nor a formula yet"),
        (
            fn.Linear,
            lambda *arrays: None,
            ValueError,
            "forward must be a function that is a def of its own",
        ),
        (fn.Linear, np.add, ValueError, "forward must be a function that is a def of its own in a module, got <ufunc"),
    ],
)
def test_define_kernels_refuses(kind: Any, kernel: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fn.define_kernels(kind, kernel, _nothing)


def test_define_loss_refuses() -> None:
    class Own(RowLoss[Array]):
        def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
            return prediction[..., 0], prediction

    with pytest.raises(TypeError, match=r"^define_loss\(Own\): kind must be a class with rows, and a kernel or"):
        fn.define_loss(Own)
    with pytest.raises(TypeError, match=r"^define_loss\(int\): kind must be a class with rows"):
        fn.define_loss(int, row=_nothing)
    with pytest.raises(TypeError, match=r"^define_loss\(MeanSquaredError\): kind must not be defined yet"):
        fn.define_loss(type(fn.mse))
    with pytest.raises(ValueError, match=r"^define_loss\(Own\): far must be a function that is a def of its own"):
        fn.define_loss(Own, row=_nothing, far=lambda z, t, d: Own)
