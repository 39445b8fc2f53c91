"""How records and trees are built: by functions whose source is generated once, as dataclasses' own are.

A frozen dataclass sets its fields one by one through ``object.__setattr__``. Where its constructor does no more than
that, its slots are filled directly, in half the time: a step makes every layer twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from types import MemberDescriptorType
from typing import Any, TypeVar

from fnnet.tree.nodes import Params, is_leaf, is_static, layout, named_children

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Source:
    """The source of a function of these arguments while it is written, and what its names stand for."""

    arguments: str
    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=lambda: {"new": object.__new__})

    def name(self, value: object) -> str:
        """A name for something that the function uses."""
        name = f"k{len(self.names)}"
        self.names[name] = value
        return name

    def made(self, kind: type, values: list[str], more: dict[str, str]) -> str:
        """The name of an instance that is made from its fields and then given more slots."""
        made, members = f"n{len(self.lines)}", _members(kind)
        if members is None:
            self.lines.append(f"{made} = {self.name(layout(kind).make)}({', '.join(values)})")
        else:
            self.lines.append(f"{made} = new({self.name(kind)})")
            self.put(made, members, values)
        self.put(made, [getattr(kind, slot) for slot in more], list(more.values()))
        return made

    def put(self, made: str, members: list[MemberDescriptorType], values: list[str]) -> None:
        """Writes the lines that fill slots."""
        for member, value in zip(members, values, strict=True):
            self.lines.append(f"{self.name(member.__set__)}({made}, {value})")

    def function(self, kind: type[T], result: str) -> Callable[..., T]:
        """The function that returns the result, an instance of a class."""
        text = "\n    ".join([f"def make({self.arguments}):", *self.lines, f"return {result}"])
        exec(text, self.names)
        made: Callable[..., T] = self.names.pop("make")
        return made


def _members(kind: type) -> list[MemberDescriptorType] | None:
    """The slots of a class's fields; None where its constructor does more than fill them."""
    settings = getattr(kind, "__dataclass_params__", None)
    members = [getattr(kind, f.name, None) for f in fields(kind)] if settings else []
    init, new = [getattr(kind, name) for name in ("__init__", "__new__")]
    is_plain = settings and _is_written(init) and new is object.__new__ and not hasattr(kind, "__post_init__")
    found = [member for member in members if isinstance(member, MemberDescriptorType)]
    return found if is_plain and len(found) == len(members) else None


def _is_written(constructor: object) -> bool:
    """Whether ``dataclass``, not a user, has written a constructor."""
    return getattr(getattr(constructor, "__code__", None), "co_filename", None) == "<string>"


def maker(kind: type[T]) -> Callable[..., T]:
    """A fast constructor for a record that is made at every step; it takes all fields by position."""
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]  # a dataclass, whatever it holds
    source = Source(", ".join(names))
    return source.function(kind, source.made(kind, names, {}))


# --- trees -------------------------------------------------------------------------------------------------------
@dataclass(slots=True, eq=False)
class TreeSource:
    """The source of a function that builds a tree from its trained leaves v, its constant leaves c, its structure and,
    if it has one, its vector, of which s are the parts that belong to layers of layers.

    Leaves are visited in their order; ``sizes`` says for each how many numbers of the vector it has, None for a
    constant.
    """

    sizes: Iterator[int | None]
    has_vector: bool
    structure_of: Callable[[Params], object]
    source: Source = field(default_factory=lambda: Source("structure, values, constants, vector"))
    trained: int = 0
    constants: int = 0
    at: int = 0
    spans: list[tuple[int, int]] = field(default_factory=list)

    def root(self, tree: P) -> Callable[..., P]:
        """The function that builds trees like this one."""
        known = {"_structure": "structure"} | ({"_vector": "vector"} if self.has_vector else {})
        values = [self.written(child) for _, child in named_children(tree)]
        made, lines = self.source.made(type(tree), values, known), self.source.lines
        found = [f"v{i}" for i in range(self.trained)] + [f"s{i}" for i in range(len(self.spans))]
        kept = [f"c{i}" for i in range(self.constants)]
        lines[:0] = [
            f"{', '.join(names)}, = {given}" for names, given in ((found, "values"), (kept, "constants")) if names
        ]
        return self.source.function(type(tree), made)

    def written(self, node: object) -> str:
        """The expression for a node; a node without leaves is reused as it is."""
        if is_leaf(node):
            return self._leaf(next(self.sizes))
        children = [child for _, child in named_children(node)]
        if is_static(node) or not any(map(_has_leaves, children)):
            return self.source.name(node)
        begin = self.at
        values = [self.written(child) for child in children]
        if isinstance(node, tuple):
            return f"({', '.join(values)},)"
        return self.source.made(type(node), values, self._known(node, begin, children))

    def _leaf(self, size: int | None) -> str:
        if size is None:
            self.constants += 1
            return f"c{self.constants - 1}"
        self.trained, self.at = self.trained + 1, self.at + size
        return f"v{self.trained - 1}"

    def _known(self, node: object, begin: int, children: list[object]) -> dict[str, str]:
        """What a layer of layers is given to know about itself; a layer of arrays finds it out when it is asked."""
        if not isinstance(node, Params) or all(map(is_leaf, children)):
            return {}
        known = {"_structure": self.source.name(self.structure_of(node))}
        if not self.has_vector or self.at == begin:
            return known
        self.spans.append((begin, self.at))
        return known | {"_vector": f"s{len(self.spans) - 1}"}


def _has_leaves(node: object) -> bool:
    return is_leaf(node) or any(_has_leaves(child) for _, child in named_children(node))


def getter(tree: object, paths: list[str]) -> Callable[[object], tuple[object, ...]]:
    """The function from trees like this one to their nodes at these paths."""
    found = ["tree" + "".join(_steps(tree, path)) for path in paths]
    return Source("tree").function(tuple, f"({''.join([f'{node}, ' for node in found])})")


def _steps(tree: object, path: str) -> Iterator[str]:
    for name in path.split(".") if path else ():
        yield f"[{name}]" if isinstance(tree, tuple) else f".{name}"
        tree = next(child for known, child in named_children(tree) if known == name)
