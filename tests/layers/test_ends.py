"""Numbers at the ends: every loss and layer against exact arithmetic, where floats are largest, smallest or infinite.

What a float can hold comes out as that float, to a few units in the last place of what was added up, and without a
warning; what is beyond all floats comes out as infinity, and nothing as NaN.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mpmath import mp

import fnnet as fn
from fnnet import Array, Dtype, Key
from tests.catalogue import KEEPING, LOSSES
from tests.support import references
from tests.support.references import Number, Row, number, row_loss, slopes
from tests.support.strategies import examples

UNITS = 12
"""Units in the last place that a result may be off."""

KINDS: list[Dtype] = [np.float32, np.float64]
LARGE: dict[Dtype, float] = {np.float32: 2.0**63, np.float64: 2.0**511}
"""Whose square is just a float."""


def array(values: object, kind: Dtype) -> Array:
    """An array of this dtype."""
    made: Array = np.asarray(values, kind)
    return made


def ends(kind: Dtype, low: float = -np.inf) -> list[float]:
    """Numbers around which the range of a dtype ends."""
    about = np.finfo(kind)
    sizes = [0.0, float(about.smallest_subnormal), float(about.tiny), 1e-3, 1.0, 30.0, 100.0, LARGE[kind]]
    sizes += [4 * LARGE[kind], float(about.max) / 2, float(about.max)]
    return [a for a in [*sizes, *[-a for a in sizes], -np.inf] if a >= low]


def close(got: float, true: Number, size: Number, kind: Dtype) -> None:
    """The same to a few units in the last place of the size; infinite where no float holds it."""
    about = np.finfo(kind)
    top = mp.mpf(float(about.max))
    assert not np.isnan(got)
    if size <= top * (1 - UNITS * float(about.eps)):
        assert np.isfinite(got), f"{got} for {mp.nstr(true, 9)}"
    if abs(true) > top * (1 + float(about.eps)):
        assert np.isinf(got), f"{got} for {mp.nstr(true, 9)}"
        assert np.sign(got) == mp.sign(true)
    if np.isfinite(got):
        allowed = UNITS * (float(about.eps) * size + float(about.smallest_subnormal))
        assert abs(mp.mpf(float(got)) - true) <= allowed, f"{got} for {mp.nstr(true, 17)}"


def result(call: Any, is_held: bool) -> Any:
    """What a call gives; warnings are errors unless floats cannot hold it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error" if is_held else "ignore")
        return call()


# --- losses ----------------------------------------------------------------------------------------------------------
PLAIN = {name: case.loss for name, case in LOSSES.items() if type(case.loss).__module__ != "fnnet.losses.weighted"}
PLAIN |= {"Huber, wide": fn.Huber(1e19), "Huber, wider": fn.Huber(1e154)}
OF_NUMBERS = [type(loss) for loss in (fn.mse, fn.sum_squared_error, fn.mae, fn.huber, fn.log_cosh, fn.quantile(0.5))]


def test_every_loss_has_a_reference() -> None:
    inside = {type(getattr(case.loss, "loss", case.loss)) for case in LOSSES.values()}
    inside = {kind for kind in inside if kind.__module__ != "fnnet.losses.weighted"}
    assert inside == set(references.ENTRIES) | set(references.ROWS)


def predictions(loss: Any, kind: Dtype) -> list[float]:
    """Numbers that are predictions of a loss: a difference of infinities is no number."""
    is_difference = type(loss) in OF_NUMBERS
    if type(loss) is type(fn.hinge):  # less than the last place of 1 would decide on which side of the kink a row is
        return [a for a in ends(kind) if abs(a) >= 1e-3 or a == 0]
    return ends(kind, -float(np.finfo(kind).max) if is_difference else -np.inf)


