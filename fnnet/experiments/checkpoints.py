"""Trees on disk: networks, optimizer states and whole training states as safetensors files.

Every array is a tensor named by its path, so that any reader of the format finds the weights. How a tree is told in
JSON, ``structures`` says; how a file is sealed, ``sealed``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast, overload

import numpy as np

from fnnet import files
from fnnet.errors import CheckpointError, FnnetError
from fnnet.experiments import sealed
from fnnet.experiments.likeness import unlike
from fnnet.experiments.sealed import File
from fnnet.experiments.structures import UndefinedError, built, told
from fnnet.tree import leaves, paths
from fnnet.types import Array

T = TypeVar("T")


def save(path: File, tree: object) -> None:
    """Writes a tree to a file, atomically and durably: after a crash the old file or the new one is there, whole.

    A tree is a network, an OptState, a TrainState, an Epoch, a history, and any tuple or frozen dataclass of such. The
    numbers are exact, floats in settings too. What a process that was killed while it wrote the same file has left
    beside it is removed.

    Raises CheckpointError where the file cannot be written, and leaves what was there; TreeError for what is no tree,
    and for a setting that is no plain float, int, str or bool; DtypeError for an array of objects, complex numbers or
    another byte order; ImportError without the extra ``checkpoint``.

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
    """``save``, with the settings of the run that a state is of beside it."""
    sealed.write(path, *_content(tree), run)


def encoded(tree: object) -> bytes:
    """The bytes of a tree's file; the same tree gives the same bytes."""
    return b"".join(sealed.encoded(*_content(tree)))


def _content(tree: object) -> tuple[dict[str, Array], object]:
    """A tree's arrays by path, and its structure."""
    structure = told(tree)
    return {name: np.asarray(leaf, order="C") for name, leaf in zip(paths(tree), leaves(tree), strict=True)}, structure


@overload
def load(path: File) -> object: ...
@overload
def load(path: File, like: T) -> T: ...
def load(path: File, like: object = None) -> object:
    """The tree that ``save`` wrote, its arrays read-only.

    With ``like`` the result has its type: classes, structure, shapes, dtypes and the settings of networks must agree
    with it, while counters, keys, the history and the values of ``Categories`` come from the file. Without it the
    file's classes are taken from the layers that this program has given to ``define_layer`` and from fnnet's own.

    Raises CheckpointError for a file that is missing, damaged in any bit, of another program or of a newer format, for
    classes that are not defined, and naming the path where it is not like ``like``; ImportError without the extra
    ``checkpoint``.
    """
    data = sealed.read(path)
    return decoded(path, data) if like is None else decoded_like(path, data, like)


def decoded(path: File, data: bytes, like: object = None) -> object:
    """The tree in the bytes of a sealed file. Raises CheckpointError."""
    arrays, structure = sealed.decoded(path, data)
    try:
        return built(structure, arrays, like)
    except UndefinedError as error:
        raise CheckpointError(f"load: {path} is whole, but {error}") from None
    except (FnnetError, RecursionError) as error:
        raise CheckpointError(f"load: {path} is no checkpoint that can be read: {error}") from error


def decoded_like(path: File, data: bytes, like: T) -> T:
    """The same of the type of another tree. Raises CheckpointError naming the path where it is not like that."""
    tree = decoded(path, data, like)
    difference = unlike(like, tree)
    if difference:
        raise CheckpointError(f"load: {path} is not like what was asked for: {difference}")
    return cast(T, tree)
