"""Generated source code as modules: one text, one file, one digest.

A module's name is the digest of its text, and its text holds everything it calls: copies of kernels, and imports of
other such modules by their names, which are digests too. So what Numba caches for a file is never out of date, and
the code that a run has executed can be read in the folder.
"""

from __future__ import annotations

import ast
import builtins
import dis
import importlib.util
import inspect
import linecache
import math
import os
import re
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from threading import RLock
from types import FunctionType, ModuleType
from typing import Any

import numba
import numpy as np
from numba.core import config

from fnnet import files
from fnnet.jit import compiling
from fnnet.numerics.formulas import is_in_any_order

HEAD = """\
from __future__ import annotations

import math

import numpy as np

from fnnet.jit.compiling import called, compiled, inlined, loosely
"""

HEAD_NAMES = ("called", "compiled", "inlined", "loosely", "annotations")

USABLE = {**vars(builtins), "math": math, "np": np}
"""What kernels use but what is not copied: the head of a module imports it, or it needs no import."""

_LOCK = RLock()


def module_of(title: str, *pieces: str) -> ModuleType:
    """The module of a text, made once per process; its file stays on disk for the next process."""
    text = "\n\n".join([f'"""{title}"""\n\n{HEAD}', *[piece.strip("\n") + "\n" for piece in pieces]])
    name = f"fnnet_{digest_of(text)}"
    with _LOCK:
        if name not in sys.modules:
            sys.modules[name] = _loaded(name, text)
        return sys.modules[name]


@lru_cache(256)
def digest_of(text: str) -> str:
    """The digest of a text and of the versions that it is compiled with."""
    return sha256((text + inspect.getsource(compiling) + numba.__version__).encode()).hexdigest()[:20]


def _loaded(name: str, text: str) -> ModuleType:
    """The module, made from the text itself; the file on disk is only for Numba and for readers."""
    path = str(_file(name, text) or f"<{name}>")
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    spec = importlib.util.spec_from_loader(name, None, origin=path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(compile(text, path, "exec"), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _file(name: str, text: str) -> Path | None:
    """The file that holds the text on disk, None if it cannot be written."""
    with suppress(OSError, RuntimeError):
        path = folder() / f"{name}.py"
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, text.encode())
        return path
    return None


def folder() -> Path:
    """The folder of generated sources: in Numba's folder if the user has set one, else in the user's cache folder."""
    own: str = getattr(config, "CACHE_DIR", "")
    if own:
        return Path(own) / "fnnet"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "fnnet" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fnnet"


# --- copies of functions -----------------------------------------------------------------------------------------
def linked(function: Callable[..., object], by: str = "compiled", **given: str) -> str:
    """The source of a function, with that of all functions and numbers that it uses; names in ``given`` are replaced by
    the given text. ``by`` is the decorator that compiles all of them."""
    found, values = dict(given), dict[str, object]()
    _link(function, by, found, values)
    return "\n\n".join([piece.strip("\n") + "\n" for piece in found.values()])


def _link(function: Callable[..., object], by: str, found: dict[str, str], values: dict[str, object]) -> None:
    assert type(function) is FunctionType
    if function.__name__ in HEAD_NAMES:
        raise TypeError(f"{function.__name__} is a name of what a generated module imports; rename the function")
    _check_defaults(function)
    _note(function.__name__, function, values)
    for name in _globals_of(function):
        value = function.__globals__.get(name, USABLE.get(name))
        is_known = name in values or name in found
        _note(name, value, values)
        if is_known or value is USABLE.get(name, USABLE):
            continue
        if type(value) is FunctionType:
            _link(value, by, found, values)
            if name != value.__name__:
                found[name] = f"{name} = {value.__name__}\n"
        elif type(value) in (int, bool):
            found[name] = f"{name} = {value!r}\n"
        elif type(value) is float:  # infinity and NaN have no literal
            found[name] = f'{name} = float("{value!r}")\n'
        else:
            raise TypeError(f"{function.__name__} uses {name}, which is no number, function, np or math")
    found[function.__name__] = f"@{'loosely' if is_in_any_order(function) else by}\n{_source(function)}"


def _check_defaults(function: FunctionType) -> None:
    """Raises TypeError where a default value is not a literal number: its name would mean nothing in the copy."""
    if function.__defaults__ or function.__kwdefaults__:
        made: Any = ast.parse(_source(function)).body[0]
        for default in (*made.args.defaults, *[d for d in made.args.kw_defaults if d is not None]):
            try:
                ast.literal_eval(default)
            except ValueError as error:
                text = ast.unparse(default)
                raise TypeError(f"{function.__name__} has {text} as a default value, which must be a number") from error


def _note(name: str, value: object, values: dict[str, object]) -> None:
    """Notes what a name stands for. Raises TypeError where it already stands for something else."""
    known = values.setdefault(name, value)
    if known is not value and known != value:
        raise TypeError(f"{name} means two things among what it calls, and they are copied into one module; rename one")


def _globals_of(function: FunctionType) -> list[str]:
    """The global names that a function reads, also in the code inside it, such as comprehensions."""
    codes = [function.__code__]
    for code in codes:
        codes += [inner for inner in code.co_consts if inspect.iscode(inner)]
    return [step.argval for code in codes for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"]


@lru_cache(256)
def _source(function: Callable[..., object]) -> str:
    """The source of a function without its decorators. Raises TypeError where it cannot be found."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except OSError as error:
        raise TypeError(f"the source of {function.__name__} is in no file") from error
    start = re.search(r"^def ", source, re.MULTILINE)
    assert start is not None
    return source[start.start() :]
