"""Operations on the numbers of networks: on one vector if they are few, leaf by leaf if they are many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeVar

import numpy as np

from fnnet.checks import FLOATS
from fnnet.errors import DtypeError, LayerError, ShapeError
from fnnet.tree.arrays import safe
from fnnet.tree.matching import columns, trained
from fnnet.tree.nodes import Params, leaf_paths
from fnnet.tree.structures import Structure, structure_of
from fnnet.tree.vectors import Unbuilt, blocks, built, locked, unbuilt, vector_behind
from fnnet.types import Array

P = TypeVar("P", bound=Params)

Trees = Sequence["P | Unbuilt[P]"]

Rule = Callable[..., tuple[Array, ...]]

BLOCK = 1 << 16
"""How many numbers to process at a time: a few such float32 arrays fit into a core's cache, and calls cost little."""


def over_numbers(where: str, rule: Rule, trees: Trees[P], results: int, size: int = BLOCK) -> tuple[P, ...]:
    """``rule`` applied to the trained numbers of the parameters and of trees like them, as new read-only trees.

    Raises what ``new_numbers`` raises.
    """
    return tuple([tree.built() for tree in new_numbers(where, rule, trees, results, size)])


def new_numbers(where: str, rule: Rule, trees: Trees[P], results: int, size: int = BLOCK) -> list[Unbuilt[P]]:
    """The same, as trees that are built only when they are read: during training, slots never are.

    The rule takes the same block of numbers from each tree, and returns ``results`` fresh arrays. Constant leaves are
    skipped. Raises TreeError, ShapeError or DtypeError, each naming the path, where a tree is not like the first.
    """
    structure, found = alike(where, trees)
    if structure.views and found[0][0].size <= size:
        made = [locked(rule(*chain.from_iterable(found)))]
    else:
        made = [locked(_by_size(rule, some, results, size)) for some in zip(*found, strict=True)]
    if not structure.has_constants and len(made) == 1:  # in most steps
        return [unbuilt(structure, (new,), ()) for new in made[0]]
    kept = (trees[0], *trees[2:])  # all but the gradients, which are the second
    constants = [_constants(structure, tree) for tree in kept]
    return [unbuilt(structure, tuple([new[i] for new in made]), constants[i]) for i in range(results)]


def _constants(structure: Structure[P], tree: P | Unbuilt[P]) -> tuple[Array, ...]:
    """The constants of a tree, read-only wherever its vector is."""
    if isinstance(tree, Unbuilt):
        return structure.zeros() if tree.constants is None else tree.constants
    found, vector = structure.constants(tree), vector_behind(tree)
    return tuple(map(safe, found)) if vector is None or vector.flags.writeable else found


def alike(where: str, trees: Trees[P]) -> tuple[Structure[P], list[tuple[Array, ...]]]:
    """The structure of the first of several trees, and the blocks of each.

    Raises LayerError where the first is not a network, and TreeError, ShapeError or DtypeError, each naming the path,
    where it cannot be trained or another tree is not like it.
    """
    if not isinstance(trees[0], Params):
        raise LayerError(f"{where}: params must be a network, an instance of a Params class, got {trees[0]!r}")
    structure = structure_of(trees[0])
    for tree in trees:
        if getattr(tree, "_structure", None) is not structure and not structure.is_of(tree):
            check_alike(where, trees)
    if not structure.is_trainable:
        check_alike(where, trees)
    return structure, list(map(blocks, trees))


def check_alike(where: str, trees: Trees[P]) -> None:
    """Raises TreeError, ShapeError or DtypeError where the first tree cannot be trained or another is not like it."""
    trees = [built(tree) for tree in trees]
    found, form = columns(where, tuple(trees))
    paths, first = leaf_paths(trees[0]), [(leaf.shape, leaf.dtype) for leaf in found[0]]
    for path, (_, dtype), can in zip(paths, first, trained(form), strict=True):
        if can and dtype not in FLOATS:
            raise DtypeError(f"{where}: {path} must be float32 or float64 to be trained, got {dtype}")
    for leaves in found[1:]:
        for path, (shape, dtype), leaf in zip(paths, first, leaves, strict=True):
            if leaf.shape != shape:
                raise ShapeError(f"{where}: {path} must have the parameters' shape {shape}, got {leaf.shape}")
            if leaf.dtype != dtype:
                raise DtypeError(f"{where}: {path} must have the parameters' dtype {dtype}, got {leaf.dtype}")


def _by_size(rule: Rule, given: tuple[Array, ...], results: int, size: int) -> tuple[Array, ...]:
    """A rule applied to many numbers block by block, so that its ten passes read and write within the cache."""
    new = tuple([np.empty(given[0].shape, given[0].dtype) for _ in range(results)])
    vectors, into = [a.reshape(-1) for a in given], [a.reshape(-1) for a in new]
    for start in range(0, given[0].size, size):
        place = slice(start, start + size)
        for whole, part in zip(into, rule(*[a[place] for a in vectors]), strict=True):
            whole[place] = part
    return new


def zeros_like(params: P) -> P:
    """A slot variable before the first step."""
    structure = structure_of(params)
    zeros = tuple([np.zeros_like(block, order="C") for block in blocks(params)])
    return structure.build(locked(zeros), locked(structure.zeros()))
