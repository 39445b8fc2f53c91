"""Compiled losses against 50-digit arithmetic, over the whole range of both dtypes: values and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any, cast

import numpy as np
import pytest
from mpmath import mp

import fnnet as fn
from fnnet import Array, Key, jit
from fnnet.core.loss_kernels import LOSSES
from fnnet.jit.losses import kernels_of, loss_loops
from fnnet.keys import normal, permutation, uniform
from tests import catalogue

Row = list[Any]
Exact = tuple[Any, Row]
"""The loss of a row, and its gradient."""

COLUMNS, mpf = 4, mp.mpf


# --- the losses as their definitions have them -------------------------------------------------------------------
def _times(w: Any, x: Any) -> Any:
    return w * x if w else mpf(0)  # 0 log 0 = 0


def _log_softmax(z: Row) -> Row:
    top = max(z)
    logarithm = mp.log(mp.fsum([mp.exp(s - top) for s in z]))
    return [s - top - logarithm for s in z]


def _cross_entropy(z: Row, t: Row) -> Exact:
    logs = _log_softmax(z)
    value = -mp.fsum([_times(share, u) for share, u in zip(t, logs, strict=True)])
    return value, [mp.fsum(t) * mp.exp(u) - share for share, u in zip(t, logs, strict=True)]


def _one_hot(label: int, rate: Any = 0) -> Row:
    return [rate / COLUMNS + (1 - rate if j == label else 0) for j in range(COLUMNS)]


def _focal(gamma: Any) -> Callable[[Row, Any], Exact]:
    def exact(z: Row, label: int) -> Exact:
        logs = _log_softmax(z)
        others = mp.fsum([mp.exp(s) for j, s in enumerate(logs) if j != label])
        u, p = logs[label], mp.exp(logs[label])
        slope = (gamma * others ** (gamma - 1) * _times(p, u) if others else 0) - others**gamma
        signs = [1 if j == label else 0 for j in range(COLUMNS)]
        return -(others**gamma) * u, [slope * (s - mp.exp(v)) for s, v in zip(signs, logs, strict=True)]

    return exact


def _hinge(z: Row, label: int) -> Exact:
    rival = max([j for j in range(COLUMNS) if j != label], key=lambda j: z[j])
    margin = 1 + (z[rival] - z[label])
    grads = [mpf(0)] * COLUMNS
    if margin > 0:
        grads[rival], grads[label] = mpf(1), mpf(-1)
    return max(margin, mpf(0)), grads


def _each(f: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[[Row, Any], Exact]:
    """The mean of a loss of single entries."""

    def exact(z: Row, t: Row) -> Exact:
        made = [f(a, b) for a, b in zip(z, t, strict=True)]
        return mp.fsum([value for value, _ in made]) / COLUMNS, [slope / COLUMNS for _, slope in made]

    return exact


def _of_difference(f: Callable[[Any], tuple[Any, Any]]) -> Callable[[Row, Any], Exact]:
    return _each(lambda z, t: f(z - t))


def _binary(z: Any, t: Any) -> tuple[Any, Any]:
    return _times(t, mp.log1p(mp.exp(-z))) + _times(1 - t, mp.log1p(mp.exp(z))), 1 / (1 + mp.exp(-z)) - t


def _huber(delta: Any) -> Callable[[Any], tuple[Any, Any]]:
    return lambda d: (d * d / 2 if abs(d) <= delta else delta * (abs(d) - delta / 2), min(max(d, -delta), delta))


def _log_cosh(d: Any) -> tuple[Any, Any]:
    far = abs(d) + mp.log1p(mp.exp(-2 * abs(d))) - mp.log(2)
    return (mp.log(mp.cosh(d)) if abs(d) < 1 else far), mp.tanh(d) if abs(d) < 1000 else mp.sign(d)


def _quantile(q: Any) -> Callable[[Any], tuple[Any, Any]]:
    return lambda d: (max((1 - q) * d, -q * d), 1 - q if d > 0 else -q if d < 0 else mpf(0))


def _binary_hinge(z: Any, t: Any) -> tuple[Any, Any]:
    short = 1 - (2 * t - 1) * z
    return max(short, mpf(0)), 1 - 2 * t if short > 0 else mpf(0)


def _squares(z: Row, t: Row) -> Exact:
    d = [a - b for a, b in zip(z, t, strict=True)]
    return mp.fsum([e * e for e in d]), [2 * e for e in d]


LABELLED: dict[str, tuple[Any, Callable[[Row, Any], Exact]]] = {
    "softmax_cross_entropy": (fn.softmax_cross_entropy, lambda z, label: _cross_entropy(z, _one_hot(label))),
    "label_smoothing": (fn.label_smoothing(0.1), lambda z, label: _cross_entropy(z, _one_hot(label, mpf(0.1)))),
    "label_smoothing of 0": (fn.label_smoothing(0.0), lambda z, label: _cross_entropy(z, _one_hot(label))),
    "focal": (fn.focal(), _focal(2)),
    "focal of a half": (fn.focal(0.5), _focal(mpf(0.5))),
    "focal of 0": (fn.focal(0.0), lambda z, label: _cross_entropy(z, _one_hot(label))),
    "hinge": (fn.hinge, _hinge),
}
DENSE: dict[str, tuple[Any, Callable[[Row, Any], Exact], str]] = {
    "soft_cross_entropy": (fn.soft_cross_entropy, _cross_entropy, "shares"),
    "binary_cross_entropy": (fn.binary_cross_entropy, _each(_binary), "shares"),
    "binary_hinge": (fn.binary_hinge, _each(_binary_hinge), "signs"),
    "poisson": (fn.poisson, _each(lambda z, t: (mp.exp(z) - _times(t, z), mp.exp(z) - t)), "counts"),
    "mse": (fn.mse, lambda z, t: (_squares(z, t)[0] / COLUMNS, [e / COLUMNS for e in _squares(z, t)[1]]), "numbers"),
    "sum_squared_error": (fn.sum_squared_error, _squares, "numbers"),
    "mae": (fn.mae, _of_difference(lambda d: (abs(d), mp.sign(d))), "numbers"),
    "huber": (fn.huber, _of_difference(_huber(mpf(1))), "numbers"),
    "Huber": (fn.Huber(0.3), _of_difference(_huber(mpf(0.3))), "numbers"),
    "Huber, wide": (fn.Huber(1e19), _of_difference(_huber(mpf(1e19))), "numbers"),
    "log_cosh": (fn.log_cosh, _of_difference(_log_cosh), "numbers"),
    "quantile": (fn.quantile(0.999), _of_difference(_quantile(mpf(0.999))), "numbers"),
}


# --- predictions and targets -------------------------------------------------------------------------------------
def _predictions(dtype: Any) -> Array:
    """Rows of ordinary, tiny, huge and equal entries, of such with a common offset, and of those at the ends."""
    is_single = dtype == np.float32
    some, big = normal(Key(0), (6, COLUMNS)), (1e30 if is_single else 1e300)
    offset = 1e3 if is_single else 1e6
    sizes = [1.0, 10.0, 100.0, 1e-3, 1 / big, big, offset]
    rows = [some * size for size in sizes] + [some + offset, some - offset, some * 1e-3 + offset, 8 * some + offset]
    most, inf = float(np.finfo(dtype).max), np.inf
    ends = [
        [3, 3, 3, 3], [0, 0, 0, 0], [most, 0, -most, 1], [-most, most, 0, 0], [most, most, -most, -most], [-most] * 4,
        [most] * 4, [30, -30, 0, 0], [-inf, 0, 1, 2], [0, -inf, -inf, 1], [0, 1, -inf, most], [20, 20, -20, -inf],
    ]  # fmt: skip
    return np.concatenate([*rows, np.array(ends)]).astype(dtype)


def _targets(kind: str, p: Array) -> Array:
    """A target an entry; of a score of -inf it is 0, which is what such a score may have."""
    shape = p.shape
    if kind == "shares":
        drawn = np.where(uniform(Key(1), shape) < 0.4, 0, uniform(Key(2), shape))
        drawn[:, 0] += 0.1
        drawn[np.isneginf(p)] = 0
        drawn /= drawn.sum(axis=1, keepdims=True)
    elif kind in ("signs", "counts"):
        drawn = np.floor((2 if kind == "signs" else 5) * uniform(Key(3), shape))
        drawn[np.isneginf(p)] = 0
        if kind == "counts":
            drawn[(p == 3).all(axis=1)] = np.finfo(p.dtype).max / 8  # of such a row the sum is below all floats
    else:
        drawn = normal(Key(4), shape)
        drawn[::3] += p[::3].clip(-1e30, 1e30)
    return drawn.astype(p.dtype)


def _compiled(loss: Any, p: Array, target: Any) -> tuple[Array, Array]:
    """The rows of the compiled loss."""
    values, grads = np.empty(len(p), p.dtype), np.empty_like(p)
    module, settings = loss_loops(loss, p.dtype)
    for i, z in enumerate(p):
        given = z, target[i], grads[i], np.array(settings)
        values[i] = module.row(*given)
        if not np.isfinite(values[i]):
            values[i] = module.far_row(*given)
    return values, grads


def _numbers(row: Array) -> Row:
    return [mpf(float(x)) for x in row]


def _off(ours: Any, exact: Any, dtype: Any) -> float:
    """How far a number is from the exact one, in units of the last place of what is larger, it or 1."""
    most, eps = float(np.finfo(dtype).max), float(np.finfo(dtype).eps)
    if not np.isfinite(ours):
        is_beyond = not np.isnan(ours) and mp.sign(exact) == np.sign(ours) and abs(exact) > most * (1 - 4 * eps)
        return 0.0 if is_beyond else math.inf
    return float(abs(mpf(float(ours)) - exact) / max(abs(exact), 1) / eps)


def _check(loss: Any, exact: Callable[[Row, Any], Exact], p: Array, target: Any) -> None:
    (values, grads), mp.dps = _compiled(loss, p, target), 50
    for i in range(len(p)):
        value, slopes = exact(_numbers(p[i]), int(target[i]) if target.ndim == 1 else _numbers(target[i]))
        for ours, right in zip([values[i], *grads[i]], [value, *slopes], strict=True):
            assert _off(ours, right, p.dtype) <= 3, f"{p[i]}, {target[i]}: {float(ours)!r} for {mp.nstr(right, 20)}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LABELLED)
def test_losses_of_labels(name: str, dtype: Any) -> None:
    p = _predictions(dtype)
    drawn = permutation(Key(5), len(p)) % COLUMNS
    labels = np.where(np.isneginf(p[np.arange(len(p)), drawn]), p.argmax(axis=1), drawn)  # a label is no masked class
    with np.errstate(all="ignore"):
        _check(*LABELLED[name], p, labels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", DENSE)
def test_losses_of_numbers(name: str, dtype: Any) -> None:
    loss, exact, kind = DENSE[name]
    p = _predictions(dtype)
    p = p if kind != "numbers" else p[np.isfinite(p).all(axis=1)]
    with np.errstate(all="ignore"):
        _check(loss, exact, p, _targets(kind, p))


def _ends(kind: str, most: float, is_high: bool) -> tuple[list[float], list[float]]:
    """Predictions and targets whose losses are of one sign, so that nothing cancels."""
    if kind == "counts":
        return ([0, 1, 2], [0, 1, most / 8, most / 3]) if is_high else ([0, -1, -most / 4, -most / 2], [0, 1, 3, 5])
    low = [-most, -most / 2, -1, 0]
    z = [*low, *[-a for a in low]]
    return z, {"shares": [0.0, 0.25], "signs": [0.0, 1.0]}.get(kind, [*z, -1e-3])


@pytest.mark.parametrize("is_high", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", DENSE)
def test_what_overflows_on_the_way_to_a_mean(name: str, dtype: Any, is_high: bool) -> None:
    """Terms of a row beyond all floats, where the mean of it is none."""
    loss, exact, kind = DENSE[name]
    z, t = (np.array(some) for some in _ends(kind, float(np.finfo(dtype).max), is_high))
    p = z[(len(z) * uniform(Key(6), (200, COLUMNS))).astype(int)].astype(dtype)
    target = t[(len(t) * uniform(Key(7), (200, COLUMNS))).astype(int)].astype(dtype)
    with np.errstate(all="ignore"):
        _check(loss, exact, p, target)


@pytest.mark.parametrize("is_weighted", [False, True])
def test_a_batch_of_counts_has_the_loss_of_the_plain_path(is_weighted: bool) -> None:
    most = float(np.finfo(np.float32).max)
    x, y, w = np.eye(2, dtype=np.float32), np.full((2, 3), 5, np.float32), np.array([0, 1], np.float32)
    y[:, 1:] = 0
    net = fn.Linear(np.array([[-most / 2, 0, 0], [-1, -1, -1]], np.float32), np.zeros(3, np.float32))
    target: Any = (y, w) if is_weighted else y
    some = cast("fn.Loss[Any]", fn.weighted(fn.poisson) if is_weighted else fn.poisson)
    step, data = fn.train_step(fn.value_and_grad(some), fn.sgd(0.1)), fn.minibatches(x, target, batch_size=2)
    first = fn.start(net, fn.sgd(0.1), Key(0))
    ours, plain = next(jit.train(step, data, first)), next(fn.train(step, data, first))
    np.testing.assert_allclose(ours.record.loss, plain.record.loss, 1e-6)
    assert np.isfinite(plain.record.loss)
    assert fn.tree.allclose(ours.state.params, plain.state.params, 1e-6)


def test_every_compiled_loss_is_here() -> None:
    inside = [getattr(getattr(case.loss, "loss", case.loss), "loss", case.loss) for case in catalogue.LOSSES.values()]
    compiled = {type(loss) for loss in inside if kernels_of(loss) is not None}
    ours = {kind for kind in LOSSES if kind.__module__.startswith("fnnet.")}
    assert {type(loss) for loss, *_ in (*LABELLED.values(), *DENSE.values())} == compiled >= ours


@pytest.mark.parametrize("column", range(COLUMNS))
@pytest.mark.parametrize("name", [*LABELLED, *DENSE])
def test_what_is_no_number_is_not_hidden(name: str, column: int) -> None:
    p = np.where(np.arange(COLUMNS) == column, np.nan, normal(Key(0), (COLUMNS, COLUMNS)))
    loss = LABELLED[name][0] if name in LABELLED else DENSE[name][0]
    target: Any = np.arange(COLUMNS) if name in LABELLED else np.full(p.shape, 0.25)
    assert np.isnan(_compiled(loss, p, target)[0]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [name for name, (loss, *_) in (LABELLED | DENSE).items() if type(loss) in LOSSES])
def test_kernels_are_the_numpy_form_without_numba(name: str, dtype: Any) -> None:
    """In pure Python, as they stand in their files."""
    loss, p = (LABELLED | DENSE)[name][0], normal(Key(0), (20, COLUMNS)).astype(dtype)
    target: Any = np.arange(20) % COLUMNS if name in LABELLED else _targets(DENSE[name][2], p)
    values, grads = loss.rows(p, target)
    settings = [getattr(loss, f.name) for f in fields(loss)]
    for kernel in filter(None, (LOSSES[type(loss)].row, LOSSES[type(loss)].far)):
        given = settings if kernel is LOSSES[type(loss)].row else []
        for i, z in enumerate(p):
            d = grads[i].copy()
            ours = kernel(z, target[i], d, *given)
            assert abs(ours - values[i]) <= 4 * np.finfo(dtype).eps * max(1, abs(values[i]))
            np.testing.assert_allclose(
                d, grads[i], 1e-6 if dtype is np.float32 else 1e-14, 4 * float(np.finfo(dtype).eps)
            )


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("name", ["mae", "mse", "quantile of a half"])
def test_a_batch_has_a_number_where_only_sums_on_the_way_to_it_have_none(name: str, is_weighted: bool) -> None:
    most = float(np.finfo(np.float64).max)  # the rows' sums are 1.2 times that, those of the batch 0.9 times
    cases: dict[str, tuple[Any, float]] = {
        "mae": (fn.mae, 0.3 * most),
        "mse": (fn.mse, math.sqrt(0.3 * most)),
        "quantile of a half": (fn.quantile(0.5), 0.6 * most),
    }
    loss, size = cases[name]
    x, y, optimizer = np.zeros((3, 2)), np.zeros((3, 4)), fn.sgd(1.0)
    some, target = (fn.weighted(loss), (y, np.array([0.0, 1e300, 1e300]))) if is_weighted else (loss, y)
    data: fn.Data[Any] = fn.minibatches(x, target, batch_size=3)
    step = fn.train_step(fn.value_and_grad(some), optimizer)
    net = fn.Linear(np.zeros((2, 4)), np.full(4, size))
    done = next(jit.train(step, data, fn.start(net, optimizer, Key(0))))
    assert abs(float(done.record.loss) / (0.3 * most) - 1) < 1e-15
    assert np.isfinite(done.state.params.b).all()


# --- many columns ------------------------------------------------------------------------------------------------
MANY = {name: case for name, case in catalogue.LOSSES.items() if kernels_of(case.loss) is not None}


@pytest.mark.parametrize("columns", [10_000, 100_000])
@pytest.mark.parametrize("name", MANY)
def test_rows_of_many_columns_keep_their_digits_in_float32(name: str, columns: int) -> None:
    case, p = MANY[name], normal(Key(8), (2, columns)).astype(np.float32)
    loss, target = case.of(columns), np.asarray(case.target(Key(9), (2, columns)))
    target = target.astype(np.float32) if target.dtype.kind == "f" else target
    exact, slopes = loss.rows(p.astype(np.float64), target.astype(np.float64) if target.ndim == 2 else target)
    values, grads = _compiled(loss, p, target)
    np.testing.assert_allclose(values, exact, 3e-7, 3e-7)
    np.testing.assert_allclose(grads, slopes, 1e-6, 3e-7 * np.abs(slopes).max())
