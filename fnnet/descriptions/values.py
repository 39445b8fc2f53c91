"""What a value is, in a word, and what it holds and reads, by name."""

from __future__ import annotations

import os
import types
import typing
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, partial
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, MethodWrapperType, ModuleType
from typing import Any

import numpy as np

from fnnet.core.rules import rule_of
from fnnet.descriptions import callables, tables
from fnnet.descriptions.classes import class_edges, registered
from fnnet.descriptions.code_digests import is_library, named, sha, version_of
from fnnet.descriptions.digests import (
    CONTAINERS,
    Known,
    data_digest,
    digest_of_rows,
    gives_arrays,
    has_address,
    is_plain_array,
    is_rows,
    plain_text,
    text_of_rows,
)
from fnnet.descriptions.edges import Edge, Unseen, unique
from fnnet.descriptions.objects import attributes, given, hidden, reduced, why_unseen
from fnnet.errors import FnnetError
from fnnet.tree.nodes import Params, layout

LONG, MANY = 99, 1000
"""Plain data with more entries, or more lines, are described in one line."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A value in a word, which is computed on demand, and what it holds."""

    text: Callable[[], str]
    edges: tuple[Edge, ...] = ()


def anatomy(value: object, known: Known) -> Anatomy:
    """What a value is and holds; ``known`` are the plain data seen so far."""
    if is_plain_array(value):
        return Anatomy(partial(digest_of_rows, value))  # computed on demand
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
    except Exception as error:  # reading an attribute of a user's object may raise anything
        return f"not covered: {named(type(value))}, which cannot be looked at: {type(error).__name__}", []


# --- rows and entries ------------------------------------------------------------------------------------------------
def _rows(value: Any) -> tuple[str | Callable[[], str], list[Edge]]:
    if isinstance(value, np.ma.MaskedArray):
        parts = {"data": value.data, "mask": np.ma.getmaskarray(value), "fill_value": value.fill_value}
        return "MaskedArray", [*[Edge(name, part) for name, part in parts.items()], *given(value)]
    array: Any = value
    if isinstance(array, (np.ndarray, np.generic)) and array.dtype.hasobject:
        return f"|O{list(value.shape)}", [Edge("entries", np.asarray(value).tolist()), *given(value)]
    if not gives_arrays(value):
        return _object(value)
    metadata = value.dtype.metadata
    return partial(text_of_rows, value), [*([Edge("metadata", dict(metadata))] if metadata else []), *given(value)]


def _entries(value: Any) -> Iterator[Edge]:
    site = ("attr", value, "[]")
    if isinstance(value, (tuple, list, deque)):
        names = getattr(type(value), "_fields", None) or map(str, range(len(value)))
        yield from [Edge(name, child, site) for name, child in zip(names, value, strict=True)]
    elif isinstance(value, (set, frozenset)):
        looks = sorted([(_look(child), i) for i, child in enumerate(value)])
        if len({look for look, _ in looks}) < len(looks):
            yield Edge("entries", Unseen("a set of what looks alike, which has no order"))
            return
        children = list(value)
        yield from [Edge(str(i), children[at], site) for i, (_, at) in enumerate(looks)]
    elif isinstance(value, Mapping):
        for i, (key, child) in enumerate(value.items()):
            yield Edge(_key(key), child, site)
            if data_digest(key) is None and not isinstance(key, (type, FunctionType, Enum)):
                yield Edge(f"key {i}", key)


def _key(key: object) -> str:
    if type(key) is str and key.isidentifier():
        return key
    if isinstance(key, (type, FunctionType)):
        return f"({key.__qualname__})"
    return f"({_look(key)})"


def _look(value: Any) -> str:
    """A value as it appears from outside, since what it holds may hold the value itself: the sort key of a set."""
    data = data_digest(value)
    if data is not None:
        return data.text
    if isinstance(value, os.PathLike):
        return f"{type(value).__qualname__} {os.fspath(value)!r}"
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, (type, FunctionType)):
        return named(value)
    if is_library(type(value)) and not has_address(text := repr(value)):  # dates, Decimals, patterns, len
        return f"{type(value).__qualname__} {text}"
    if type(value) is tuple:
        return f"tuple {sha(map(_look, value))}"
    parts = [(edge.name, data_digest(edge.value), type(edge.value)) for edge in attributes(value)]
    return f"{named(type(value))} {sha([f'{name} {data.text if data else named(kind)}' for name, data, kind in parts])}"