def targets(loss: Any, kind: Dtype) -> st.SearchStrategy[Any]:
    """Targets of a row of three."""
    if type(loss) is type(fn.soft_cross_entropy):
        return st.sampled_from([(1.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.25, 0.25, 0.5)])
    if type(loss) in references.ROWS:
        return st.integers(0, 2)
    if type(loss) in OF_NUMBERS:
        return st.tuples(*[st.sampled_from(predictions(loss, kind))] * 3)
    values = {type(fn.binary_hinge): [0.0, 1.0], type(fn.poisson): [0.0, 1e-3, 1.0, 30.0, LARGE[kind]]}
    return st.tuples(*[st.sampled_from(values.get(type(loss), [0.0, 1e-3, 0.5, 1.0]))] * 3)


def exact_loss(loss: Any, z: Array, t: Any, kind: Dtype) -> tuple[Number, Number, list[tuple[Number, Number]]]:
    """The value of a row, its size, and its slopes to both sides."""
    row = [number(v, kind) for v in z]
    target = t if np.ndim(t) == 0 else [mp.mpf(float(kind(v))) for v in t]
    value, size = row_loss(loss, row, target)
    return value, size, slopes(lambda moved: row_loss(loss, moved, target)[0], row, kind)


def check_row(loss: Any, z: Array, t: Any, kind: Dtype) -> None:
    """The loss of one row, and its gradient."""
    value, size, sides = exact_loss(loss, z, t, kind)
    steep = max(abs(slope) for side in sides for slope in side)
    is_held = max(size, steep) <= mp.mpf(float(np.finfo(kind).max)) * (1 - mp.mpf("1e-5"))
    target = np.asarray([t]) if np.ndim(t) == 0 else array([t], kind)
    got, grad = result(lambda: loss(z[None], target), is_held)
    assert got.dtype == grad.dtype == kind
    close(float(got), value, size, kind)
    rounded = mp.mpf(0) if type(loss) in (type(fn.mse), type(fn.sum_squared_error)) else mp.mpf(1)
    for mine, (low, high) in zip(grad[0], sides, strict=True):
        close(float(mine), min(max(mp.mpf(float(mine)), low), high), max(steep, rounded), kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PLAIN)
@given(st.data())
@examples(0.2)
def test_every_loss(name: str, kind: Dtype, data: st.DataObject) -> None:
    loss = PLAIN[name]
    z = array(data.draw(st.tuples(*[st.sampled_from(predictions(loss, kind))] * 3)), kind)
    assume(np.isfinite(z).any())
    t = data.draw(targets(loss, kind))
    with mp.workdps(references.DIGITS[kind]):
        check_row(loss, z, t, kind)


def mean_of(loss: Any, rows: list[tuple[Number, Number]], weights: list[Number], kind: Dtype) -> tuple[Number, Number]:
    """The weighted mean of the rows' values and of their sizes, or their sums; each share is itself a float."""
    whole = 1 if loss.is_sum else sum(weights)
    value, size = [sum(w * row[i] for w, row in zip(weights, rows, strict=True)) / whole for i in (0, 1)]
    about = np.finfo(kind)
    return value, size + float(about.tiny) * max(size for _, size in rows)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PLAIN)
@given(st.data())
@examples(0.1)
def test_the_mean_of_rows_is_held_where_each_of_them_is(name: str, kind: Dtype, data: st.DataObject) -> None:
    """By the call, and with weights of any size."""
    loss, top = PLAIN[name], mp.mpf(float(np.finfo(kind).max)) * (1 - mp.mpf("1e-5"))
    row = st.tuples(*[st.sampled_from(predictions(loss, kind))] * 3)
    z = array(data.draw(st.lists(row, min_size=2, max_size=3)), kind)
    t = [data.draw(targets(loss, kind)) for _ in z]
    sizes = [float(np.finfo(kind).smallest_subnormal), 1.0, 3.0, float(np.finfo(kind).max)]
    w = array([data.draw(st.sampled_from(sizes)) for _ in z], kind)
    target: Any = array(t, kind) if np.ndim(t) == 2 else np.asarray(t)
    assume(np.isfinite(z).any(axis=-1).all())
    with mp.workdps(references.DIGITS[kind]):
        rows = [exact_loss(loss, z[i], t[i], kind)[:2] for i in range(len(z))]
        if any(size > top for _, size in rows):
            return
        for call, weights in (
            (lambda: loss(z, target), [mp.mpf(1)] * len(z)),
            (lambda: fn.weighted(loss)(z, (target, w)), [mp.mpf(float(v)) for v in w]),
        ):
            value, size = mean_of(loss, rows, weights, kind)
            close(float(result(call, size <= top)[0]), value, size, kind)


