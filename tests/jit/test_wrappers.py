"""What stands around a loss or an optimizer, and layers that are no chain: the compiled path is the NumPy path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Key, Params, jit, tree
from fnnet.keys import normal
from tests.support.compiled import PATHS, distance, net_around, run

X, Y = normal(Key(0), (72, 5)), normal(Key(1), (72, 3))


def is_first(path: str) -> bool:
    return path.startswith("layers.0")


def is_weight(path: str) -> bool:
    return path.endswith("w")


ADAM = fn.adam(0.01, eps=1e-6)
OPTIMIZERS: dict[str, Any] = {
    "clip_by_value": fn.pipe(ADAM, fn.clip_by_value(0.01)),
    "clip_by_global_norm": fn.pipe(ADAM, fn.clip_by_global_norm(0.1)),
    "clip_by_global_norm far away": fn.pipe(ADAM, fn.clip_by_global_norm(100.0)),
    "weight_decay": fn.pipe(ADAM, fn.weight_decay(0.001)),
    "weight_decay of some": fn.pipe(ADAM, fn.weight_decay(lambda step: 0.001 / (1 + step), where=is_weight)),
    "ema": fn.pipe(ADAM, fn.ema(0.9)),
    "freeze": fn.pipe(ADAM, fn.freeze(is_first)),
    "all of them": fn.pipe(
        fn.sgd(0.01, momentum=0.9), fn.weight_decay(0.001, where=is_weight), fn.clip_by_global_norm(0.2),
        fn.freeze(is_first), fn.ema(0.9), fn.clip_by_value(0.1),
    ),
    "lookahead": fn.pipe(ADAM, fn.lookahead(3)),
    "lookahead inside of freeze and ema": fn.pipe(ADAM, fn.lookahead(4, 0.8), fn.freeze(is_first), fn.ema(0.9)),
    "scale_rate": fn.pipe(ADAM, fn.scale_rate(is_first, 0.1)),
    "scale_rate of several that overlap": fn.pipe(
        fn.sgd(lambda step: 0.01 / (1 + step), momentum=0.9), fn.scale_rate(is_first, 0.1),
        fn.scale_rate(is_weight, 3.0), fn.scale_rate(lambda path: path[-1] == "b", 0.0),
    ),
    "scale_rate around others and in them": fn.pipe(
        ADAM, fn.weight_decay(0.01, where=is_weight), fn.clip_by_global_norm(0.2), fn.ema(0.9), fn.lookahead(3),
        fn.scale_rate(is_first, 0.5), fn.weight_decay(0.001), fn.scale_rate(is_weight, 0.5), fn.freeze(is_first),
    ),
    "ema inside of freeze": fn.pipe(ADAM, fn.ema(0.9), fn.weight_decay(0.01), fn.freeze(lambda path: path[-1] == "b")),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_wrapped_optimizers_agree_after_a_hundred_steps(name: str) -> None:
    net = net_around(fn.Tanh())
    ours, theirs = (run(train, net, fn.mse, OPTIMIZERS[name], X, Y, 20) for train in PATHS)
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12
    assert tree.paths(ours) == tree.paths(theirs)


PENALTIES: dict[str, fn.Penalty] = {
    "l1": fn.l1(0.01),
    "l2": fn.l2(0.01),
    "elastic_net of some": fn.elastic_net(0.01, 0.1, where=is_weight),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties_agree_after_a_hundred_steps(name: str) -> None:
    step = fn.train_step(fn.value_and_grad(fn.mse, penalty=PENALTIES[name]), fn.sgd(0.01))
    state, data = fn.start(net_around(fn.Tanh()), fn.sgd(0.01), Key(0)), fn.minibatches(X, Y, batch_size=16)
    ours, theirs = (fn.last(fn.take(20)(train(step, data, state))).state for train in PATHS)
    assert distance(ours.params, theirs.params) <= 1e-12
    for a, b in zip(ours.history, theirs.history, strict=True):
        assert abs(float(a.loss) - float(b.loss)) <= 1e-12 * abs(float(b.loss))


def test_states_go_on_in_the_other_path() -> None:
    optimizer = OPTIMIZERS["all of them"]
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(X, Y, batch_size=16)
    first = fn.start(net_around(fn.Tanh()), optimizer, Key(0))
    half = next(jit.train(step, data, first)).state
    ours = fn.last(fn.take(2)(fn.train(step, data, half))).state
    theirs = fn.last(fn.take(3)(fn.train(step, data, first))).state
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12
    with pytest.raises(fn.TreeError, match="jit: state must be that of 6 optimizers in each other, got 1"):
        jit.train(step, data, fn.start(first.params, fn.sgd(0.1), Key(0)))


# --- layers ------------------------------------------------------------------------------------------------------
def _linear(i: int, n_in: int, n_out: int, dtype: Any = np.float64) -> fn.Linear:
    return fn.linear(Key(i), n_in, n_out, dtype=dtype)


def _mixed(dtype: Any) -> Params:
    """Categories beside numbers that are standardized."""
    inside = fn.serial(fn.standardize(100 + X[:, 1:], dtype=dtype), _linear(0, 4, 3, dtype), fn.Gelu())
    beside = fn.branches([(0,), range(1, 5)], (fn.embedding(Key(1), 4, 2, dtype=dtype), inside))
    return fn.serial(beside, _linear(2, 5, 3, dtype))


COLUMNS = np.concatenate([np.floor(4 * np.abs(np.sin(X[:, :1]))), 100 + X[:, 1:]], axis=1)

STANDARDIZE = fn.standardize(X, dtype=np.float64)
BRANCHES = fn.branches([(0, 1, 2), (2, 3), (5,)], (_linear(1, 3, 2), fn.serial(fn.Gelu(), fn.Dropout(0.2)), fn.Relu()))
EMBEDDING = fn.embedding(Key(1), 4, 2, dtype=np.float64)

NETWORKS: dict[str, tuple[Params, Any]] = {
    "standardized": (fn.serial(STANDARDIZE, fn.mlp(Key(0), (5, 6, 3), dtype=np.float64)), X),
    "standardized inside": (
        fn.serial(_linear(0, 5, 5), STANDARDIZE, fn.residual(STANDARDIZE), _linear(1, 5, 3)), X,
    ),
    "branches": (
        fn.serial(
            _linear(0, 5, 6), fn.Tanh(),
            BRANCHES,
            fn.residual(fn.branches([range(5)], (fn.LeakyRelu(0.1),))), _linear(2, 5, 3),
        ),
        X,
    ),
    "categories beside numbers": (_mixed(np.float64), COLUMNS),
    "categories alone": (fn.serial(EMBEDDING, _linear(0, 10, 3)), COLUMNS[:, [0] * 5]),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_that_are_no_chains_agree_after_a_hundred_steps(name: str) -> None:
    net, x = NETWORKS[name]
    ours, theirs = (run(train, net, fn.mse, ADAM, x, Y, 20) for train in PATHS)
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12


def test_x_keeps_its_digits_where_a_layer_takes_it_as_it_comes() -> None:
    x = np.concatenate([COLUMNS[:, :1], 1e9 + X[:, 1:]], axis=1)
    inside = fn.serial(
        fn.Standardize(np.full(4, 1e9, np.float32), np.ones(4, np.float32)), _linear(0, 4, 3, np.float32)
    )
    net = fn.branches([range(1, 5)], (inside,))
    ours, theirs = (run(train, net, fn.mse, fn.sgd(0.01), x, Y, 3) for train in PATHS)
    assert distance(ours.params, theirs.params) <= 1e-5


def test_categories_are_checked_before_the_first_step() -> None:
    net, x = NETWORKS["categories beside numbers"][0], COLUMNS.copy()
    x[50, 0] = 4
    with pytest.raises(ValueError, match=r"embedding: x must be in \[0, 4\), the categories, got 0 to 4"):
        run(jit.train, net, fn.mse, ADAM, x, Y, 1)
    behind = fn.serial(fn.Relu(), EMBEDDING, _linear(0, 10, 3))
    with pytest.raises(fn.LayerError, match=r"layers.1 is an Embedding, which is not compiled where it does not meet"):
        run(jit.train, behind, fn.mse, ADAM, NETWORKS["categories alone"][1], Y, 1)
