"""Stacked networks as rows of numbers, each trained separately; a single network is one row."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TypeVar

import numpy as np

from fnnet import tree
from fnnet.core.facts import children, replicas
from fnnet.core.places import path_of
from fnnet.errors import LayerError
from fnnet.jit.layers import arrays_of
from fnnet.tree.nodes import Params
from fnnet.tree.structures import structure_of
from fnnet.tree.vectors import frozen, locked, of_vector, vector_of
from fnnet.types import Array

P = TypeVar("P", bound=Params)

Axes = tuple[int, ...]
"""The axes along which networks are stacked, () for a single one."""


def one_of(params: P, stacked: Axes) -> P:
    """The first of stacked networks. Raises LayerError where not all of their layers are stacked."""
    if not stacked:
        return params
    _check_stacked(params, params, stacked)
    return tree.map(lambda leaf: leaf[(0,) * len(stacked)], params)


def _check_stacked(root: Params, layer: Params, stacked: Axes) -> None:
    for child in children(layer):
        _check_stacked(root, child, stacked)
    if arrays_of(layer) and replicas(layer) != stacked:
        raise LayerError(
            f"jit: {path_of(root, layer)} must be stacked along the axes {stacked}, as other layers are, got "
            f"{replicas(layer)}; stack it too, or use fnnet.train"
        )


def numbers_in(params: Params, stacked: Axes) -> Array:
    """The numbers that are trained, one row per network."""
    structure = structure_of(params)
    return _rows(structure.trained(structure.leaves(params)), stacked) if stacked else vector_of(params)[None]


def constants_in(params: Params, stacked: Axes, dtype: np.dtype[np.floating]) -> Array:
    """The constant numbers, which training does not change, one row per network."""
    leaves = structure_of(params).constants(params)
    return _rows(leaves, stacked).astype(dtype) if leaves else np.empty((prod(stacked), 0), dtype)


def _rows(leaves: Sequence[Array], stacked: Axes) -> Array:
    return np.concatenate([leaf.reshape(prod(stacked), -1) for leaf in leaves], axis=1)


def of_numbers(like: P, rows: Array, stacked: Axes) -> P:
    """The networks of such rows, which become read-only, with the constants of ``like``."""
    if not stacked:
        return frozen(of_vector(like, rows[0]))
    structure = structure_of(like)
    sizes = [prod(shape) // len(rows) for shape in structure.trained(structure.shapes)]
    (vector,) = locked((np.concatenate(np.split(rows, np.cumsum(sizes)[:-1], axis=1), axis=None),))
    return frozen(of_vector(like, vector))
