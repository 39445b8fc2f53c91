"""Arrays that enter a tree: read-only, in C order, and not mapped from files."""

from __future__ import annotations

import numpy as np

from fnnet.types import Array


def safe(leaf: Array) -> Array:
    """The array itself if it is in C order and nobody can write to it, else a copy for which that holds."""
    base: object = leaf
    while isinstance(base, np.ndarray) and not base.flags.writeable:
        base = base.base
    if base is None and leaf.flags.c_contiguous:
        return leaf
    copy = np.array(leaf, order="C", copy=True)
    copy.setflags(write=False)
    return copy


def plain(value: object) -> object:
    """The value with plain arrays in place of files that an unpickler such as joblib has mapped into memory."""
    if type(value) is tuple:
        return tuple([plain(child) for child in value])
    return np.asarray(value) if isinstance(value, np.memmap) else value
