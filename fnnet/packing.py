"""Small networks in one vector: a tree whose leaves are, in their order, views of it.

An optimizer then takes one pass over the vector where it would take one over every leaf, and a network of a few hundred
numbers is trained at the price of a few calls. That a tree is packed is a fact about the instance which no field shows
and which a new tree does not inherit; without it everything works the same, a little slower.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise, starmap
from typing import NamedTuple, TypeGuard, TypeVar, cast

import numpy as np

from fnnet.matching import flatten_shared, restore_shared
from fnnet.nodes import CONSTANT, Params, is_leaf, is_static, layout
from fnnet.types import Array

P = TypeVar("P", bound=Params)

LIMIT = 1 << 16
"""Networks of more numbers than this stay as they are: their passes cost more than the calls."""

Build = Callable[[Array], object]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Structure:
    """How trees of one form are built of views of a vector; there is one such object a form."""

    build: Build

    def tree(self, like: P, vector: Array) -> P:
        """The packed tree of a vector; ``like`` is any tree of this structure."""
        built = cast(P, self.build(vector))
        object.__setattr__(built, "_packed", Packed(vector, self))
        return built


class Packed(NamedTuple):
    """The vector that a tree's leaves are views of, and its structure."""

    vector: Array
    structure: Structure


def packed(tree: Params) -> Packed | None:
    """The vector behind a tree, where it is packed."""
    found: Packed | None = getattr(tree, "_packed", None)
    return found


_STRUCTURES: dict[Hashable, Structure] = {}


def structure_of(tree: Params, leaves: list[Array], form: list[object]) -> Structure | None:
    """The structure of a tree of these leaves and this form; None for one that is not packed.

    Not packed are trees that are large or empty, and those with constant leaves or leaves of several dtypes.
    """
    dtypes = {leaf.dtype for leaf in leaves}
    if len(dtypes) != 1 or CONSTANT in form or sum([leaf.size for leaf in leaves]) > LIMIT:
        return None
    key = (tuple(form), tuple([leaf.shape for leaf in leaves]), dtypes.pop())
    found = _STRUCTURES.get(key)
    if found is None:
        ends = accumulate([leaf.size for leaf in leaves], initial=0)
        found = _STRUCTURES[key] = Structure(_builder(tree, starmap(slice, pairwise(ends))))
    return found


def pack(tree: P) -> P:
    """The tree as a packed one with read-only arrays, or as it is where trees like it are not packed."""
    leaves: list[Array] = []
    form: list[object] = []
    flatten_shared(tree, leaves, form)
    structure = structure_of(tree, leaves, form)
    if structure is None:
        return tree
    vector = joined(leaves)
    vector.setflags(write=False)
    return structure.tree(tree, vector)


def fresh_like(tree: P) -> P:
    """A tree like this one with arrays to be written, packed where it is."""
    known = packed(tree)
    if known is not None:
        return known.structure.tree(tree, np.empty_like(known.vector))
    leaves: list[Array] = []
    flatten_shared(tree, leaves, [])
    return cast(P, restore_shared(tree, iter([np.empty_like(leaf) for leaf in leaves])))


def joined(leaves: list[Array]) -> Array:
    """Leaves behind one another, in one fresh vector."""
    vector: Array = np.concatenate(leaves, axis=None)
    return vector


# --- building ----------------------------------------------------------------------------------------------------
def _builder(node: object, places: Iterator[slice]) -> Build:
    """The function from a vector to a node like this one; what has no leaves is used again as it is."""
    if is_leaf(node):
        return _leaf_builder(next(places), node.shape)
    if is_static(node):
        return lambda vector: node
    kind = type(node)
    children = node if isinstance(node, tuple) else layout(kind).values(node)
    if kind is not tuple and _is_pair(children):
        return _pair_builder(kind, children[0].shape, places)
    builders = [_builder(child, places) for child in children]
    if isinstance(node, tuple):
        return lambda vector: tuple([build(vector) for build in builders])
    if not builders:
        return lambda vector: node
    make: Callable[..., object] = kind
    return lambda vector: make(*[build(vector) for build in builders])


def _leaf_builder(place: slice, shape: tuple[int, ...]) -> Build:
    if len(shape) == 1:
        return lambda vector: vector[place]
    return lambda vector: vector[place].reshape(shape)


def _is_pair(children: tuple[object, ...]) -> TypeGuard[tuple[Array, Array]]:
    """Whether a node's children are an array and a vector, as those of a Linear layer are."""
    return len(children) == 2 and is_leaf(children[0]) and is_leaf(children[1]) and children[1].ndim == 1


def _pair_builder(make: Callable[..., object], shape: tuple[int, ...], places: Iterator[slice]) -> Build:
    """The same for such a pair with fewer calls, which is a quarter of the time for a small network."""
    first, second = next(places), next(places)
    return lambda vector: make(vector[first].reshape(shape), vector[second])
