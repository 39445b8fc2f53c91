"""Gradients clipped before the optimizer inside gets them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from fnnet import tree
from fnnet.core import Array, Numbers, OptState, Params, Positive, Value
from fnnet.core.facts import replicas
from fnnet.numerics import inner_product
from fnnet.numerics.programs import program
from fnnet.numerics.sums import power_of_two
from fnnet.optimizers.wrapping import Wrapper
from fnnet.tree.numbers import alike, over_numbers
from fnnet.tree.structures import structure_of
from fnnet.tree.vectors import blocks

P = TypeVar("P", bound=Params)


def clipped_to(numbers: Numbers, g: Array) -> tuple[Array]:
    low, high = numbers
    return (np.clip(g, low, high),)


def _times(numbers: Numbers, g: Array) -> tuple[Array]:
    (factor,) = numbers
    return (factor * g,)


@dataclass(frozen=True, slots=True)
class ClipByValue(Wrapper):
    """Clips each entry of the gradients to [-limit, limit] (T. Mikolov, Statistical Language Models Based on Neural
    Networks, 2012, section 3.2.2).

    Raises ValueError for a ``limit`` that is not above 0.

    >>> import fnnet as fn
    >>> fn.pipe(fn.sgd(0.1), fn.clip_by_value(1.0)).wrapper
    ClipByValue(limit=1.0)
    """

    limit: Positive

    def before(self, params: P, grads: P, state: OptState[P], /) -> P:
        """The clipped gradients."""
        alike(self.name, (params, grads))
        (clipped,) = over_numbers(self.name, partial(program(clipped_to, 2, 1), -self.limit, self.limit), (grads,), 1)
        return clipped


clip_by_value = ClipByValue


@dataclass(frozen=True, slots=True)
class ClipByGlobalNorm(Wrapper):
    """Scales gradients whose norm ‖g‖, over all trained leaves together, is above the limit: g' = g limit / ‖g‖
    (R. Pascanu, T. Mikolov, Y. Bengio, ICML 2013, algorithm 1).

    Each of several stacked networks has its own norm. Gradients that are not finite are passed on unchanged.

    Raises ValueError for a ``limit`` that is not above 0.

    >>> import fnnet as fn
    >>> fn.pipe(fn.adam(1e-3), fn.clip_by_global_norm(1.0)).wrapper
    ClipByGlobalNorm(limit=1.0)
    """

    limit: Positive

    def before(self, params: P, grads: P, state: OptState[P], /) -> P:
        """Gradients whose norm is at most the limit."""
        alike(self.name, (params, grads))
        stacked = replicas(params)
        return self._of_each(grads, stacked) if stacked else self._of_all(grads)

    def _of_all(self, grads: P) -> P:
        found = blocks(grads)
        with np.errstate(over="ignore", invalid="ignore"):
            square = sum([_square(block) for block in found])
        if not FLOOR * sum([block.size for block in found]) < square < math.inf:
            return self._of_each(grads, ())
        factor = self.limit / math.sqrt(square)
        if factor >= 1:
            return grads
        if factor < TINY:
            return self._of_each(grads, ())
        (clipped,) = over_numbers(self.name, partial(program(_times, 1, 1), factor), (grads,), 1)
        return clipped

    def _of_each(self, grads: P, stacked: tuple[int, ...]) -> P:
        """The same for each replica, and for one network whose squares or factor overflow or underflow: the gradients
        are divided by a power of two where necessary, and multiplied by the limit over the norm of the quotients."""
        scale, norm = _norms(tree.trainable(grads), stacked)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            whole = norm * scale
            is_long = (self.limit < whole) & (norm < math.inf)
            is_plain = self.limit / whole >= TINY
            factor = np.where(is_long, self.limit / np.where(is_plain, whole, norm), 1)
        if not is_long.any():
            return grads
        scale = np.where(is_long & ~is_plain, scale, 1)
        structure = structure_of(grads)
        new = [g / _beside(scale, g) * _beside(factor, g) for g in tree.trainable(grads)]
        return structure.build(structure.joined(new), structure.constants(grads))


clip_by_global_norm = ClipByGlobalNorm

TINY = float(np.finfo(np.float32).tiny)
"""The smallest number that is normal in both dtypes."""
FLOOR = TINY / float(np.finfo(np.float32).eps)
"""A mean square above this is not changed by squares that underflow, in either dtype."""


def _beside(values: Array, g: Array) -> Array:
    """One number per replica, in the dtype of a leaf and with axes that broadcast over it."""
    return values.reshape(values.shape + (1,) * (g.ndim - values.ndim)).astype(g.dtype)


def _square(leaf: Array) -> float:
    """Σ g² of a leaf."""
    flat = leaf.ravel()
    return float(inner_product(flat, flat))


def _norms(leaves: tuple[Array, ...], stacked: tuple[int, ...]) -> tuple[Array, Value]:
    """A power of two for each replica, the magnitude of all its leaves together, and the norm of the leaves over it,
    both in float64."""
    flat = [leaf.reshape((*stacked, -1)).astype(np.float64) for leaf in leaves]
    squares, largest = np.zeros(stacked), np.zeros(stacked)
    for a in flat:
        largest = np.maximum(largest, np.abs(a).max(axis=-1))
    scale = power_of_two(largest)
    for unit in [a / scale[..., None] for a in flat]:
        squares += inner_product(unit, unit)
    return scale, np.asarray(np.sqrt(squares))
