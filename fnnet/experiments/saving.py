"""Trees on disk: networks, optimizer states and whole training states as safetensors files.

Every array is a tensor named by its path, so that any reader of the format finds the weights. ``tree_json``
writes the structure of the tree as JSON, ``sealed_files`` seals the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast, overload

import numpy as np

from fnnet import files
from fnnet.core.history import History
from fnnet.core.segments import Record
from fnnet.errors import CheckpointError, FnnetError
from fnnet.experiments import sealed_files
from fnnet.experiments.sealed_files import File
from fnnet.experiments.tree_json import UndefinedError, as_json, built, name_of
from fnnet.keys import Key
from fnnet.tree import leaves, paths
from fnnet.tree.nodes import Params, child_path, is_leaf, is_static, layout, named_children
from fnnet.types import Array

T = TypeVar("T")


def save(path: File, tree: object) -> None:
    """Writes a tree to the file ``path``, atomically and durably: after a crash the old file or the new one is whole.

    ``tree`` is a network, an OptState, a TrainState, an Epoch, a history, or any plain tuple or frozen dataclass of
    these. Numbers are stored exactly, floats in settings too. Temporary files that a killed process has left beside the
    file are removed.

    Raises CheckpointError where the file cannot be written, and leaves what was there; TreeError for a value that is
    not a tree, for two classes of one name in it, and for a setting that is not a plain float, int, str or bool;
    DtypeError for an array of objects, complex numbers or another byte order; ImportError without the extra
    ``checkpoint``.

    >>> import fnnet as fn, tempfile
    >>> net = fn.linear(fn.Key(0), 4, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fn.save(folder + "/net.safetensors", net)
    ...     again = fn.load(folder + "/net.safetensors", like=net)
    >>> fn.tree.equal(again, net)
    True
    """
    files.sweep(Path(path))
    save_of_run(path, tree, {})


def save_of_run(path: File, tree: object, run: Mapping[str, str]) -> None:
    """``save``, together with the settings of the run that a state belongs to."""
    sealed_files.write(path, *_content(tree), run)


def encoded(tree: object) -> bytes:
    """The bytes of a tree's file; the same tree gives the same bytes."""
    return b"".join(sealed_files.encoded(*_content(tree)))


def _content(tree: object) -> tuple[dict[str, Array], object]:
    """A tree's arrays by path, and its structure."""
    structure = as_json(tree)
    return {name: np.asarray(leaf, order="C") for name, leaf in zip(paths(tree), leaves(tree), strict=True)}, structure


@overload
def load(path: File) -> Params: ...
@overload
def load(path: File, like: T) -> T: ...
def load(path: File, like: object = None) -> object:
    """The tree that ``save`` wrote to the file ``path``, its arrays read-only.

    With ``like`` the result has the type of ``like``: classes, structure, shapes, dtypes and the settings of networks
    must agree with it, while counters, keys, the history and the values of ``Categories`` come from the file. Without
    ``like`` classes are looked up among the layers that this program has given to ``define_layer`` and among fnnet's
    own; of several classes with one name the last one defined is used, but never one that was made inside a function.
    The static type of the result is then ``Params``, as for ``predict``; for a file that holds something else, such as
    a state, only ``like`` gives the type.

    Raises CheckpointError for a file that is missing, damaged in any bit, of another program or of a newer format, for
    classes that are not defined, and, naming the path, where it differs from ``like``; ImportError without the extra
    ``checkpoint``.

    >>> import fnnet as fn, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fn.save(folder + "/net.safetensors", fn.linear(fn.Key(0), 4, 2))
    ...     fn.load(folder + "/net.safetensors")
    Linear(w=float32[4, 2], b=float32[2])
    """
    data = sealed_files.read(path)
    return decoded(path, data) if like is None else decoded_like(path, data, like)


def decoded(path: File, data: bytes, like: object = None) -> object:
    """The tree in the bytes of a sealed file. Raises CheckpointError."""
    arrays, structure = sealed_files.decoded(path, data)
    try:
        return built(structure, arrays, like)
    except UndefinedError as error:
        raise CheckpointError(f"load: {path} is whole, but {error}") from None
    except (FnnetError, RecursionError) as error:
        raise CheckpointError(f"load: {path} is no checkpoint that can be read: {error}") from error


def decoded_like(path: File, data: bytes, like: T) -> T:
    """The same, with the type of another tree. Raises CheckpointError, naming the path, where it differs from that."""
    tree = decoded(path, data, like)
    difference = unlike(like, tree)
    if difference:
        raise CheckpointError(f"load: {path} is not like what was asked for: {difference}")
    return cast(T, tree)


# --- like what was asked for -----------------------------------------------------------------------------------------
def unlike(asked: object, found: object, path: str = "", inside: bool = False) -> str | None:
    """Where a tree differs in type from the one that was asked for, in words; None where it does not.

    Classes, lengths, shapes, dtypes, and the static fields inside a network must agree; counters, keys, histories, and
    the numbers and texts in a record outside a network, such as the values of Categories, may be the file's own.
    """
    if not inside and {type(asked), type(found)} == {int, float}:  # such as a factor 1
        return None
    if type(asked) is not type(found) or (is_leaf(asked) and _form(asked) != _form(found)):
        return _words(asked, found, path)
    if is_leaf(asked) or isinstance(asked, (Key, Record, History)):
        return None
    if is_static(asked):
        return _words(asked, found, path) if inside and repr(asked) != repr(found) else None
    left, right = named_children(asked), named_children(found)
    if type(asked) is tuple and not inside and all(isinstance(child, Record) for _, child in (*left, *right)):
        return None
    if len(left) != len(right):
        return _words(asked, found, path)
    inside = inside or isinstance(asked, Params)
    carried = () if isinstance(asked, tuple) else layout(type(asked)).carried
    for (name, x), (_, y) in zip(left, right, strict=True):
        is_files = name in carried or (type(asked) is not tuple and not inside and _is_plain(x) and _is_plain(y))
        difference = None if is_files else unlike(x, y, child_path(path, name), inside)
        if difference:
            return difference
    return None


def _is_plain(node: object) -> bool:
    """Whether a node is a tuple of numbers and texts, of any length."""
    return type(node) is tuple and all(is_static(child) for child in node)


def _words(asked: object, found: object, path: str) -> str:
    return f"{path or 'the root'} is {_form(found)} there, asked for {_form(asked)}"


def _form(node: object) -> str:
    if is_leaf(node):
        return f"{node.dtype}{list(node.shape)}"
    if is_static(node):
        return repr(node)
    return f"a tuple of {len(node)}" if isinstance(node, tuple) else name_of(type(node))
