"""Which values of a run are changed by its own code, so that they are no settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import NamedTuple

import numpy as np

from fnnet.core.protocols import Data, GradFn, Loss, Optimizer, Order, Rows, Step
from fnnet.descriptions.bytecode import ENTRY, plain
from fnnet.descriptions.classes import functions_of
from fnnet.descriptions.code_digests import is_library
from fnnet.descriptions.digests import PLAIN
from fnnet.descriptions.edges import Edge, Site
from fnnet.descriptions.mutations import Facts, facts, with_calls
from fnnet.keys import Key

_ITEMS = "[]"
_MAKING = {"__init__", "__new__", "__post_init__", "__setstate__", "__set_name__", "__init_subclass__"}
"""Methods that are called before a run."""

_ASKED = {name for kind in (Data, GradFn, Loss, Optimizer, Order, Rows, Step) for name in vars(kind)} - _MAKING
"""The names of the methods that a run itself calls."""


class Owned(NamedTuple):
    """A function and, if it belongs to a class, the class, its name there, and whether storing there calls it."""

    f: FunctionType
    owner: type | None = None
    name: str = ""
    stores: bool = False


@dataclass(frozen=True, slots=True)
class Changing:
    """Where values are replaced, and which values are written into, by their ids."""

    sites: frozenset[Site]
    values: frozenset[int]

    def has(self, edge: Edge) -> bool:
        """Whether the value there is no setting."""
        return id(edge.value) in self.values or bool(self.sites.intersection(_sites(edge, to_store=True)))


def changing(edges: Iterable[Edge]) -> Changing:
    """Which of these values are changed by the functions among them."""
    edges = list(edges)
    functions = _run(_owned(edges))
    found = with_calls([read for _, read in functions])
    stored, written, of_entries = set[Site](), set[Site](), set[Site]()
    for ((f, owner, *_), _), (stores, writes) in zip(functions, found, strict=True):
        stored |= {site for place in stores for site in _meant(f, owner, place)}
        for kind, name in writes:
            (of_entries if kind.startswith(ENTRY) else written).update(_meant(f, owner, (plain(kind), name)))
    either = written | of_entries
    into = [(edge, written if isinstance(edge.value, np.ndarray) else either) for edge in edges]
    values = [edge.value for edge, sites in into if sites.intersection(_sites(edge)) and _is_mutable(edge.value)]
    entries = {site for site in either if site[-1] == _ITEMS}
    return Changing(frozenset(stored | entries), frozenset(map(id, values)))


def _owned(edges: list[Edge]) -> list[Owned]:
    """The user's functions, and the classes whose methods they are; any other function held has no owner."""
    found: dict[tuple[int, int], Owned] = {}
    kinds = {id(edge.value): edge.value for edge in edges if isinstance(edge.value, type)}
    for kind in kinds.values():
        methods = () if is_library(kind) else functions_of(kind)
        found |= {(id(f), id(kind)): Owned(f, kind, name, stores) for f, name, stores in methods}
    methods_only = {one for one, _ in found}
    for edge in edges:
        f, holder = edge.value, edge.site[1] if len(edge.site) > 1 else None
        is_member = edge.site == ("accessor",) or isinstance(holder, type)
        if type(f) is FunctionType and not is_library(f) and not (is_member and id(f) in methods_only):
            found[id(f), 0] = Owned(f)
    return list(found.values())


def _run(found: list[Owned]) -> list[tuple[Owned, tuple[Facts, ...]]]:
    """Those that a run may call, with their facts: functions, methods that a run itself, an operator or a base class of
    a package calls, methods whose names these mention, and so on. What only builds an object does not count."""
    called, waiting = list[tuple[Owned, tuple[Facts, ...]]](), found
    read, stored = set(_ASKED), set[str]()
    while True:
        now = [(one, facts(one[0].__code__)) for one in waiting if _is_called(one, read, stored)]
        if not now:
            return called
        waiting = [one for one in waiting if not _is_called(one, read, stored)]
        called += now
        read |= {name for one, _ in now for name in _mentioned(one[0].__code__)}
        stored |= {name for _, known in now for fact in known for _, name in fact.stored}


def _is_called(one: Owned, read: set[str], stored: set[str]) -> bool:
    if one.owner is None:
        return True
    if one.stores:
        return one.name in stored
    is_spoken = one.name.startswith("__") and one.name.endswith("__") and one.name not in _MAKING
    bases = [base for base in one.owner.__mro__[1:] if base is not object and is_library(base)]
    return is_spoken or one.name in read or any(one.name in vars(base) for base in bases if one.name not in _MAKING)


def _mentioned(code: CodeType) -> set[str]:
    """The names and texts in code and in the code nested in it."""
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in _mentioned(const)]
    return {*code.co_names, *[const for const in code.co_consts if isinstance(const, str)], *inner}


# --- sites -----------------------------------------------------------------------------------------------------------
def _meant(f: FunctionType, owner: type | None, place: tuple[str, str]) -> Iterable[Site]:
    """What a name means in a function."""
    kind, name = place
    code = f.__code__
    if kind == "global":
        yield "global", id(f.__globals__), name
    elif kind == "free" and name in code.co_freevars:
        yield "free", id((f.__closure__ or ())[code.co_freevars.index(name)])
    elif kind == "param":
        yield "param", id(f), name
        if owner is not None and code.co_argcount and name == code.co_varnames[0]:
            yield "own", id(owner), _ITEMS
    elif kind == "own" and owner is not None:
        yield "own", id(owner), name
    elif kind in ("own", "attr"):
        yield "attr", name
    elif kind == "forced":
        yield "forced", name


def _sites(edge: Edge, to_store: bool = False) -> list[Site]:
    """Everything that may refer to the place of a value: an attribute by its name, and as one of each class it belongs
    to. A frozen dataclass can only be forced to store another value there."""
    if not edge.site or edge.site[0] not in ("attr", "default"):
        return [edge.site] if edge.site else []
    place, holder, name = edge.site
    if to_store and place == "default":  # storing to an object does not change the default of its class
        return []
    kind = holder if isinstance(holder, type) else type(holder)
    related = [*kind.__mro__, *_derived(kind)] if isinstance(holder, type) else kind.__mro__
    owned: list[Site] = [("own", id(base), name) for base in related]
    return [("forced", name), *([] if to_store and _is_frozen(holder) else [("attr", name), *owned])]


def _derived(kind: type) -> list[type]:
    """The classes derived from one: their methods change its attributes through their own."""
    found: list[type] = []
    todo: list[type] = type.__subclasses__(kind)
    while todo:
        found.append(todo.pop())
        todo += type.__subclasses__(found[-1])
    return found


def _is_frozen(holder: object) -> bool:
    known = getattr(type(holder), "__dataclass_params__", None)
    return bool(getattr(known, "frozen", False))


def _is_mutable(value: object) -> bool:
    """Whether a value can be written into."""
    if isinstance(value, tuple):
        return any(_is_mutable(entry) for entry in value)
    fixed = (np.generic, np.dtype, Key, type, FunctionType, BuiltinFunctionType, ModuleType, str, int, float, frozenset)
    if isinstance(value, fixed) or (type(value) in PLAIN and type(value) is not bytearray):
        return False
    return not _is_frozen(value)
