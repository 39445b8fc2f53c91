"""Law 4: the gradient of a batch is the sum of the parts of any partition, and weight k equals k copies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Params, tree
from fnnet.calculus.parts import add, finish
from fnnet.keys import normal
from tests.catalogue import LOSSES, shuffled
from tests.support.strategies import KEYS

CLOSE = 1e-12


def _net(key: Key) -> Params:
    layers = fn.linear(key, 3, 5, dtype=np.float64), fn.Tanh(), fn.linear(key.child(1), 5, 3, dtype=np.float64)
    return fn.serial(*layers)


def _rows(target: object, index: list[int]) -> object:
    if isinstance(target, tuple):
        return tuple(_rows(child, index) for child in target)
    assert isinstance(target, np.ndarray)
    return target[index]


def _agree(a: tuple[fn.Value, Params], b: tuple[fn.Value, Params]) -> None:
    np.testing.assert_allclose(a[0], b[0], CLOSE, CLOSE)
    assert tree.allclose(a[1], b[1], CLOSE, CLOSE)


@pytest.mark.parametrize("name", LOSSES)
@given(KEYS, st.integers(1, 8), st.data())
def test_parts_of_any_partition_add_up(name: str, key: Key, n: int, data: st.DataObject) -> None:
    case, net = LOSSES[name], _net(key)
    x, target = normal(key.child(2), (n, 3)), case.target(key.child(3), (n, 3))
    owner = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    gradient = fn.value_and_grad(case.loss)
    order = shuffled(key, n)
    pieces = [[i for i in order if owner[i] == piece] for piece in set(owner)]
    parts = [gradient.part(net, (x[piece], _rows(target, piece)), key) for piece in pieces]
    whole = gradient(net, (x, target), key)
    _agree(finish(reduce(add, parts)), whole)
    _agree(finish(gradient.part(net, (x, target), key)), whole)


@pytest.mark.parametrize("name", LOSSES)
@given(KEYS, st.integers(1, 8), st.data())
def test_accumulating_is_the_whole_batch(name: str, key: Key, n: int, data: st.DataObject) -> None:
    case, net = LOSSES[name], _net(key)
    batch = normal(key.child(2), (n, 3)), case.target(key.child(3), (n, 3))
    gradient = fn.value_and_grad(case.loss)
    pieces = data.draw(st.integers(1, n))
    _agree(fn.accumulate(gradient, pieces)(net, batch, key), gradient(net, batch, key))
    _agree(fn.accumulate(fn.accumulate(gradient, 1), pieces)(net, batch, key), gradient(net, batch, key))


@pytest.mark.parametrize("name", [name for name in LOSSES if "weighted" not in name])
@given(KEYS, st.lists(st.integers(0, 3), min_size=1, max_size=6).filter(any))
def test_weight_k_is_k_copies(name: str, key: Key, counts: list[int]) -> None:
    case, net, n = LOSSES[name], _net(key), len(counts)
    x, target = normal(key.child(2), (n, 3)), case.target(key.child(3), (n, 3))
    copies = [i for i, count in enumerate(counts) for _ in range(count)]
    weights: Array = np.array(counts, np.float64)
    by_weight = fn.value_and_grad(fn.weighted(case.loss))(net, (x, (target, weights)), key)
    by_copies = fn.value_and_grad(case.loss)(net, (x[copies], _rows(target, copies)), key)
    _agree(by_weight, by_copies)


@given(KEYS, st.integers(1, 6))
def test_pieces_draw_their_own_noise(key: Key, n: int) -> None:
    net: Params = fn.serial(fn.Dropout(0.5), fn.linear(key, 3, 2, dtype=np.float64))
    x, y = normal(key.child(2), (n, 3)), normal(key.child(3), (n, 2))
    gradient = fn.value_and_grad(fn.mse)
    ends = [n * i // n for i in range(n + 1)]
    parts = [gradient.part(net, (x[i : i + 1], y[i : i + 1]), key.child(i)) for i in ends[:-1]]
    _agree(fn.accumulate(gradient, n)(net, (x, y), key), finish(reduce(add, parts)))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ordered(fn.Params):
    """A layer with a constant of whole numbers: its columns in another order."""

    order: fn.Array = fn.constant()


fn.define_layer(
    Ordered,
    forward=lambda p, x: (x[..., p.order.astype(np.intp)], None),
    backward=lambda p, saved, dy: (Ordered(np.zeros_like(p.order)), dy[..., np.argsort(p.order)]),
)


@pytest.mark.parametrize("penalty", [None, fn.l2(0.1)])
def test_constants_of_whole_numbers_are_passed_by(penalty: fn.Penalty | None) -> None:
    net = fn.serial(Ordered(np.array([2, 0, 1])), fn.linear(Key(0), 3, 1, dtype=np.float64))
    gradient = fn.value_and_grad(fn.weighted(fn.mse), penalty=penalty)
    batch = normal(Key(1), (6, 3)), (normal(Key(2), (6, 1)), np.full(6, 0.08))
    whole, parts = gradient(net, batch, Key(0)), fn.accumulate(gradient, 3)(net, batch, Key(0))
    assert tree.allclose(whole, parts, 1e-12, 1e-12)
    assert parts[1].layers[0].order.dtype == np.int64
