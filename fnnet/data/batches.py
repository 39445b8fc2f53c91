"""Batches: a function of a key, so that an epoch's order can be reproduced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, cast

import numpy as np

from fnnet import checks, keys
from fnnet.core import Array, DtypeError, Key, Order, Rows, ShapeError
from fnnet.data.orders import ByClass
from fnnet.data.sources import Index, check_rows, named, taker
from fnnet.tree.nodes import Node

T = TypeVar("T")

Last = Literal["keep", "drop"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Minibatches(Node, Generic[T]):
    """What ``minibatches(...)`` returns: a function from the key of an epoch's order to the epoch's batches."""

    x: Rows
    y: T
    batch_size: int
    shuffle: bool = True
    last: Last = "keep"
    order: Order | None = None

    def __call__(self, key: Key, /) -> Iterator[tuple[Array, T]]:
        """The batches, each made when it is requested."""
        order, size = self.index(key), self.batch_size
        take_x, take_y = taker(cast(Array, self.x)), taker(self.y)
        for start in range(0, len(order), size):
            index = order[start : start + size]
            yield take_x(index), take_y(index)

    def index(self, key: Key, /) -> Index:
        """The row numbers of the epoch in order, without a last batch that is dropped."""
        keys.check("minibatches", key)
        n = len(self.x)
        if self.order is not None:
            rows = _checked_order(self.order(key, n, self.batch_size), n)
        else:
            rows = keys.permutation(key, n) if self.shuffle else np.arange(n)
        return rows if self.last == "keep" else rows[: len(rows) - len(rows) % self.batch_size]

    @property
    def batches(self) -> int | None:
        """The number of batches in an epoch; None where ``order`` decides it."""
        rows = len(self.x) if self.last == "keep" else len(self.x) - len(self.x) % self.batch_size
        return -(-rows // self.batch_size) if self.order is None else None

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        settings = self.x, self.y, self.batch_size, self.shuffle, self.last, self.order
        return type(self), settings  # a tree can hold neither rows of any kind nor an order that is a function


def minibatches(
    x: Rows, y: T, *, batch_size: int, shuffle: bool = True, last: Last = "keep", order: Order | None = None
) -> Minibatches[T]:
    """The rows of the inputs x and the targets y in batches of ``batch_size`` rows, in a new order every epoch.

    With ``shuffle=False`` the rows keep their order. ``last`` says whether a last batch that is smaller is kept
    ("keep") or dropped ("drop"); a ``batch_size`` larger than the data makes one batch of all rows. ``order`` is
    ``stratified(labels)``, ``balanced(labels)`` or a function (key, rows, batch_size) -> row numbers.

    A batch is a copy, made when it is requested; the data themselves are not copied, so do not write to them during
    training. x may be larger than memory: a ``numpy.memmap``, or anything with a shape, a dtype, a length, and rows
    that are selected by an array of row numbers; y may be memory-mapped too.

    Shapes: x (rows, features); y one entry per row, an array or a tuple of arrays such as (target, weights). Raises
    ValueError for a batch size below 1, and for an order with ``shuffle=False``; ShapeError for lengths that differ;
    DtypeError for data without rows of numbers.

    >>> import fnnet as fn, numpy as np
    >>> data = fn.minibatches(np.zeros((5, 2)), np.arange(5), batch_size=2, shuffle=False)
    >>> [labels.tolist() for _, labels in data(fn.Key(0))]
    [[0, 1], [2, 3], [4]]
    """
    check_rows("minibatches", x)
    arrays = [("x", x), *named("minibatches", "y", y)]
    if isinstance(order, ByClass):
        arrays.append(("order.labels", order.labels))
    rows = checks.same_length("minibatches", arrays)
    batch_size = min(checks.size("minibatches", "batch_size", batch_size), rows)
    if last not in ("keep", "drop"):
        raise ValueError(f"minibatches: last must be 'keep' or 'drop', got {last!r}")
    if order is not None:
        checks.function("minibatches", "order", order)
        if not shuffle:
            raise ValueError("minibatches: order must be None where shuffle is False, for an order shuffles")
    return Minibatches(x, y, batch_size, bool(shuffle), last, order)


def _checked_order(rows: Index, n: int) -> Index:
    """The result of an order. Raises DtypeError, ShapeError or ValueError unless it holds row numbers."""
    checks.array("minibatches", "what order gives", rows)
    if rows.dtype.kind not in "iu":
        raise DtypeError(f"minibatches: what order gives must be integers, the numbers of rows, got {rows.dtype}")
    if rows.ndim != 1 or not rows.size:
        raise ShapeError(f"minibatches: what order gives must be (rows,), at least one, got {rows.shape}")
    if rows.min() < 0 or rows.max() >= n:
        raise ValueError(f"minibatches: what order gives must be in [0, {n}), got {rows.min()} to {rows.max()}")
    return np.ascontiguousarray(rows, np.int64)
