"""Norms and sums of squares over the whole range of both dtypes: gradients cut to a norm, penalties, metrics."""

from __future__ import annotations

import math
from typing import Any, TypeVar, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp

import fnnet as fn
from fnnet import Array, Dtype, Key, jit, tree
from fnnet.keys import normal, uniform
from fnnet.numerics.sums import BLOCK, batch_sum
from tests.support.own_layers import Centred
from tests.support.strategies import DTYPES, KEYS, examples

P = TypeVar("P", bound=fn.Params)

UNITS = 12


def spread(key: Key, shape: tuple[int, ...], kind: Dtype, power: float, width: float) -> Array:
    """Numbers around ten to a power, each at its own; none is infinite."""
    about = np.finfo(kind)
    powers = power + width * (uniform(key, shape) - 0.5)
    sizes = np.clip(10 ** np.clip(powers, -330, 308), 0, float(about.max))
    made: Array = (np.sign(normal(key.child(1), shape)) * sizes).astype(kind)
    return made


@st.composite
def powers(draw: st.DrawFn, kind: Dtype) -> float:
    """Exponents of ten, those near the ends as often as others."""
    low, high = (-44.0, 38.5) if kind is np.float32 else (-323.0, 308.2)
    return draw(st.floats(low, high) | st.sampled_from([low, 0.48 * low, 0.5 * low, 0.5 * high, 0.52 * high, high]))


def clipped(grads: P, limit: float) -> P:
    """The gradients that the optimizer inside meets, as the step of an sgd from 0."""
    params, optimizer = tree.map(np.zeros_like, grads), fn.pipe(fn.sgd(1.0), fn.clip_by_global_norm(limit))
    return tree.map(np.negative, optimizer.update(params, grads, optimizer.init(params))[0])


def is_clipped(grads: fn.Params, found: fn.Params, limit: float, kind: Dtype) -> None:
    """Against exact arithmetic, to a few units in the last place of the largest entry."""
    g = np.concatenate([leaf.ravel() for leaf in tree.trainable(grads)])
    got = np.concatenate([leaf.ravel() for leaf in tree.trainable(found)])
    assert got.dtype == kind
    with mp.workdps(50):
        norm = mp.sqrt(mp.fsum([mp.mpf(float(v)) ** 2 for v in g]))
        factor = min(mp.mpf(1), mp.mpf(limit) / norm) if norm else mp.mpf(1)
        wanted = [mp.mpf(float(v)) * factor for v in g]
        about = np.finfo(kind)
        room = UNITS * (float(about.eps) * max([abs(v) for v in wanted]) + float(about.smallest_subnormal))
        assert all(abs(mp.mpf(float(a)) - b) <= room for a, b in zip(got, wanted, strict=True)), (g, got, limit)


@given(KEYS, DTYPES, st.booleans(), st.sampled_from([0.0, 3.0, 80.0, 700.0]), st.data())
@examples(2)
def test_finite_gradients_of_any_size_are_cut_to_any_limit(
    key: Key, kind: Dtype, has_constant: bool, width: float, data: st.DataObject
) -> None:
    """Of networks that lie in a vector, one of them with a constant beside it."""
    power, limit = data.draw(powers(kind)), 10.0 ** data.draw(powers(np.float64))
    first, second = spread(key, (3,), kind, power, width), spread(key.child(2), (3,), kind, power, width)
    grads = Centred(first, np.zeros(3, kind)) if has_constant else fn.Linear(first[:, None], second[:1])
    is_clipped(grads, clipped(grads, limit), limit, kind)


def stacked(nets: list[fn.Linear]) -> fn.Linear:
    """Networks as one of replicas."""
    return tree.map(lambda *leaves: np.stack(leaves), nets[0], *nets[1:])


@given(KEYS, DTYPES, st.integers(1, 3), st.data())
def test_each_replica_of_any_size_is_cut_by_its_own_norm(
    key: Key, kind: Dtype, count: int, data: st.DataObject
) -> None:
    limit, nets = 10.0 ** data.draw(powers(np.float64)), []
    for k in range(count):
        power, own = data.draw(powers(kind)), key.child(k)
        nets.append(fn.Linear(spread(own, (3, 1), kind, power, 3.0), spread(own.child(2), (1,), kind, power, 3.0)))
    found = clipped(stacked(nets), limit)
    for k, net in enumerate(nets):
        is_clipped(net, tree.map(lambda leaf, k=k: leaf[k], found), limit, kind)


