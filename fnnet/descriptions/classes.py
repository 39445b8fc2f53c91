"""Classes: what they derive from, and what their bodies define."""

from __future__ import annotations

import abc
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from enum import Enum, EnumMeta
from types import FunctionType
from typing import Any, cast

from fnnet.descriptions.code_digests import is_library
from fnnet.descriptions.edges import Edge, Unseen, as_function, asked, unique
from fnnet.descriptions.objects import attributes, is_foreign

_OF_PYTHON = {
    *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__slots__"),
    *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__abstractmethods__"),
    *("__dataclass_fields__", "__dataclass_params__", "__orig_bases__", "__parameters__", "__type_params__"),
    *("__static_attributes__", "__firstlineno__", "__protocol_attrs__", "__non_callable_proto_members__"),
    "__slotnames__",
}
"""What Python notes in a class; the part that counts is described elsewhere."""

_MAKERS = ("abc", "collections", "dataclasses", "enum", "typing")
"""Modules of Python that write functions into classes, differently in each version of Python."""

_OF_TYPES = (types.MemberDescriptorType, types.GetSetDescriptorType, type(vars(Edge)["name"]))
"""What Python itself puts into a class for slots and for the entries of a named tuple."""


def class_edges(kind: type) -> list[Edge]:
    """What a user's class derives from, and what its body defines."""
    bases = [Edge(f"({base.__name__})", base) for base in kind.__bases__ if not is_library(base)]
    made = [Edge("(metaclass)", type(kind))] if not is_library(type(kind)) else []
    members = [Edge(name, _put(kind, name, value) or value, ("attr", kind, name)) for name, value in _members(kind)]
    return unique([*bases, *made, *_declared(kind), *members, *registered(kind)])


def registered(kind: type) -> list[Edge]:
    """The user's classes that ``register`` has made subclasses of an abstract one."""
    dump: Any = getattr(abc, "_get_dump", None)
    if dump is None or not isinstance(kind, abc.ABCMeta):
        return []
    found = [one for one in [known() for known in dump(kind)[0]] if one is not None and not is_library(one)]
    return [Edge("(registered)", frozenset(found))] if found else []


def _put(kind: type, name: str, value: object) -> Unseen | None:
    """A placeholder for what a package's metaclass notes in a user's class: it may contain addresses."""
    is_noted = is_foreign(type(kind)) and name.startswith("__") and name.endswith("__") and as_function(value) is None
    return Unseen("the metaclass of a package may have written it") if is_noted else None


def _members(kind: type) -> Iterator[tuple[str, object]]:
    entries: Mapping[str, Enum] = cast("type[Enum]", kind).__members__ if isinstance(kind, EnumMeta) else {}
    yield from [(name, member.value) for name, member in entries.items()]
    for name, value in sorted(vars(kind).items()):
        is_of_enum = name in entries or (isinstance(kind, EnumMeta) and name[0] == "_" and as_function(value) is None)
        is_pythons = name in _OF_PYTHON or name.startswith("_abc_") or isinstance(value, _OF_TYPES)
        is_usual = is_pythons or _is_generated(value) or _inherits(kind, name, value) or _follows(kind, name, value)
        if not (is_of_enum or is_usual):
            yield name, value


def _follows(kind: type, name: str, value: object) -> bool:
    """Whether Python has put it into a class as a consequence of something else in it."""
    if name == "__match_args__":
        return value == _matched(kind)
    return name == "__hash__" and value is None and "__eq__" in vars(kind)


def _matched(kind: type) -> object:
    """The attributes that patterns match by position, in a class that was generated."""
    if "__dataclass_params__" in vars(kind):
        return tuple([field.name for field in fields(kind) if field.init and not field.kw_only])
    return vars(kind).get("_fields")


def _inherits(kind: type, name: str, value: object) -> bool:
    """Whether a class would inherit the same value, as with what ``typing`` notes in a class at its first call."""
    found = [vars(base)[name] for base in kind.__mro__[1:] if name in vars(base)]
    return next((one is value for one in found if not _is_generated(one)), False)


def _is_generated(value: object) -> bool:
    """Whether it is a method that ``dataclass``, ``namedtuple`` or the like has written."""
    function = as_function(value)
    while function is not None and is_library(function) and "__wrapped__" in vars(function):
        function = as_function(vars(function)["__wrapped__"])
    if function is None:
        return False
    home = str(function.__globals__.get("__name__"))
    is_written = function.__code__.co_qualname.startswith("__create_fn__.") or home.startswith("namedtuple_")
    return is_written or (is_library(function) and home in _MAKERS)


def _declared(kind: type) -> Iterator[Edge]:
    """The order of an enumeration's members, and what the methods that ``dataclass`` writes are made from."""
    if isinstance(kind, EnumMeta):
        members: Mapping[str, Enum] = cast("type[Enum]", kind).__members__
        yield Edge("(members)", tuple(members))
        for name, member in members.items():
            yield from [edge._replace(name=f"{name}'s {edge.name}") for edge in attributes(member) if _is_own(edge)]
    own = vars(kind)
    if "__dataclass_params__" not in own:
        return
    found: Mapping[str, Field[object]] = own["__dataclass_fields__"]
    params = [name for name in _FLAGS if getattr(own["__dataclass_params__"], name)]
    params += [] if "__match_args__" in own else ["no match_args"]
    yield Edge("(dataclass)", (*params, *[_in_words(field) for field in found.values()]))
    inherited = [field for base in kind.__mro__[1:] for field in getattr(base, "__dataclass_fields__", {}).values()]
    for field in [field for field in found.values() if field not in inherited]:
        site = ("default", kind, field.name)
        if field.default is not MISSING:
            yield Edge(f"{field.name} by default", field.default, site)
        if field.default_factory is not MISSING:
            yield Edge(f"{field.name} made by", field.default_factory, site)
        if field.metadata:
            yield Edge(f"{field.name} metadata", dict(field.metadata))


_FLAGS = ("init", "repr", "eq", "order", "frozen", "unsafe_hash")


def _is_own(edge: Edge) -> bool:
    """Whether an attribute of an enumeration's member was not put there by ``enum``."""
    return not (edge.name.startswith("_") and edge.name.endswith("_"))


def _in_words(field: Field[object]) -> str:
    usual = {"init": True, "compare": True, "kw_only": False, "repr": True, "hash": None}
    flags = {name: getattr(field, name) for name in usual}
    return " ".join([field.name, *[f"{name}={flag}" for name, flag in flags.items() if flag != usual[name]]])


def functions_of(kind: type) -> Iterator[tuple[FunctionType, str, bool]]:
    """The user's functions in the body of a class, methods and those of properties, with their names there, and
    whether they are called when the attribute is stored rather than read."""
    for name, value in _members(kind):
        parts = [asked(value, part) for part in ("fget", "func", "fset", "fdel")]
        found = [(as_function(part), i > 2) for i, part in enumerate([value, *parts])]
        yield from [(f, name, stores) for f, stores in found if f is not None and not is_library(f)]