def content(value: object) -> str:
    """A value by its content alone, in one line."""
    data: Known = {}
    line = data_digest(value, data)
    if line is not None:
        return line.text
    numbers: dict[int, int] = {}
    told: list[str] = []
    met, todo = [value], [value]  # kept alive, so that ids stay unique
    while todo:
        top = todo.pop()
        plain = data_digest(top, data)
        if plain is not None:  # however often it occurs, as one object or many
            told.append(plain.text)
            continue
        is_new, number = id(top) not in numbers, numbers.setdefault(id(top), len(numbers))
        found = anatomy(top, {}) if is_new else Anatomy(partial(str, f"as {number}"))
        told.append(f"{found.text()} {[edge.name for edge in found.edges]}")
        met += [edge.value for edge in found.edges]
        todo += [edge.value for edge in found.edges[::-1]]
    return f"{told[0]} {sha(told)}"


# --- objects ---------------------------------------------------------------------------------------------------------
def _object(value: Any) -> tuple[str, list[Edge]]:
    kind = type(value)
    why = why_unseen(kind)
    if why is not None:
        return f"not covered: {named(kind)}, {why}", []
    length = f" of {len(value)}" if type(value) in CONTAINERS else ""
    edges = [*_entries(value), *attributes(value), *hidden(value)]
    if isinstance(value, Params) and not is_library(kind):
        edges += rules_of(value)
    if not is_library(kind):
        edges.append(Edge("class", kind))
    return f"{named(kind)}{length}", edges


def rules_of(layer: Params) -> list[Edge]:
    """The functions that the class of a layer was given to ``define_layer`` with."""
    rule = rule_of(layer)
    return [Edge(name, getattr(rule, name)) for name in layout(type(rule)).names if callable(getattr(rule, name))]


def _module(value: ModuleType) -> tuple[str, list[Edge]]:
    """A module. For the user's own only what code reads by name is described: a module may hold a whole program."""
    if not is_library(value):
        return "not covered: a module of which it is not said what is read", []
    return f"module {value.__name__}{version_of(value.__name__)}", []


def _enum(value: Enum) -> tuple[str, list[Edge]]:
    kind = type(value)
    return f"{named(kind)}.{value.name}", [] if is_library(kind) else [Edge("value", value.value), Edge("class", kind)]


def _derived(value: Any) -> tuple[str, list[Edge]]:
    """A number or text of a derived class."""
    base: Any = next(base for base in _TEXTS if isinstance(value, base))
    return f"{named(type(value))} {base.__repr__(value)}", given(value)


def _class(kind: type) -> tuple[str, list[Edge]]:
    if is_library(kind):
        return named(kind), registered(kind)
    bases = ", ".join([named(base) for base in kind.__bases__ if base is not object])
    return f"class {kind.__qualname__}{f'({bases})' if bases else ''}", class_edges(kind)


def _type(value: Any) -> tuple[str, list[Edge]]:
    parts = [typing.get_origin(value), *typing.get_args(value)]
    edges = [Edge(str(i), part) for i, part in enumerate(parts) if part is not None]
    return f"type {type(value).__name__}", edges or reduced(value)


_TEXTS = (int, float, complex, str, bytes)
_DESCRIPTORS = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
_ACCESSORS = (property, classmethod, staticmethod, cached_property)


def _is_path(value: Any) -> bool:
    """Whether it is a path of Python or of a package, perhaps of a class derived from one of Python's."""
    return isinstance(value, os.PathLike) and (isinstance(value, PurePath) or is_library(type(value)))


def _of(*kinds: type) -> Callable[[Any], bool]:
    """Whether a value has one of these classes by its type: a proxy's ``__class__`` is that of what it represents."""
    return lambda value: issubclass(type(value), kinds)


_KINDS: list[tuple[Callable[[Any], bool], Callable[[Any], tuple[str | Callable[[], str], list[Edge]]]]] = [
    (_of(Unseen), lambda value: (f"not covered: {value.why}", [])),
    (has_address, lambda value: ("not covered: a text with an address, which is another in every process", [])),
    (_of(Enum), _enum),
    (_of(*_TEXTS), _derived),
    (_is_path, lambda value: (repr(os.fspath(value)), given(value))),
    (_of(ModuleType), _module),
    (_of(FunctionType), callables.function),
    (_of(MethodType), callables.method),
    (_of(BuiltinFunctionType, MethodWrapperType, *_DESCRIPTORS), callables.builtin),
    (_of(np.ufunc), callables.ufunc),
    (_of(types.GenericAlias, type(int | str)), _type),
    (_of(type), _class),
    (lambda value: type(value).__module__ == "typing", _type),
    (_of(partial), callables.bound),
    (callables.is_wrapper, callables.wrapper),
    (_of(*_ACCESSORS), callables.accessor),
    (tables.is_table, tables.table),
    (tables.is_column, tables.column),
    (is_rows, _rows),
]
"""What is described in a way of its own; the first that fits applies."""
