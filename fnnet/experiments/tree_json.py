"""The structure of a tree as JSON for a file, and the tree built from it.

An array is written as its dtype and shape, a float as its hexadecimal digits, a tuple as a list, a record or layer as
its class and its fields, every other static value as itself. Only classes that a program has defined already are built.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from fnnet.core.history import History
from fnnet.core.rules import layers_defined
from fnnet.core.segments import Record, Segment, Woven
from fnnet.core.states import Epoch, OptState, Part, TrainState
from fnnet.errors import CheckpointError, DtypeError, TreeError
from fnnet.keys import Key
from fnnet.tree.nodes import child_path, is_leaf, is_static, layout, named_children, read_only
from fnnet.types import Array

DTYPES = (
    "bool",
    *[f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)],
    "float16",
    "float32",
    "float64",
)
"""The dtypes that files hold, in the byte order of the machine that reads them."""

_NUMBER, _NONE = (float, int, np.ndarray), type(None)

DEPTH = 200
"""How many levels a tree in a file may have below its root, independent of the interpreter's own limit."""

RECORDS: dict[type, tuple[type | tuple[type, ...], ...]] = {
    TrainState: (object, OptState, Key, int, int, _NUMBER, int, History),
    OptState: (int, tuple, (OptState, _NONE), (float, int)),
    Epoch: (TrainState,),
    Record: (_NUMBER, tuple),
    History: (tuple,),
    Segment: (tuple, tuple),
    Woven: (tuple, tuple, np.ndarray),
    Part: (_NUMBER, _NUMBER, object, bool),
    Key: (int, tuple, _NONE),
}
"""fnnet's records and the types of their fields: a file must not create others."""

COUNTERS: dict[type, dict[str, int]] = {
    TrainState: {"epoch": 1 << 32, "batch": 1 << 32, "rows": 1 << 63},
    OptState: {"step": 1 << 63},
}
"""Their whole numbers, from 0 up, with upper limits: keys are made of epochs and batches."""


class UndefinedError(CheckpointError):
    """A sound file names a class that this program does not know, or knows with other fields."""


# --- out -------------------------------------------------------------------------------------------------------------
Met = dict[str, tuple[type, str]]
"""The classes in a tree by their names in files, and where each occurs first."""


def as_json(node: object, path: str = "", met: Met | None = None) -> object:
    """A node as JSON. Raises DtypeError or TreeError, naming the path, for what could not be read back unchanged."""
    met = {} if met is None else met
    if is_leaf(node):
        return {"array": [_dtype(node, path), list(node.shape)]}
    if type(node) is float:
        return {"float": node.hex()}
    if node is None or type(node) in (int, str, bool):
        return node
    if is_static(node):
        kind = type(node)
        name = f"{kind.__module__}.{kind.__qualname__}"
        raise TreeError(f"save: {_where(path)} is a {name}, and files hold plain float, int, str and bool; convert it")
    if path.count(".") >= DEPTH:
        raise TreeError(
            f"save: the tree is too deep, a file holds {DEPTH} levels below the root, such as {path[:40]}..."
        )
    if type(node) is tuple:
        return [as_json(child, child_path(path, name), met) for name, child in named_children(node)]
    return {
        "class": _class_name(node, path, met),
        "fields": {f: as_json(child, child_path(path, f), met) for f, child in named_children(node)},
    }


def _class_name(node: object, path: str, met: Met) -> str:
    try:
        _check_record(type(node), layout(type(node)).values(node))
    except TreeError as error:
        raise TreeError(f"save: {_where(path)}: {error}") from error
    name = name_of(type(node))
    kind, first = met.setdefault(name, (type(node), path))
    if kind is not type(node):
        raise TreeError(
            f"save: {_where(first)} and {_where(path)} are of two classes of one name, {name}, and a file tells "
            "classes by their names; make what differs a field of one class, or give them names of their own"
        )
    return name


def _dtype(array: Array, path: str) -> str:
    if array.dtype.name not in DTYPES or not array.dtype.isnative:
        raise DtypeError(
            f"save: {_where(path)} has dtype {array.dtype.str}, and files hold arrays of {', '.join(DTYPES)} in this "
            "machine's order of bytes; cast it by astype"
        )
    return array.dtype.name


def name_of(kind: type) -> str:
    """The name of a class in files: fnnet's records and public classes without their module, all others in full."""
    is_public = kind in RECORDS or (kind.__module__.startswith("fnnet.") and _public(kind.__name__) is kind)
    return f"fnnet.{kind.__name__}" if is_public else f"{kind.__module__}.{kind.__qualname__}"


def _public(name: str, home: str = "fnnet") -> object:
    """What fnnet, or one of its modules, has under a name; None where it has nothing."""
    with suppress(ImportError, ValueError):
        return getattr(import_module(home), name, None)
    return None


# --- in --------------------------------------------------------------------------------------------------------------
def built(structure: object, arrays: dict[str, Array], like: object) -> object:
    """The tree of a structure, with read-only arrays, which are removed from ``arrays``.

    Classes are those of ``like``, layers that were defined, and fnnet's own. Raises CheckpointError naming the path.
    """
    asked = {f"fnnet.{kind.__name__}": kind for kind in _kinds(like) if kind.__module__.startswith("fnnet.")}
    scripts = {f"__main__.{kind.__qualname__}": kind for kind in _kinds(like)}  # a module has this name when it is run
    defined = Counter(map(name_of, layers_defined()))  # of a module's class, the last definition counts
    once = [kind for kind in layers_defined() if defined[name_of(kind)] == 1 or "<locals>" not in kind.__qualname__]
    known = scripts | asked | {name_of(kind): kind for kind in (*RECORDS, *once, *_kinds(like))}
    tree = _built(structure, arrays, "", known)
    if arrays:
        raise CheckpointError(f"it has arrays that its structure does not name: {', '.join(sorted(arrays))}")
    return tree


