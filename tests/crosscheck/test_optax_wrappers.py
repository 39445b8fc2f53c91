"""Law 7 for wrappers: after 100 steps the parameters are those of Optax's counterparts, to 1e-6, in float64."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, Key, Mlp, tree
from fnnet.keys import normal

jax: Any = import_module("jax")
optax: Any = import_module("optax")
jax.config.update("jax_enable_x64", True)

STEPS = 100
LR = 0.01
Leaves = tuple[Array, ...]

NET = fn.mlp(Key(0), (4, 6, 3), activation=fn.Tanh(), dtype=np.float64)
X, Y = normal(Key(1), (STEPS, 10, 4)), 3 * normal(Key(2), (STEPS, 10, 3))
IS_FIRST = [path.startswith("layers.0.") for path in tree.paths(NET)]


def is_first(path: str) -> bool:
    return path.startswith("layers.0.")


def gradients(leaves: Leaves, t: int) -> Leaves:
    """fnnet's own, so that only the updates are compared."""
    _, grads = fn.value_and_grad(fn.mse)(tree.rebuild(NET, leaves), (X[t], Y[t]), Key(0))
    return tree.leaves(grads)


def ours(optimizer: fn.Optimizer) -> tuple[list[Leaves], fn.OptState[Mlp]]:
    """The parameters after each step."""
    net, state, seen = NET, optimizer.init(NET), []
    for t in range(STEPS):
        net, state = optimizer.update(net, tree.rebuild(net, gradients(tree.leaves(net), t)), state)
        seen.append(tree.leaves(net))
    return seen, state


def optaxs(optimizer: Any) -> list[Leaves]:
    """The same by Optax."""
    leaves: Any = tree.leaves(NET)
    state, seen = optimizer.init(leaves), []
    for t in range(STEPS):
        grads = gradients(tuple([np.asarray(leaf) for leaf in leaves]), t)
        change, state = optimizer.update(grads, state, leaves)
        leaves = optax.apply_updates(leaves, change)
        seen.append(tuple([np.asarray(leaf) for leaf in leaves]))
    return seen


def close(a: Leaves, b: Leaves) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-6)


Pair = tuple[Callable[[], fn.Optimizer], Callable[[], Any]]

PAIRS: dict[str, Pair] = {
    "clip_by_value": (
        lambda: fn.clip_by_value(0.1)(fn.sgd(LR, momentum=0.9)),
        lambda: optax.chain(optax.clip(0.1), optax.sgd(LR, momentum=0.9)),
    ),
    "clip_by_global_norm": (
        lambda: fn.clip_by_global_norm(2.0)(fn.adam(LR)),
        lambda: optax.chain(optax.clip_by_global_norm(2.0), optax.adam(LR)),
    ),
    "weight_decay": (
        lambda: fn.weight_decay(LR * 0.1)(fn.adam(LR)),
        lambda: optax.chain(optax.scale_by_adam(), optax.add_decayed_weights(0.1), optax.scale(-LR)),
    ),
    "weight_decay of some": (
        lambda: fn.weight_decay(LR * 0.1, where=is_first)(fn.sgd(LR)),
        lambda: optax.chain(optax.add_decayed_weights(0.1, mask=tuple(IS_FIRST)), optax.scale(-LR)),
    ),
    "freeze": (
        lambda: fn.freeze(is_first)(fn.adamw(LR)),
        lambda: optax.chain(
            optax.masked(optax.adamw(LR, weight_decay=0.01), tuple([not first for first in IS_FIRST])),
            optax.masked(optax.set_to_zero(), tuple(IS_FIRST)),
        ),
    ),
    "scale_rate": (
        lambda: fn.scale_rate(is_first, 0.1)(fn.adamw(LR)),
        lambda: optax.multi_transform(
            {"slow": optax.adamw(LR / 10, weight_decay=0.01), "fast": optax.adamw(LR, weight_decay=0.01)},
            tuple(["slow" if first else "fast" for first in IS_FIRST]),
        ),
    ),
    "the norm of what is trained": (
        lambda: fn.pipe(fn.adam(LR), fn.clip_by_global_norm(0.5), fn.freeze(is_first)),
        lambda: optax.chain(
            optax.masked(optax.set_to_zero(), tuple(IS_FIRST)), optax.clip_by_global_norm(0.5), optax.adam(LR)
        ),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_trajectories(name: str) -> None:
    mine, theirs = PAIRS[name]
    trajectory, _ = ours(mine())
    close(trajectory[-1], optaxs(theirs())[-1])
    assert any(np.abs(a - b).max() > 0.01 for a, b in zip(trajectory[-1], tree.leaves(NET), strict=True))


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_ema(decay: float) -> None:
    trajectory, state = ours(fn.ema(decay)(fn.adam(LR)))
    average = optax.ema(decay)
    memory = average.init(tree.leaves(NET))
    for leaves in trajectory:
        found, memory = average.update(leaves, memory)
    close(tree.leaves(fn.averaged(state)), tuple([np.asarray(leaf) for leaf in found]))


@pytest.mark.parametrize(("steps", "rate"), [(5, 0.5), (7, 0.8), (1, 0.3)])
def test_lookahead(steps: int, rate: float) -> None:
    trajectory, state = ours(fn.lookahead(steps, rate)(fn.sgd(LR, momentum=0.9)))
    optimizer = optax.lookahead(optax.sgd(LR, momentum=0.9), steps, rate)
    params: Any = optax.LookaheadParams.init_synced(tree.leaves(NET))
    memory = optimizer.init(params)
    for t in range(STEPS):
        grads = gradients(tuple([np.asarray(leaf) for leaf in params.fast]), t)
        change, memory = optimizer.update(grads, memory, params)
        params = optax.apply_updates(params, change)
    close(trajectory[-1], tuple([np.asarray(leaf) for leaf in params.fast]))
    close(tree.leaves(fn.averaged(state)), tuple([np.asarray(leaf) for leaf in params.slow]))
