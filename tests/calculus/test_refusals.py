"""What gradients, penalties and accumulation refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fnnet import DtypeError, Key, LayerError, ShapeError, TreeError, tree
from tests.support.refusals import NET, Case, X, Y, check, fn


def penalized(penalty: Any) -> object:
    """One call of value_and_grad with a penalty."""
    return fn.value_and_grad(fn.mse, penalty=penalty)(NET, (X, Y), Key(0))


def _wrong_loss(made: object) -> Callable[[], object]:
    return lambda: fn.value_and_grad(lambda prediction, target: made)(NET, (X, Y), Key(0))


CASES: dict[str, Case] = {
    "a list for a network": (
        lambda: fn.l2(0.1)([NET]),
        LayerError,
        "fnnet: params must be a network, an instance of a Params class, got a list of 1",
    ),
    "parts of a function": (
        lambda: fn.value_and_grad(lambda p, t: fn.mse(p, t)).part(NET, (X, Y), Key(0)),
        TypeError,
        "has no rows and is_sum, so its parts cannot be added up; derive a class from fnnet.RowLoss",
    ),
    "no loss": (lambda: fn.value_and_grad(3), TypeError, "loss must be a loss such as fnnet.mse, got 3"),
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
        r"penalty must give one number per replica, \(\), got \(3,\)",
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
    "a batch of three": (
        lambda: fn.value_and_grad(fn.mse)(NET, (X, Y, Y), Key(0)),
        ValueError,
        "batch must be a pair, got a tuple of 3",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])
