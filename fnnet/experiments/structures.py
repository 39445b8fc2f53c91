"""The structure of a tree as JSON, for a file, and the tree built anew from it.

An array is told by dtype and shape, a float by its hexadecimal digits, a tuple is a list, a record or layer is its
class and its fields, whatever else is static stands for itself. A file can name classes, and only those get built that
a program has defined already: nothing is evaluated or unpickled because a file says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from importlib import import_module
from typing import Any

import numpy as np

from fnnet.core.history import History, Record, Segment
from fnnet.core.rules import layers_defined
from fnnet.core.states import Epoch, OptState, Part, TrainState
from fnnet.errors import CheckpointError, DtypeError, TreeError
from fnnet.keys import Key
from fnnet.tree.nodes import freeze, is_leaf, is_static, join, layout, parts
from fnnet.types import Array

DTYPES = (
    "bool",
    *[f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)],
    "float16",
    "float32",
    "float64",
)
"""What files hold, in the byte order of the machine that reads them."""

_NUMBER, _NONE = (float, int, np.ndarray), type(None)

DEPTH = 200
"""How many steps below its root a tree of a file goes at most, whatever the interpreter could bear."""

RECORDS: dict[type, tuple[type | tuple[type, ...], ...]] = {
    TrainState: (object, OptState, Key, int, int, _NUMBER, int, History),
    OptState: (int, tuple, (OptState, _NONE), (float, int)),
    Epoch: (TrainState,),
    Record: (_NUMBER, tuple),
    History: (tuple,),
    Segment: (tuple, tuple),
    Part: (_NUMBER, _NUMBER, object, bool),
    Key: (int, tuple, _NONE),
}
"""fnnet's records, and of what kinds their fields are: a file is not to make others."""

COUNTERS: dict[type, dict[str, int]] = {
    TrainState: {"epoch": 1 << 32, "batch": 1 << 32, "rows": 1 << 63},
    OptState: {"step": 1 << 63},
}
"""Their whole numbers, which are not negative, and what they stay below: keys are drawn for epochs and batches."""


class UndefinedError(CheckpointError):
    """A sound file has a class that is not, or no longer, what this program knows by its name."""


# --- out -------------------------------------------------------------------------------------------------------------
def told(node: object, path: str = "") -> object:
    """A node as JSON. Raises DtypeError or TreeError, naming the path, for what would not come back as it is."""
    if is_leaf(node):
        return {"array": [_dtype(node, path), list(node.shape)]}
    if type(node) is float:
        return {"float": node.hex()}
    if node is None or type(node) in (int, str, bool):
        return node
    if is_static(node):
        kind = type(node)
        name = f"{kind.__module__}.{kind.__qualname__}"
        raise TreeError(f"save: {_at(path)} is a {name}, and files hold plain float, int, str and bool; convert it")
    if path.count(".") >= DEPTH:
        raise TreeError(
            f"save: the tree is too deep, a file holds {DEPTH} steps below the root, such as {path[:40]}..."
        )
    if type(node) is tuple:
        return [told(child, join(path, name)) for name, child in parts(node)]
    return {"class": _told_class(node, path), "fields": {f: told(child, join(path, f)) for f, child in parts(node)}}


def _told_class(node: object, path: str) -> str:
    try:
        _check_record(type(node), layout(type(node)).values(node))
    except TreeError as error:
        raise TreeError(f"save: {_at(path)}: {error}") from error
    return name_of(type(node))


def _dtype(array: Array, path: str) -> str:
    if array.dtype.name not in DTYPES or not array.dtype.isnative:
        raise DtypeError(
            f"save: {_at(path)} has dtype {array.dtype.str}, and files hold arrays of {', '.join(DTYPES)} in this "
            "machine's order of bytes; cast it by astype"
        )
    return array.dtype.name


def name_of(kind: type) -> str:
    """The name of a class in files: for a record of fnnet's, and what is public there, the one without its module;
    for any other its full one."""
    is_public = kind in RECORDS or (kind.__module__.startswith("fnnet.") and _public(kind.__name__) is kind)
    return f"fnnet.{kind.__name__}" if is_public else f"{kind.__module__}.{kind.__qualname__}"


def _public(name: str, home: str = "fnnet") -> object:
    """What has a name in fnnet, or in one of its modules; None where nothing has."""
    with suppress(ImportError, ValueError):
        return getattr(import_module(home), name, None)
    return None


