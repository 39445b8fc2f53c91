"""The ways on which arrays, networks and states come into a program: what came through is what there was.

An array that was pickled has a dtype which is equal to NumPy's own and is another object; a mapped file is a subclass
of ndarray; a copy may have another layout. None of it may change a bit of what is computed.
"""

from __future__ import annotations

import copy
import io
import multiprocessing
import pickle
import tempfile
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from fnnet import Array, tree

T = TypeVar("T")
Passage = Callable[[Any], Any]


def pickled(protocol: int, value: T) -> T:
    """Out and in by pickle."""
    return cast(T, pickle.loads(pickle.dumps(value, protocol)))


def pickled_beside(value: T) -> T:
    """By protocol 5 with the arrays' memory handed over beside the bytes."""
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(value, 5, buffer_callback=buffers.append)
    return cast(T, pickle.loads(data, buffers=[bytes(buffer) for buffer in buffers]))


def by_joblib(mode: str | None, value: T) -> T:
    """Into a file of joblib's and out of it, read or mapped."""
    joblib = import_module("joblib")
    with tempfile.TemporaryDirectory() as folder:
        joblib.dump(value, Path(folder) / "value")
        return cast(T, plain(joblib.load(Path(folder) / "value", mmap_mode=mode)))


def plain(value: T) -> T:
    """A mapped array as the plain one that layers and losses take; trees as they are."""
    if isinstance(value, tuple) and type(value) is tuple:
        return cast(T, tuple([plain(child) for child in value]))
    return cast(T, np.asarray(value)) if isinstance(value, np.memmap) else value


@cache
def _other_process() -> Pool:
    return multiprocessing.get_context("spawn").Pool(1)


def through_a_process(value: T) -> T:
    """To a process that was spawned, and back."""
    return cast(T, _other_process().apply(copy.copy, (value,)))


def of_leaves(f: Callable[[Array], Array], value: T) -> T:
    """Array by array."""
    return tree.map(f, value)


def by_file(array: Array) -> Array:
    """Through what ``np.save`` writes."""
    file = io.BytesIO()
    np.save(file, array)
    file.seek(0)
    return cast(Array, np.load(file))


def mapped(array: Array) -> Array:
    """Through a file that is mapped into memory."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "array.npy", array)
        return np.asarray(np.load(Path(folder) / "array.npy", mmap_mode="r"))


def renamed(array: Array) -> Array:
    """With a dtype of the machine's byte order that is not NumPy's own object."""
    return array.view(array.dtype.newbyteorder("="))


PASSAGES: dict[str, Passage] = {
    **{f"pickle {protocol}": partial(pickled, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)},
    "pickle and buffers": pickled_beside,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "joblib": partial(by_joblib, None),
    "joblib, mapped": partial(by_joblib, "r"),
    "a spawned process": through_a_process,
    "np.save": partial(of_leaves, by_file),
    "np.load, mapped": partial(of_leaves, mapped),
    "a.copy()": partial(of_leaves, lambda a: a.copy()),
    "newbyteorder": partial(of_leaves, renamed),
}
"""From any array, target, network or state to its equal."""
