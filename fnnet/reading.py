"""What a function reads beside its arguments: the variables around it, defaults, globals, parts of modules."""

from __future__ import annotations

import builtins
import dis
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec, resolve_name
from types import CodeType, FunctionType, ModuleType
from typing import NamedTuple

from fnnet.codes import instructions, is_library

Site = tuple[object, ...]
"""Where a value stands, so that what changes it can be found."""


class Edge(NamedTuple):
    """What a value holds or reads, by name, and where it stands."""

    name: str
    value: object
    site: Site = ()


class Unseen(NamedTuple):
    """In the place of a value that cannot be told, and why."""

    why: str


def reads(f: FunctionType) -> Iterator[Edge]:
    """Everything that a function reads, as far as its code tells; what it does not tell as ``Unseen``."""
    yield from _enclosed(f)
    yield from _defaults(f)
    if not is_library(f):
        yield from _globals(f)
    for name, value in sorted(vars(f).items()):
        if name != "__signature__":
            yield Edge(name, value, ("attr", f, name))


def _enclosed(f: FunctionType) -> Iterator[Edge]:
    """The variables around a function; ``__class__`` is the class whose method it is, for ``super()``."""
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # nothing is in it yet
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
"""A variable, and the attributes that are read of it: ``a.b.c``."""

_OPEN = {"getattr", "eval", "exec", "globals", "vars", "locals", "__import__", "compile", "setattr", "delattr"} | {
    "open",
    "input",
}
"""Functions of Python that read or write what no code tells."""

_OUTSIDE = {
    *("random", "numpy.random", "time", "secrets", "uuid.uuid1", "uuid.uuid4", "os.urandom", "datetime.date.today"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "sys.argv", "sys.stdin"),
    *("os.environ", "os.getenv", "os.open", "os.listdir", "io.open", "gzip.open", "subprocess", "socket", "glob"),
    *("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.memmap", "urllib.request"),
    *("sys.modules", "importlib"),
}
"""Parts of packages that give what no code tells: it may be another thing at every call or in every process."""

_READERS = {"open", "read_text", "read_bytes", "__doc__", "__annotations__"}
"""Methods that read files, and what is said of code."""


def _globals(f: FunctionType) -> Iterator[Edge]:
    found: dict[str, Edge] = {}
    for code in _with_inner(f.__code__):
        imported, edges = _imported(f, code)
        edges += [Edge(f"{one.argval} ", Unseen("what it reads")) for one in instructions(code) if _is_reader(one)]
        chains = _chains(code, imported)
        for edge in [*edges, *[edge for chain in chains for edge in _read(f, chain, imported)]]:
            found.setdefault(edge.name, edge)
    yield from [found[name] for name in sorted(found)]


def _is_reader(one: dis.Instruction) -> bool:
    return one.opname in ("LOAD_ATTR", "LOAD_METHOD") and one.argval in _READERS


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)


def _chains(code: CodeType, imported: dict[str, ModuleType]) -> list[Chain]:
    """The globals that code reads, and variables that hold modules, with the attributes read of them, each once."""
    found: list[Chain] = []
    chain: Chain | None = None
    for one in [*instructions(code), None]:
        name = "" if one is None else one.opname
        if chain is not None and one is not None and name in ("LOAD_ATTR", "LOAD_METHOD"):
            chain = (*chain, str(one.argval))
            continue
        if chain is not None:
            found.append(chain)
            chain = None
        is_local = name.startswith(("LOAD_FAST", "LOAD_DEREF")) and one is not None and one.argval in imported
        if one is not None and (name in ("LOAD_GLOBAL", "LOAD_NAME") or is_local):
            chain = (str(one.argval),)
    return list(dict.fromkeys(found))


def _read(f: FunctionType, chain: Chain, imported: dict[str, ModuleType]) -> Iterator[Edge]:
    """What reading a chain reads."""
    root, *attributes = chain
    if root in imported:
        yield from _of_module(imported[root], [root], attributes)
    elif root in f.__globals__:
        value = f.__globals__[root]
        if isinstance(value, ModuleType):
            yield from _of_module(value, [root], attributes)
        else:
            yield Edge(root, value, ("global", id(f.__globals__), root))
            home, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
            yield from _outside([root, *attributes], f"{home}.{name}", attributes)
    elif root in _OPEN and hasattr(builtins, root):
        yield Edge(root, Unseen(f"what {root} reads or writes"))


