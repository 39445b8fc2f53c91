"""Law 7 for optimizers: the trajectories of 100 steps agree with Optax's to 1e-6, in float64."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, Key, tree
from fnnet.keys import normal
from tests.catalogue import OPTIMIZERS

jax: Any = import_module("jax")
optax: Any = import_module("optax")
jax.config.update("jax_enable_x64", True)


PAIRS: dict[str, tuple[fn.Optimizer, Any]] = {
    "sgd": (fn.sgd(0.05), optax.sgd(0.05)),
    "sgd with momentum": (fn.sgd(0.05, momentum=0.9), optax.sgd(0.05, momentum=0.9)),
    "sgd with Nesterov": (
        fn.sgd(0.05, momentum=0.9, nesterov=True), optax.sgd(0.05, momentum=0.9, nesterov=True)
    ),
    "adam": (fn.adam(0.01), optax.adam(0.01)),
    "adamw": (fn.adamw(0.01, weight_decay=0.1), optax.adamw(0.01, weight_decay=0.1)),
    "nadam": (fn.nadam(0.01), optax.nadam(0.01)),
    "adamax": (fn.adamax(0.01), optax.adamax(0.01)),
    "amsgrad": (fn.amsgrad(0.01), optax.amsgrad(0.01)),
    "radam": (fn.radam(0.01), optax.radam(0.01)),
    "radam soon": (fn.radam(0.01, b2=0.9, threshold=4), optax.radam(0.01, b2=0.9, threshold=4.0)),
    "rmsprop": (fn.rmsprop(0.01), optax.rmsprop(0.01, eps_in_sqrt=False)),
    "rmsprop in the root": (fn.rmsprop(0.01, eps_in_sqrt=True), optax.rmsprop(0.01)),
    "rmsprop with momentum": (
        fn.rmsprop(0.01, momentum=0.9, eps_in_sqrt=True), optax.rmsprop(0.01, momentum=0.9)
    ),
    "rmsprop centered": (
        fn.rmsprop(0.01, centered=True, eps=1e-3), optax.rmsprop(0.01, centered=True, eps=1e-3, eps_in_sqrt=False)
    ),
    "rmsprop centered in the root with momentum": (
        fn.rmsprop(0.01, centered=True, eps=1e-4, momentum=0.9, eps_in_sqrt=True),
        optax.rmsprop(0.01, centered=True, eps=1e-4, momentum=0.9),
    ),
    "adagrad": (fn.adagrad(0.1, start=0.1 + 1e-7, eps=1e-30), optax.adagrad(0.1)),
    "adam on a schedule": (
        fn.adam(fn.cosine_decay(0.01, steps=80, end=0.001)), optax.adam(optax.cosine_decay_schedule(0.01, 80, 0.1))
    ),
    "adadelta": (fn.adadelta(), optax.adadelta(1.0)),
    "lion": (fn.lion(0.001), optax.lion(0.001, weight_decay=0.0)),
    "lion with decay": (fn.lion(0.001, weight_decay=0.1), optax.lion(0.001, weight_decay=0.1)),
}  # fmt: skip
"""Ours, and Optax's of the same settings."""


def _ours(optimizer: fn.Optimizer, net: fn.Mlp, gradients: Callable[[fn.Mlp], fn.Mlp]) -> fn.Mlp:
    state = optimizer.init(net)
    for _ in range(100):
        net, state = optimizer.update(net, gradients(net), state)
    return net


def _theirs(optimizer: Any, net: fn.Mlp, gradients: Callable[[fn.Mlp], fn.Mlp]) -> tuple[Array, ...]:
    leaves: Any = tree.leaves(net)
    state = optimizer.init(leaves)
    for _ in range(100):
        updates, state = optimizer.update(tree.leaves(gradients(tree.rebuild(net, leaves))), state, leaves)
        leaves = tuple([np.asarray(leaf) for leaf in optax.apply_updates(leaves, updates)])
    found: tuple[Array, ...] = leaves
    return found


def _network(net: fn.Mlp) -> fn.Mlp:
    x, y = normal(Key(1), (30, 4)), normal(Key(2), (30, 3))
    return fn.value_and_grad(fn.mse)(net, (x, y), Key(0))[1]


def _quadratic(net: fn.Mlp) -> fn.Mlp:
    """The gradient of half the sum of squares, each leaf with a curvature of its own."""
    return tree.map(lambda p: p * (1 + p.size % 5), net)


@pytest.mark.parametrize("gradients", [_network, _quadratic])
@pytest.mark.parametrize("name", PAIRS)
def test_a_hundred_steps(name: str, gradients: Callable[[fn.Mlp], fn.Mlp]) -> None:
    ours, theirs = PAIRS[name]
    net = fn.mlp(Key(0), (4, 8, 3), activation=fn.Tanh(), bias_init=fn.normal(0.5), dtype=np.float64)
    found, expected = tree.leaves(_ours(ours, net, gradients)), _theirs(theirs, net, gradients)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
    assert max(np.abs(a - p).max() for a, p in zip(found, tree.leaves(net), strict=True)) > 0.01


def test_none_is_left_out() -> None:
    plain = {name.split()[0] for name, optimizer in OPTIMIZERS.items() if hasattr(optimizer, "lr")}
    assert plain <= {name.split()[0] for name in PAIRS}


SCHEDULES: dict[str, tuple[fn.Schedule, Any]] = {
    "exponential_decay": (fn.exponential_decay(0.1, steps=10, factor=0.5), optax.exponential_decay(0.1, 10, 0.5)),
    "step_decay": (
        fn.step_decay(0.1, steps=10, factor=0.5), optax.exponential_decay(0.1, 10, 0.5, staircase=True)
    ),
    "polynomial_decay": (
        fn.polynomial_decay(0.1, steps=20, end=0.01, power=2), optax.polynomial_schedule(0.1, 0.01, 2, 20)
    ),
    "cosine_decay": (fn.cosine_decay(0.1, steps=20, end=0.02), optax.cosine_decay_schedule(0.1, 20, 0.2)),
    "linear_warmup": (
        fn.linear_warmup(fn.cosine_decay(0.1, steps=20), steps=5),
        optax.warmup_cosine_decay_schedule(0.0, 0.1, 5, 25),
    ),
    "one_cycle": (
        fn.one_cycle(0.1, steps=30, end=1 / 25e4), optax.cosine_onecycle_schedule(30, 0.1)
    ),
    "cosine_decay with restarts": (
        fn.cosine_decay(0.1, steps=25, end=0.01, restarts=True),
        optax.join_schedules([optax.cosine_decay_schedule(0.1, 25, 0.1)] * 3, [25, 50]),
    ),
    "piecewise": (
        fn.piecewise((0.1, 0.05, 0.01), (5, 10)), optax.piecewise_constant_schedule(0.1, {5: 0.5, 10: 0.2})
    ),
    "join": (
        fn.join((fn.exponential_decay(0.1, steps=3, factor=0.5), 0.2), (6,)),
        optax.join_schedules([optax.exponential_decay(0.1, 3, 0.5), optax.constant_schedule(0.2)], [6]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name: str) -> None:
    ours, theirs = SCHEDULES[name]
    for step in range(60):
        np.testing.assert_allclose(ours(step), float(theirs(step)), rtol=1e-6, atol=1e-9)
