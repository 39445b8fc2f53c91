"""What trees are made of, and how a tree is flattened and rebuilt.

A leaf is an ndarray; a node is a frozen dataclass or a tuple; float, int, str, bool and None are static. Networks,
gradients, optimizer states and training states are all trees of this one kind.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, NoReturn, TypeGuard, TypeVar

import numpy as np

from fnnet import html
from fnnet.errors import TreeError
from fnnet.tree.arrays import plain, safe
from fnnet.tree.fields import ASIDE_MARK, CARRIED_MARK, CONSTANT
from fnnet.types import Array

T = TypeVar("T")

NAN = float("nan")
"""Stands for every NaN among settings: a NaN equals only itself, as the same object, which one from a file is not."""


class Node:
    """Base of fnnet's records: a short repr, and read-only arrays after unpickling and copying."""

    __slots__ = ()

    def __repr__(self) -> str:
        return describe(self)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return _revive, (type(self), *layout(type(self)).values(self))


class Params(Node):
    """Base class of every network dataclass: its type says what it computes, its arrays are what it learned."""

    __slots__ = ("_structure", "_vector")
    """What ``structures`` knows about an instance: facts that no field shows and no new instance inherits."""

    def _repr_html_(self) -> str:
        """In a notebook: one row per layer, with its arrays, settings and the parameters that training changes."""
        rows = list(_layer_rows(self, ""))
        kinds = sorted({str(leaf.dtype) for _, leaf in walk(self) if is_leaf(leaf)})
        title = ", ".join([f"{type(self).__name__}: {sum([row[-1] for row in rows]):,} parameters", *kinds])
        shown = [(*row[:-1], f"{row[-1]:,}") for row in rows]
        return html.block(title, html.table(("path", "layer", "arrays", "settings", "parameters"), shown, [4]))

    if not TYPE_CHECKING:  # for type checkers a network is not callable

        def __call__(self, *_: object, **__: object) -> NoReturn:
            """Raises TypeError: a network is a value."""
            name = type(self).__name__
            raise TypeError(
                f"{name}: a network is a value and is not called, got net(...); predict(net, x) gives its output, "
                "forward(net, x) the cache for backward too"
            )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Layout:
    """How the instances of one class are taken apart and made: their fields, the role of each, and the constructor,
    which ``make`` calls with all fields by position."""

    names: tuple[str, ...]
    values: Callable[[object], tuple[object, ...]]
    constant: tuple[str, ...]
    carried: tuple[str, ...]
    is_params: bool
    make: Callable[..., object]


def _layout(kind: type) -> Layout:
    """The layout of a class. Raises TreeError where its instances cannot be part of a tree.

    A record that stores its data in a form other than its tree names the tree's fields in ``__tree_fields__``: they are
    attributes, which its constructor takes by position. A frozen dataclass that is not a tree has a ``__no_tree__``.
    """
    told: tuple[str, ...] | None = vars(kind).get("__tree_fields__")
    if told is not None:
        return Layout(told, _getter(told), (), (), False, kind)
    if not is_dataclass(kind) or "__no_tree__" in vars(kind):
        rule = (
            "; a tree holds arrays, frozen dataclasses, tuples (instead of lists and dicts) and static float, int, "
            "str, bool, None"
        )
        raise TreeError(f"tree: a {kind.__name__} can be no part of a tree{network_of(kind) or rule}")
    if not getattr(kind, "__dataclass_params__").frozen:  # noqa: B009  (the attribute is not in the type stubs)
        raise TreeError(f"tree: {kind.__name__} must be frozen; write @dataclass(frozen=True, slots=True, eq=False)")
    known = tuple([f for f in fields(kind) if ASIDE_MARK not in f.metadata])
    if not all(f.init for f in known):
        raise TreeError(f"tree: {kind.__name__} must be made of all its fields: no init=False")
    names = tuple([f.name for f in known])
    constants = tuple([f.name for f in known if CONSTANT in f.metadata])
    carried = tuple([f.name for f in known if CARRIED_MARK in f.metadata])
    make = functools.partial(_by_name, kind, names) if any(f.kw_only for f in known) else kind
    return Layout(names, _getter(names), constants, carried, issubclass(kind, Params), make)


def network_of(kind: type) -> str:
    """The end of an error where an instance of a class was given instead of the network that it holds."""
    path = next((path for path in ("params", "state.params") if hasattr(kind, path.partition(".")[0])), "")
    return f"; its network is .{path}" if path else ""


def _by_name(kind: type, names: tuple[str, ...], *values: object) -> object:
    return kind(**dict(zip(names, values, strict=True)))


