"""Settings in words: every value that a step, data or a stream holds, by its path, to be written down and compared."""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from fnnet.keys import Key
from fnnet.records import Rows

CHUNK = 1 << 24
"""Bytes of an array that are read at a time: it may be a mapped file beyond memory."""


def described(name: str, value: object) -> dict[str, str]:
    """Path and text of a value and of everything in it.

    Settings are told by their classes and fields, arrays by dtype, shape and digest, functions and classes that are not
    fnnet's by name and a digest of their source, functions also by what they enclose.

    >>> import fnnet as fn
    >>> described("optimizer", fn.sgd(0.1, momentum=0.9))["optimizer.momentum"]
    '0.9'
    """
    return dict(_told(name, value, ()))


def _told(path: str, value: object, above: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    if id(value) in above:
        yield path, "as above"
        return
    yield path, _in_a_word(value)
    for name, child in _children(value):
        yield from _told(f"{path}.{name}", child, (*above, id(value)))


def _in_a_word(value: object) -> str:
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, Key, np.generic)):
        return repr(value)
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, (FunctionType, type)):
        return _named(value)
    if isinstance(value, MethodType):
        return value.__func__.__qualname__
    if isinstance(value, (BuiltinFunctionType, np.ufunc)):
        return value.__name__
    if _is_rows(value):
        return digest_of_rows(value)
    return _named(type(value))


def _children(value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (tuple, list)):
        yield from ((str(i), child) for i, child in enumerate(value))
    elif isinstance(value, Mapping):
        yield from ((str(key), child) for key, child in value.items())
    elif isinstance(value, functools.partial):
        yield from (("func", value.func), ("args", value.args), ("keywords", value.keywords))
    elif isinstance(value, MethodType):
        yield "self", value.__self__
    elif isinstance(value, FunctionType):
        yield from _enclosed(value)
    elif _has_state(value):
        yield from _state(value)


def _enclosed(f: FunctionType) -> Iterator[tuple[str, object]]:
    """What a function takes along: the variables around it, and its defaults."""
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        yield name, cell.cell_contents
    if f.__defaults__:
        yield "defaults", f.__defaults__


def _has_state(value: object) -> bool:
    is_told = value is None or isinstance(value, (bool, int, float, complex, str, bytes, Key, np.generic, type))
    return not (is_told or isinstance(value, (ModuleType, BuiltinFunctionType, np.ufunc)) or _is_rows(value))


def _state(value: object) -> Iterator[tuple[str, object]]:
    if is_dataclass(value):
        yield from ((field.name, getattr(value, field.name)) for field in fields(value))
    else:
        yield from sorted(getattr(value, "__dict__", {}).items())


def _named(thing: Callable[..., object] | type) -> str:
    """A class or function by its name; with a digest of its source where it is not fnnet's, whose code is told once."""
    name = f"{thing.__module__}.{thing.__qualname__}"
    if name.split(".")[0] in ("fnnet", "builtins", "numpy"):
        return thing.__qualname__
    try:
        source = inspect.getsource(thing)
    except (OSError, TypeError):
        return f"{name}, its source unknown"
    return f"{name} {hashlib.sha256(source.encode()).hexdigest()[:16]}"


# --- arrays --------------------------------------------------------------------------------------------------------
def _is_rows(value: object) -> TypeGuard[Rows]:
    return isinstance(value, np.ndarray) or all(hasattr(value, name) for name in ("shape", "dtype", "__getitem__"))


def digest_of_rows(source: Rows | NDArray[np.generic]) -> str:
    """An array, a mapped file or anything else with rows: dtype, shape, and a SHA-256 over its bytes in C order."""
    shape, dtype = source.shape, source.dtype
    sha = hashlib.sha256()
    for rows in _in_chunks(source):
        sha.update(np.ascontiguousarray(rows).tobytes())
    return f"{dtype.str}{list(shape)} {sha.hexdigest()}"


def _in_chunks(source: Rows | NDArray[np.generic]) -> Iterator[NDArray[np.generic]]:
    if not source.shape:
        yield np.asarray(source)
        return
    rows = source.shape[0]
    bytes_a_row = source.dtype.itemsize * math.prod(source.shape[1:])
    step = max(1, CHUNK // max(1, bytes_a_row))
    for start in range(0, rows, step):
        stop = min(rows, start + step)
        yield source[start:stop] if isinstance(source, np.ndarray) else source[np.arange(start, stop)]
