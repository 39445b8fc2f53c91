"""Batches: a function of a key, so that an epoch's order can be had again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from fnnet import checks, keys
from fnnet.errors import ShapeError
from fnnet.keys import Key
from fnnet.nodes import Node
from fnnet.types import Array

T = TypeVar("T")

Last = Literal["keep", "drop"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Minibatches(Node, Generic[T]):
    """What ``minibatches(...)`` returns: called with the key of an epoch's order, the batches of the epoch."""

    x: Array
    y: T
    size: int
    shuffle: bool = True
    last: Last = "keep"

    def __call__(self, key: Key, /) -> Iterator[tuple[Array, T]]:
        """The batches, each made when it is asked for."""
        keys.check("minibatches", key)
        n = len(self.x)
        order = keys.permutation(key, n) if self.shuffle else np.arange(n)
        for start in range(0, n if self.last == "keep" else n - self.size + 1, self.size):
            index = order[start : start + self.size]
            yield _take(self.x, index), _take(self.y, index)


def minibatches(x: Array, y: T, *, size: int, shuffle: bool = True, last: Last = "keep") -> Minibatches[T]:
    """The rows of x and y in batches, in a new order every epoch.

    Shapes: x (rows, features); y one entry a row, an array or a tuple of arrays such as (target, weights). A batch is
    a copy, made when it is asked for; the data themselves are not copied, so do not write to them while training goes
    on. ``last`` says what becomes of a last batch that is smaller than ``size``.

    Raises ValueError for a size below 1 or above the rows, ShapeError for lengths that differ.

    >>> import fnnet as fn, numpy as np
    >>> data = fn.minibatches(np.zeros((5, 2)), np.arange(5), size=2, shuffle=False)
    >>> [labels.tolist() for _, labels in data(fn.Key(0))]
    [[0, 1], [2, 3], [4]]
    """
    checks.rows("minibatches", x)
    if x.ndim != 2:
        raise ShapeError(f"minibatches: x must be (rows, features), got {x.shape}")
    rows = checks.same_length("minibatches", [("x", x), *_named("y", y)])
    size = checks.size("minibatches", "size", size)
    if size > rows:
        raise ValueError(f"minibatches: size must be at most the number of rows, {rows}, got {size}")
    if last not in ("keep", "drop"):
        raise ValueError(f"minibatches: last must be 'keep' or 'drop', got {last!r}")
    return Minibatches(x, y, size, bool(shuffle), last)


def _named(name: str, y: object) -> list[tuple[str, Array]]:
    """The arrays of a target by name."""
    if isinstance(y, tuple):
        return [pair for i, child in enumerate(y) for pair in _named(f"{name}[{i}]", child)]
    checks.array("minibatches", name, y)
    if not isinstance(y, np.ndarray) or y.ndim == 0:
        raise ShapeError(f"minibatches: {name} must have one entry a row, got a single number")
    return [(name, y)]


def _take(a: Any, index: NDArray[np.int64]) -> Any:
    return tuple([_take(child, index) for child in a]) if isinstance(a, tuple) else a.take(index, 0)
