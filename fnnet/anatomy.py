"""What a value is, in a word, and what it holds and reads, by name."""

from __future__ import annotations

import gc
import operator
import os
import types
import typing
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from enum import Enum
from functools import cached_property, partial
from types import BuiltinFunctionType, FunctionType, MethodType, MethodWrapperType, ModuleType
from typing import Any

import numpy as np

from fnnet.classes import attributes, class_edges, given, hides, is_value, reduced, why_unseen
from fnnet.codes import is_library, named, sha, version_of
from fnnet.digests import CONTAINERS, Known, data_digest, digest_of_rows, is_rows, plain_text
from fnnet.errors import FnnetError
from fnnet.nodes import Params, layout
from fnnet.reading import Edge, Unseen, reads, unique
from fnnet.rules import rule_of

LONG, MANY = 99, 1000
"""Plain data of more entries, or of more lines, are told in one."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A value in a word, made when it is asked for, and what it holds."""

    text: Callable[[], str]
    edges: tuple[Edge, ...] = ()


def anatomy(value: object, known: Known) -> Anatomy:
    """What a value is and holds; ``known`` are the plain data met so far."""
    if type(value) in (np.ndarray, np.memmap) and isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return Anatomy(partial(digest_of_rows, value))  # only when it is told
    text = plain_text(value)
    if text is None and type(value) in CONTAINERS:
        data = data_digest(value, known)
        is_long = data is not None and (len(typing.cast(Any, value)) > LONG or data.size > MANY)
        text = data.text if data is not None and is_long else None
    if text is not None:
        return Anatomy(partial(str, text))
    word, edges = _taken_apart(value)
    return Anatomy(word if callable(word) else partial(str, word), tuple(unique(edges)))


def _taken_apart(value: Any) -> tuple[str | Callable[[], str], list[Edge]]:
    try:
        for is_kind, take in _KINDS:
            if is_kind(value):
                return take(value)
        return _object(value)
    except FnnetError:
        raise
    except Exception as error:  # whatever an attribute of an object of the user's may raise when it is read
        return f"not covered: {named(type(value))}, which cannot be looked at: {type(error).__name__}", []


# --- functions -------------------------------------------------------------------------------------------------------
def _function(f: FunctionType) -> tuple[str, list[Edge]]:
    if not is_library(f):
        return named(f), list(reads(f))
    if not f.__closure__ or str(f.__globals__["__name__"]).startswith("fnnet."):
        return named(f), []
    return f"{f.__qualname__}, wrapped by {f.__code__.co_name}", list(reads(f))  # it bears the name of what it wraps


def _method(value: MethodType) -> tuple[str, list[Edge]]:
    name = getattr(value.__func__, "__qualname__", "")
    return f"method {name}", [Edge("function", value.__func__), Edge("self", value.__self__)]


def _builtin(value: Any) -> tuple[str, list[Edge]]:
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, (ModuleType, type)):
        return f"method {value.__name__}", [Edge("self", owner)]
    name = getattr(value, "__qualname__", value.__name__)
    return f"{getattr(value, '__module__', None) or 'module'}.{name}", []


def _ufunc(value: np.ufunc) -> tuple[str, list[Edge]]:
    is_made = "(vectorized)" in value.__name__
    return f"module.{value.__name__}", [Edge("function", Unseen("the function in it"))] if is_made else []


def _partial(value: partial[object]) -> tuple[str, list[Edge]]:
    parts = [Edge("func", value.func), Edge("args", value.args), Edge("keywords", value.keywords)]
    return "partial", [*parts, *given(value)]


def _wrapper(value: Any) -> tuple[str, list[Edge]]:
    """A compiled or cached function: its own state is no setting, what it was made with is."""
    function = getattr(value, "py_func", value.__wrapped__)
    is_cached = type(value).__module__ == "functools"
    if is_cached and all(one is not function for one in gc.get_referents(value)):  # ``wraps`` has renamed it
        function = Unseen("the function in it")
    settings = [
        Edge(name, getattr(value, name)) for name in ("cache_parameters", "targetoptions") if hasattr(value, name)
    ]
    edges = [edge._replace(value=edge.value()) if callable(edge.value) else edge for edge in settings]
    more = (
        [edge for edge in attributes(value) if edge.name not in ("__wrapped__", "cache_parameters")]
        if is_cached
        else []
    )
    return named(type(value)), [Edge("function", function), *edges, *more]


def _is_wrapper(value: Any) -> bool:
    is_told = is_library(type(value)) and not isinstance(value, FunctionType)
    return is_told and "__wrapped__" in getattr(value, "__dict__", {})


def _accessor(value: Any) -> tuple[str, list[Edge]]:
    """A property, a class method or the like, as a class holds them."""
    names = ("fget", "fset", "fdel", "func", "__func__")
    return type(value).__name__, [Edge(name, getattr(value, name)) for name in names if getattr(value, name, None)]


# --- rows and entries ------------------------------------------------------------------------------------------------
def _rows(value: Any) -> tuple[str | Callable[[], str], list[Edge]]:
    if isinstance(value, np.ma.MaskedArray):
        parts = {"data": value.data, "mask": np.ma.getmaskarray(value), "fill_value": value.fill_value}
        return "MaskedArray", [Edge(name, part) for name, part in parts.items()]
    if not value.dtype.hasobject:
        return partial(digest_of_rows, value), given(value)
    return f"|O{list(value.shape)}", [Edge("entries", np.asarray(value).tolist()), *given(value)]


