"""Objects: what they hold, and which part of it cannot be seen."""

from __future__ import annotations

import copyreg
import functools
import os
import sys
import types
from collections import deque
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from fnnet.descriptions.code_digests import instructions, is_library, named
from fnnet.descriptions.edges import Edge, Unseen, as_function, asked

# --- objects ---------------------------------------------------------------------------------------------------------


def attributes(value: object) -> list[Edge]:
    """The fields of an object, and whatever its slots and its dictionary hold, by name."""
    found: dict[str, object] = {name: getattr(value, name) for name in getattr(type(value), "__tree_fields__", ())}
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: asked(value, field.name) for field in fields(value)}
    more = _own(value)
    names = [name for name in sorted(more) if name not in found and not _is_passed_by(type(value), name)]
    found |= {name: _noted(type(value), name) or more[name] for name in names}
    addresses = {id(child) for child in found.values()}
    return [
        Edge(name, _own_number(name, child, addresses) or child, ("attr", value, name)) for name, child in found.items()
    ]


def _own(value: object) -> dict[str, object]:
    """What the slots and the dictionary of an object hold."""
    kinds = [kind for kind in type(value).__mro__ if not kind.__module__.startswith(("fnnet.", "pathlib"))]
    slots = {name: asked(value, name, MISSING) for kind in kinds for name in _slots(kind)}
    own = asked(value, "__dict__")
    full = {name: one for name, one in slots.items() if one is not MISSING}
    return {**full, **(own if isinstance(own, dict) else {})}


def given(value: object) -> list[Edge]:
    """What a user has added to an object, and its class, besides what is described in another way."""
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
    """Whether an attribute was written by Python itself, or computed when it was first read."""
    if name in (*functools.WRAPPER_ASSIGNMENTS, "__signature__", "__orig_class__", "__dict__", "__weakref__"):
        return True
    return any(isinstance(vars(base).get(name), functools.cached_property) for base in kind.__mro__)


def _noted(kind: type, name: str) -> Unseen | None:
    """A placeholder for what a package's class may note in an object when one of its properties is read."""
    is_noted = any(name in _stored_by_properties(base) for base in kind.__mro__ if is_library(base))
    return Unseen("a property of its class writes it") if is_noted else None


def _own_number(name: str, value: object, addresses: set[int]) -> Unseen | None:
    """A placeholder for the hash that an object keeps of itself, as immutable ones do, or for the address of what it
    holds: both differ in every process."""
    if type(value) is int and value in addresses:
        return Unseen("an address, which is another in every process")
    is_hash = name.startswith("_") and name.rstrip("_").endswith("hash") and isinstance(value, (int, types.NoneType))
    return Unseen("a hash, which may be another in every process") if is_hash else None


@functools.lru_cache(1024)
def _stored_by_properties(kind: type) -> frozenset[str]:
    getters = [as_function(value.fget) for value in vars(kind).values() if isinstance(value, property)]
    found = [one for f in getters if f is not None for one in instructions(f.__code__) if one.opname == "STORE_ATTR"]
    return frozenset([str(one.argval) for one in found])


# --- what cannot be seen ---------------------------------------------------------------------------------------------
_KNOWN = (int, float, complex, str, bytes, tuple, list, dict, set, frozenset, deque, BaseException, Mapping)
_SHOWN = (object, tuple, list, dict, set, frozenset, types.MappingProxyType)
"""Classes written in C that hold nothing but their entries."""

_ONES_OWN = {"functools", "operator", "types", "collections", "dataclasses", "enum"}
"""Modules of Python whose objects hold their arguments."""


def _is_value(kind: type) -> bool:
    """Whether objects of a class are equal by value, as dates are, not by identity."""
    compare: object = kind.__eq__
    return compare is not object.__eq__


def why_unseen(kind: type) -> str | None:
    """Why objects of a class of Python or of a package cannot be described; None if they can."""
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
    """Why the memory of a package's class written in C is not described: its pickle may contain addresses."""
    return "whose memory is its own" if is_foreign(kind) or not is_library(kind) else None


def is_foreign(kind: type) -> bool:
    """Whether a class belongs to a package other than Python, NumPy and fnnet."""
    top = str(kind.__module__).partition(".")[0]
    return is_library(kind) and top not in sys.stdlib_module_names and top not in ("numpy", "fnnet")


def _is_of_c(kind: type) -> bool:
    own = vars(kind)
    pointers = len(_slots(kind)) + ("__dict__" in own) + ("__weakref__" in own)
    base = kind.__base__ or object
    return kind.__basicsize__ - base.__basicsize__ > 8 * pointers


def reduced(value: object) -> list[Edge]:
    """What an object of a class written in C consists of besides what it shows, as pickle takes it apart."""
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
    """Whether the state of an object is the content of its slots and its dictionary."""
    own = _own(value)
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    dicts = [part for part in parts if isinstance(part, dict)]
    is_plain = len(dicts) == len([part for part in parts if part is not None])
    return is_plain and all(name in own and own[name] is one for part in dicts for name, one in part.items())
