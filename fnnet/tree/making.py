"""How nodes are put together again, by functions that are made once for each structure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter, itemgetter
from types import MemberDescriptorType
from typing import Any, TypeVar

from fnnet.tree.nodes import Params, is_leaf, is_static, layout, parts
from fnnet.types import Array

T = TypeVar("T")

Fill = Callable[[Sequence[Any]], object]
"""From the values of a tree, in an order of its own, to the tree."""


def maker(kind: type[T], *slots: str) -> Callable[..., T]:
    """How instances of a class are made of their fields, by position, and of values for more ``slots`` of theirs.

    That is the class's constructor, or, where it does no more than fill slots, the same in half the time.
    """
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]  # a dataclass, whatever it holds
    members = [getattr(kind, name, None) for name in names]
    settings = getattr(kind, "__dataclass_params__")  # noqa: B009  (the attribute is not in the type stubs)
    is_plain = settings.init and not hasattr(kind, "__post_init__") and kind.__new__ is object.__new__
    more = [getattr(kind, name).__set__ for name in slots]
    if is_plain and all(isinstance(member, MemberDescriptorType) for member in members):
        return _by_slots(kind, [member.__set__ for member in members if member is not None] + more)
    return _by_constructor(kind, len(names), more) if slots else kind


def _by_slots(kind: type[T], puts: list[Callable[[object, object], None]]) -> Callable[..., T]:
    new: Callable[[type[T]], T] = object.__new__

    def make(*values: object) -> T:
        made = new(kind)
        for put, value in zip(puts, values, strict=True):
            put(made, value)
        return made

    def make_of_three(a: object, b: object, c: object) -> T:  # a Linear and its structure: half of all that is made
        made = new(kind)
        first(made, a)
        second(made, b)
        third(made, c)
        return made

    if len(puts) != 3:
        return make
    first, second, third = puts
    return make_of_three


def _by_constructor(kind: type[T], n: int, more: list[Callable[[object, object], None]]) -> Callable[..., T]:
    def make(*values: object) -> T:
        made = kind(*values[:n])
        for put, value in zip(more, values[n:], strict=True):
            put(made, value)
        return made

    return make


@dataclass(slots=True, eq=False)
class Places:
    """Where the values of a tree's leaves stand, and, where ``span`` counts, those of what holds several of them.

    Leaves are met in their order; ``order`` has the place of each among the values, from the end for a constant, and
    ``sizes`` what it adds to a vector.
    """

    order: Iterator[int]
    sizes: Iterator[int]
    span: int | None
    at: int = 0
    spans: list[tuple[int, int]] = field(default_factory=list)

    def leaf(self) -> int:
        """The place of the next leaf."""
        self.at += next(self.sizes)
        return next(self.order)

    def spanned(self, begin: int) -> int | None:
        """The place of the part of the vector from ``begin`` to here, where there is one."""
        if self.span is None or self.at == begin:
            return None
        self.spans.append((begin, self.at))
        return self.span + len(self.spans) - 1


def filler(node: object, places: Places, structure_of: Callable[[Params], object]) -> Fill:
    """The function from values to a node like this one; what has no leaves is used again as it is."""
    if is_leaf(node):
        return itemgetter(places.leaf())
    children = node if isinstance(node, tuple) else () if is_static(node) else layout(type(node)).values(node)
    if not any(map(_has_leaves, children)):
        return lambda values: node
    if isinstance(node, tuple):
        return _tuple_filler(node, places, structure_of)
    begin = places.at
    fills = [filler(child, places, structure_of) for child in children]
    if not isinstance(node, Params):
        make = maker(type(node))
        return lambda values: make(*[fill(values) for fill in fills])
    structure = structure_of(node)
    span = None if all(map(is_leaf, children)) else places.spanned(begin)
    if span is None:
        make = maker(type(node), "_structure")
        return lambda values: make(*[fill(values) for fill in fills], structure)
    make = maker(type(node), "_structure", "_vector")
    return lambda values: make(*[fill(values) for fill in fills], structure, values[span])


def _has_leaves(node: object) -> bool:
    return is_leaf(node) or any(_has_leaves(child) for _, child in parts(node))


def _tuple_filler(nodes: tuple[Any, ...], places: Places, structure_of: Callable[[Params], object]) -> Fill:
    """The same for a tuple; one of like layers, such as an Mlp's, is made by a single ``map`` over their fields."""
    kind = type(nodes[0])
    if issubclass(kind, Params) and all(type(node) is kind and _is_flat(node) for node in nodes):
        width = len(layout(kind).names)
        taken = [places.leaf() for _ in range(width * len(nodes))]
        make, structures = maker(kind, "_structure"), [structure_of(node) for node in nodes]
        end = taken[-1] + 1 or None  # constants are counted from the end
        columns = [slice(first, end, width) for first in taken[:width]]
        return lambda values: tuple(map(make, *[values[column] for column in columns], structures))
    fills = [filler(node, places, structure_of) for node in nodes]
    return lambda values: tuple([fill(values) for fill in fills])


def _is_flat(node: Params) -> bool:
    """Whether a node holds arrays alone, one at least, and all of them trained or none."""
    children = parts(node)
    return bool(children) and not layout(type(node)).constant and all(is_leaf(child) for _, child in children)


def leaf_getter(tree: object, path: str) -> Callable[[object], Array]:
    """The function from trees like this one to their leaf of a path."""
    steps: list[Callable[[Any], Any]] = []
    for name in path.split("."):
        steps.append(itemgetter(int(name)) if isinstance(tree, tuple) else attrgetter(name))
        tree = steps[-1](tree)

    def _found(node: Any) -> Array:
        for step in steps:
            node = step(node)
        leaf: Array = node
        return leaf

    return _found
