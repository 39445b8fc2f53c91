"""What a function reads besides its arguments: the variables around it, defaults, globals, attributes of modules."""

from __future__ import annotations

import builtins
import sys
from collections import ChainMap
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec, resolve_name
from itertools import takewhile
from types import CodeType, FunctionType, ModuleType
from typing import Any

from fnnet.descriptions.code_digests import is_library
from fnnet.descriptions.edges import Edge, Unseen, asked
from fnnet.descriptions.operations import Op, ops


def reads(f: FunctionType) -> Iterator[Edge]:
    """Everything that a function reads, as far as its code shows; the rest is ``Unseen``."""
    around = [*_enclosed(f), *_defaults(f)]
    modules = {edge.name: edge.value for edge in around if isinstance(edge.value, ModuleType) and not is_library(f)}
    yield from [edge for edge in around if edge.name not in modules]
    if not is_library(f):
        found: dict[str, Edge] = {}
        for edge in _read_by(f, f.__code__, modules):
            found.setdefault(edge.name, edge)
        yield from [found[name] for name in sorted(found)]
    for name, value in sorted(vars(f).items()):
        if name != "__signature__":
            yield Edge(name, value, ("attr", f, name))


def _enclosed(f: FunctionType) -> Iterator[Edge]:
    """The variables around a function; ``__class__`` is the class of a method that calls ``super()``."""
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # it has no value yet
            value = None
        if name != "__class__":
            yield Edge(name, value, ("free", id(cell)))


def _defaults(f: FunctionType) -> Iterator[Edge]:
    code, values = f.__code__, f.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(values) : code.co_argcount]
    for name, value in [*zip(names, values, strict=True), *(f.__kwdefaults__ or {}).items()]:
        yield Edge(name, value, ("param", id(f), name))


# --- globals and modules ---------------------------------------------------------------------------------------------
Chain = tuple[str, ...]
"""A variable, and the attributes that are read from it: ``a.b.c``."""

_OPEN = {
    *("getattr", "setattr", "delattr", "eval", "exec", "compile", "globals", "vars", "locals", "__import__"),
    *("open", "input", "hash", "id"),
}
"""Functions of Python that read or write what code does not show, or return another number in every process."""

_OUTSIDE = {
    *("random", "numpy.random", "time", "secrets", "uuid.uuid1", "uuid.uuid4", "datetime.date.today"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "sys.argv", "sys.stdin"),
    *("os.environ", "os.getenv", "os.urandom", "os.open", "os.listdir", "os.scandir", "os.walk", "os.stat"),
    *("os.getcwd", "pandas.read_csv", "pandas.read_parquet", "pandas.read_excel", "pandas.read_json"),
    *("os.path.exists", "os.path.isfile", "os.path.getsize", "os.path.getmtime", "io.open", "gzip", "bz2", "lzma"),
    *("zipfile", "tarfile", "sqlite3", "configparser", "linecache", "shelve", "dbm", "fileinput", "tempfile", "mmap"),
    *("subprocess", "socket", "glob", "urllib", "http", "requests", "joblib.load", "safetensors", "h5py", "netCDF4"),
    *("fnnet.load", "fnnet.load_torch", "fnnet.resume", "fnnet.read_receipt", "scipy.io"),
    *("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.memmap", "numpy.lib.format"),
    *("decimal.getcontext", "mpmath.mp", "numpy.geterr", "numpy.get_printoptions", "sys.getrecursionlimit", "inspect"),
    *("sklearn.utils.check_random_state", "sklearn.get_config", "sys.modules", "importlib", "sys._getframe", "gc"),
    *("ctypes", "locale", "platform", "typing.get_type_hints", "os.getpid", "os.cpu_count", "sys.path"),
}
"""Attributes of packages that return what code does not show: it may differ between calls or processes."""

_VARIABLES = ("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")

_READERS = {
    *("open", "read_text", "read_bytes", "stat", "exists", "is_file", "is_dir", "iterdir", "glob", "rglob"),
    *("__doc__", "__annotations__", "__hash__", "__match_args__", "__signature__", "__slots__", "__module__"),
    *("__globals__", "__builtins__", "__subclasses__", "__orig_bases__", "__abstractmethods__"),
}
"""Methods that read files, and attributes that describe code or lead out of it."""


def _read_by(f: FunctionType, code: CodeType, modules: Mapping[str, ModuleType]) -> Iterator[Edge]:
    """What the code of a function and the code nested in it read; ``modules`` are the variables that hold modules."""
    body = list(ops(code))
    imported, edges = _imported(f, body)
    modules = {**modules, **imported}
    yield from edges
    yield from [Edge(f"{op.value} ", Unseen("what it reads")) for op in body if _is_read(op) and op.value in _READERS]
    known = ChainMap[str, object](dict(modules), f.__globals__, _pythons(f))
    missing = [str(op.value) for op in body if op.name == "LOAD_GLOBAL" and op.value not in known]
    yield from [Edge(name, Unseen("not defined yet")) for name in missing]
    for chain in _chains(code, body, modules):
        yield from _read(f, chain, modules)
    for inner in [constant for constant in code.co_consts if isinstance(constant, CodeType)]:
        yield from _read_by(f, inner, {name: modules[name] for name in inner.co_freevars if name in modules})


def _is_read(op: Op) -> bool:
    return op.name in ("LOAD_ATTR", "LOAD_METHOD")