@given(KEYS, DTYPES, st.floats(-6, 6), st.floats(-3, 3))
def test_in_the_middle_of_the_range_the_plain_formula_decides_to_the_bit(
    key: Key, kind: Dtype, power: float, more: float
) -> None:
    g = spread(key, (6, 1), kind, power, 1.0)
    flat = g.ravel()
    square = np.add.reduce(flat * flat) if kind is np.float64 else flat.dot(flat)
    limit = math.sqrt(float(square)) * 10**more
    grads = fn.Linear(g[:5], g[5])
    wanted = tree.map(lambda leaf: leaf * min(1.0, limit / math.sqrt(float(square))), grads)
    assert tree.equal(clipped(grads, limit), wanted)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_what_is_not_finite_is_handed_on_beside_others_of_any_size(bad: float) -> None:
    good, ill = np.full((2, 1), 1e200), np.array([[bad], [1.0]])
    grads = stacked([fn.Linear(good, np.zeros(1)), fn.Linear(ill, np.zeros(1))])
    found = clipped(grads, 1.0)
    np.testing.assert_allclose(found.w[0], 0.5**0.5)
    np.testing.assert_array_equal(found.w[1], ill)
    np.testing.assert_array_equal(clipped(fn.Linear(ill, np.zeros(1)), 1.0).w, ill)


def test_a_network_without_parameters_has_nothing_to_cut() -> None:
    assert tree.equal(clipped(fn.Tanh(), 1.0), fn.Tanh())


# --- penalties -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("is_stacked", [False, True])
@given(KEYS, DTYPES, st.data())
def test_penalties_are_finite_wherever_a_float_is(is_stacked: bool, key: Key, kind: Dtype, data: st.DataObject) -> None:
    power, width = data.draw(powers(kind)), data.draw(st.sampled_from([0.0, 3.0, 60.0]))
    l1, l2 = [data.draw(st.sampled_from([0.0, 1e-30, 1e-4, 1.0])) for _ in range(2)]
    net = fn.Linear(spread(key, (3, 1), kind, power, width), spread(key.child(2), (1,), kind, power, width))
    about = np.finfo(kind)
    with mp.workdps(50):
        w = [mp.mpf(float(v)) for leaf in tree.leaves(net) for v in leaf.ravel()]
        wanted = mp.mpf(l1) * mp.fsum([abs(v) for v in w]) + mp.mpf(l2) / 2 * mp.fsum([v * v for v in w])
        if wanted > float(about.max) * (1 - 1e-5):
            return
        value, _ = fn.elastic_net(l1, l2)(stacked([net, net]) if is_stacked else net)
        assert value.dtype == kind
        room = UNITS * (float(about.eps) * wanted + float(about.smallest_subnormal))
        assert all(abs(mp.mpf(float(v)) - wanted) <= room for v in value.ravel()), (value, wanted)


# --- sums over many rows -----------------------------------------------------------------------------------------
MANY = (1 << 18) + 5


@pytest.mark.parametrize("rows", [1, 2, BLOCK, BLOCK + 1, 3 * BLOCK + 7, MANY])
def test_a_sum_over_a_batch_keeps_its_digits(rows: int) -> None:
    a = np.full((2, rows, 3), 0.1, np.float32) * np.array([1, 2, 3], np.float32)
    exact = a.astype(np.float64).sum(axis=-2)
    assert np.abs(batch_sum(a) / exact - 1).max() < 2e-5  # row after row it would be 5e-3 off
    assert batch_sum(a).dtype == np.float32
    if rows <= BLOCK:
        assert np.array_equal(batch_sum(a), np.add.reduce(a, axis=-2))


KINDS: dict[str, fn.Params] = {
    "linear": fn.linear(Key(0), 3, 3),
    "one number": fn.linear(Key(0), 3, 1),
    "mlp": fn.mlp(Key(0), (3, 1, 2)),
    "stacked": tree.map(lambda p: np.stack([p, p]), fn.linear(Key(0), 3, 3)),
    "layer_norm": fn.layer_norm(3),
    "rms_norm": fn.rms_norm(3),
}


@pytest.mark.parametrize("loss", ["mse", "weighted"])
@pytest.mark.parametrize("name", KINDS)
def test_the_gradient_of_many_rows_keeps_its_digits(name: str, loss: str) -> None:
    """Plain and compiled: it is that of the same network in float64, to float32's rounding."""
    net = KINDS[name]
    some = cast("fn.Loss[Any]", fn.weighted(fn.mse) if loss == "weighted" else fn.mse)
    x, w = 1 + uniform(Key(1), (MANY, 3)), np.full(MANY, 0.1)
    y = np.zeros((MANY, fn.forward(net, x[:1])[0].shape[-1]))
    target: Any = (y, w) if loss == "weighted" else y
    optimizer = fn.sgd(1.0)
    step, data = fn.train_step(fn.value_and_grad(some), optimizer), fn.minibatches(x, target, batch_size=MANY)
    exact = fn.last(fn.take(1)(fn.train(step, data, fn.start(tree.astype(net, np.float64), optimizer, Key(2)))))
    for train in (fn.train, *([] if name == "stacked" else [jit.train])):
        ours = fn.last(fn.take(1)(train(step, data, fn.start(net, optimizer, Key(2)))))
        np.testing.assert_allclose(ours.record.loss, exact.record.loss, 1e-5)
        for mine, right in zip(tree.leaves(ours.state.params), tree.leaves(exact.state.params), strict=True):
            np.testing.assert_allclose(mine, right, 2e-5, 2e-5)
