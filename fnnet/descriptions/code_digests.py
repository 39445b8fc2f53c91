"""Functions and classes by name, and a digest of what their code does."""

from __future__ import annotations

import dis
import hashlib
import os
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from fnnet.descriptions.digests import data_digest


def sha(texts: Iterable[str]) -> str:
    """A SHA-256 over texts, which are kept apart."""
    found = hashlib.sha256()
    for text in texts:
        found.update(f"{len(text)}:{text};".encode(errors="surrogatepass"))
    return found.hexdigest()


# --- whose it is -----------------------------------------------------------------------------------------------------
_PYTHONS = str(Path(os.__file__).parent) + os.sep
_FNNETS = str(Path(__file__).parents[1]) + os.sep

_MAKERS = {"abc", "builtins", "collections", "dataclasses", "enum", "types", "typing"}
"""Modules that name themselves as the module of classes that they make for others."""


def is_library(thing: type | FunctionType | ModuleType) -> bool:
    """Whether it belongs to fnnet, Python or an installed package, and so changes between two runs only by version.

    Its file decides, not its name: ``functools.wraps`` copies names, and a program may have a module with the name of
    one of Python's.
    """
    if isinstance(thing, ModuleType):
        return _is_library_module(thing.__name__, thing)
    if isinstance(thing, FunctionType):
        return _is_library_code(thing)
    return _is_library_class(thing)


def _is_library_code(f: FunctionType) -> bool:
    file = f.__code__.co_filename
    if not file.startswith("<"):
        return _is_library_file(file)
    module = sys.modules.get(str(f.__globals__.get("__name__")))  # code without a file, such as dataclass writes
    return file.startswith("<frozen ") or (module is not None and vars(module) is f.__globals__ and is_library(module))


def _is_library_module(name: str, module: ModuleType | None) -> bool:
    """The same for a module, by its file; a module without a file belongs to its package, or is built into Python."""
    top, _, below = name.partition(".")
    if top == "__main__":  # whatever started it
        return False
    package = sys.modules.get(top) if below or module is None else module
    for known in (module, package):
        file = getattr(known, "__file__", None)
        if isinstance(file, str):
            return _is_library_file(file)
    return top in sys.builtin_module_names or (package is None and top in sys.stdlib_module_names)


def _is_library_class(kind: type) -> bool:
    name = str(kind.__module__)
    module = sys.modules.get(name)
    if not _is_library_module(name, module):
        return False
    if kind.__flags__ & _MADE_AT_RUN_TIME and name in _MAKERS and vars(module).get(kind.__name__) is not kind:
        return False
    files = [value.__code__.co_filename for value in vars(kind).values() if type(value) is FunctionType]
    return all(file.startswith("<") or _is_library_file(file) for file in files)


_MADE_AT_RUN_TIME = 1 << 9


@lru_cache(4096)
def _is_library_file(file: str) -> bool:
    installed = {"site-packages", "dist-packages"}
    return file.startswith((_PYTHONS, _FNNETS)) or not installed.isdisjoint(Path(file).parts)


# --- names -----------------------------------------------------------------------------------------------------------
def named(thing: type | FunctionType) -> str:
    """A class or function by name: a user's function with a digest of its code, a package's with its version.

    The user's module is left out: it has another name when it is run than when it is imported.
    """
    top = str(thing.__module__).partition(".")[0]
    if not is_library(thing):
        if isinstance(thing, type):
            return thing.__qualname__
        major, minor = sys.version_info[:2]
        return f"{thing.__qualname__}, code of Python {major}.{minor} {compiled(thing.__code__)[:16]}"
    if top in ("fnnet", "builtins"):
        return f"jit.{thing.__qualname__}" if str(thing.__module__).startswith("fnnet.jit") else thing.__qualname__
    return f"{thing.__module__}.{thing.__qualname__}{version_of(top)}"


def version_of(name: str) -> str:
    """The version of a module's package, in words; empty for NumPy and fnnet, which are conditions."""
    top = name.partition(".")[0]
    version = None if top in ("numpy", "fnnet") else getattr(sys.modules.get(top), "__version__", None)
    return f" of {top} {version}" if isinstance(version, str) else ""


# --- code ------------------------------------------------------------------------------------------------------------
_SPOKEN = {"__doc__", "__firstlineno__", "__static_attributes__"}
"""What the body of a class says about its source."""


def compiled(code: CodeType) -> str:
    """A digest of what code does, independent of where its source is and of comments and docstrings."""
    names = code.co_varnames, code.co_freevars, code.co_cellvars
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & ~_OF_PLACE
    return sha([repr(names), repr(counts), *_protected(code), *_told(code)])


_OF_PLACE = 0x4000000 | 0x10
"""Flags that say nothing about what code does: that it has a docstring (Python 3.13), that it is nested."""


def _told(code: CodeType) -> Iterator[str]:
    """Every instruction with its argument, wherever that is stored."""
    found = list(instructions(code))
    offsets = [one.offset for one in found]
    for one, after in zip(found, [*found[1:], None], strict=True):
        is_spoken = after is not None and after.opname == "STORE_NAME" and after.argval in _SPOKEN
        value = code.co_consts[one.arg or 0] if one.opcode in dis.hasconst else one.argval  # 3.11 has no KW_NAMES there
        if isinstance(value, CodeType):
            yield compiled(value)
        elif one.opcode in dis.hasjrel or one.opcode in dis.hasjabs:
            yield f"{one.opname} {bisect_left(offsets, value)}"
        elif one.opcode in dis.hasconst:
            yield f"{one.opname} {'' if is_spoken else constant(value)}"
        else:
            yield f"{one.opname} {value!r}"


def constant(value: object) -> str:
    """A constant of code in words, the same in every process."""
    found = data_digest(value)
    return repr(type(value).__name__) if found is None else found.text


def _protected(code: CodeType) -> Iterator[str]:
    """Which instructions an exception in which other ones leads to."""
    offsets = [one.offset for one in instructions(code)]
    parse = getattr(dis, "_parse_exception_table", None)
    for entry in parse(code) if parse else ():
        places = [bisect_left(offsets, at) for at in (entry.start, entry.end, entry.target)]
        yield f"{places} {entry.depth} {entry.lasti}"


_SILENT = {"CACHE", "EXTENDED_ARG", "NOP", "PRECALL", "RESUME"}


def instructions(code: CodeType) -> Iterator[dis.Instruction]:
    """The instructions that do something."""
    return (one for one in dis.get_instructions(code) if one.opname not in _SILENT)