def _chains(code: CodeType, body: list[Op], modules: Mapping[str, ModuleType]) -> list[Chain]:
    """The globals that code reads, and variables that hold modules, with the attributes read from them, each once."""
    found: list[Chain] = []
    cells = (*code.co_cellvars, *code.co_freevars)
    for i, op in enumerate(body):
        is_of_class = op.name == "LOAD_NAME" and op.value == "__name__"  # every body of a class notes its module
        is_variable = op.name.startswith(_VARIABLES) and op.value in modules
        is_cell = op.name.startswith("LOAD_FAST") and op.value in cells  # for inner code, which may read it
        is_global = op.name in ("LOAD_GLOBAL", "LOAD_NAME") and not is_of_class
        if is_global or (is_variable and not is_cell):
            found.append((str(op.value), *[str(read.value) for read in takewhile(_is_read, body[i + 1 :])]))
    return list(dict.fromkeys(found))


def _read(f: FunctionType, chain: Chain, modules: Mapping[str, ModuleType]) -> Iterator[Edge]:
    """What reading a chain reads."""
    root, *attributes = chain
    if root in modules:
        yield from _of_module(modules[root], [root], attributes)
    elif root in f.__globals__:
        value = f.__globals__[root]
        if isinstance(value, ModuleType):
            yield from _of_module(value, [root], attributes)
        else:
            yield Edge(root, value, ("global", id(f.__globals__), root))
            home, name = asked(value, "__module__"), asked(value, "__qualname__")
            yield from _outside([root, *attributes], f"{home}.{name}", attributes)
    else:
        yield from _of_python(f, root)


def _pythons(f: Any) -> dict[str, object]:
    """The functions that a function sees as Python's own."""
    found: dict[str, object] = f.__builtins__
    return found


def _of_python(f: FunctionType, name: str) -> Iterator[Edge]:
    """A function of Python, unless its name says all about it."""
    value = _pythons(f).get(name)
    if type(value) is FunctionType or value is not vars(builtins).get(name):  # it replaces Python's
        yield Edge(name, value)
    elif value is not None and name in _OPEN and (name, f.__name__) != ("hash", "__hash__"):
        yield Edge(name, Unseen(f"what {name} reads, writes or gives"))


def _of_module(module: ModuleType, path: list[str], attributes: list[str]) -> Iterator[Edge]:
    """The part of a module that a chain names; for a package only the module, since its version says the rest."""
    name = module.__name__
    if is_library(module):
        yield Edge(".".join(path), module)
        yield from _outside([*path, *attributes], name, attributes)
    elif not attributes:
        yield Edge(".".join(path), module)
    elif attributes[0] not in vars(module):
        yield Edge(".".join([*path, attributes[0]]), Unseen("not in its module yet"))
    elif isinstance(value := vars(module)[attributes[0]], ModuleType):
        yield from _of_module(value, [*path, attributes[0]], attributes[1:])
    else:
        yield Edge(".".join([*path, attributes[0]]), value, ("attr", module, attributes[0]))


def _outside(path: list[str], name: str, attributes: list[str]) -> Iterator[Edge]:
    """What is read from outside the program, if a part of a package does so."""
    whole = ".".join([name, *attributes])
    if any(f"{whole}.".startswith(f"{part}.") for part in _OUTSIDE):
        yield Edge(".".join(path) + " ", Unseen(f"what {whole} gives"))


# --- imports inside a function ---------------------------------------------------------------------------------------
def _imported(f: FunctionType, body: list[Op]) -> tuple[dict[str, ModuleType], list[Edge]]:
    """The variables to which code itself imports the user's modules, and what else it imports from them."""
    modules: dict[str, ModuleType] = {}
    edges: list[Edge] = []
    for i, op in enumerate(body):
        if op.name != "IMPORT_NAME":
            continue
        level, names = body[i - 2].value, body[i - 1].value
        module = _module(f, str(op.value), level if isinstance(level, int) else 0)
        variables = [str(after.value) for after in body[i + 1 :] if after.name.startswith("STORE_")]
        if module is None:
            edges.append(Edge(f"import {op.value}", Unseen("a module that cannot be imported beforehand")))
        elif isinstance(names, tuple):
            for name, variable in zip(names, variables[: len(names)], strict=True):
                value = getattr(module, name, Unseen("not in its module yet"))
                modules |= {variable: value} if isinstance(value, ModuleType) else {}
                edges += [] if isinstance(value, ModuleType) else [Edge(name, value, ("attr", module, name))]
        elif variables:
            is_whole = body[i + 1].name == "IMPORT_FROM"  # import a.b as c
            modules[variables[0]] = module if is_whole else sys.modules[module.__name__.partition(".")[0]]
    return modules, edges


def _module(f: FunctionType, name: str, level: int) -> ModuleType | None:
    """The module that code will import, found the same way; packages that are not loaded yet are not loaded."""
    try:
        full = resolve_name("." * level + name, str(f.__globals__.get("__package__") or ""))
        return sys.modules[full] if full in sys.modules else _loaded(full)
    except Exception:  # importing a user's module may raise anything; the run will raise it
        return None


def _loaded(name: str) -> ModuleType:
    spec = find_spec(name.partition(".")[0])
    stand_in = ModuleType(name)
    stand_in.__file__ = spec.origin if spec is not None else None
    if is_library(stand_in):  # only its name is described
        return stand_in
    return import_module(name)
