"""Penalties: added once, on the leaves that are picked, for each of stacked networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Params, Part, jit, tree
from fnnet.keys import normal
from tests.catalogue import PENALTIES, is_weight
from tests.support.own_layers import Centred
from tests.support.strategies import DTYPES, KEYS, Problem, problems

P = TypeVar("P", bound=Params)


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
    value = np.asarray(value)
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
            fn.take(50)(fn.train(step, fn.minibatches(x, y, batch_size=5), fn.start(net, optimizer, Key(0))))
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


# --- as fast as can be, and never off in silence ---------------------------------------------------------------------
@pytest.mark.parametrize("name", PENALTIES)
@given(problems("Serial"), DTYPES)
def test_packed_networks_and_others_have_the_same_bits(name: str, problem: Problem, dtype: fn.Dtype) -> None:
    net = tree.astype(problem.net, dtype)
    value, grads = PENALTIES[name](net)
    value = np.asarray(value)
    assert tree.equal((value, grads), PENALTIES[name](fn.start(net, fn.sgd(0.1), Key(0)).params))
    assert {leaf.dtype for leaf in (value, *tree.leaves(grads))} == {np.dtype(dtype)}
    assert not any(np.shares_memory(mine, leaf) for mine in tree.leaves(grads) for leaf in tree.leaves(net))


@pytest.mark.parametrize("name", PENALTIES)
def test_large_networks_are_not_packed_and_mean_the_same(name: str) -> None:
    net = fn.serial(*[fn.linear(Key(i), 600, 600, bias_init=fn.normal(1), dtype=np.float64) for i in range(2)])
    small = [PENALTIES[name](layer) for layer in net.layers]
    value, grads = PENALTIES[name](net)
    np.testing.assert_allclose(value, sum(float(part[0]) for part in small), 1e-12)
    assert tree.equal(grads, fn.Serial(tuple(part[1] for part in small)))


def test_what_is_left_out_may_be_anything() -> None:
    net = fn.Linear(np.ones((2, 1)), np.array([np.inf]))
    value, grads = fn.elastic_net(0.5, 1.0, where=is_weight)(net)
    assert (float(value), grads.b.tolist()) == (2.0, [0.0])


def test_it_is_added_once_to_sums_and_to_weighted_means() -> None:
    net, x, y = _net(Key(0)), normal(Key(1), (6, 3)), normal(Key(2), (6, 2))
    more, slopes = fn.l2(0.7)(net)
    cases: list[tuple[fn.Loss[Any], object]] = [(fn.sum_squared_error, y), (fn.weighted(fn.mse), (y, np.arange(6.0)))]
    for loss, target in cases:
        plain: Any = fn.value_and_grad(loss)
        full: Any = fn.value_and_grad(loss, penalty=fn.l2(0.7))
        for n in (1, 2, 5):
            (value, grads), (total, summed) = (fn.accumulate(g, n)(net, (x, target), Key(0)) for g in (plain, full))
            np.testing.assert_allclose(total, value + more, 1e-12)
            assert tree.allclose(summed, tree.map(np.add, grads, slopes), 1e-12, 1e-12)


def test_l2_is_the_weight_decay_of_plain_descent() -> None:
    net, batch = _net(Key(0)), (normal(Key(1), (6, 3)), normal(Key(2), (6, 2)))
    _, grads = fn.value_and_grad(fn.mse)(net, batch, Key(0))
    _, summed = fn.value_and_grad(fn.mse, penalty=fn.l2(0.01))(net, batch, Key(0))
    decayed = tree.map(lambda p, g: p - 0.1 * (g + 0.01 * p), net, grads)
    assert tree.allclose(fn.sgd_update(net, summed, 0.1), decayed, 1e-14, 1e-14)


def test_the_history_has_the_loss_with_its_penalty() -> None:
    net, optimizer, x, y = _net(Key(0)), fn.sgd(0.0), normal(Key(1), (6, 3)), normal(Key(2), (6, 2))
    step = fn.train_step(fn.value_and_grad(fn.mse, penalty=fn.l2(0.5)), optimizer)
    epoch = next(fn.train(step, fn.minibatches(x, y, batch_size=4), fn.start(net, optimizer, Key(0))))
    wanted = fn.value_and_grad(fn.mse)(net, (x, y), Key(0))[0] + fn.l2(0.5)(net)[0]
    np.testing.assert_allclose(epoch.record.loss, wanted, 1e-12)


def _all_over(params: P) -> tuple[fn.Value, P]:
    """A penalty that knows nothing of constants."""
    return np.asarray(1.0), tree.map(np.ones_like, params)


def test_a_users_penalty_leaves_constants_alone() -> None:
    net = fn.serial(Centred(np.ones(3), np.full(3, 7.0)), fn.linear(Key(0), 3, 2, dtype=np.float64))
    batch = np.ones((4, 3)), np.zeros((4, 2))
    _, grads = fn.value_and_grad(fn.mse, penalty=_all_over)(net, batch, Key(0))
    _, plain = fn.value_and_grad(fn.mse)(net, batch, Key(0))
    assert not grads.layers[0].mean.any()
    np.testing.assert_array_equal(grads.layers[0].scale, plain.layers[0].scale + 1)


def test_a_users_penalty_keeps_the_dtype_of_the_loss() -> None:
    net, batch = fn.mlp(Key(0), (3, 4, 2)), (np.ones((2, 3)), np.ones((2, 2)))
    value, grads = fn.value_and_grad(fn.mse, penalty=_all_over)(net, batch, Key(0))
    assert {leaf.dtype for leaf in (value, *tree.leaves(grads))} == {np.dtype(np.float32)}


@dataclass(frozen=True, slots=True)
class Doubled:
    """A gradient around a gradient, which forgets that there are penalties."""

    gradient: fn.GradFn[Array]

    def part(self, params: P, batch: tuple[Array, Array], key: Key, /) -> Part[P]:
        return self.gradient.part(params, batch, key)

    def __call__(self, params: P, batch: tuple[Array, Array], key: Key, /) -> tuple[fn.Value, P]:
        return self.gradient(params, batch, key)


@dataclass(frozen=True, slots=True)
class Careful(Doubled):
    """The same, which does not."""

    @property
    def penalty(self) -> fn.Penalty | None:
        """That of the gradient inside."""
        found: fn.Penalty | None = getattr(self.gradient, "penalty", None)
        return found


def test_a_penalty_is_never_off_in_silence() -> None:
    net, batch = _net(Key(0)), (normal(Key(1), (6, 3)), normal(Key(2), (6, 2)))
    gradient = fn.value_and_grad(fn.mse, penalty=fn.l2(0.5))
    with pytest.raises(TypeError, match="accumulate: Doubled holds a gradient with a penalty and has no attribute"):
        fn.accumulate(Doubled(gradient), 2)
    kept = fn.accumulate(Careful(gradient), 2)(net, batch, Key(0))
    assert tree.allclose(kept, gradient(net, batch, Key(0)), 1e-13, 1e-13)
    without = fn.accumulate(Doubled(fn.value_and_grad(fn.mse)), 2)(net, batch, Key(0))
    assert tree.allclose(without, fn.value_and_grad(fn.mse)(net, batch, Key(0)), 1e-13, 1e-13)


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
            fn.train_step(fn.value_and_grad(fn.mse, penalty=lambda p: (np.asarray(0.0), p)), fn.sgd(0.1)),
            fn.minibatches(np.ones((2, 3)), np.ones((2, 2)), batch_size=1),
            fn.start(_net(Key(0)), fn.sgd(0.1), Key(0)),
        ),
        TypeError,
        "jit: penalty .* is not compiled",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_penalties(name: str) -> None:
    call, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        call()