def _entries(value: Any) -> Iterator[Edge]:
    site = ("attr", value, "[]")
    if isinstance(value, (tuple, list, deque)):
        names = getattr(value, "_fields", None) or map(str, range(len(value)))
        yield from [Edge(name, child, site) for name, child in zip(names, value, strict=True)]
    elif isinstance(value, (set, frozenset)):
        yield from [Edge(str(i), child, site) for i, child in enumerate(sorted(value, key=content))]
    elif isinstance(value, Mapping):
        yield from [Edge(_key(key), child, site) for key, child in value.items()]


def _key(key: object) -> str:
    if type(key) is str and key.isidentifier():
        return key
    if isinstance(key, (type, FunctionType)):
        return f"({key.__qualname__})"
    if isinstance(key, Enum):
        return f"({type(key).__qualname__}.{key.name})"
    return f"({content(key)})"


def content(value: object) -> str:
    """A value by its content alone, in a line."""
    data = data_digest(value)
    if data is not None:
        return data.text
    numbers: dict[int, int] = {}
    told: list[str] = []
    met, todo = [value], [value]  # what is met stays alive, and its number its own
    while todo:
        top = todo.pop()
        is_new, number = id(top) not in numbers, numbers.setdefault(id(top), len(numbers))
        found = anatomy(top, {}) if is_new else Anatomy(partial(str, f"as {number}"))
        told.append(f"{found.text()} {[edge.name for edge in found.edges]}")
        met += [edge.value for edge in found.edges]
        todo += [edge.value for edge in found.edges[::-1]]
    return f"{told[0]} {sha(told)}"


# --- objects ---------------------------------------------------------------------------------------------------------
def _object(value: Any) -> tuple[str, list[Edge]]:
    kind = type(value)
    why = why_unseen(value)
    if why is not None:
        return f"not covered: {named(kind)}, {why}", []
    length = f" of {len(value)}" if type(value) in CONTAINERS else ""
    edges = [*_entries(value), *attributes(value)]
    if is_library(kind) and is_value(kind) and not is_dataclass(value) and not edges and not length:
        edges = reduced(value)
    if hides(kind):
        edges += reduced(value)
    if isinstance(value, Params) and not is_library(kind):
        rule = rule_of(value)
        edges += [Edge(name, getattr(rule, name)) for name in layout(type(rule)).names if callable(getattr(rule, name))]
    if not is_library(kind):
        edges.append(Edge("class", kind))
    return f"{named(kind)}{length}", edges


def _enum(value: Enum) -> tuple[str, list[Edge]]:
    kind = type(value)
    return f"{named(kind)}.{value.name}", [] if is_library(kind) else [Edge("value", value.value), Edge("class", kind)]


def _derived(value: Any) -> tuple[str, list[Edge]]:
    """A number or text of a class of its own."""
    base = next(base for base in _TEXTS if isinstance(value, base))
    return f"{named(type(value))} {base.__repr__(value)}", given(value)


def _class(kind: type) -> tuple[str, list[Edge]]:
    if is_library(kind):
        return named(kind), []
    bases = ", ".join([named(base) for base in kind.__bases__ if base is not object])
    return f"class {kind.__qualname__}{f'({bases})' if bases else ''}", class_edges(kind)


def _type(value: Any) -> tuple[str, list[Edge]]:
    parts = [typing.get_origin(value), *typing.get_args(value)]
    return f"type {type(value).__name__}", [Edge(str(i), part) for i, part in enumerate(parts) if part is not None]


_TEXTS = (int, float, complex, str, bytes)
_DESCRIPTORS = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
_ACCESSORS = (property, classmethod, staticmethod, cached_property)


def _of(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


_KINDS: list[tuple[Callable[[Any], bool], Callable[[Any], tuple[str | Callable[[], str], list[Edge]]]]] = [
    (_of(Unseen), lambda value: (f"not covered: {value.why}", [])),
    (_of(Enum), _enum),
    (_of(*_TEXTS), _derived),
    (_of(os.PathLike), lambda value: (repr(os.fspath(value)), [])),
    (_of(ModuleType), lambda value: (f"module {value.__name__}{version_of(value.__name__)}", [])),
    (_of(FunctionType), _function),
    (_of(MethodType), _method),
    (_of(BuiltinFunctionType, MethodWrapperType, *_DESCRIPTORS), _builtin),
    (_of(np.ufunc), _ufunc),
    (_of(types.GenericAlias, types.UnionType), _type),
    (_of(type), _class),
    (lambda value: type(value).__module__ == "typing", _type),
    (_of(partial), _partial),
    (_is_wrapper, _wrapper),
    (_of(*_ACCESSORS), _accessor),
    (
        _of(operator.itemgetter, operator.attrgetter, operator.methodcaller),
        lambda value: (named(type(value)), reduced(value)),
    ),
    (is_rows, _rows),
]
"""What is told in a way of its own, the first that fits."""
