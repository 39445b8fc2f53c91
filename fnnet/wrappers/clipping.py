"""Gradients kept within bounds, before the optimizer inside meets them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeVar, cast

import numpy as np

from fnnet import checks, tree
from fnnet.matching import columns, restore_shared, trained
from fnnet.nodes import Params
from fnnet.numerics import inner_product
from fnnet.optimizers._base import apply, check_gradients
from fnnet.packing import pack, packed
from fnnet.records import Optimizer, OptState
from fnnet.rules import replicas
from fnnet.types import Array, Value
from fnnet.wrappers._base import Wrapper, inner_of, inside

P = TypeVar("P", bound=Params)


def _clip(limit: float, g: Array) -> tuple[Array]:
    return (g.clip(-limit, limit),)


def _times(factor: float, g: Array) -> tuple[Array]:
    return (g * factor,)


@dataclass(frozen=True, slots=True)
class ClipByValue(Wrapper):
    """What ``clip_by_value(...)`` returns."""

    name: ClassVar[str] = "clip_by_value"
    limit: float

    def __post_init__(self) -> None:
        checks.settle(self, limit=checks.positive(self.name, "limit", self.limit))

    def step(self, optimizer: Optimizer, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step with clipped gradients."""
        inner = inner_of(self.name, state)
        check_gradients(self.name, params, grads)
        (clipped,) = apply(self.name, partial(_clip, self.limit), (grads,), 1)
        params, inner = inside(optimizer, params, clipped, inner, state.scale)
        return params, OptState(state.step + 1, (), inner, state.scale)


def clip_by_value(limit: float) -> ClipByValue:
    """Each entry of the gradients is brought into [-limit, limit] (T. Mikolov, Statistical Language Models Based on
    Neural Networks, 2012, section 3.2.2).

    Raises ValueError for a limit that is not above 0.

    >>> import fnnet as fn
    >>> fn.pipe(fn.sgd(0.1), fn.clip_by_value(1.0)).wrapper
    ClipByValue(limit=1.0)
    """
    return ClipByValue(limit)


@dataclass(frozen=True, slots=True)
class ClipByGlobalNorm(Wrapper):
    """What ``clip_by_global_norm(...)`` returns."""

    name: ClassVar[str] = "clip_by_global_norm"
    limit: float

    def __post_init__(self) -> None:
        checks.settle(self, limit=checks.positive(self.name, "limit", self.limit))

    def step(self, optimizer: Optimizer, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step with gradients of at most this norm."""
        inner = inner_of(self.name, state)
        check_gradients(self.name, params, grads)
        stacked = replicas(params)
        clipped = self._of_each(grads, stacked) if stacked else self._of_all(grads)
        params, inner = inside(optimizer, params, clipped, inner, state.scale)
        return params, OptState(state.step + 1, (), inner, state.scale)

    def _of_all(self, grads: P) -> P:
        known = packed(grads) or packed(pack(grads))  # one sum for all trees of one form: the same bits
        with np.errstate(over="ignore", invalid="ignore"):
            norm = math.sqrt(sum([_square(leaf) for leaf in ((known.vector,) if known else tree.trainable(grads))]))
        if not self.limit < norm < math.inf:
            return grads
        (clipped,) = apply(self.name, partial(_times, self.limit / norm), (grads,), 1)
        return clipped

    def _of_each(self, grads: P, stacked: tuple[int, ...]) -> P:
        norm = _norms(tree.trainable(grads), stacked)
        is_long = (self.limit < norm) & (norm < math.inf)
        factor = np.divide(self.limit, norm, out=np.ones_like(norm), where=is_long)
        (found,), form = columns(self.name, (grads,))
        leaves = [
            g * factor.reshape(stacked + (1,) * (g.ndim - len(stacked))).astype(g.dtype) if changes else g
            for g, changes in zip(found, trained(form), strict=True)
        ]
        return cast(P, restore_shared(grads, iter(leaves)))


def _square(leaf: Array) -> float:
    """Σ g² of a leaf, in float64 where it is too large for float32."""
    flat = leaf.ravel()
    found = float(inner_product(flat, flat))
    if math.isfinite(found):
        return found
    wide = flat.astype(np.float64)
    return float(inner_product(wide, wide))


def _norms(leaves: tuple[Array, ...], stacked: tuple[int, ...]) -> Value:
    """The norm of all leaves together, one a replica, in float64."""
    squares = np.zeros(stacked)
    for leaf in leaves:
        flat = leaf.reshape((*stacked, -1)).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            squares += inner_product(flat, flat)
    return np.asarray(np.sqrt(squares))


def clip_by_global_norm(limit: float) -> ClipByGlobalNorm:
    """Gradients whose norm ‖g‖, taken over all trained leaves together, is above the limit are shortened to it:
    g' = g limit / ‖g‖ (R. Pascanu, T. Mikolov, Y. Bengio, ICML 2013, algorithm 1).

    Each of several stacked networks has its own norm. Gradients that are not finite are handed on as they are.

    Raises ValueError for a limit that is not above 0.

    >>> import fnnet as fn
    >>> fn.pipe(fn.adam(1e-3), fn.clip_by_global_norm(1.0)).wrapper
    ClipByGlobalNorm(limit=1.0)
    """
    return ClipByGlobalNorm(limit)
