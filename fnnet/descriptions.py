"""Settings in words: every value that a step, data or a stream holds, by its path, to be written down and compared."""

from __future__ import annotations

import dis
import hashlib
import math
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from fnnet.errors import DtypeError
from fnnet.keys import Key
from fnnet.nodes import Params
from fnnet.records import Rows
from fnnet.rules import rule_of

CHUNK = 1 << 24
"""Bytes of an array that are read at a time: it may be a mapped file beyond memory."""

_PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, type(...), slice, range)


def described(name: str, value: object) -> dict[str, str]:
    """Path and text of a value and of everything in it.

    Settings are told by their classes and fields, arrays and other rows by dtype, shape and digest. What is fnnet's,
    Python's or of an installed package is told by name; functions and classes of the user's by name and a digest of
    their bytecode, functions also by the variables, defaults and values of their module that they read.

    >>> import fnnet as fn
    >>> described("optimizer", fn.sgd(0.1, momentum=0.9))["optimizer.momentum"]
    '0.9'
    """
    return dict(_told(name, value, (), set()))


def _told(path: str, value: object, above: tuple[int, ...], met: set[int]) -> Iterator[tuple[str, str]]:
    """The lines of a value; ``above`` are those that hold it, ``met`` the functions of modules that were told already:
    they read each other."""
    if id(value) in above:
        yield path, "as above"
        return
    text, children = _taken_apart(value)
    yield path, text
    if isinstance(value, FunctionType) and value.__globals__.get(value.__name__) is value:
        children = [] if id(value) in met else children
        met.add(id(value))
    for name, child in children:
        yield from _told(f"{path}.{name}", child, (*above, id(value)), met)


def _taken_apart(value: object) -> tuple[str, list[tuple[str, object]]]:
    """What a value is, in a word, and what it holds, by name."""
    if type(value) in _PLAIN or isinstance(value, (Key, np.generic, np.dtype)):
        return repr(value), []
    if isinstance(value, Enum):
        return f"{_named(type(value))}.{value.name}", []
    for kind in (int, float, complex, str, bytes):
        if isinstance(value, kind):  # of a class derived from it
            return f"{_named(type(value))} {kind.__repr__(value)}", []
    if isinstance(value, os.PathLike):
        return repr(os.fspath(value)), []
    if isinstance(value, (ModuleType, BuiltinFunctionType, np.ufunc)):
        return f"{getattr(value, '__module__', None) or 'module'}.{value.__name__}", []
    if isinstance(value, type):
        return _named(value), []
    if _is_rows(value):
        return digest_of_rows(value), []
    if isinstance(value, FunctionType):
        return _named(value), [] if _is_library(value) else [*_enclosed(value), *_defaults(value), *_read(value)]
    if isinstance(value, MethodType):
        return f"method {value.__func__.__qualname__}", [("function", value.__func__), ("self", value.__self__)]
    if isinstance(value, partial):
        return "partial", [("func", value.func), ("args", value.args), ("keywords", value.keywords)]
    return f"{_named(type(value))}{_length(value)}", list(_state(value))


def _length(value: object) -> str:
    return f" of {len(value)}" if isinstance(value, (tuple, list, deque, set, frozenset, Mapping)) else ""


def _state(value: Any) -> Iterator[tuple[str, object]]:
    """What an object is made of: entries, fields, or whatever stands in its slots and dictionary."""
    wrapped = getattr(value, "__wrapped__", None)
    if wrapped is not None and not is_dataclass(value):  # a compiled or cached function: its own state is no setting
        yield "function", wrapped
        return
    if isinstance(value, (tuple, list, deque)):
        names = getattr(value, "_fields", None) or map(str, range(len(value)))
        yield from zip(names, value, strict=True)
    elif isinstance(value, (set, frozenset)):
        yield from zip(map(str, range(len(value))), sorted([repr(described("", one)) for one in value]), strict=True)
    elif isinstance(value, Mapping):
        yield from ((key if isinstance(key, str) else f"({key!r})", child) for key, child in value.items())
    yield from _attributes(value)
    if isinstance(value, Params) and not _is_library(type(value)):
        rule = rule_of(value)
        yield from ((f.name, getattr(rule, f.name)) for f in fields(rule) if callable(getattr(rule, f.name)))


def _attributes(value: object) -> list[tuple[str, object]]:
    if is_dataclass(value):
        return [(field.name, getattr(value, field.name, None)) for field in fields(value)]
    kinds = [kind for kind in type(value).__mro__ if not _is_library(kind)]
    slots = [name for kind in kinds for name in _slots(kind) if hasattr(value, name)]
    own = getattr(value, "__dict__", None)
    return sorted({**{name: getattr(value, name) for name in slots}, **(own if isinstance(own, dict) else {})}.items())


def _slots(kind: type) -> list[str]:
    slots = vars(kind).get("__slots__", ())
    return [name for name in ([slots] if isinstance(slots, str) else slots) if not name.startswith("__")]


