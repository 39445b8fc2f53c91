"""Hypothesis strategies: random networks, inputs and targets of matching shapes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import fnnet as fn
from fnnet import Array, Key, Params
from fnnet.keys import normal
from tests.catalogue import KEEPING, LAYERS, WIDENING, LossCase

SIZES = st.integers(1, 4)
KEYS = st.integers(0, 2**64).map(Key)
DTYPES: st.SearchStrategy[fn.Dtype] = st.sampled_from([np.float32, np.float64])


@dataclass(frozen=True)
class Problem:
    """A network, rows for it, and a key for whatever else is drawn."""

    net: Params
    x: Array
    key: Key

    @property
    def y(self) -> Array:
        """The network's output."""
        return fn.forward(self.net, self.x)[0]


@st.composite
def problems(draw: st.DrawFn, name: str) -> Problem:
    """A layer of the catalogue with rows of normal numbers, axes of size 1 included."""
    key, batch, n_in = draw(KEYS), draw(SIZES), draw(SIZES)
    n_out = draw(SIZES) if name in WIDENING else n_in
    return Problem(LAYERS[name](key.child(0), n_in, n_out), normal(key.child(1), (batch, n_in)), key)


@st.composite
def composites(draw: st.DrawFn, depth: int = 6) -> Problem:
    """Serial networks of Serial networks, up to the depth; what stands beside a deep one is shallow, for the cost of
    checking a network grows with the square of its size."""
    key, batch, n_in, n_out = draw(KEYS), draw(SIZES), draw(SIZES), draw(SIZES)
    return Problem(draw(_layers(key, depth, n_in, n_out)), normal(key.child(0), (batch, n_in)), key)


@st.composite
def _layers(draw: st.DrawFn, key: Key, depth: int, n_in: int, n_out: int) -> Params:
    if depth == 0 or draw(st.booleans()):
        names = sorted(WIDENING if n_in != n_out else LAYERS)
        return LAYERS[draw(st.sampled_from(names))](key, n_in, n_out)
    widths = [n_in, *draw(st.lists(SIZES, max_size=2)), n_out]
    deep = draw(st.integers(0, len(widths) - 2))
    depths = [depth - 1 if i == deep else min(depth - 1, 1) for i in range(len(widths) - 1)]
    parts = zip(depths, pairwise(widths), strict=True)
    return fn.serial(*[draw(_layers(key.child(i + 1), d, a, b)) for i, (d, (a, b)) in enumerate(parts)])


def values(shape: tuple[int, ...], dtype: fn.Dtype = np.float64) -> st.SearchStrategy[Array]:
    """Arrays as they come: zeros of both signs, integers, subnormal numbers, large ones."""
    width = np.dtype(dtype).itemsize * 8
    found: st.SearchStrategy[Array] = arrays(
        dtype, shape, elements=st.floats(-100, 100, width=32 if width == 32 else 64)
    )
    return found


def target(case: LossCase, problem: Problem) -> object:
    """A target for the problem's output."""
    return case.target(problem.key.child(2), problem.y.shape)


def examples(factor: float) -> settings:
    """So many times the examples that a law has, for one that is cheap or dear."""
    return settings(max_examples=max(1, round(factor * settings().max_examples)))


def keeps_width(name: str) -> bool:
    """Whether a layer of the catalogue gives as many features as it takes."""
    return name in KEEPING
