"""Small networks in one vector: a tree whose leaves are, in their order, views of it.

An optimizer then takes one pass over the vector where it would take one over every leaf, and a network of a few hundred
numbers is trained at the price of a few calls. That a tree is packed is a fact about the instance which no field shows
and which a new tree does not inherit; without it everything works the same, a little slower.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from itertools import accumulate, count, islice, pairwise
from operator import itemgetter
from types import MemberDescriptorType
from typing import Any, NamedTuple, TypeVar, cast
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np

from fnnet.tree.matching import flatten_shared, restore_shared
from fnnet.tree.nodes import CONSTANT, Params, is_leaf, is_static, layout, named_children, read_only
from fnnet.tree.views import Views, views
from fnnet.types import Array

P = TypeVar("P", bound=Params)
T = TypeVar("T")

LIMIT = 1 << 18
"""Networks of more numbers than this stay as they are: their passes cost more than the calls."""

Build = Callable[[tuple[Array, ...]], object]


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Structure:
    """How trees of one form are built of views of a vector; one such object a form, for as long as there are trees.

    The fields of a lazy tree are made when one of them is read, if ever: see ``Params``. ``facts`` is what
    ``remembered`` functions have found out about all trees of the form.
    """

    kind: type[Any]
    is_lazy: bool
    views: Views
    fields: Callable[[tuple[Array, ...]], tuple[object, ...]]
    facts: dict[Callable[..., object], Any]

    def tree(self, like: P, vector: Array) -> P:
        """The packed tree of a vector; ``like`` is any tree of this structure."""
        if self.is_lazy:
            built: P = object.__new__(self.kind)
        else:
            built = cast(P, layout(self.kind).make(*self.fields(self.views(vector))))
        object.__setattr__(built, "_packed", Packed(vector, self))
        return built


class Packed(NamedTuple):
    """The vector that a tree's leaves are views of, and its structure."""

    vector: Array
    structure: Structure

    def fields(self) -> tuple[object, ...]:
        """The values of the tree's fields."""
        return self.structure.fields(self.structure.views(self.vector))


_read: Callable[[object], Packed] = vars(Params)["_packed"].__get__
"""Reads the slot itself: where it is empty, ``getattr`` would ask the class's ``__getattr__``, in twice the time."""


def packed(tree: Params) -> Packed | None:
    """The vector behind a tree, where it is packed."""
    try:
        return _read(tree)
    except (AttributeError, TypeError):  # not packed, or no network
        return None


def remembered(fact: Callable[[P], T], tree: P) -> T:
    """``fact(tree)``, found once for all packed trees of one structure; it must not depend on the numbers.

    It is kept with the fact while there are such trees: what holds a user's function remembers by ``Remembers``.
    """
    known = packed(tree)
    if known is None:
        return fact(tree)
    facts = known.structure.facts
    if fact not in facts:
        facts[fact] = fact(tree)
    found: T = facts[fact]
    return found


class Remembers:
    """Base of settings that find out one thing about networks, by a function of the user's: kept for each structure of
    packed trees, and neither longer than these nor longer than the settings."""

    __slots__ = ("_facts",)

    def remembered(self, fact: Callable[[P], T], tree: P) -> T:
        """``fact(tree)``, always the same one and independent of the numbers, found once."""
        known: Packed | None = getattr(tree, "_packed", None)
        if known is None:
            return fact(tree)
        facts: WeakKeyDictionary[Structure, T] | None = getattr(self, "_facts", None)
        if facts is None:
            facts = WeakKeyDictionary()
            object.__setattr__(self, "_facts", facts)
        found = facts.get(known.structure)
        if found is None:
            facts[known.structure] = found = fact(tree)
        return found


_STRUCTURES: WeakValueDictionary[Hashable, Structure] = WeakValueDictionary()


