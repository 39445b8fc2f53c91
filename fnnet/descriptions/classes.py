"""Classes and objects: what they hold, and what of them cannot be seen."""

from __future__ import annotations

import copyreg
import functools
import os
import sys
import types
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum, EnumMeta
from types import FunctionType
from typing import Any

from fnnet.descriptions.code_digests import instructions, is_library, named
from fnnet.descriptions.function_reads import Edge, Unseen, as_function, unique

# --- objects ---------------------------------------------------------------------------------------------------------


def attributes(value: object) -> list[Edge]:
    """The fields of an object, and whatever its slots and its dictionary hold, by name."""
    found: dict[str, object] = {name: getattr(value, name) for name in getattr(type(value), "__tree_fields__", ())}
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: getattr(value, field.name, None) for field in fields(value)}
    more = _own(value)
    names = [name for name in sorted(more) if name not in found and not _is_passed_by(type(value), name)]
    found |= {name: _noted(type(value), name) or more[name] for name in names}
    return [Edge(name, child, ("attr", value, name)) for name, child in found.items()]


def _own(value: object) -> dict[str, object]:
    """What the slots and the dictionary of an object hold."""
    kinds = [kind for kind in type(value).__mro__ if not kind.__module__.startswith("fnnet.")]
    slots = [name for kind in kinds for name in _slots(kind) if hasattr(value, name)]
    own = getattr(value, "__dict__", None)
    return {**{name: getattr(value, name) for name in slots}, **(own if isinstance(own, dict) else {})}


def given(value: object) -> list[Edge]:
    """What a user has added to an object, and its class, besides what is described of it in another way."""
    kind = type(value)
    if is_library(kind):
        return attributes(value) if isinstance(value, functools.partial) else []
    return [*attributes(value), Edge("class", kind)]


def _slots(kind: type) -> list[str]:
    slots = vars(kind).get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    hidden = kind.__name__.lstrip("_")
    mangled = [f"_{hidden}{name}" if name.startswith("__") and not name.endswith("__") else name for name in names]
    return [name for name in mangled if not name.startswith("__")]


def _is_passed_by(kind: type, name: str) -> bool:
    """Whether an attribute is what Python writes itself, or a value that was computed when it was first read."""
    if name in (*functools.WRAPPER_ASSIGNMENTS, "__signature__", "__orig_class__", "__dict__", "__weakref__"):
        return True
    return any(isinstance(vars(base).get(name), functools.cached_property) for base in kind.__mro__)


def _noted(kind: type, name: str) -> Unseen | None:
    """In the place of what a class of a package may note in an object when one of its properties is read."""
    is_noted = any(name in _stored_by_properties(base) for base in kind.__mro__ if is_library(base))
    return Unseen("a property of its class writes it") if is_noted else None


@functools.lru_cache(1024)
def _stored_by_properties(kind: type) -> frozenset[str]:
    getters = [as_function(value.fget) for value in vars(kind).values() if isinstance(value, property)]
    found = [one for f in getters if f is not None for one in instructions(f.__code__) if one.opname == "STORE_ATTR"]
    return frozenset([str(one.argval) for one in found])


# --- what cannot be seen ---------------------------------------------------------------------------------------------
_KNOWN = (int, float, complex, str, bytes, tuple, list, dict, set, frozenset, deque, BaseException, Mapping)
_SHOWN = (object, tuple, list, dict, set, frozenset, types.MappingProxyType)
"""Classes of C that have nothing to them but their entries."""

_ONES_OWN = {"functools", "operator", "types", "collections", "dataclasses", "enum"}
"""Modules of Python whose objects hold what they were given."""


def _is_value(kind: type) -> bool:
    """Whether objects of a class are equal by what they are, as dates are, and not by being the same one."""
    compare: object = kind.__eq__
    return compare is not object.__eq__


def why_unseen(kind: type) -> str | None:
    """Why objects of a class of Python's or of a package cannot be told, where they cannot."""
    module, top = str(kind.__module__), str(kind.__module__).partition(".")[0]
    if not is_library(kind) or top == "fnnet":
        return None
    if kind is type(os.environ):
        return "which is another in every process"
    if issubclass(kind, BaseException) or top in _ONES_OWN:
        return "which a run moves on" if hasattr(kind, "__next__") else None
    if hasattr(kind, "__next__") or hasattr(kind, "__enter__"):
        return "which a run moves on"
    if module in ("weakref", "_weakref", "_weakrefset"):
        return "which does not hold what it knows"
    if issubclass(kind, _KNOWN) or is_dataclass(kind) or _is_value(kind):
        return None
    is_pythons = top in sys.stdlib_module_names or top == "numpy"
    return "whose state may change in a run" if is_pythons else None


def hidden(value: object) -> list[Edge]:
    """What an object holds that Python does not show: the memory of a class written in C."""
    bases = [base for base in type(value).__mro__ if base not in _SHOWN and _is_of_c(base)]
    if not bases or str(type(value).__module__).startswith("fnnet"):
        return []
    whys = [f"{named(base)}, {why}" for base in bases if (why := why_unseen(base) or _why_foreign(base)) is not None]
    return [Edge("state", Unseen(whys[0]))] if whys else reduced(value)