def _of_module(module: ModuleType, path: list[str], attributes: list[str]) -> Iterator[Edge]:
    """The part of a module that a chain names; of a package the module alone, whose version tells the rest."""
    name = module.__name__
    if is_library(module):
        yield Edge(".".join(path), module)
        yield from _outside([*path, *attributes], name, attributes)
    elif not attributes:
        yield Edge(".".join(path), Unseen("a module of which it is not said what is read"))
    elif attributes[0] not in vars(module):
        yield Edge(".".join([*path, attributes[0]]), Unseen("not in its module yet"))
    elif isinstance(value := vars(module)[attributes[0]], ModuleType):
        yield from _of_module(value, [*path, attributes[0]], attributes[1:])
    else:
        yield Edge(".".join([*path, attributes[0]]), value, ("attr", module, attributes[0]))


def _outside(path: list[str], name: str, attributes: list[str]) -> Iterator[Edge]:
    """What is read of the world where a part of a package gives that."""
    whole = ".".join([name, *attributes])
    if any(f"{whole}.".startswith(f"{part}.") for part in _OUTSIDE):
        yield Edge(".".join(path) + " ", Unseen(f"what {whole} gives"))


# --- imports inside a function ---------------------------------------------------------------------------------------
def _imported(f: FunctionType, code: CodeType) -> tuple[dict[str, ModuleType], list[Edge]]:
    """The variables to which code itself imports modules of the user's, and what else it takes from them."""
    ops = list(instructions(code))
    modules: dict[str, ModuleType] = {}
    edges: list[Edge] = []
    for i, one in enumerate(ops):
        if one.opname != "IMPORT_NAME":
            continue
        level, names = ops[i - 2].argval, ops[i - 1].argval
        module = _module(f, str(one.argval), int(level or 0))
        if module is None:
            edges.append(Edge(f"import {one.argval}", Unseen("a module that cannot be imported beforehand")))
            continue
        stores = [op for op in ops[i + 1 :] if op.opname.startswith("STORE_")]
        if names:
            taken = zip(names, stores[: len(names)], strict=True)
            pairs = [
                (str(op.argval), name, getattr(module, name, Unseen("not in its module yet"))) for name, op in taken
            ]
            modules |= {to: value for to, _, value in pairs if isinstance(value, ModuleType)}
            edges += [
                Edge(name, value, ("attr", module, name))
                for _, name, value in pairs
                if not isinstance(value, ModuleType)
            ]
        elif stores:
            is_whole = ops[i + 1].opname == "IMPORT_FROM"  # import a.b as c
            modules[str(stores[0].argval)] = module if is_whole else sys.modules[module.__name__.partition(".")[0]]
    return modules, edges


def _module(f: FunctionType, name: str, level: int) -> ModuleType | None:
    """The module that code will import, as it will do it; nothing is loaded of packages that are not loaded yet."""
    try:
        full = resolve_name("." * level + name, str(f.__globals__.get("__package__") or ""))
        return sys.modules[full] if full in sys.modules else _loaded(full)
    except Exception:  # whatever importing a module of the user's may raise; the run will raise it
        return None


def _loaded(name: str) -> ModuleType:
    spec = find_spec(name.partition(".")[0])
    stand_in = ModuleType(name)
    stand_in.__file__ = spec.origin if spec is not None else None
    if is_library(stand_in):  # its name is all that is told
        return stand_in
    return import_module(name)


def unique(edges: Iterable[Edge]) -> list[Edge]:
    """The edges with a mark on the names that stand already."""
    found: dict[str, Edge] = {}
    for edge in edges:
        name = edge.name
        while name in found:
            name += "'"
        found[name] = edge._replace(name=name)
    return list(found.values())


def as_function(value: object) -> FunctionType | None:
    """The function in what a class holds, such as a class method."""
    inner: object = getattr(value, "__func__", value)
    return inner if isinstance(inner, FunctionType) else None