# --- functions and classes -------------------------------------------------------------------------------------------
def _is_library(thing: type | FunctionType) -> bool:
    """Whether it is fnnet's, Python's or of an installed package: nobody changes it between two runs but by version."""
    module = str(thing.__module__)
    top = module.partition(".")[0]
    if top == "__main__":  # whatever started it
        return False
    if top in ("fnnet", "numpy") or top in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def _named(thing: type | FunctionType) -> str:
    """A class or function by name: of the user's with what it does, of a package with its version.

    The user's module is not told: it is called otherwise when it is run than when it is imported.
    """
    top = str(thing.__module__).partition(".")[0]
    if not _is_library(thing):
        codes = [thing.__code__] if isinstance(thing, FunctionType) else _methods(thing)
        major, minor = sys.version_info[:2]
        return f"{thing.__qualname__}, code of Python {major}.{minor} {_sha(map(_compiled, codes))[:16]}"
    if top in ("fnnet", "builtins"):
        return f"jit.{thing.__qualname__}" if str(thing.__module__).startswith("fnnet.jit") else thing.__qualname__
    version = None if top == "numpy" else getattr(sys.modules.get(top), "__version__", None)
    return f"{thing.__module__}.{thing.__qualname__}{f' of {top} {version}' if isinstance(version, str) else ''}"


_GENERATED = {"__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__replace__"}
"""What ``dataclass`` writes itself, in another way in each Python."""


def _methods(kind: type) -> Iterator[CodeType | str]:
    """What a class of the user's and those it derives from do: their methods, and the constants in their bodies."""
    for base in kind.__mro__:
        for name, member in [] if _is_library(base) else sorted(vars(base).items()):
            if type(member) in _PLAIN and not name.startswith("__"):
                yield f"{name}={member!r}"
            for function in (member, *[getattr(member, at, None) for at in ("__func__", "fget", "fset", "func")]):
                if isinstance(function, FunctionType) and not _is_generated(name, function):
                    yield name
                    yield function.__code__
                    yield repr(described("", (function.__defaults__, function.__kwdefaults__)))


def _is_generated(name: str, function: FunctionType) -> bool:
    return name in _GENERATED and function.__code__.co_filename == "<string>"


def _compiled(code: CodeType | str) -> str:
    """What code does, apart from where its source stands and what is said in comments."""
    if isinstance(code, str):
        return code
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    constants = [_compiled(one) if isinstance(one, CodeType) else repr(described("", one)) for one in code.co_consts]
    return _sha([repr(names), repr(counts), code.co_code.hex(), code.co_exceptiontable.hex(), *constants])


def _sha(texts: Iterable[str]) -> str:
    sha = hashlib.sha256()
    for text in texts:
        sha.update(f"{len(text)}:{text};".encode(errors="surrogatepass"))
    return sha.hexdigest()


def _enclosed(f: FunctionType) -> Iterator[tuple[str, object]]:
    """The variables around a function."""
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # nothing is in it yet
            yield name, None


def _defaults(f: FunctionType) -> Iterator[tuple[str, object]]:
    code, values = f.__code__, f.__defaults__ or ()
    yield from zip(code.co_varnames[code.co_argcount - len(values) : code.co_argcount], values, strict=True)
    yield from (f.__kwdefaults__ or {}).items()


def _read(f: FunctionType) -> Iterator[tuple[str, object]]:
    """What a function reads of its module that is a setting: numbers, arrays, frozen dataclasses, other functions."""
    kinds = (np.generic, np.ndarray, Key, FunctionType, tuple, partial)
    for name in sorted(set(_names_read(f.__code__)) & set(f.__globals__)):
        value = f.__globals__[name]
        if type(value) in _PLAIN or isinstance(value, kinds) or _is_frozen(value):
            yield name, value


def _is_frozen(value: object) -> bool:
    known = None if isinstance(value, type) else getattr(type(value), "__dataclass_params__", None)
    return bool(getattr(known, "frozen", False))


def _names_read(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_read(constant)


# --- arrays --------------------------------------------------------------------------------------------------------
def _is_rows(value: object) -> TypeGuard[Rows]:
    if isinstance(value, np.ndarray):
        return True
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    has_rows = hasattr(value, "__len__") and hasattr(value, "__getitem__")
    return has_rows and isinstance(shape, tuple) and isinstance(dtype, np.dtype)


def digest_of_rows(source: Rows | NDArray[np.generic]) -> str:
    """An array, a mapped file or anything else with rows: dtype, shape, and a SHA-256 over its bytes in C order.

    Raises DtypeError for objects: their bytes are where they lie in memory.
    """
    shape, dtype = source.shape, source.dtype
    if dtype.hasobject:
        raise DtypeError(f"receipt: an array must hold numbers or text of one length, to have a digest, got {dtype}")
    sha = hashlib.sha256()
    for rows in _in_chunks(source):
        sha.update(np.asarray(rows).tobytes())
    kind = dtype.str if dtype.names is None else str(dtype)
    return f"{kind}{list(shape)} {sha.hexdigest()}"


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