def _why_foreign(kind: type) -> str | None:
    """Why the memory of a class of a package, written in C, is not told: what pickle makes of it may have addresses."""
    top = str(kind.__module__).partition(".")[0]
    return None if top in sys.stdlib_module_names or top in ("numpy", "fnnet") else "whose memory is its own"


def _is_of_c(kind: type) -> bool:
    own = vars(kind)
    pointers = len(_slots(kind)) + ("__dict__" in own) + ("__weakref__" in own)
    base = kind.__base__ or object
    return kind.__basicsize__ - base.__basicsize__ > 8 * pointers


def reduced(value: object) -> list[Edge]:
    """What an object of C is made of besides what it shows, as pickle takes it apart."""
    reduce: Any = copyreg.dispatch_table.get(type(value))
    try:
        found = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception:  # whatever it raises, it cannot be taken apart
        return [Edge("state", Unseen(f"{named(type(value))} shows none"))]
    if not isinstance(found, tuple):
        return [Edge("made of", found)]
    told: list[Any] = [*found[1:], None]
    arguments, state, *entries = told
    parts = [one for one in arguments if one is not type(value)]
    parts += [] if _is_shown(value, state) else [state]
    parts += [] if isinstance(value, _KNOWN) else [list(one) for one in entries[:2] if one is not None]
    return [Edge("made of", tuple(parts))] if parts else []


def _is_shown(value: object, state: object) -> bool:
    """Whether the state of an object is what stands in its slots and its dictionary."""
    own = _own(value)
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    dicts = [part for part in parts if isinstance(part, dict)]
    is_plain = len(dicts) == len([part for part in parts if part is not None])
    return is_plain and all(name in own and own[name] is one for part in dicts for name, one in part.items())


# --- classes ---------------------------------------------------------------------------------------------------------
_OF_PYTHON = {
    *("__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__slots__", "__hash__", "__match_args__"),
    *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__abstractmethods__"),
    *("__dataclass_fields__", "__dataclass_params__", "__orig_bases__", "__parameters__", "__type_params__"),
    *("__static_attributes__", "__firstlineno__", "__protocol_attrs__", "__non_callable_proto_members__"),
}
"""What Python notes in a class; what of it counts is described elsewhere."""

_MAKERS = ("abc", "collections", "dataclasses", "enum", "typing")
"""Modules of Python that write functions into classes, in another way in each Python."""

_OF_TYPES = (types.MemberDescriptorType, types.GetSetDescriptorType, type(vars(Edge)["name"]))
"""What Python itself puts into a class for slots and for the entries of a named tuple."""


def class_edges(kind: type) -> list[Edge]:
    """What a class of the user's derives from, and what its body defines."""
    bases = [Edge(f"({base.__name__})", base) for base in kind.__bases__ if not is_library(base)]
    made = [Edge("(metaclass)", type(kind))] if not is_library(type(kind)) else []
    members = [Edge(name, value, ("attr", kind, name)) for name, value in _members(kind)]
    return unique([*bases, *made, *_declared(kind), *members])


def _members(kind: type) -> Iterator[tuple[str, object]]:
    entries: Mapping[str, Enum] = kind.__members__ if isinstance(kind, EnumMeta) else {}
    yield from [(name, member.value) for name, member in entries.items()]
    for name, value in sorted(vars(kind).items()):
        is_of_enum = name in entries or (isinstance(kind, EnumMeta) and name[0] == "_" and as_function(value) is None)
        is_pythons = name in _OF_PYTHON or name.startswith("_abc_") or isinstance(value, _OF_TYPES)
        if not (is_of_enum or is_pythons or _is_generated(value) or _inherits(kind, name, value)):
            yield name, value


def _inherits(kind: type, name: str, value: object) -> bool:
    """Whether a class would have the same without its own, as ``typing`` notes it in one at its first call."""
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
    """The order of an enumeration's members, and what the methods that ``dataclass`` has written are made from."""
    if isinstance(kind, EnumMeta):
        yield Edge("(members)", tuple(kind.__members__))
    own = vars(kind)
    if "__dataclass_params__" not in own:
        return
    found: Mapping[str, Field[object]] = own["__dataclass_fields__"]
    params = [name for name in ("init", "repr", "eq", "order", "frozen") if getattr(own["__dataclass_params__"], name)]
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


def _in_words(field: Field[object]) -> str:
    flags = {name: getattr(field, name) for name in ("init", "compare", "kw_only")}
    usual = {"init": True, "compare": True, "kw_only": False}
    return " ".join([field.name, *[f"{name}={flag}" for name, flag in flags.items() if flag != usual[name]]])


def functions_of(kind: type) -> Iterator[FunctionType]:
    """The user's functions in the body of a class: methods, and those behind properties."""
    for _, value in _members(kind):
        holders: list[Any] = [value, *[getattr(value, name, None) for name in ("fget", "fset", "fdel", "func")]]
        found = [function for function in map(as_function, holders) if function is not None]
        yield from [function for function in found if not is_library(function)]
