"""Chains of a user's, layers in several places and stacked networks: the compiled path is the NumPy path."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, Key, Params, jit, tree
from fnnet.keys import normal
from tests.support.compiled import PATHS, distance, run

X, Y = normal(Key(0), (72, 5)), normal(Key(1), (72, 3))
LABELS: Any = np.arange(72) % 3
ADAM = fn.adam(0.01, eps=1e-6)


def _linear(i: int, n_in: int, n_out: int, dtype: Any = np.float64) -> fn.Linear:
    return fn.linear(Key(i), n_in, n_out, dtype=dtype)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Backwards(Params):
    """Layers from the last one to the first, one of its arrays behind them that no layer has."""

    unused: Array
    layers: tuple[Params, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tied(Params):
    """A layer twice, then a Linear and a norm of its own arrays that share one of them."""

    w: Array
    inside: Params
    b: Array
    scale: Array


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fixed(Params):
    """A Linear with weights that training leaves alone."""

    b: Array
    w: Array = fn.constant()


fn.define_chain(Backwards, lambda p: p.layers[::-1], draws=lambda i: 2 * i)
fn.define_chain(
    Tied,
    lambda p: (p.inside, fn.Dropout(0.2), p.inside, fn.Linear(p.w, p.b), fn.LayerNorm(p.scale, p.b)),
)
fn.define_chain(Fixed, lambda p: (fn.Linear(p.w, p.b),))

INSIDE = fn.serial(_linear(0, 5, 5), fn.layer_norm(5, dtype=np.float64), fn.Tanh())
TIED = Tied(normal(Key(1), (5, 5)), INSIDE, normal(Key(2), (5,)), normal(Key(3), (5,)))

CHAINS: dict[str, Params] = {
    "backwards": Backwards(
        np.ones(3), (_linear(1, 6, 3), fn.Gelu(), fn.Dropout(0.3), fn.rms_norm(6, dtype=np.float64), _linear(0, 5, 6))
    ),
    "tied": fn.serial(TIED, _linear(4, 5, 3)),
    "tied in a residual and in branches": fn.serial(
        fn.residual(TIED), fn.branches([range(5), range(5)], (fn.serial(TIED, TIED), fn.Tanh())), _linear(4, 10, 3)
    ),
    "an activation with parameters in several places": fn.mlp(
        Key(0), (5, 4, 4, 4, 3), activation=fn.serial(_linear(1, 4, 4), fn.Tanh()), dtype=np.float64,
    ),
    "fixed": fn.serial(_linear(0, 5, 4), Fixed(np.zeros(4), normal(Key(1), (4, 4))), fn.Tanh(), _linear(2, 4, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_chains_agree_after_a_hundred_steps(name: str) -> None:
    optimizer = fn.pipe(ADAM, fn.weight_decay(0.001))
    step = fn.train_step(fn.value_and_grad(fn.mse, penalty=fn.l2(0.01)), optimizer)
    state, data = fn.start(CHAINS[name], optimizer, Key(0)), fn.minibatches(X, Y, batch_size=16)
    ours, theirs = (fn.last(fn.take(20)(train(step, data, state))).state for train in PATHS)
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12


# --- stacked -----------------------------------------------------------------------------------------------------
def _stacked(make: Any, *axes: int) -> Params:
    """As many networks as there are places in the axes."""
    nets = [make(Key(i)) for i in range(int(np.prod(axes)))]
    stacked: Params = tree.map(lambda *leaves: np.stack(leaves).reshape(*axes, *leaves[0].shape), *nets)
    return stacked


def _deep(key: Key) -> Params:
    noisy = fn.serial(fn.linear(key, 5, 4, dtype=np.float64), fn.Dropout(0.3), fn.layer_norm(4, dtype=np.float64))
    table = fn.standardize(X + normal(key, X.shape), dtype=np.float64)
    beside = fn.branches([range(5), (0, 3)], (noisy, fn.Tanh()))
    return fn.serial(table, beside, fn.residual(fn.Gelu()), fn.linear(key.child(1), 6, 3, dtype=np.float64))


STACKED: dict[str, tuple[Params, Any, Any, Any]] = {
    "networks": (_stacked(lambda key: fn.mlp(key, (5, 6, 3), dtype=np.float64), 3), fn.mse, ADAM, Y),
    "one": (_stacked(lambda key: fn.mlp(key, (5, 6, 3), dtype=np.float64), 1), fn.softmax_cross_entropy, ADAM, LABELS),
    "of chance": (
        _stacked(_deep, 2),
        fn.weighted(fn.softmax_cross_entropy),
        fn.pipe(ADAM, fn.clip_by_global_norm(0.1), fn.ema(0.9), fn.scale_rate(lambda path: path[-1] == "w", 0.5)),
        (LABELS, np.arange(72) % 4 + 1.0),
    ),
    "of two axes": (_stacked(_deep, 2, 3), fn.class_weighted(fn.focal(), (1, 2, 3)), fn.sgd(0.1), LABELS),
}


@pytest.mark.parametrize("name", STACKED)
def test_stacked_networks_agree_after_a_hundred_steps(name: str) -> None:
    net, loss, optimizer, y = STACKED[name]
    ours, theirs = (run(train, net, loss, optimizer, X, y, 20) for train in PATHS)
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12
    for a, b in zip(ours.history, theirs.history, strict=True):
        assert a.loss.shape == b.loss.shape
        np.testing.assert_allclose(a.loss, b.loss, 1e-12)
    assert not any(leaf.flags.writeable for leaf in tree.leaves(ours))


def test_stacked_networks_with_a_penalty_go_on_in_the_other_path() -> None:
    net = STACKED["of chance"][0]
    step, data = (
        fn.train_step(fn.value_and_grad(fn.mse, penalty=fn.l2(0.01)), ADAM),
        fn.minibatches(X, Y, batch_size=16),
    )
    first = fn.start(net, ADAM, Key(0))
    half = fn.last(fn.take(2)(fn.steps(step, data, first)))  # in the midst of an epoch
    ours = fn.last(fn.take(2)(fn.train(step, data, next(jit.train(step, data, half)).state))).state
    theirs = fn.last(fn.take(3)(fn.train(step, data, first))).state
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12
    for a, b in zip(ours.history, theirs.history, strict=True):
        np.testing.assert_allclose(a.loss, b.loss, 1e-12)


def test_a_stacked_network_is_that_network_alone() -> None:
    net = _stacked(_deep, 3)
    data, step = fn.minibatches(X, Y, batch_size=16, shuffle=False), fn.train_step(fn.value_and_grad(fn.mse), ADAM)
    stacked = next(jit.train(step, data, fn.start(net, ADAM, Key(9)))).state.params
    for k in range(3):
        alone = next(jit.train(step, data, fn.start(_deep(Key(k)), ADAM, Key(9).child(k)))).state.params
        assert tree.equal(tree.map(lambda leaf, k=k: leaf[k], stacked), alone)


# --- compiled once -----------------------------------------------------------------------------------------------
def _settings(n: int, slope: float, rate: float) -> tuple[Params, Any]:
    """A network and an optimizer in which all is n, a slope and a rate."""
    inside = fn.serial(fn.layer_norm(n, eps=rate), fn.linear(Key(0), n, n), fn.LeakyRelu(slope), fn.Dropout(rate))
    net = fn.serial(fn.linear(Key(1), 5, n), fn.residual(inside), fn.Elu(slope), fn.linear(Key(2), n, 3))
    optimizer = fn.pipe(
        fn.sgd(rate, momentum=slope), fn.weight_decay(rate, where=lambda path: path.startswith(f"layers.{n % 2}")),
        fn.clip_by_global_norm(slope), fn.ema(rate), fn.lookahead(n, slope),
    )  # fmt: skip
    return net, optimizer


def test_another_width_or_batch_size_or_value_of_a_setting_compiles_nothing() -> None:
    found = []
    for n, slope, rate in ((4, 0.3, 0.1), (7, 0.5, 0.01)):
        net, optimizer = _settings(n, slope, rate)
        step = fn.train_step(fn.value_and_grad(fn.Huber(slope), penalty=fn.elastic_net(rate, slope)), optimizer)
        data = fn.minibatches(X.astype(np.float32), Y.astype(np.float32), batch_size=2 * n)
        next(jit.train(step, data, fn.start(net, optimizer, Key(0))))
        modules = {name: module for name, module in sys.modules.items() if name.startswith("fnnet_")}
        found.append({name: len(getattr(getattr(m, "epoch", None), "signatures", ())) for name, m in modules.items()})
    assert found[0] == found[1]
