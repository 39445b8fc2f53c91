"""Optimizers as a user writes them, around fnnet's and on their own, with memories of every form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import fnnet as fn
from fnnet import Array, tree
from fnnet.tree.structures import structure_of
from fnnet.tree.vectors import blocks


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A memory of the user's: another one and a plain array."""

    inner: Any
    mean: Array


@dataclass(frozen=True)
class Own:
    """An optimizer whose memory ``grown`` makes of the gradients, the memory before, and that of the one inside."""

    inner: fn.Optimizer
    begun: Callable[[Any, Any], Any]
    grown: Callable[[Any, Any, Any], Any]
    inside: Callable[[Any], Any]

    def init(self, params: Any, /) -> Any:
        return self.begun(params, self.inner.init(params))

    def update(self, params: Any, grads: Any, state: Any, /) -> tuple[Any, Any]:
        new, after = self.inner.update(params, grads, self.inside(state))
        return new, self.grown(grads, state, after)


@dataclass(frozen=True)
class Bare:
    """Plain gradient descent into one buffer that it fills again and again."""

    lr: float = 0.1

    def init(self, params: Any, /) -> Any:
        return fn.OptState(0, (_buffer(params),))

    def update(self, params: Any, grads: Any, state: Any, /) -> tuple[Any, Any]:
        new = tree.map(lambda p, g: p - np.asarray(self.lr, p.dtype) * g, params, grads)
        return new, fn.OptState(state.step + 1, (grads,))


def _buffer(params: Any) -> Any:
    structure = structure_of(params)
    return structure.build([np.empty_like(block) for block in blocks(params)], structure.zeros())


def _size(grads: Any) -> Array:
    return np.array([float(np.abs(leaf).sum()) for leaf in tree.leaves(grads)])


def _copies(params: Any) -> Any:
    return tree.map(np.copy, params)


def made(inner: fn.Optimizer) -> dict[str, Any]:
    """The forms around one of fnnet's."""
    return {
        "a dataclass": Own(
            inner, lambda p, s: Held(s, _size(p)), lambda g, s, a: Held(a, s.mean + _size(g)), lambda s: s.inner
        ),
        "a tuple": Own(inner, lambda p, s: (s, _size(p)), lambda g, s, a: (a, s[1] + _size(g)), lambda s: s[0]),
        "slots": Own(
            inner,
            lambda p, s: fn.OptState(0, (_copies(p),), s),
            lambda g, s, a: fn.OptState(s.step + 1, (tree.map(np.add, s.slots[0], g),), a),
            lambda s: s.inner,
        ),
        "the gradient": Own(
            inner, lambda p, s: fn.OptState(0, (p,), s), lambda g, s, a: fn.OptState(0, (g,), a), lambda s: s.inner
        ),
        "a view": Own(
            inner, lambda p, s: (s, np.ones(8)[::2]), lambda g, s, a: (a, np.ones((2, 3)).T[1:]), lambda s: s[0]
        ),
        "inside of ours": fn.ema(0.9)(
            Own(inner, lambda p, s: (s, _size(p)), lambda g, s, a: (a, s[1] + _size(g)), lambda s: s[0])
        ),
        "on its own": Bare(),
        "on its own inside of ours": fn.clip_by_global_norm(1.0)(Bare()),
    }
