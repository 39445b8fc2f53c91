"""Trees on disk: networks, optimizer states and whole training states as safetensors files.

Every array is a tensor named by its path, so that any reader of the format finds the weights. The metadata hold the
structure as JSON, the version of this format, and a SHA-256 over the whole file, which is checked before anything else
is looked at. A file can name classes, and only those get built that a program has defined already: nothing is imported,
evaluated or unpickled.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar, cast, overload

import numpy as np

from fnnet import files
from fnnet.errors import CheckpointError, FnnetError, TreeError
from fnnet.keys import Key
from fnnet.layers.linear import Linear
from fnnet.matching import columns
from fnnet.nodes import Params, freeze, is_leaf, is_static, join, layout, parts
from fnnet.records import Epoch, OptState, Part, Record, TrainState
from fnnet.rules import layers_defined
from fnnet.tree import leaves, paths, rebuild
from fnnet.types import Array

T = TypeVar("T")
P = TypeVar("P", bound=Params)

File = str | PathLike[str]

VERSION = 1
_SHA = rb"\"sha256\":\""
_BLANK = b"0" * 64

RECORDS = (TrainState, OptState, Record, Epoch, Part, Key)


# --- out -------------------------------------------------------------------------------------------------------------
def save(path: File, tree: object) -> None:
    """Writes a tree to a file, atomically and durably: after a crash the old file or the new one is there, whole.

    Raises CheckpointError where it cannot be written, and leaves what was there; TreeError for what is no tree;
    ImportError without the extra ``checkpoint``.

    >>> import fnnet as fn, tempfile
    >>> net = fn.linear(fn.Key(0), 4, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fn.save(folder + "/net.safetensors", net)
    ...     again = fn.load(folder + "/net.safetensors", like=net)
    >>> fn.tree.equal(again, net)
    True
    """
    try:
        files.write(Path(path), encoded(tree))
    except OSError as error:
        raise CheckpointError(f"save: {path} could not be written, {error}; what was there is as it was") from error


def encoded(tree: object) -> bytes:
    """The file's bytes; the same tree gives the same bytes."""
    tensors = {name: np.asarray(leaf, order="C") for name, leaf in zip(paths(tree), leaves(tree), strict=True)}
    ours = {"sha256": _BLANK.decode(), "version": VERSION, "structure": _told(tree)}
    try:  # one entry, for the order of several would be left to chance
        data: bytes = _safetensors().save(tensors, {"fnnet": json.dumps(ours, separators=(",", ":"), allow_nan=False)})
    except _safetensors_error() as error:
        raise TreeError(f"save: {error}") from error
    return _sealed(data, hashlib.sha256(data).hexdigest().encode())


def _sealed(data: bytes, digest: bytes) -> bytes:
    at = _seal(data)
    return data[:at] + digest + data[at + 64 :]


def _seal(data: bytes) -> int:
    """Where the digest stands; -1 where there is none."""
    header = data[8 : 8 + int.from_bytes(data[:8], "little")]
    at = header.find(_SHA)
    return -1 if at < 0 or header.find(_SHA, at + 1) >= 0 else 8 + at + len(_SHA)


def _told(node: object) -> Any:
    """A node as JSON: an array by dtype and shape, a float by its hexadecimal digits, a record by its class."""
    if is_leaf(node):
        return {"array": [node.dtype.str, list(node.shape)]}
    if isinstance(node, float):
        return {"float": float(node).hex()}
    if is_static(node):
        return node
    if type(node) is tuple:
        return [_told(child) for child in node]
    return {"class": name_of(type(node)), "fields": {name: _told(child) for name, child in parts(node)}}


def name_of(kind: type) -> str:
    """The name of a class in files: that by which it is public in fnnet, or its full one."""
    return (
        f"fnnet.{kind.__name__}" if kind.__module__.startswith("fnnet.") else f"{kind.__module__}.{kind.__qualname__}"
    )


# --- in --------------------------------------------------------------------------------------------------------------
@overload
def load(path: File) -> object: ...
@overload
def load(path: File, like: T) -> T: ...
def load(path: File, like: object = None) -> object:
    """The tree that ``save`` wrote, its arrays read-only.

    With ``like`` the result has its type: classes, structure, shapes, dtypes and the settings of networks must agree
    with it, while counters, keys and the history come from the file. Without it the file's classes are taken from those
    that this program has given to ``define_layer`` and from fnnet's own.

    Raises CheckpointError for a file that is missing, damaged in any bit, of another program or of a newer format, for
    classes that are not defined, and naming the path where it is not like ``like``; ImportError without the extra
    ``checkpoint``.
    """
    tree = opened(path, like)
    return tree if like is None else checked_like(path, like, tree)


def opened(path: File, like: object) -> object:
    """The tree in a file, of classes that ``like`` has or that are defined. Raises CheckpointError."""
    data = _read(path)
    _check_seal(path, data)
    try:
        tensors: dict[str, Array] = _safetensors().load(data)
        made = _built(_metadata(data)["structure"], tensors, "", _classes(like))
    except (*_UNREADABLE, _safetensors_error()) as error:
        raise CheckpointError(f"load: {path} is no whole checkpoint: {error}") from error
    if tensors:
        raise CheckpointError(f"load: {path} has arrays that its structure does not name: {', '.join(sorted(tensors))}")
    return freeze(made)


def _read(path: File) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CheckpointError(f"load: {path} could not be read, {error}") from error


def _check_seal(path: File, data: bytes) -> None:
    at = _seal(data)
    if at < 0:
        raise CheckpointError(f"load: {path} is no checkpoint of fnnet; weights of PyTorch are read by load_torch")
    digest = hashlib.sha256(data[:at])
    digest.update(_BLANK)
    digest.update(memoryview(data)[at + 64 :])
    if digest.hexdigest().encode() != data[at : at + 64]:
        raise CheckpointError(f"load: {path} is damaged: its bytes are not those that were written")
    version = _metadata(data).get("version")
    if version != VERSION:
        raise CheckpointError(f"load: {path} has format version {version}, this fnnet reads {VERSION}; use a newer one")


def _metadata(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        found: dict[str, Any] = dict(json.loads(header["__metadata__"]["fnnet"]))
    except _UNREADABLE as error:
        raise CheckpointError(f"load: its header cannot be read: {error}") from error
    return found


def _classes(like: object) -> dict[str, type]:
    """The classes that a file may name, beside fnnet's own."""
    return {name_of(kind): kind for kind in (*RECORDS, *layers_defined(), *_kinds(like))}


def _own(name: str) -> type | None:
    """A layer of fnnet's by its public name: its module may not have been imported yet."""
    found: object = getattr(import_module("fnnet"), name.removeprefix("fnnet."), None)
    return found if isinstance(found, type) and issubclass(found, Params) and found in layers_defined() else None


def _kinds(node: object) -> Iterator[type]:
    if not is_leaf(node) and not is_static(node) and type(node) is not tuple:
        yield type(node)
    for _, child in parts(node):
        yield from _kinds(child)


def _built(told: Any, tensors: dict[str, Array], path: str, classes: Mapping[str, type]) -> object:
    """The node that JSON tells of; takes its arrays out of ``tensors``."""
    if isinstance(told, list):
        return tuple([_built(child, tensors, join(path, str(i)), classes) for i, child in enumerate(told)])
    if not isinstance(told, dict):
        return told
    if "float" in told:
        return float.fromhex(told["float"])
    if "array" in told:
        (dtype, shape), array = told["array"], tensors.pop(path)
        if array.dtype.str != dtype or list(array.shape) != shape:
            raise CheckpointError(f"{path} is {array.dtype}{list(array.shape)}, its structure says {dtype}{shape}")
        return array
    kind, fields = classes.get(told["class"]) or _own(told["class"]), told["fields"]
    if kind is None:
        raise CheckpointError(
            f"{path or 'the root'} is a {told['class']}, which this program has not defined; import the module that "
            "gives it to define_layer first"
        )
    if tuple(fields) != layout(kind).names:
        raise CheckpointError(f"{path or 'the root'}: {told['class']} has the fields {', '.join(fields)} there")
    return kind(*[_built(child, tensors, join(path, name), classes) for name, child in fields.items()])


_UNREADABLE = (FnnetError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


def checked_like(path: File, like: T, tree: object) -> T:
    """The tree, where it is like another one. Raises CheckpointError naming the path where it is not."""
    where = f"load: {path} is not like what was asked for"
    try:
        (ours, theirs), _ = columns(where, (like, tree))
    except TreeError as error:
        raise CheckpointError(str(error)) from error
    names = {id(leaf): name for name, leaf in zip(paths(like), leaves(like), strict=True)}
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            had, asked = f"{b.dtype}{list(b.shape)}", f"{a.dtype}{list(a.shape)}"
            raise CheckpointError(f"{where}: {names[id(a)]} is {had} there, asked for {asked}")
    return cast(T, tree)


# --- weights of others ---------------------------------------------------------------------------------------------
def load_torch(path: File, like: P) -> P:
    """A network like this one with the weights that PyTorch has, of a safetensors file written from the ``state_dict``
    of an ``nn.Sequential`` of Linear layers and activations.

    PyTorch's weight is (n_out, n_in) and is transposed. Raises CheckpointError for a file without such weights, for
    names whose order cannot be told, and naming the tensor where number, shapes or dtypes differ from the network's.
    """
    try:
        tensors: dict[str, Array] = _safetensors().load(_read(path))
    except (*_UNREADABLE, _safetensors_error()) as error:
        raise CheckpointError(f"load_torch: {path} is no safetensors file: {error}") from error
    modules = _ordered(path, tensors)
    layers = list(_linears(like))
    if len(modules) != len(layers):
        raise CheckpointError(f"load_torch: {path} has {len(modules)} Linear layers, the network {len(layers)}")
    found: dict[int, Array] = {}
    for module, layer in zip(modules, layers, strict=True):
        for name, theirs, ours in (
            (f"{module}weight", tensors[f"{module}weight"].T, layer.w),
            (f"{module}bias", tensors[f"{module}bias"], layer.b),
        ):
            if theirs.shape != ours.shape or theirs.dtype != ours.dtype:
                had, wanted = f"{theirs.dtype}{list(theirs.shape)}", f"{ours.dtype}{list(ours.shape)}"
                raise CheckpointError(f"load_torch: {name} of {path} gives {had}, the network's Linear is {wanted}")
            found[id(ours)] = np.array(theirs, order="C")
    return freeze(rebuild(like, tuple([found.get(id(leaf), leaf) for leaf in leaves(like)])))


def _ordered(path: File, tensors: Mapping[str, Array]) -> list[str]:
    """The prefixes of the Linear layers' names, such as "0.", in the order of their numbers."""
    modules = [name.removesuffix("weight") for name in tensors if name.endswith("weight")]
    expected = {f"{module}{kind}" for module in modules for kind in ("weight", "bias")}
    if not modules or expected != set(tensors) or len({re.sub(r"\d+", "#", module) for module in modules}) != 1:
        raise CheckpointError(
            f"load_torch: {path} must hold a weight and a bias for each layer, their names differing in numbers only, "
            f"such as 0.weight, 0.bias, 2.weight, 2.bias, got {', '.join(sorted(tensors))}"
        )
    return sorted(modules, key=lambda module: [int(number) for number in re.findall(r"\d+", module)])


def _linears(node: object) -> Iterator[Linear]:
    """The Linear layers of a network in the order of its leaves."""
    if isinstance(node, Linear):
        yield node
    else:
        for _, child in parts(node):
            yield from _linears(child)


# --- the package -----------------------------------------------------------------------------------------------------
def _safetensors() -> Any:
    try:
        return import_module("safetensors.numpy")
    except ImportError as error:
        raise ImportError("checkpoints need safetensors: pip install 'fnnet[checkpoint]'") from error


def _safetensors_error() -> type[Exception]:
    _safetensors()
    found: type[Exception] = import_module("safetensors").SafetensorError
    return found
