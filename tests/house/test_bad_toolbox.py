"""Settings of optimizers, losses and norms that are refused, each by an error that names the argument."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

import fnnet as fn
from fnnet import DtypeError, Key, LayerError, ShapeError
from fnnet.optimizers.elementwise import Elementwise
from tests.catalogue import OPTIMIZERS
from tests.support.tracebacks import check_tells_all

SCORES, LABELS, ROW = np.zeros((2, 3)), np.array([0, 2]), np.ones((1, 3))
ONE = fn.linear(Key(0), 1, 1)

CASES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
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
    "another optimizer's state": (
        lambda: fn.amsgrad(0.1).update(ONE, ONE, fn.adam(0.1).init(ONE)),
        fn.TreeError,
        "amsgrad: state must have 3 slots, as its own init makes them, got 2",
    ),
    "counts": (lambda: fn.poisson(np.ones((1, 1)), -np.ones((1, 1))), ValueError, "poisson: target must be from"),
    "a quantile of 1": (lambda: fn.quantile(1.0), ValueError, r"quantile: q must be in \[0, 1\), got 1.0"),
    "a quantile of 0": (lambda: fn.quantile(0.0), ValueError, "quantile: q must be above 0"),
    "gamma": (lambda: fn.focal(-1), ValueError, "focal: gamma must be in"),
    "smoothing": (lambda: fn.label_smoothing(1.0), ValueError, r"label_smoothing: rate must be in \[0, 1\)"),
    "labels out of range": (lambda: fn.focal()(SCORES, np.array([0, 3])), ValueError, "focal: labels must be in"),
    "labels of floats": (lambda: fn.hinge(SCORES, np.zeros(2)), DtypeError, "hinge: target must hold class numbers"),  # type: ignore[arg-type]
    "labels of another length": (
        lambda: fn.label_smoothing(0.1)(SCORES, np.array([0])), ShapeError, "label_smoothing: target must be one a row"
    ),
    "a negative class weight": (
        lambda: fn.class_weighted(fn.hinge, (1.0, -1.0)), ValueError, r"class_weighted: weights\[1\] must be in"
    ),
    "class weights of 0": (lambda: fn.class_weighted(fn.hinge, (0.0, 0.0)), ValueError, "weights must not all be 0"),
    "class weights of others": (
        lambda: fn.class_weighted(fn.hinge, (1.0, 2.0))(SCORES, LABELS), ShapeError, "must be one a class, 3, got 2"
    ),
    "a batch of classes of weight 0": (
        lambda: fn.class_weighted(fn.hinge, (0.0, 1.0, 0.0))(SCORES, LABELS), ValueError, "must not all be 0"
    ),
    "class weights on weights": (
        lambda: fn.weighted(fn.class_weighted(fn.hinge, (1.0, 2.0, 3.0))), TypeError, "must weigh all rows alike"
    ),
    "a norm of nothing": (lambda: fn.layer_norm(0), ValueError, "layer_norm: n must be a whole number from 1 up"),
    "a norm's eps": (lambda: fn.rms_norm(3, eps=0), ValueError, "RmsNorm: eps must be above 0"),
    "a norm's width": (lambda: fn.forward(fn.layer_norm(3), np.ones((1, 4))), ShapeError, r"x must be \(batch, 3\)"),
    "a norm's shapes": (
        lambda: fn.forward(fn.LayerNorm(np.ones(3), np.ones(2)), np.ones((1, 3))), ShapeError, "scale and shift must be"
    ),
    "a norm's dtypes": (
        lambda: fn.forward(fn.LayerNorm(np.ones(3), np.ones(3, np.float32)), ROW), DtypeError, "must have one dtype"
    ),
    "a residual of no layer": (lambda: fn.residual(fn.mse), LayerError, "residual: layer must be a layer"),  # type: ignore[type-var]
    "a residual that widens": (
        lambda: fn.forward(fn.residual(fn.linear(Key(0), 2, 3)), ROW[:, :2]), ShapeError, "residual: layer must give as"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    call, kind, message = CASES[name]
    with pytest.raises(kind, match=message) as caught:
        call()
    check_tells_all(caught.value)


SHARES = {"b1", "b2", "decay", "momentum"}
OWN = {"eps": [0.0], "threshold": [3.9]} | {name: [1.0] for name in SHARES}
NUMBERS = [
    (optimizer, f.name)
    for name, optimizer in OPTIMIZERS.items()
    if isinstance(optimizer, Elementwise) and " " not in name
    for f in fields(optimizer)  # type: ignore[arg-type]  # every subclass is a dataclass
    if type(getattr(optimizer, f.name)) is float
]


@pytest.mark.parametrize(("optimizer", "setting"), NUMBERS)
def test_every_number_of_every_optimizer_is_checked(optimizer: Elementwise, setting: str) -> None:
    where = type(optimizer).__name__.lower()
    for wrong in (-0.1, math.nan, math.inf, "0.1", None, True, *OWN.get(setting, [])):
        with pytest.raises(ValueError, match=f"^{where}: {setting} must be .*got {wrong!r}$"):
            replace(optimizer, **{setting: wrong})  # type: ignore[type-var]  # every subclass is a dataclass


def test_every_optimizer_has_its_numbers_checked() -> None:
    kinds = {type(optimizer) for optimizer in OPTIMIZERS.values() if isinstance(optimizer, Elementwise)}
    assert kinds == {type(optimizer) for optimizer, _ in NUMBERS}
    assert len(NUMBERS) >= 3 * len(kinds)