def structure_of(tree: Params, leaves: list[Array], form: list[object]) -> Structure | None:
    """The structure of a tree of these leaves and this form; None for one that is not packed.

    Not packed are trees that are large or empty, and those with constant leaves or leaves of several dtypes.
    """
    dtypes = {leaf.dtype for leaf in leaves}
    if len(dtypes) != 1 or CONSTANT in form or not 0 < sum([leaf.size for leaf in leaves]) <= LIMIT:
        return None
    settings = tuple([repr(entry) if isinstance(entry, float) else entry for entry in form])  # -0.0 == 0.0
    key = (settings, tuple([leaf.shape for leaf in leaves]), dtypes.pop())
    found = _STRUCTURES.get(key)
    if found is None:
        *starts, length = accumulate([leaf.size for leaf in leaves], initial=0)
        places = count()
        builders = [_builder(value, places) for value in layout(type(tree)).values(tree)]
        found = _STRUCTURES[key] = Structure(
            type(tree),
            _can_be_lazy(type(tree)),
            views([(at, leaf.shape) for at, leaf in zip(starts, leaves, strict=True)], length, leaves[0].dtype),
            lambda leaves: tuple([build(leaves) for build in builders]),
            {},
        )
    return found


def _can_be_lazy(kind: type[Params]) -> bool:
    """Whether instances can be made without their fields: these are slots, and nothing happens when one is made."""
    slots = [getattr(kind, name, None) for name in layout(kind).names]
    settings = getattr(kind, "__dataclass_params__")  # noqa: B009  (the attribute is not in the type stubs)
    is_plain = settings.init and not hasattr(kind, "__post_init__")
    return is_plain and all(isinstance(slot, MemberDescriptorType) for slot in slots)


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


def frozen(node: T) -> T:
    """``read_only`` that leaves packed trees packed, and as they are whatever nobody can write to."""
    known = packed(node) if isinstance(node, Params) else None
    if known is not None:
        vector = read_only(known.vector)
        return node if vector is known.vector else cast(T, known.structure.tree(cast(Params, node), vector))
    if is_leaf(node):
        return cast(T, read_only(node))
    children = tuple([child for _, child in named_children(node)])
    new = tuple([frozen(child) for child in children])
    if all(mine is given for mine, given in zip(new, children, strict=True)):
        return node
    return cast(T, new if type(node) is tuple else layout(type(node)).make(*new))


def fresh_like(tree: P) -> P:
    """A tree like this one with arrays to be written, packed where it is."""
    known = packed(tree)
    if known is not None:
        return known.structure.tree(tree, np.empty_like(known.vector))
    leaves: list[Array] = []
    flatten_shared(tree, leaves, [])
    return cast(P, restore_shared(tree, iter([np.empty(leaf.shape, leaf.dtype) for leaf in leaves])))


def unjoined(like: P, vector: Array) -> P:
    """The tree of a vector's numbers: its leaves are views of it, in their order; packed where trees like it are."""
    leaves: list[Array] = []
    form: list[object] = []
    flatten_shared(like, leaves, form)
    structure = structure_of(like, leaves, form)
    if structure is not None:
        return structure.tree(like, vector)
    ends = accumulate([leaf.size for leaf in leaves], initial=0)
    new = [vector[a:b].reshape(leaf.shape) for (a, b), leaf in zip(pairwise(ends), leaves, strict=True)]
    return cast(P, restore_shared(like, iter(new)))


def joined(leaves: list[Array]) -> Array:
    """Leaves behind one another, in one fresh vector."""
    vector: Array = np.concatenate(leaves, axis=None)
    return vector


# --- building ----------------------------------------------------------------------------------------------------
def _builder(node: object, places: Iterator[int]) -> Build:
    """The function from leaves to a node like this one; what has no leaves is used again as it is."""
    if is_leaf(node):
        return itemgetter(next(places))
    if is_static(node):
        return lambda leaves: node
    children = node if isinstance(node, tuple) else layout(type(node)).values(node)
    if not children:
        return lambda leaves: node
    if isinstance(node, tuple):
        return _tuple_builder(node, places)
    make = layout(type(node)).make
    builders = [_builder(child, places) for child in children]
    return lambda leaves: make(*[build(leaves) for build in builders])


def _tuple_builder(nodes: tuple[object, ...], places: Iterator[int]) -> Build:
    """The same for a tuple; one of like layers, such as an Mlp's, is built by a single ``map`` over their fields."""
    kind = type(nodes[0])
    width = len(named_children(nodes[0]))
    if width and all(type(node) is kind and all(is_leaf(child) for _, child in named_children(node)) for node in nodes):
        make = layout(kind).make
        taken = list(islice(places, width * len(nodes)))
        fields = [slice(first, taken[-1] + 1, width) for first in taken[:width]]
        return lambda leaves: tuple(map(make, *[leaves[field] for field in fields]))
    builders = [_builder(node, places) for node in nodes]
    return lambda leaves: tuple([build(leaves) for build in builders])