def _kinds(node: object) -> Iterator[type]:
    if not is_leaf(node) and not is_static(node) and type(node) is not tuple:
        yield type(node)
    for _, child in named_children(node):
        yield from _kinds(child)


def _built(node: Any, arrays: dict[str, Array], path: str, known: Mapping[str, type]) -> object:
    if node is None or type(node) in (int, str, bool):
        return node
    if path.count(".") >= DEPTH:
        raise CheckpointError(f"{path[:40]}... is deeper than {DEPTH} levels below the root")
    if isinstance(node, list):
        return tuple([_built(child, arrays, child_path(path, str(i)), known) for i, child in enumerate(node)])
    match node:
        case {"float": str(digits)} if len(node) == 1:
            return _float(digits, path)
        case {"array": [dtype, shape]} if len(node) == 1:
            return _array(dtype, shape, arrays, path)
        case {"class": str(name), "fields": dict(fields)} if len(node) == 2:
            kind = _class(name, fields, path, known)
            return _made(kind, [_built(child, arrays, child_path(path, f), known) for f, child in fields.items()], path)
        case _:
            pass
    raise CheckpointError(f"{_where(path)} is written as {str(node)[:80]}, which is no array, record or static value")


def _float(digits: str, path: str) -> float:
    try:
        return float.fromhex(digits)
    except (ValueError, OverflowError) as error:
        raise CheckpointError(f"{_where(path)} is no float: {digits[:80]!r}") from error


def _array(dtype: object, shape: object, arrays: dict[str, Array], path: str) -> Array:
    if path not in arrays:
        raise CheckpointError(f"{_where(path)} is an array in its structure, and is not there")
    array = arrays.pop(path)
    if array.dtype.name != dtype or list(array.shape) != shape:
        raise CheckpointError(f"{_where(path)} is {array.dtype}{list(array.shape)}, its structure says {dtype}{shape}")
    return read_only(array)


def _class(name: str, fields: dict[str, object], path: str, known: Mapping[str, type]) -> type:
    short = f"fnnet.{name.rpartition('.')[2]}"  # in whichever module of fnnet it was when the file was written
    kind = known.get(name) or (known.get(short) if name.startswith("fnnet.") else None) or _own(name)
    kind = kind or next((one for one in known.values() if _is_of_script(one, name)), None)
    if kind is None:
        is_several = name in map(name_of, layers_defined())
        times = "defined several times, as another one each" if is_several else "not defined"
        raise UndefinedError(
            f"{_where(path)} is of the class {name}, which this program has {times}; import the module that "
            "gives it to define_layer first, or load with like="
        )
    if tuple(fields) != layout(kind).names:
        had, has = ", ".join(fields) or "no fields", ", ".join(layout(kind).names) or "none"
        raise UndefinedError(f"{_where(path)} is of the class {name} with {had}, and here the class has {has}")
    return kind


def _is_of_script(kind: type, name: str) -> bool:
    """Whether a class of the running program has the name of one that was imported when the file was written."""
    stem = Path(str(getattr(sys.modules["__main__"], "__file__", ""))).stem
    return kind.__module__ == "__main__" and f".{name}".endswith(f".{stem}.{kind.__qualname__}")


def _own(name: str) -> type | None:
    """A record of fnnet's own by its name in files, whose module may not have been imported yet."""
    home, _, last = name.rpartition(".")
    found = _public(last, home) if f"{home}.".startswith("fnnet.") else None
    return found if isinstance(found, type) and is_dataclass(found) and name_of(found) == name else None


def _made(kind: type, values: list[object], path: str) -> object:
    try:
        if kind is TrainState and type(values[-1]) is tuple:  # version 1 of the format has histories so
            values = [*values[:-1], History.of(values[-1])]
        _check_record(kind, tuple(values))
        made = layout(kind).make(*values)
        pairs = zip(values, layout(kind).values(made), strict=True)
        if any(type(a) in (int, float, bool) and type(a) is not type(b) for a, b in pairs):
            raise TreeError(f"it makes other numbers of {', '.join(map(str, values))[:80]}")
        return made
    except Exception as error:  # a class may raise anything for fields that do not fit
        raise CheckpointError(f"{_where(path)}: {kind.__name__} refuses what the file has: {error}") from error


def _check_record(kind: type, values: tuple[object, ...]) -> None:
    """Raises TreeError where a field of one of fnnet's own records has a type that it never has."""
    kinds = RECORDS.get(kind, ())
    for name, value, expected in zip(layout(kind).names, values, kinds or (object,) * len(values), strict=True):
        if not isinstance(value, expected):
            raise TreeError(f"{name} of a {kind.__name__} cannot be a {type(value).__name__}")
        limit = COUNTERS.get(kind, {}).get(name)
        if limit is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < limit):
            raise TreeError(f"{name} of a {kind.__name__} must be a whole number in [0, {limit}), got {value}")


def _where(path: str) -> str:
    return path or "the root"