# --- in --------------------------------------------------------------------------------------------------------------
def built(structure: object, arrays: dict[str, Array], like: object) -> object:
    """The tree of a structure, its arrays read-only; takes them out of ``arrays``.

    Classes are those of ``like``, layers that were defined, and fnnet's own. Raises CheckpointError naming the path.
    """
    asked = {f"fnnet.{kind.__name__}": kind for kind in _kinds(like) if kind.__module__.startswith("fnnet.")}
    known = asked | {name_of(kind): kind for kind in (*RECORDS, *layers_defined(), *_kinds(like))}
    tree = _built(structure, arrays, "", known)
    if arrays:
        raise CheckpointError(f"it has arrays that its structure does not name: {', '.join(sorted(arrays))}")
    return tree


def _kinds(node: object) -> Iterator[type]:
    if not is_leaf(node) and not is_static(node) and type(node) is not tuple:
        yield type(node)
    for _, child in parts(node):
        yield from _kinds(child)


def _built(node: Any, arrays: dict[str, Array], path: str, known: Mapping[str, type]) -> object:
    if node is None or type(node) in (int, str, bool):
        return node
    if path.count(".") >= DEPTH:
        raise CheckpointError(f"{path[:40]}... is deeper than {DEPTH} steps below the root")
    if isinstance(node, list):
        return tuple([_built(child, arrays, join(path, str(i)), known) for i, child in enumerate(node)])
    match node:
        case {"float": str(digits)} if len(node) == 1:
            return _float(digits, path)
        case {"array": [dtype, shape]} if len(node) == 1:
            return _array(dtype, shape, arrays, path)
        case {"class": str(name), "fields": dict(fields)} if len(node) == 2:
            kind = _class(name, fields, path, known)
            return _made(kind, [_built(child, arrays, join(path, f), known) for f, child in fields.items()], path)
    raise CheckpointError(f"{_at(path)} is told as {str(node)[:80]}, which is no array, record or static value")


def _float(digits: str, path: str) -> float:
    try:
        return float.fromhex(digits)
    except (ValueError, OverflowError) as error:
        raise CheckpointError(f"{_at(path)} is no float: {digits[:80]!r}") from error


def _array(dtype: object, shape: object, arrays: dict[str, Array], path: str) -> Array:
    if path not in arrays:
        raise CheckpointError(f"{_at(path)} is an array in its structure, and is not there")
    array = arrays.pop(path)
    if array.dtype.name != dtype or list(array.shape) != shape:
        raise CheckpointError(f"{_at(path)} is {array.dtype}{list(array.shape)}, its structure says {dtype}{shape}")
    return freeze(array)


def _class(name: str, fields: dict[str, object], path: str, known: Mapping[str, type]) -> type:
    short = f"fnnet.{name.rpartition('.')[2]}"  # wherever in fnnet it stood when the file was written
    kind = known.get(name) or (known.get(short) if name.startswith("fnnet.") else None) or _own(name)
    if kind is None:
        raise UndefinedError(
            f"{_at(path)} is of the class {name}, which this program has not defined; import the module that gives it "
            "to define_layer first, or load with like="
        )
    if tuple(fields) != layout(kind).names:
        had, has = ", ".join(fields) or "no fields", ", ".join(layout(kind).names) or "none"
        raise UndefinedError(f"{_at(path)} is of the class {name} with {had}, and here the class has {has}")
    return kind


def _own(name: str) -> type | None:
    """A record of fnnet's own by its name in files: its module may not have been imported yet."""
    home, _, last = name.rpartition(".")
    found = _public(last, home) if f"{home}.".startswith("fnnet.") else None
    return found if isinstance(found, type) and is_dataclass(found) and name_of(found) == name else None


def _made(kind: type, values: list[object], path: str) -> object:
    try:
        if kind is TrainState and type(values[-1]) is tuple:  # as version 1 of the format has histories
            values = [*values[:-1], History.of(values[-1])]
        _check_record(kind, tuple(values))
        return layout(kind).make(*values)
    except Exception as error:  # whatever a class raises that is not content with its fields
        raise CheckpointError(f"{_at(path)}: {kind.__name__} refuses what the file has: {error}") from error


def _check_record(kind: type, values: tuple[object, ...]) -> None:
    """Raises TreeError where a field of one of fnnet's own records is of a kind that it never has."""
    kinds = RECORDS.get(kind, ())
    for name, value, expected in zip(layout(kind).names, values, kinds or (object,) * len(values), strict=True):
        if not isinstance(value, expected):
            raise TreeError(f"{name} of a {kind.__name__} cannot be a {type(value).__name__}")
        limit = COUNTERS.get(kind, {}).get(name)
        if limit is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < limit):
            raise TreeError(f"{name} of a {kind.__name__} must be a whole number in [0, {limit}), got {value}")


def _at(path: str) -> str:
    return path or "the root"
