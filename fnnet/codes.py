"""Functions and classes by name, and what their code does in a digest."""

from __future__ import annotations

import dis
import hashlib
import os
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType

from fnnet.digests import data_digest


def sha(texts: Iterable[str]) -> str:
    """A SHA-256 over texts, each apart from the next."""
    found = hashlib.sha256()
    for text in texts:
        found.update(f"{len(text)}:{text};".encode(errors="surrogatepass"))
    return found.hexdigest()


# --- names -----------------------------------------------------------------------------------------------------------
def is_library(thing: type | FunctionType) -> bool:
    """Whether it is fnnet's, Python's or of an installed package: nobody changes it between two runs but by version."""
    return is_library_module(thing.__module__)


def is_library_module(name: object) -> bool:
    """The same of a module, by its name."""
    top = str(name).partition(".")[0]
    if top == "__main__":  # whatever started it
        return False
    if top in ("fnnet", "numpy") or top in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(str(name)), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def named(thing: type | FunctionType) -> str:
    """A class or function by name: a function of the user's with a digest of its code, a package's with its version.

    The user's module is not told: it is called otherwise when it is run than when it is imported.
    """
    top = str(thing.__module__).partition(".")[0]
    if not is_library(thing):
        if isinstance(thing, type):
            return thing.__qualname__
        major, minor = sys.version_info[:2]
        return f"{thing.__qualname__}, code of Python {major}.{minor} {compiled(thing.__code__)[:16]}"
    if top in ("fnnet", "builtins"):
        return f"jit.{thing.__qualname__}" if str(thing.__module__).startswith("fnnet.jit") else thing.__qualname__
    version = None if top == "numpy" else getattr(sys.modules.get(top), "__version__", None)
    return f"{thing.__module__}.{thing.__qualname__}{f' of {top} {version}' if isinstance(version, str) else ''}"


# --- code ------------------------------------------------------------------------------------------------------------
_SPOKEN = {"__doc__", "__firstlineno__", "__static_attributes__"}
"""What the body of a class says of its source."""


def compiled(code: CodeType) -> str:
    """A digest of what code does, apart from where its source stands and what is said in comments and docstrings."""
    names = code.co_varnames, code.co_freevars, code.co_cellvars
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & ~_OF_PLACE
    return sha([repr(names), repr(counts), *_protected(code), *_told(code)])


_OF_PLACE = 0x4000000 | 0x10
"""Flags that say nothing of what code does: that it has a docstring (Python 3.13), that it stands in other code."""


def _told(code: CodeType) -> Iterator[str]:
    """Every instruction with what it is about, wherever that stands."""
    found = list(instructions(code))
    offsets = [one.offset for one in found]
    for one, after in zip(found, [*found[1:], None], strict=True):
        is_spoken = after is not None and after.opname == "STORE_NAME" and after.argval in _SPOKEN
        value = one.argval
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
    """Which instructions an exception in which others leads to."""
    offsets = [one.offset for one in instructions(code)]
    parse = getattr(dis, "_parse_exception_table", None)
    for entry in parse(code) if parse else ():
        places = [bisect_left(offsets, at) for at in (entry.start, entry.end, entry.target)]
        yield f"{places} {entry.depth} {entry.lasti}"


_SILENT = {"CACHE", "EXTENDED_ARG", "NOP", "PRECALL", "RESUME"}


def instructions(code: CodeType) -> Iterator[dis.Instruction]:
    """The instructions that do something."""
    return (one for one in dis.get_instructions(code) if one.opname not in _SILENT)


def written_by_library(code: CodeType) -> bool:
    """Whether code stands in a file of Python's or of an installed package, such as a decorator's wrapper."""
    file = code.co_filename
    return file.startswith(_PYTHONS) or "site-packages" in file or "dist-packages" in file


_PYTHONS = (str(Path(os.__file__).parent) + os.sep, "<frozen ")
