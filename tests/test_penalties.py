"""Penalties: added once, on the leaves that are picked, for each of stacked networks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Key, jit, tree
from fnnet.keys import normal
from tests.catalogue import PENALTIES, is_weight
from tests.own_layers import Centred
from tests.strategies import KEYS


def _net(key: Key) -> fn.Mlp:
    return fn.mlp(key, (3, 4, 2), activation=fn.Tanh(), bias_init=fn.normal(0.5), dtype=np.float64)


@given(KEYS, st.floats(0, 10), st.floats(0, 10))
def test_the_formula(key: Key, a: float, b: float) -> None:
    net = _net(key)
    flat = tree.ravel(net)
    value, grads = fn.elastic_net(a, b)(net)
    np.testing.assert_allclose(value, a * np.abs(flat).sum() + b / 2 * (flat**2).sum())
    np.testing.assert_allclose(tree.ravel(grads), a * np.sign(flat) + b * flat)
    of_weights, some = fn.l2(b, where=is_weight)(net)
    np.testing.assert_allclose(of_weights, b / 2 * sum((layer.w**2).sum() for layer in net.layers))
    assert not any(layer.b.any() for layer in some.layers)


@pytest.mark.parametrize("name", PENALTIES)
@given(KEYS, st.integers(1, 6))
def test_it_is_added_once_however_the_batch_is_cut(name: str, key: Key, n: int) -> None:
    net, batch = _net(key), (normal(key, (6, 3)), normal(key.child(1), (6, 2)))
    plain, with_penalty = fn.value_and_grad(fn.mse), fn.value_and_grad(fn.mse, penalty=PENALTIES[name])
    value, grads = plain(net, batch, key)
    more, slopes = PENALTIES[name](net)
    for gradient in (with_penalty, fn.accumulate(with_penalty, n), fn.accumulate(fn.accumulate(with_penalty, 1), n)):
        found, total = gradient(net, batch, key)
        np.testing.assert_allclose(found, value + more, 1e-12)
        assert tree.allclose(total, tree.map(np.add, grads, slopes), 1e-12, 1e-12)
    assert tree.equal(with_penalty.part(net, batch, key).grads, plain.part(net, batch, key).grads)


@pytest.mark.parametrize("name", PENALTIES)
@given(KEYS, st.integers(1, 3))
def test_stacked_networks_have_one_each(name: str, key: Key, count: int) -> None:
    nets = [_net(key.child(k)) for k in range(count)]
    stacked = tree.map(lambda *leaves: np.stack(leaves), nets[0], *nets[1:])
    value, grads = PENALTIES[name](stacked)
    assert value.shape == (count,)
    for k, net in enumerate(nets):
        alone, slopes = PENALTIES[name](net)
        np.testing.assert_allclose(value[k], alone)
        assert tree.allclose(tree.map(lambda leaf, k=k: leaf[k], grads), slopes)


def test_constants_take_no_part() -> None:
    net = Centred(np.ones(2), np.full(2, 3.0))
    value, grads = fn.l2(2.0)(net)
    assert value == (net.scale**2).sum()
    assert not grads.mean.any()


def test_float32_stays_and_training_goes_on() -> None:
    net, x, y = fn.mlp(Key(0), (3, 4, 2)), normal(Key(0), (20, 3)), normal(Key(1), (20, 2))
    optimizer = fn.sgd(0.1)
    sizes = []
    for strength in (0.0, 0.5):
        step = fn.train_step(fn.value_and_grad(fn.mse, penalty=fn.l2(strength)), optimizer)
        state = fn.last(
            fn.take(50)(fn.train(step, fn.minibatches(x, y, size=5), fn.start(net, optimizer, Key(0))))
        ).state
        assert {leaf.dtype for leaf in tree.leaves(state.params)} == {np.dtype(np.float32)}
        sizes.append(float(np.abs(tree.ravel(state.params)).sum()))
    assert sizes[1] < 0.2 * sizes[0]


def test_a_function_of_ones_own_is_a_penalty() -> None:
    def squares(params: fn.Mlp) -> tuple[fn.Value, fn.Mlp]:
        return np.asarray((tree.ravel(params) ** 2).sum()), tree.map(lambda w: 2 * w, params)

    net, batch = _net(Key(0)), (normal(Key(0), (6, 3)), normal(Key(1), (6, 2)))
    own = fn.value_and_grad(fn.mse, penalty=squares)(net, batch, Key(0))  # type: ignore[arg-type]
    ours = fn.value_and_grad(fn.mse, penalty=fn.l2(2.0))(net, batch, Key(0))
    np.testing.assert_allclose(own[0], ours[0])
    assert tree.allclose(own[1], ours[1])


WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a negative strength": (lambda: fn.l2(-1.0), ValueError, r"penalty: l2 must be in \[0, inf\), got -1.0"),
    "no number": (lambda: fn.l1(math.nan), ValueError, "penalty: l1 must be in"),
    "no predicate": (lambda: fn.l2(1.0, where="w"), ValueError, "penalty: where must be a function"),  # type: ignore[arg-type]
    "a predicate that matches nothing": (
        lambda: fn.l2(1.0, where=lambda path: False)(_net(Key(0))), ValueError, "penalty: where must match a path"
    ),
    "no penalty": (
        lambda: fn.value_and_grad(fn.mse, penalty=0.1), ValueError, "value_and_grad: penalty must be a function"  # type: ignore[arg-type]
    ),
    "one that gives a number a row": (
        lambda: fn.value_and_grad(fn.mse, penalty=lambda p: (np.ones(3), p))(
            _net(Key(0)), (np.ones((2, 3)), np.ones((2, 2))), Key(0)
        ),
        fn.ShapeError,
        "value_and_grad: penalty must give one number",
    ),
    "compiled": (
        lambda: jit.train(
            fn.train_step(fn.value_and_grad(fn.mse, penalty=fn.l2(0.1)), fn.sgd(0.1)),
            fn.minibatches(np.ones((2, 3)), np.ones((2, 2)), size=1),
            fn.start(_net(Key(0)), fn.sgd(0.1), Key(0)),
        ),
        TypeError,
        "jit: penalty ElasticNet.* is not compiled",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_penalties(name: str) -> None:
    call, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        call()
