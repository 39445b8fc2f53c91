"""Kernels and formulas of a user's against what NumPy makes of them, at the ends of what they may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Params, jit
from fnnet.keys import normal
from tests.support.compiled import PATHS, distance, run

X, Y = normal(Key(0), (24, 4)), normal(Key(1), (24, 2))


def around(layer: Params, width: int = 6) -> Params:
    """A layer between two of Linear."""
    ends = [fn.linear(Key(n), n, m, dtype=np.float64) for n, m in ((4, 6), (width, 2))]
    return fn.serial(ends[0], layer, ends[1])


def agree(net: Params, loss: Any = fn.mse, x: Array = X) -> bool:
    """Whether both paths train to the same numbers."""
    ours, theirs = (run(train, net, loss, fn.sgd(0.05), x, Y, 4) for train in PATHS)
    return distance(ours.params, theirs.params) <= 1e-12


# --- kernels ---------------------------------------------------------------------------------------------------------
FACTOR, LIMIT, NOTHING = 2.0, math.inf, math.nan


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scaled(Params):
    """y = k x, between global numbers without a literal."""

    k: float = FACTOR


def rows(x: Array, w: Array, y: Array, k: float) -> None:
    for i in range(x.shape[0]):
        made = [min(x[i, j] * x.dtype.type(k), x.dtype.type(LIMIT)) for j in range(x.shape[1])]
        for j in range(x.shape[1]):
            y[i, j] = made[j] if made[j] == made[j] else x.dtype.type(NOTHING)


def rows_back(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array, k: float) -> None:
    rows(dy, w, dx, k)


fn.define_layer(
    Scaled, forward=lambda p, x: (x * x.dtype.type(p.k), None), backward=lambda p, _, dy: (p, dy * dy.dtype.type(p.k))
)
fn.define_kernels(Scaled, rows, rows_back)


@pytest.mark.parametrize("k", [2.0, 2, True, -0.0], ids=repr)
def test_a_whole_number_is_a_setting_where_the_field_is_a_float(k: Any) -> None:
    assert agree(around(Scaled(k)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OneFactor(Params):
    """y = w x with one number w, which is no vector of the features."""

    w: Array


def factor_rows(x: Array, w: Array, y: Array) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = x[i, j] * w[0, 0]


def factor_back(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array) -> None:
    factor_rows(dy, w, dx)


fn.define_layer(
    OneFactor,
    forward=lambda p, x: (x * p.w[0], x),
    backward=lambda p, x, dy: (OneFactor((x * dy).sum().reshape(1)), dy * p.w[0]),
)
fn.define_kernels(OneFactor, factor_rows, factor_back)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Half(Params):
    """The first half of the columns."""


def half_rows(x: Array, w: Array, y: Array) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1] // 2):
            y[i, j] = x[i, j]


def half_back(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array) -> None:
    half_rows(dy, w, dx)


fn.define_layer(
    Half,
    forward=lambda p, x: (x[..., : x.shape[-1] // 2].copy(), None),
    backward=lambda p, _, dy: (p, np.concatenate([dy, np.zeros_like(dy)], axis=-1)),
)
fn.define_kernels(Half, half_rows, half_back)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Named(Params):
    """A kernel whose default is a name."""


def named_rows(x: Array, w: Array, y: Array, k: float = FACTOR) -> None:
    y[:] = x * x.dtype.type(k)


def named_back(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array, k: float = FACTOR) -> None:
    dx[:] = dy * x.dtype.type(k)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Short(Params):
    """A kernel without the place for its setting."""

    k: float = 2.0


def short_rows(x: Array, w: Array, y: Array) -> None:
    y[:] = x


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Untyped(Params):
    """A kernel that Numba has no types for."""


def untyped_rows(x: Array, w: Array, y: Array) -> None:
    y[:] = "no number"


def untyped_back(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array) -> None:
    dx[:] = dy


for kind, pair in {
    Named: (named_rows, named_back),
    Short: (short_rows, untyped_back),
    Untyped: (untyped_rows, untyped_back),
}.items():
    fn.define_layer(kind, forward=lambda p, x: (x.copy(), None), backward=lambda p, _, dy: (p, dy.copy()))
    fn.define_kernels(kind, *pair)

REFUSED: dict[str, tuple[Params, type[Exception], str]] = {
    "one number for all features": (
        around(OneFactor(np.array([1.5]))),
        fn.LayerError,
        r"layers\.1 is an OneFactor, which is compiled with vectors of its 6 features .* got \(1,\)",
    ),
    "more numbers than features": (around(OneFactor(np.ones(7))), fn.LayerError, r"its 6 features .* got \(7,\)"),
    "fewer outputs": (around(Half(), 3), fn.LayerError, r"Half, which is compiled with as many outputs .* 6, got 3"),
    "fewer outputs at the end": (
        fn.serial(fn.linear(Key(0), 4, 4, dtype=np.float64), Half()),
        fn.LayerError,
        r"layers\.1 is a Half, which is compiled with as many outputs as inputs, 4, got 2",
    ),
    "a name as a default": (around(Named()), fn.LayerError, "named_rows has FACTOR as a default value"),
    "no place for a setting": (around(Short()), fn.LayerError, "short_rows must take 3 arrays and the .*floats, k"),
    "no types": (around(Untyped()), TypeError, "cannot be compiled by Numba, .*; use fnnet.train"),
}


@pytest.mark.parametrize(("net", "kind", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_kernels_that_are_not_what_they_must_be_are_refused(net: Params, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        run(jit.train, net, fn.mse, fn.sgd(0.05), X, Y, 1)


# --- formulas --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Between(Params):
    """y = clip(x, low, high x), whose bounds may cross."""

    low: float
    high: float


fn.define_activation(
    Between,
    lambda p, x: (np.clip(x, p.low, x * p.high), x),
    slope=lambda p, x: np.where(x * p.high <= np.maximum(x, p.low), p.high, np.where(x > p.low, 1.0, 0.0)),
)


@given(st.sampled_from([-2.0, -0.5, 0.0, 0.3, 1.0, math.nan]), st.sampled_from([-1.0, 0.0, 0.5, 2.0, math.nan]))
def test_clip_is_what_numpy_has_where_bounds_cross(low: float, high: float) -> None:
    nets = around(Between(low, high))
    ours, theirs = (run(train, nets, fn.mse, fn.sgd(0.01), X, Y, 1) for train in PATHS)
    with np.errstate(invalid="ignore"):
        one, other = float(ours.history[-1].loss), float(theirs.history[-1].loss)
    assert abs(one - other) <= 1e-12 or (math.isnan(one) and math.isnan(other))


@dataclass(frozen=True)
class OnTheWay(fn.EntryLoss):
    """(prediction - target)², computed by numbers that are infinite on the way."""

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        d = prediction - target
        far = np.exp(d * 800)
        return d * d * (far / far), 2 * d

    def share(self, prediction: Array, target: Array, n: int, /) -> Array:
        d = prediction - target
        return d * d / n


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_share_stands_in_for_what_is_no_number_too() -> None:
    net = fn.linear(Key(0), 4, 2, dtype=np.float64)
    ours, theirs = (run(train, net, OnTheWay(), fn.sgd(0.01), 3 * X, Y, 3) for train in PATHS)
    assert abs(float(ours.history[-1].loss) - float(theirs.history[-1].loss)) <= 1e-12
    assert math.isfinite(float(theirs.history[-1].loss))


# --- the dtype of x --------------------------------------------------------------------------------------------------
FRONTS: dict[str, tuple[Params, ...]] = {
    "nothing": (),
    "an activation": (fn.Relu(),),
    "dropout": (fn.Dropout(0.0),),
    "kernels without arrays": (Scaled(1.0),),
    "a chain": (fn.serial(fn.Identity(), fn.Identity()),),
    "a residual": (fn.residual(fn.Identity()), Scaled(0.5)),
    "branches": (fn.branches([(0, 2), (1, 3)], (fn.Identity(), fn.Relu())),),
    "branches and dropout": (fn.branches([(0, 2), (1, 3)], (fn.Identity(), fn.Dropout(0.0))), fn.Relu()),
}


@pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS.keys())
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_large_numbers_keep_their_digits_through_layers_without_arrays(front: tuple[Params, ...], kind: Any) -> None:
    mean, scale = np.full((2, 4), [[2.0**30], [100.0]], np.float32)
    net = fn.serial(*front, fn.Standardize(mean, scale), fn.linear(Key(0), 4, 2))
    x = (2.0**30 + 100 * X).astype(kind)
    ours, theirs = (run(train, net, fn.mse, fn.sgd(0.05), x, Y, 5) for train in PATHS)
    assert float(ours.history[-1].loss) == pytest.approx(float(theirs.history[-1].loss), rel=1e-5)