def _getter(names: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    return attrgetter(*names) if len(names) > 1 else lambda node: tuple([getattr(node, name) for name in names])


layout: Callable[[type], Layout] = functools.lru_cache(1024)(_layout)  # more classes than a program defines


def is_leaf(node: object) -> TypeGuard[Array]:
    """Whether a node is an array. Subclasses of ndarray do not count: they would change what operations mean."""
    return type(node) is np.ndarray


def is_static(node: object) -> TypeGuard[float | int | str | None]:
    """Whether a node is a setting or a counter (a bool is an int)."""
    return node is None or isinstance(node, (float, int, str))


def named_children(node: object) -> tuple[tuple[str, object], ...]:
    """A node's children by name; none for a leaf or a static value."""
    if type(node) is tuple:
        return tuple((str(i), child) for i, child in enumerate(node))
    if is_leaf(node) or is_static(node):
        return ()
    known = layout(type(node))
    return tuple(zip(known.names, known.values(node), strict=True))


def child_path(path: str, name: str) -> str:
    """The path of a child by its name."""
    return f"{path}.{name}" if path else name


def walk(node: object, path: str = "") -> Iterator[tuple[str, object]]:
    """A node and every node below it, each with its path."""
    yield path, node
    for name, child in named_children(node):
        yield from walk(child, child_path(path, name))


def leaf_paths(tree: object) -> tuple[str, ...]:
    """The paths of all leaves, in their order."""
    return tuple([path for path, node in walk(tree) if is_leaf(node)])


def _layer_rows(layer: Params, path: str) -> Iterator[tuple[str, str, str, str, int]]:
    """Path, class, arrays, settings and number of parameters of a layer and of the layers in it; one that only holds
    others has no row."""
    arrays, settings, inside, count = list[str](), list[str](), list[tuple[str, Params]](), 0
    for name, field in named_children(layer):
        found = list(_through_tuples(field, name))
        inside += [(child_path(path, place), node) for place, node in found if isinstance(node, Params)]
        leaves = [(place, node) for place, node in found if is_leaf(node)]
        mark = " constant" if name in layout(type(layer)).constant else ""
        count += 0 if mark else sum([leaf.size for _, leaf in leaves])
        arrays += [f"{place} {'×'.join(map(str, leaf.shape)) or 'number'}{mark}" for place, leaf in leaves]
        if not any(isinstance(node, (Params, np.ndarray)) for _, node in found):
            settings.append(f"{name}={field!r}")
    if arrays or settings or not inside:
        yield path, type(layer).__name__, ", ".join(arrays), ", ".join(settings), count
    for place, child in inside:
        yield from _layer_rows(child, place)


def _through_tuples(node: object, path: str) -> Iterator[tuple[str, object]]:
    """A node, or the items of a tuple, with their paths."""
    if type(node) is not tuple:
        yield path, node
        return
    for name, child in named_children(node):
        yield from _through_tuples(child, child_path(path, name))


# --- flattened and rebuilt -----------------------------------------------------------------------------------------
def flatten(node: object, leaves: list[Array], form: list[object]) -> None:
    """Appends the leaves below a node to ``leaves`` and everything else, in the same order, to ``form``."""
    kind = type(node)
    if is_leaf(node):
        leaves.append(node)
        form.append(kind)
    elif isinstance(node, tuple) and kind is tuple:
        form.append(len(node))
        for child in node:
            flatten(child, leaves, form)
    elif is_static(node):
        form.append(kind)
        form.append(NAN if node != node else node)
    else:
        form.append(kind)
        for child in layout(kind).values(node):
            flatten(child, leaves, form)


def restore(node: object, leaves: Iterator[Array], enters_carried: bool = True) -> object:
    """The node with its leaves replaced by the next ones of ``leaves``; carried fields keep theirs unless
    ``enters_carried``."""
    kind = type(node)
    if kind is np.ndarray:
        return next(leaves)
    if isinstance(node, tuple) and kind is tuple:
        return tuple([restore(child, leaves, enters_carried) for child in node])
    if is_static(node):
        return node
    known = layout(kind)
    kept = () if enters_carried else known.carried
    fields = zip(known.names, known.values(node), strict=True)
    return known.make(*[child if name in kept else restore(child, leaves, enters_carried) for name, child in fields])


# --- read-only arrays --------------------------------------------------------------------------------------------
def read_only(node: T) -> T:
    """The tree with read-only arrays in C order: arrays that nobody can write to stay, all others are copied.

    C order, because copies of a tree have it and products of other layouts may differ in their last bits.
    """
    leaves: list[Array] = []
    flatten(node, leaves, [])
    frozen: T = restore(node, iter([safe(leaf) for leaf in leaves]))  # type: ignore[assignment]
    return frozen


def _revive(kind: type[T], *values: object) -> T:
    made: T = layout(kind).make(*[plain(value) for value in values])  # type: ignore[assignment]
    return read_only(made)


def describe(node: object) -> str:
    """A tree in one line, arrays by dtype and shape, 0-d arrays by value: ``Linear(w=float32[4, 2], b=float32[2])``."""
    if isinstance(node, np.ndarray):
        return f"{node.dtype}{list(node.shape)}" if node.ndim else repr(node.item())
    if type(node) is tuple:
        inner = ", ".join(describe(child) for child in node)
        return f"({inner},)" if len(node) == 1 else f"({inner})"
    if not isinstance(node, Node):
        return repr(node)
    return f"{type(node).__name__}({', '.join(f'{name}={describe(child)}' for name, child in named_children(node))})"