# --- layers ----------------------------------------------------------------------------------------------------------
COMPOSITES = {fn.Residual}
OF_ONE_ENTRY = {name: make for name, make in KEEPING.items() if "Residual" not in name}


OTHERS: dict[str, fn.Params] = {
    "LeakyRelu of 0": fn.LeakyRelu(0.0),
    "LayerNorm of a small eps": fn.layer_norm(3, eps=1e-60),
    "RmsNorm of a small eps": fn.rms_norm(3, eps=1e-60),
}
NORMS = (fn.LayerNorm, fn.RmsNorm)


def test_every_layer_has_a_reference() -> None:
    kinds = {type(make(Key(0), 2, 2)) for make in KEEPING.values()}
    assert kinds - COMPOSITES == set(references.LAYERS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*OF_ONE_ENTRY, *OTHERS])
@given(st.data())
@examples(0.2)
def test_every_layer(name: str, kind: Dtype, data: st.DataObject) -> None:
    net = made(name, kind)
    sizes = ends(kind, -np.inf if type(net) not in NORMS else -float(np.finfo(kind).max))
    x = array(data.draw(st.tuples(*[st.sampled_from(sizes)] * 3)), kind)
    assume(np.isfinite(x).any())
    dy = array(data.draw(st.tuples(*[st.sampled_from([0.0, 1.0, -0.5])] * 3)), kind)
    with mp.workdps(references.DIGITS[kind]):
        check_layer(net, x, dy, kind)


def made(name: str, kind: Dtype) -> fn.Params:
    """The layer in a dtype."""
    return fn.tree.astype(OTHERS[name] if name in OTHERS else OF_ONE_ENTRY[name](Key(0), 3, 3), kind)


def check_layer(net: fn.Params, x: Array, dy: Array, kind: Dtype) -> None:
    """The outputs of one row, and the gradient of their sum times dy."""
    f, row = references.LAYERS[type(net)], [number(v, kind) for v in x]
    outputs, size, rounded = f(net, row)
    c = [mp.mpf(float(v)) for v in dy]

    def along(moved: Row) -> Number:
        return sum(a * b for a, b in zip(c, f(net, moved)[0], strict=True))

    sides = slopes(along, row, kind)
    top = mp.mpf(float(np.finfo(kind).max)) * (1 - mp.mpf("1e-5"))
    is_held = max([size, rounded, *[abs(v) for v in (*outputs, *[side for pair in sides for side in pair])]]) <= top
    y, cache = result(lambda: fn.forward(net, x[None]), is_held)
    for mine, true in zip(y[0], outputs, strict=True):
        close(float(mine), true, max(size, abs(true)), kind)
    _, dx = result(lambda: fn.backward(net, cache, dy[None]), is_held)
    for mine, (low, high) in zip(dx[0], sides, strict=True):
        close(float(mine), min(max(mp.mpf(float(mine)), low), high), max(rounded, abs(low), abs(high)), kind)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [2, 3, 7, 10, 64])
def test_a_row_of_one_value_is_brought_to_zero_and_an_offset_does_not_matter(n: int, dtype: fn.Dtype) -> None:
    """The mean of equal entries is off by a last digit, which is not to be taken for a deviation."""
    layer = fn.layer_norm(n, dtype=dtype)
    sizes = 10.0 ** np.linspace(-3, 7 if dtype == np.float32 else 15, 200)
    same = np.repeat((sizes * (1 + 1 / 3)).astype(dtype)[:, None], n, axis=1)
    assert np.abs(fn.predict(layer, same)).max() < 1e-3
    steps = np.arange(n) * np.ldexp(1.0, 3)  # what the sum with the offset holds exactly
    shifted = np.ldexp(1.0, 20) + steps
    plain, moved = (fn.predict(layer, row[None, :].astype(dtype)) for row in (steps, shifted))
    assert np.allclose(plain, moved, rtol=0, atol=1e-5)
