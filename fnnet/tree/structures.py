"""What trees of one form have in common, found once: a value of its own, like the treedef of JAX and optree.

If a network has few trained numbers, they lie in one vector, and its leaves are views of it: an optimizer then makes
one pass over the vector instead of one over every leaf. Constants lie outside.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod
from typing import Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from fnnet.checks import FLOATS
from fnnet.errors import TreeError
from fnnet.tree.making import TreeSource, getter
from fnnet.tree.matching import flatten_shared, trained
from fnnet.tree.nodes import Params, flatten, leaf_paths
from fnnet.tree.views import Views, views
from fnnet.types import Array

P = TypeVar("P", bound=Params)
T = TypeVar("T")

LIMIT = 1 << 18
"""Networks of more numbers than this have no vector: their passes cost more than the calls that a vector saves."""


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Structure(Generic[P]):
    """How trees of one form are taken apart and built; there is one such object per form, as long as it has trees.

    The form is all but the numbers: classes, static fields, shapes, dtypes, and which leaves are constant. ``changes``
    says for each leaf whether training changes it, ``is_trainable`` that all those are float32 or float64. They make up
    a tree's *blocks*: one vector of all their numbers if these are few (``views`` then finds the leaves in it), else
    the leaves themselves. ``facts`` is what ``remembered`` functions have found out about all trees of the form.
    """

    changes: tuple[bool, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[np.dtype[Any], ...]
    is_trainable: bool
    views: Views | None
    make: Callable[..., P]
    get_constants: Callable[[object], tuple[object, ...]]
    has_constants: bool
    facts: dict[Callable[..., object], Any]

    def is_of(self, tree: object) -> bool:
        """Whether a tree has this structure."""
        return isinstance(tree, Params) and structure_of(tree) is self

    def leaves(self, tree: Params) -> list[Array]:
        """All leaves of a tree, in their order."""
        found: list[Array] = []
        flatten(tree, found, [])
        return found

    def constants(self, tree: Params) -> tuple[Array, ...]:
        """The leaves that training does not change."""
        return cast(tuple[Array, ...], self.get_constants(tree))

    def trained(self, leaves: Sequence[T]) -> list[T]:
        """Of all leaves, or of one fact per leaf, those of the leaves that training changes."""
        return [leaf for leaf, can in zip(leaves, self.changes, strict=True) if can]

    def joined(self, leaves: Sequence[Array]) -> tuple[Array, ...]:
        """The blocks of a tree with these trained leaves: a fresh vector, or the leaves."""
        return (np.concatenate(leaves, axis=None),) if self.views else tuple(leaves)

    def parted(self, vector: Array) -> tuple[Array, ...]:
        """The blocks of a tree whose trained numbers lie in a vector: the vector, or views of it."""
        if self.views:
            return (vector,)
        shapes = [shape for shape, can in zip(self.shapes, self.changes, strict=True) if can]
        ends = pairwise(accumulate(map(prod, shapes), initial=0))
        return tuple([vector[a:b].reshape(shape) for (a, b), shape in zip(ends, shapes, strict=True)])

    def build(self, blocks: Sequence[Array], constants: Sequence[Array] = ()) -> P:
        """The tree with these blocks and constants, not copied: it holds views of a vector."""
        if self.views is None:  # a result computed from 0-d arrays is no array
            return self.make(self, [np.asarray(block) for block in blocks], constants, None)
        return self.make(self, self.views(blocks[0]), constants, blocks[0])

    def zeros(self) -> tuple[Array, ...]:
        """Constants of 0, as in gradients and slots."""
        if not self.has_constants:
            return ()
        alike = zip(self.changes, self.shapes, self.dtypes, strict=True)
        return tuple([np.zeros(shape, dtype) for can, shape, dtype in alike if not can])

    def spread(self, flags: Sequence[bool]) -> tuple[bool | NDArray[np.bool], ...]:
        """One answer per leaf turned into one per block: for a vector, an array with one answer per number."""
        own = [(flag, prod(s)) for flag, s, can in zip(flags, self.shapes, self.changes, strict=True) if can]
        if self.views is None:
            return tuple([flag for flag, _ in own])
        return (np.repeat(np.array([flag for flag, _ in own], bool), [size for _, size in own]),)


_STRUCTURES: WeakValueDictionary[Hashable, Structure[Any]] = WeakValueDictionary()


def structure_of(tree: P) -> Structure[P]:
    """The structure of a network or of what is built like one. Raises TreeError for what cannot be a tree."""
    known: Structure[P] | None = getattr(tree, "_structure", None)
    if known is None:  # a tree that fnnet has not built
        known = _structure(tree)
        object.__setattr__(tree, "_structure", known)
    return known


def _structure(tree: P) -> Structure[P]:
    leaves: list[Array] = []
    form: list[object] = []
    flatten_shared(tree, leaves, form)
    settings = tuple([repr(entry) if isinstance(entry, float) else entry for entry in form])  # -0.0 == 0.0
    shapes, dtypes = tuple([leaf.shape for leaf in leaves]), tuple([leaf.dtype for leaf in leaves])
    key = (settings, shapes, dtypes)
    found = _STRUCTURES.get(key)
    if found is None:
        found = _STRUCTURES[key] = _made(tree, leaves, tuple(trained(form)), shapes, dtypes)
    return found


def _made(
    tree: P,
    leaves: list[Array],
    changes: tuple[bool, ...],
    shapes: tuple[tuple[int, ...], ...],
    dtypes: tuple[np.dtype[Any], ...],
) -> Structure[P]:
    sizes = [leaf.size if can else 0 for leaf, can in zip(leaves, changes, strict=True)]
    kinds = {leaf.dtype for leaf, can in zip(leaves, changes, strict=True) if can}
    is_vector = len(kinds) == 1 and kinds <= FLOATS and 0 < sum(sizes) <= LIMIT
    source = TreeSource(
        iter([size if can else None for size, can in zip(sizes, changes, strict=True)]), is_vector, structure_of
    )
    make = source.root(tree)
    *starts, length = accumulate(sizes, initial=0)
    found = [(at, shape) for at, shape, can in zip(starts, shapes, changes, strict=True) if can]
    found += [(begin, (end - begin,)) for begin, end in source.spans]
    paths = zip(leaf_paths(tree), changes, strict=True)
    return Structure(
        changes,
        shapes,
        dtypes,
        kinds <= FLOATS,
        views(found, length, kinds.pop()) if is_vector else None,
        make,
        getter(tree, [path for path, can in paths if not can]),
        not all(changes),
        {},
    )


# --- what is known about a tree----------------------------------------------------------------------------------
def remembered(fact: Callable[[P], T], tree: P) -> T:
    """``fact(tree)``, found once for all trees of one structure; it must not depend on the numbers.

    The result is kept while there are such trees; what holds a user's function uses ``Remembers`` instead.
    """
    known: Structure[P] | None = getattr(tree, "_structure", None) or structure_if_any(tree)
    if known is None:  # not a tree; the fact is computed all the same, or says what is wrong
        return fact(tree)
    facts = known.facts
    if fact not in facts:
        facts[fact] = fact(tree)
    found: T = facts[fact]
    return found


def structure_if_any(tree: P) -> Structure[P] | None:
    """The structure of a network; None for what holds something that no tree can, though x can pass through it."""
    given: object = tree
    try:
        return structure_of(tree) if isinstance(given, Params) else None
    except TreeError:
        return None


class Remembers:
    """Base of settings that find out one fact about networks by a user's function. The fact is kept per structure, no
    longer than there are trees of it and no longer than the settings."""

    __slots__ = ("_facts",)

    def remembered(self, fact: Callable[[P], T], tree: P) -> T:
        """``fact(tree)``, found once; ``fact`` is always the same function and independent of the numbers."""
        facts: WeakKeyDictionary[Structure[Any], T] | None = getattr(self, "_facts", None)
        if facts is None:
            facts = WeakKeyDictionary()
            object.__setattr__(self, "_facts", facts)
        structure = structure_of(tree)
        found = facts.get(structure)
        if found is None:
            facts[structure] = found = fact(tree)
        return found
