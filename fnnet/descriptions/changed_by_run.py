"""Which of the values that a run is made of its own code changes, so that they are no settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from fnnet.descriptions.classes import functions_of
from fnnet.descriptions.code_digests import is_library
from fnnet.descriptions.digests import PLAIN
from fnnet.descriptions.edges import Edge, Site
from fnnet.descriptions.mutations import facts, with_calls
from fnnet.keys import Key

_ITEMS = "[]"
_MAKING = {"__init__", "__new__", "__post_init__", "__setstate__", "__set_name__", "__init_subclass__"}
"""Methods that run before a run."""

Owner = type | None


@dataclass(frozen=True, slots=True)
class Changing:
    """Where values are replaced, and which values are written into, by their ids."""

    sites: frozenset[Site]
    values: frozenset[int]

    def has(self, edge: Edge) -> bool:
        """Whether what stands there is no setting."""
        return id(edge.value) in self.values or bool(self.sites.intersection(_sites(edge, to_store=True)))


def changing(edges: Iterable[Edge]) -> Changing:
    """What the functions among these values change of these values."""
    edges = list(edges)
    owners = _owners(edges)
    functions = [(f, owner) for f, owner in owners.values() if owner is None or f.__name__ not in _MAKING]
    read: dict[CodeType, Any] = {f.__code__: facts(f.__code__) for f, _ in functions}
    found = with_calls([read[f.__code__] for f, _ in functions])
    stored: set[Site] = set()
    written: set[Site] = set()
    for (f, owner), (stores, writes) in zip(functions, found, strict=True):
        stored |= {site for place in stores for site in _meant(f, owner, place)}
        written |= {site for place in writes for site in _meant(f, owner, place)}
    values = [edge.value for edge in edges if written.intersection(_sites(edge)) and _is_mutable(edge.value)]
    entries = {site for site in written if site[-1] == _ITEMS}
    return Changing(frozenset(stored | entries), frozenset(map(id, values)))


def _owners(edges: list[Edge]) -> dict[int, tuple[FunctionType, Owner]]:
    """The functions of the user's, and the class whose method each is."""
    values = [edge.value for edge in edges]
    found: dict[int, tuple[FunctionType, Owner]] = {}
    for value in values:
        if type(value) is FunctionType and not is_library(value):
            found.setdefault(id(value), (value, None))
    for value in values:
        if isinstance(value, type) and not is_library(value):
            found |= {id(f): (f, value) for f in functions_of(value)}
    return found


# --- sites -----------------------------------------------------------------------------------------------------------
def _meant(f: FunctionType, owner: Owner, place: tuple[str, str]) -> Iterable[Site]:
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
    """All that may mean the place of a value: an attribute is one by its name, and one of each class it belongs to. A
    frozen dataclass can only be forced to store another value there."""
    if not edge.site or edge.site[0] not in ("attr", "default"):
        return [edge.site] if edge.site else []
    place, holder, name = edge.site
    if to_store and place == "default":  # what is stored to an object leaves the default of its class alone
        return []
    kind = holder if isinstance(holder, type) else type(holder)
    related = [*kind.__mro__, *_derived(kind)] if isinstance(holder, type) else kind.__mro__
    owned: list[Site] = [("own", id(base), name) for base in related]
    return [("forced", name), *([] if to_store and _is_frozen(holder) else [("attr", name), *owned])]


def _derived(kind: type) -> list[type]:
    """The classes derived from one, whose methods change its attributes through theirs."""
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
