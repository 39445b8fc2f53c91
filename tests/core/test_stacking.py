"""Networks stacked and taken apart: the same bytes for every layer, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import DtypeError, Key, LayerError, Params, ShapeError, TreeError, tree
from fnnet.keys import normal
from tests.catalogue import LAYERS, WHOLE, WIDENING
from tests.support.strategies import DTYPES, KEYS, Problem, composites

EVERY = LAYERS | WHOLE


@pytest.mark.parametrize("name", EVERY)
@given(KEYS, st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), DTYPES)
def test_every_layer_comes_back(name: str, key: Key, count: int, n_in: int, n_out: int, dtype: fn.Dtype) -> None:
    n_out = n_out if name in WIDENING or name in WHOLE else n_in
    nets = [tree.astype(EVERY[name](key.child(k), n_in, n_out), dtype) for k in range(count)]
    stacked = fn.stack(nets)
    assert type(stacked) is type(nets[0])
    assert all(not leaf.flags.writeable for leaf in tree.leaves(stacked))
    if not tree.leaves(stacked):
        assert tree.equal(stacked, nets[0])
        with pytest.raises(ShapeError, match=r"network must be a stacked one.*, got one without arrays"):
            fn.unstack(stacked)
        return
    for net, again in zip(nets, fn.unstack(stacked), strict=True):
        assert tree.equal(net, again)
        assert all(not leaf.flags.writeable for leaf in tree.leaves(again))
        assert not any(np.shares_memory(a, b) for a in tree.leaves(again) for b in tree.leaves(stacked))
    twice = fn.stack([stacked, stacked])
    assert [tree.digest(one) for one in fn.unstack(twice)] == [tree.digest(stacked)] * 2
    with pytest.raises(ShapeError, match="network must be a stacked one, as stack makes it"):
        fn.unstack(nets[0])


@given(composites())
def test_composites_come_back(problem: Problem) -> None:
    stacked = fn.stack([problem.net, tree.map(lambda a: a, problem.net)])
    if tree.leaves(stacked):
        assert [tree.digest(net) for net in fn.unstack(stacked)] == [tree.digest(problem.net)] * 2


@given(KEYS, st.integers(1, 4))
def test_many_are_made_each_with_a_key_of_its_own(key: Key, n: int) -> None:
    made = fn.unstack(fn.init_many(lambda own: fn.mlp(own, (2, 3, 1)), key, n))
    assert [tree.digest(net) for net in made] == [tree.digest(fn.mlp(key.child(k), (2, 3, 1))) for k in range(n)]


def test_an_ensemble_is_its_members_trained_alone() -> None:
    """To rounding; law 5 has every layer and optimizer."""
    x, y = normal(Key(5), (20, 3)), normal(Key(6), (20, 2))
    data, adam = fn.minibatches(x, y, batch_size=20, shuffle=False), fn.adam(0.01)
    step = fn.train_step(fn.value_and_grad(fn.mse), adam)

    def trained(net: fn.Mlp, key: Key) -> fn.Mlp:
        return fn.last(fn.take(10)(fn.train(step, data, fn.start(net, adam, key)))).state.params

    nets = fn.init_many(lambda key: fn.mlp(key, (3, 6, 2), dtype=np.float64), Key(0), 4)
    together = trained(nets, Key(1))
    for k, (net, found) in enumerate(zip(fn.unstack(nets), fn.unstack(together), strict=True)):
        assert tree.allclose(found, trained(net, Key(1).child(k)), 1e-12, 1e-12)
        np.testing.assert_allclose(fn.predict(together, x)[k], fn.predict(found, x), 1e-12, 1e-12)


A = fn.linear(Key(0), 3, 2)
SERIAL = fn.serial(A, fn.LeakyRelu(0.1))

REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "none": (lambda: fn.stack([]), ValueError, "stack: networks must be at least one, got none"),
    "one network": (lambda: fn.stack(A), TreeError, r"stack: networks must be a list of networks, got Linear\("),  # type: ignore[arg-type]
    "no network": (lambda: fn.stack([A.w]), LayerError, "stack: params must be a network"),  # type: ignore[type-var]
    "a state": (
        lambda: fn.stack([fn.start(A, fn.sgd(0.1), Key(0))]),  # type: ignore[type-var]
        LayerError,
        "stack: params must be a network",
    ),
    "other structures": (
        lambda: fn.stack([A, SERIAL]),
        TreeError,
        "stack: the structures differ at the root: Linear against Serial",
    ),
    "other settings": (
        lambda: fn.stack([SERIAL, fn.serial(A, fn.LeakyRelu(0.2))]),
        TreeError,
        r"stack: the structures differ at layers\.1\.slope: 0\.1 against 0\.2",
    ),
    "other shapes": (
        lambda: fn.stack([fn.serial(A), fn.serial(fn.linear(Key(0), 4, 2))]),
        ShapeError,
        r"stack: layers\.0\.w must have one shape in all networks, got \(3, 2\) and \(4, 2\)",
    ),
    "other dtypes": (
        lambda: fn.stack([A, tree.astype(A, np.float64)]),
        DtypeError,
        "stack: w must have one dtype in all networks, got float32 and float64; cast by tree.astype",
    ),
    "a single one": (lambda: fn.unstack(A), ShapeError, r"must be a stacked one.*, got w \(3, 2\), b \(2,\)"),
    "a square one": (lambda: fn.unstack(fn.linear(Key(0), 3, 3)), ShapeError, "must be a stacked one"),
    "a part that is not stacked": (
        lambda: fn.unstack(fn.serial(fn.stack([A, A]), fn.linear(Key(0), 2, 2))),
        ShapeError,
        r"unstack: layers\.1 must be stacked as the rest of the network is, \(2,\), got w \(2, 2\), b \(2,\)",
    ),
    "no network to take apart": (
        lambda: fn.unstack(cast(Any, (A, A))),
        LayerError,
        "unstack: params must be a network",
    ),
    "no number": (lambda: fn.init_many(_make, Key(0), 0), ValueError, "init_many: n must be a whole number from 1 up"),
    "no key": (lambda: fn.init_many(_make, 0, 2), ValueError, "init_many: key must be a fnnet.Key"),  # type: ignore[arg-type]
    "no function": (lambda: fn.init_many("mlp", Key(0), 2), ValueError, "init_many: make must be a function"),  # type: ignore[arg-type]
}


def _make(key: Key) -> Params:
    return fn.linear(key, 3, 2)


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case: str) -> None:
    call, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        call()
