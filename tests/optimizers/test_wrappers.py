"""Wrappers against what their papers say, written out leaf by leaf, and against each other."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Key, Linear, Mlp, OptState, Params, tree
from fnnet.keys import normal
from fnnet.tree.structures import LIMIT
from fnnet.tree.vectors import pack, vector_behind
from tests.catalogue import OPTIMIZERS
from tests.support.own_layers import Centred
from tests.support.strategies import KEYS

P = TypeVar("P", bound=Params)
STEPS = st.integers(1, 12)


def is_first(path: str) -> bool:
    return path.startswith("layers.0.")


def is_w(path: str) -> bool:
    return path.endswith("w")


def anything(path: str) -> bool:
    return True


def small(key: Key) -> Mlp:
    """A network that lies in a vector."""
    return fn.mlp(key, (3, 4, 2), bias_init=fn.normal(1.0), dtype=np.float64)


def large(key: Key) -> Mlp:
    """One that is not."""
    net = fn.mlp(key, (3, LIMIT // 4, 2), bias_init=fn.normal(1.0), dtype=np.float64)
    assert tree.count(net) > LIMIT
    return net


SIZES = [small, large]


def stacked(nets: list[P]) -> P:
    """One network of several."""
    return tree.map(lambda *leaves: np.stack(leaves), nets[0], *nets[1:])


def drawn(net: P, key: Key) -> P:
    """Gradients for it."""
    return tree.rebuild(net, tuple([normal(key.child(i), leaf.shape) for i, leaf in enumerate(tree.leaves(net))]))


def go(optimizer: fn.Optimizer, net: P, key: Key, steps: int, scale: float = 1.0) -> tuple[list[P], OptState[P]]:
    """The network after each step, and the last state."""
    state = replace(optimizer.init(net), scale=scale)
    nets = [net]
    for t in range(steps):
        net, state = optimizer.update(nets[-1], drawn(net, key.child(t)), state)
        nets.append(net)
    assert state.step == steps
    assert state.scale == scale
    return nets, state


def close(a: object, b: object) -> None:
    assert tree.allclose(a, b, 1e-12, 1e-12)


@dataclass(frozen=True, slots=True)
class Curved:
    """An optimizer whose update is no multiple of the learning rate, and that keeps its last update in a slot."""

    lr: float

    def init(self, params: P, /) -> OptState[P]:
        return OptState(0, (tree.map(np.zeros_like, params),))

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        rate = self.lr * state.scale
        change = tree.map(lambda g: np.tanh(rate * g), grads)
        return tree.map(np.subtract, params, change), OptState(state.step + 1, (change,), None, state.scale)


# --- clipping ------------------------------------------------------------------------------------------------------
@given(KEYS, st.floats(1e-3, 3))
def test_clip_by_value(key: Key, limit: float) -> None:
    net, grads = small(key), drawn(small(key), key.child(1))
    wrapped = fn.clip_by_value(limit)(fn.sgd(0.1))
    new, _ = wrapped.update(net, grads, wrapped.init(net))
    close(new, tree.map(lambda p, g: p - 0.1 * np.clip(g, -limit, limit), net, grads))


@pytest.mark.parametrize("make", SIZES)
@pytest.mark.parametrize("limit", [1e-3, 1.0, 1e4])
def test_clip_by_global_norm(make: Callable[[Key], Mlp], limit: float) -> None:
    net = make(Key(0))
    grads = drawn(net, Key(1))
    norm = np.sqrt(sum([float((g**2).sum()) for g in tree.leaves(grads)]))
    wrapped = fn.clip_by_global_norm(limit)(fn.sgd(0.1))
    new, _ = wrapped.update(net, grads, wrapped.init(net))
    close(new, tree.map(lambda p, g: p - 0.1 * g * min(1, limit / norm), net, grads))
    if norm < limit:
        assert tree.equal(new, fn.sgd_update(net, grads, 0.1))


@pytest.mark.parametrize("excess", [0.999, 1.0, 1.001])
def test_norms_close_to_the_limit(excess: float) -> None:
    net, grads = (
        fn.Linear(np.zeros((2, 1)), np.zeros(1)),
        fn.Linear(np.array([[3.0], [0.0]]) * excess, np.array([4.0]) * excess),
    )
    for params, g in ((net, grads), (stacked([net, net]), stacked([grads, grads]))):
        wrapped = fn.clip_by_global_norm(5.0)(fn.sgd(1.0))
        new, _ = wrapped.update(params, g, wrapped.init(params))
        np.testing.assert_allclose(new.b, -4 * min(excess, 1), 1e-12)


@given(KEYS, st.integers(1, 4), st.floats(0.1, 6))
def test_each_replica_has_its_own_norm(key: Key, count: int, limit: float) -> None:
    nets = [small(key.child(k)) for k in range(count)]
    grads = [tree.map(lambda g, k=k: g * 4**k / 10, drawn(net, key.child(9, k))) for k, net in enumerate(nets)]
    wrapped = fn.clip_by_global_norm(limit)(fn.sgd(0.1))
    together, _ = wrapped.update(stacked(nets), stacked(grads), wrapped.init(stacked(nets)))
    close(together, stacked([wrapped.update(n, g, wrapped.init(n))[0] for n, g in zip(nets, grads, strict=True)]))


def test_a_norm_whose_square_is_too_large_for_float32() -> None:
    net = fn.Linear(np.zeros((2, 1), np.float32), np.zeros(1, np.float32))
    grads = fn.Linear(np.full((2, 1), 1e30, np.float32), np.zeros(1, np.float32))
    for params, g in ((net, grads), (stacked([net, net]), stacked([grads, grads]))):
        wrapped = fn.clip_by_global_norm(1.0)(fn.sgd(1.0))
        new, _ = wrapped.update(params, g, wrapped.init(params))
        np.testing.assert_allclose(new.w, -(0.5**0.5), rtol=1e-6)
        assert new.w.dtype == np.float32


def test_gradients_that_are_not_finite_are_handed_on() -> None:
    net = fn.Linear(np.zeros((2, 1)), np.zeros(1))
    for bad in (np.inf, np.nan):
        grads = fn.Linear(np.array([[bad], [1.0]]), np.ones(1))
        for params, g in ((net, grads), (stacked([net, net]), stacked([grads, grads]))):
            wrapped = fn.clip_by_global_norm(0.5)(fn.sgd(1.0))
            new, _ = wrapped.update(params, g, wrapped.init(params))
            assert not np.isfinite(new.w[..., 0, :]).any()
            assert (new.w[..., 1, :] == -1).all()


def test_constants_have_no_share_in_the_norm() -> None:
    net, grads = Centred(np.zeros(1), np.zeros(1)), Centred(np.full(1, 2.0), np.full(1, 1e9))
    wrapped = fn.clip_by_global_norm(1.0)(fn.sgd(1.0))
    assert wrapped.update(net, grads, wrapped.init(net))[0].scale.tolist() == [-1]


# --- weight decay --------------------------------------------------------------------------------------------------
@given(KEYS, STEPS, st.floats(0, 0.5), st.sampled_from([1.0, 0.25]))
def test_weight_decay_of_adam_is_adamw(key: Key, steps: int, decay: float, scale: float) -> None:
    def lr(step: int) -> float:
        return 0.1 / (1 + step)

    nets, _ = go(fn.weight_decay(lambda step: lr(step) * decay)(fn.adam(lr)), small(key), key, steps, scale)
    expected, _ = go(fn.adamw(lr, weight_decay=decay), small(key), key, steps, scale)
    for ours, theirs in zip(nets, expected, strict=True):
        close(ours, theirs)


@pytest.mark.parametrize("make", SIZES)
def test_weight_decay_of_some_leaves(make: Callable[[Key], Mlp]) -> None:
    net = make(Key(0))
    with_it, _ = go(fn.weight_decay(0.1, where=is_w)(fn.sgd(0.5)), net, Key(1), 1)
    without, _ = go(fn.sgd(0.5), net, Key(1), 1)
    for ours, theirs, before in zip(with_it[1].layers, without[1].layers, net.layers, strict=True):
        assert np.array_equal(ours.b, theirs.b)
        np.testing.assert_allclose(ours.w, theirs.w - 0.1 * before.w, rtol=1e-12)


# --- averages ------------------------------------------------------------------------------------------------------
@given(KEYS, STEPS, st.sampled_from([0.0, 0.5, 0.9, 0.999]))
def test_ema(key: Key, steps: int, decay: float) -> None:
    nets, state = go(fn.ema(decay)(fn.adam(0.1)), small(key), key, steps)
    weights = decay ** np.arange(steps - 1, -1, -1)
    expected = tree.map(lambda *ps: np.tensordot(weights, np.stack(ps), 1) / weights.sum(), *nets[1:])
    close(fn.averaged(state), expected)
    unwrapped, _ = go(fn.adam(0.1), small(key), key, steps)
    assert tree.equal(nets[-1], unwrapped[-1])


@given(KEYS, STEPS, st.integers(1, 5), st.sampled_from([0.3, 0.5, 1.0]))
def test_lookahead(key: Key, steps: int, k: int, rate: float) -> None:
    nets, state = go(fn.lookahead(k, rate)(fn.sgd(0.1, momentum=0.9)), small(key), key, steps)
    optimizer = fn.sgd(0.1, momentum=0.9)
    fast = slow = small(key)
    inner = optimizer.init(fast)
    for t in range(steps):
        fast, inner = optimizer.update(fast, drawn(fast, key.child(t)), inner)
        if (t + 1) % k == 0:
            slow = fast = tree.map(lambda s, p: s + rate * (p - s), slow, fast)
        close(nets[t + 1], fast)
    close(fn.averaged(state), slow)


def test_averaged_finds_the_outermost_average_at_any_depth() -> None:
    net = small(Key(0))
    assert tree.equal(fn.averaged(fn.start(net, fn.ema(0.5)(fn.sgd(0.1)), Key(0))), net)
    inside = fn.pipe(
        fn.adam(0.1),
        fn.ema(0.9),
        fn.clip_by_value(1.0),
        fn.freeze(is_first),
        fn.scale_rate(is_w, 0.5),
        fn.weight_decay(0.1),
    )
    _, state = go(inside, net, Key(1), 5)
    alone: OptState[Mlp] | None = state
    while alone is not None and not alone.slots:
        alone = alone.inner
    assert alone is not None
    assert fn.averaged(state) is alone.slots[0]
    _, state = go(fn.lookahead(2)(inside), net, Key(1), 5)
    assert fn.averaged(state) is state.slots[0]
    assert vector_behind(fn.averaged(state)) is not None


def test_an_average_keeps_the_constants() -> None:
    net = Centred(np.ones(2), np.array([3.0, 4.0]))
    for wrapper in (fn.ema(0.9), fn.lookahead(2)):
        _, state = go(wrapper(fn.sgd(0.1)), net, Key(0), 3)
        assert fn.averaged(state).mean.tolist() == [3, 4]
        fn.forward(fn.averaged(state), np.ones((1, 2)))


# --- parts ---------------------------------------------------------------------------------------------------------
def _states(state: OptState[P] | None) -> list[OptState[P]]:
    return [] if state is None else [state, *_states(state.inner)]


@pytest.mark.parametrize("make", SIZES)
@pytest.mark.parametrize("name", ["sgd", "adamw", "ema of adam", "lookahead of sgd", "weight_decay of adam"])
def test_freeze(make: Callable[[Key], Mlp], name: str) -> None:
    net = make(Key(0))
    optimizer = OPTIMIZERS[name]
    before = optimizer.init(net)
    nets, state = go(fn.freeze(is_first)(optimizer), net, Key(1), 3)
    assert tree.equal(nets[-1].layers[0], net.layers[0])
    for now, first in zip(_states(state.inner), _states(before), strict=True):
        for slot, start in zip(now.slots, first.slots, strict=True):
            assert tree.equal(slot.layers[0], start.layers[0])
    expected, after = go(optimizer, net, Key(1), 3)
    assert tree.equal(nets[-1].layers[1], expected[-1].layers[1])
    for now, then in zip(_states(state.inner), _states(after), strict=True):
        for slot, other in zip(now.slots, then.slots, strict=True):
            assert tree.equal(slot.layers[1], other.layers[1])
    assert not any(leaf.flags.writeable for leaf in tree.leaves((tuple(nets[1:]), state)))


def test_what_is_frozen_may_have_any_gradient() -> None:
    net = small(Key(0))
    grads = tree.at(drawn(net, Key(1)), "layers.0.w", lambda g: g * np.inf)
    optimizer = fn.pipe(fn.adam(0.1), fn.clip_by_global_norm(1.0), fn.freeze(is_first))
    new, state = optimizer.update(net, grads, optimizer.init(net))
    assert all(np.isfinite(leaf).all() for leaf in tree.leaves((new, state)))


def test_the_order_in_a_pipe_says_which_gradients_a_norm_is_of() -> None:
    net, grads = small(Key(0)), drawn(small(Key(0)), Key(1))
    every = np.sqrt(sum([(g**2).sum() for g in tree.leaves(grads)]))
    trained = np.sqrt(sum([(g**2).sum() for g in tree.leaves(grads.layers[1])]))
    norm, still = fn.clip_by_global_norm(0.1), fn.freeze(is_first)
    for optimizer, total in ((still(norm(fn.sgd(1.0))), trained), (norm(still(fn.sgd(1.0))), every)):
        new, _ = optimizer.update(net, grads, optimizer.init(net))
        close(new.layers[1], tree.map(lambda p, g, n=total: p - 0.1 / n * g, net.layers[1], grads.layers[1]))


@pytest.mark.parametrize("make", SIZES)
@pytest.mark.parametrize("rule", [Curved, fn.adam, lambda lr: fn.clip_by_global_norm(0.5)(fn.adamw(lr))])
def test_scale_rate_trains_each_part_at_its_own_rate(
    make: Callable[[Key], Mlp], rule: Callable[[float], fn.Optimizer]
) -> None:
    net = make(Key(0))
    nets, state = go(fn.scale_rate(is_first, 0.25)(rule(0.5)), net, Key(1), 3)
    slow, slow_state = go(rule(0.125), net, Key(1), 3)
    fast, fast_state = go(rule(0.5), net, Key(1), 3)
    assert tree.equal(nets[-1].layers[0], slow[-1].layers[0])
    assert tree.equal(nets[-1].layers[1], fast[-1].layers[1])
    found = zip(_states(state.inner), _states(slow_state), _states(fast_state), strict=True)
    for ours, first, second in found:
        for slot, a, b in zip(ours.slots, first.slots, second.slots, strict=True):
            assert tree.equal(slot.layers, (a.layers[0], b.layers[1]))


@dataclass(frozen=True, slots=True)
class Counting:
    """An optimizer that tells the rates of its updates."""

    rates: list[float]
    optimizer: fn.Optimizer

    def init(self, params: P, /) -> OptState[P]:
        return self.optimizer.init(params)

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        self.rates.append(state.scale)
        return self.optimizer.update(params, grads, state)


def test_factors_multiply_and_each_costs_one_update() -> None:
    net, counting = small(Key(0)), Counting([], fn.sgd(1.0))
    optimizer = fn.pipe(counting, fn.scale_rate(is_first, 0.5), fn.scale_rate(is_w, 0.25), fn.scale_rate(anything, 2.0))
    assert optimizer.optimizer is counting
    grads = tree.map(np.ones_like, net)
    new, _ = optimizer.update(net, grads, replace(optimizer.init(net), scale=8.0))
    change = tree.map(lambda a, b: np.round(a - b, 9), net, new)
    assert [float(leaf.flat[0]) for leaf in tree.leaves(change)] == [2, 8, 4, 16]
    assert sorted(counting.rates) == [2, 4, 8, 16]
    whole = fn.scale_rate(anything, 0.5)(Counting(counting.rates, fn.sgd(1.0)))
    counting.rates.clear()
    whole.update(net, grads, whole.init(net))
    assert counting.rates == [0.5]


def test_a_network_without_parameters_has_nothing_to_match() -> None:
    for wrapper in (fn.freeze(is_first), fn.scale_rate(is_first, 0.5), fn.weight_decay(0.1, where=is_first)):
        optimizer = wrapper(fn.sgd(0.1))
        new, _ = optimizer.update(fn.Relu(), fn.Relu(), optimizer.init(fn.Relu()))
        assert type(new) is fn.Relu


# --- all ------------------------------------------------------------------------------------------------------------
@given(KEYS, st.sampled_from(sorted(OPTIMIZERS)), st.sampled_from([0.5, 0.25]))
def test_the_scale_outside_is_a_factor_on_every_rate_inside(key: Key, name: str, scale: float) -> None:
    doubled = fn.clip_by_value(1e9)(OPTIMIZERS[name])
    nets, _ = go(doubled, small(key), key, 3, scale)
    expected, _ = go(OPTIMIZERS[name], small(key), key, 3, scale)
    assert tree.equal(nets[-1], expected[-1])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_packed_or_not_is_the_same_to_the_bit(name: str) -> None:
    net = small(Key(0))
    packed_net, optimizer = pack(net), OPTIMIZERS[name]
    loose, state = net, optimizer.init(net)
    tight, packed_state = packed_net, optimizer.init(packed_net)
    for t in range(4):
        grads = drawn(net, Key(t))
        loose, state = optimizer.update(tree.map(np.copy, loose), grads, pickle.loads(pickle.dumps(state)))
        tight, packed_state = optimizer.update(tight, pack(grads), packed_state)
    assert tree.equal((loose, state), (tight, packed_state))


def test_scales_of_nested_states_multiply_and_stay() -> None:
    net = small(Key(0))
    optimizer = fn.clip_by_value(1e9)(fn.sgd(1.0))
    state = optimizer.init(net)
    assert state.inner is not None
    state = replace(state, scale=0.5, inner=replace(state.inner, scale=0.5))
    new, after = optimizer.update(net, net, state)
    close(new, tree.map(lambda p: 0.75 * p, net))
    assert after.inner is not None
    assert (after.scale, after.inner.scale) == (0.5, 0.5)


def test_wrapped_optimizers_stay_packed_and_read_only() -> None:
    for name, optimizer in OPTIMIZERS.items():
        nets, state = go(optimizer, small(Key(0)), Key(1), 4)
        assert vector_behind(nets[-1]) is not None, name
        for found in _states(state):
            assert all(vector_behind(slot) is not None for slot in found.slots), name


def test_a_compiled_optimizer_can_be_wrapped() -> None:
    from fnnet import jit

    nets, _ = go(fn.clip_by_global_norm(0.1)(jit.adam(0.1)), small(Key(0)), Key(1), 3)
    expected, _ = go(fn.clip_by_global_norm(0.1)(fn.adam(0.1)), small(Key(0)), Key(1), 3)
    close(nets[-1], expected[-1])


def test_leaves_unlike_the_parameters_are_refused_by_the_wrapper() -> None:
    net: Linear = fn.linear(Key(0), 2, 1)
    other: Linear = fn.Linear(np.ones((2, 1), np.float32), np.ones((3, 1), np.float32))
    for wrapper in (fn.clip_by_value(1.0), fn.clip_by_global_norm(1e9)):
        optimizer = wrapper(fn.sgd(0.1))
        with pytest.raises(fn.ShapeError, match=r"clip_by_\w+: b must have the parameters' shape \(1,\), got \(3, 1\)"):
            optimizer.update(net, other, optimizer.init(net))
