"""The numbers of a network that training changes: one vector if they are few, else leaf by leaf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import numpy as np

from fnnet.tree.making import maker
from fnnet.tree.nodes import Params, is_leaf, layout, named_children, read_only
from fnnet.tree.structures import Structure, structure_of
from fnnet.types import Array

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Unbuilt(Generic[P]):
    """A tree that nobody has read yet: its structure, its blocks and its constants, None where these are 0."""

    _structure: Structure[P]
    blocks: tuple[Array, ...]
    constants: tuple[Array, ...] | None

    def built(self) -> P:
        """The tree."""
        constants = self._structure.zeros() if self.constants is None else self.constants
        return self._structure.build(self.blocks, constants)


unbuilt = maker(Unbuilt)  # every step makes some


def built(tree: P | Unbuilt[P]) -> P:
    """The tree, built if it was not."""
    return tree.built() if isinstance(tree, Unbuilt) else tree


def blocks(tree: Params | Unbuilt[P]) -> tuple[Array, ...]:
    """The arrays that hold all trained numbers of a tree: its vector, or its leaves if these are large."""
    if isinstance(tree, Unbuilt):
        return tree.blocks
    vector: Array | None = getattr(tree, "_vector", None)
    if vector is not None:
        return (vector,)
    structure = structure_of(tree)
    return structure.joined(structure.trained(structure.leaves(tree)))


def vector_behind(tree: object) -> Array | None:
    """The vector that a tree's leaves are views of; None if there is none."""
    vector: Array | None = getattr(tree, "_vector", None)
    return vector


def vector_of(tree: Params) -> Array:
    """All trained numbers of a tree, one after another: its own vector, or a fresh one."""
    vector: Array | None = getattr(tree, "_vector", None)
    if vector is not None:
        return vector
    found = blocks(tree)
    return found[0] if structure_of(tree).views else np.concatenate(found or [np.zeros(0)], axis=None)


def of_vector(like: P, vector: Array) -> P:
    """The tree of such a vector, with leaves that are views of it and the constants of ``like``."""
    structure = structure_of(like)
    return structure.build(structure.parted(vector), structure.constants(like))


def pack(tree: P) -> P:
    """The tree with read-only arrays, in one vector if its numbers are few."""
    structure = structure_of(tree)
    if structure.views is None or vector_behind(tree) is not None:
        return frozen(tree)
    return structure.build(locked(blocks(tree)), read_only(structure.constants(tree)))


def locked(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    """Fresh arrays, made read-only."""
    for array in arrays:
        array.setflags(write=False)
    return arrays


def frozen(node: T) -> T:
    """``read_only``, except that what nobody can write to stays as it is, and what lies in a vector stays in it."""
    if isinstance(node, Params) and (vector := vector_behind(node)) is not None:
        structure = structure_of(node)
        mine = (vector, structure.constants(node))
        safe = read_only(mine)
        is_safe = safe[0] is vector and all(map(_is, safe[1], mine[1]))
        return node if is_safe else cast(T, structure.build(safe[:1], safe[1]))
    if is_leaf(node):
        return cast(T, read_only(node))
    children = tuple([child for _, child in named_children(node)])
    new = tuple([frozen(child) for child in children])
    if all(map(_is, new, children)):
        return node
    return cast(T, new if type(node) is tuple else layout(type(node)).make(*new))


def _is(a: object, b: object) -> bool:
    return a is b
