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
    """What ``minibatches(...)`` returns: called with the key of an epoch's order, the batches of the epoch."""

    x: Rows
    y: T
    batch_size: int
    shuffle: bool = True
    last: Last = "keep"
    order: Order | None = None

    def __call__(self, key: Key, /) -> Iterator[tuple[Array, T]]:
        """The batches, each made when it is asked for."""
        order, size = self.index(key), self.batch_size
        take_x, take_y = taker(cast(Array, self.x)), taker(self.y)
        for start in range(0, len(order), size):
            index = order[start : start + size]
            yield take_x(index), take_y(index)

    def index(self, key: Key, /) -> Index:
        """The numbers of the epoch's rows in their order, without a last batch that is dropped."""
        keys.check("minibatches", key)
        n = len(self.x)
        if self.order is not None:
            rows = _checked_order(self.order(key, n, self.batch_size), n)
        else:
            rows = keys.permutation(key, n) if self.shuffle else np.arange(n)
        return rows if self.last == "keep" else rows[: len(rows) - len(rows) % self.batch_size]

    @property
    def batches(self) -> int | None:
        """How many batches an epoch has; None where ``order`` decides that."""
        rows = len(self.x) if self.last == "keep" else len(self.x) - len(self.x) % self.batch_size
        return -(-rows // self.batch_size) if self.order is None else None

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        settings = self.x, self.y, self.batch_size, self.shuffle, self.last, self.order
        return type(self), settings  # a tree can hold neither rows of any kind nor an order that is a function


def minibatches(
    x: Rows, y: T, *, batch_size: int, shuffle: bool = True, last: Last = "keep", order: Order | None = None
) -> Minibatches[T]:
    """The rows of x and y in batches, in a new order every epoch.

    Shapes: x (rows, features); y one entry a row, an array or a tuple of arrays such as (target, weights). A batch is
    a copy, made when it is asked for; the data themselves are not copied, so do not write to them while training goes
    on. x may be larger than memory: a ``numpy.memmap``, or anything with a shape, a dtype, a length, and rows that
    an array of their numbers selects; y may be mapped too. ``last`` says what becomes of a last batch that is smaller
    than ``batch_size``; one that is larger than the data makes one batch of all rows.
    ``order`` is ``stratified(labels)``, ``balanced(labels)`` or a function (key, rows, batch_size) -> numbers of rows.

    Raises ValueError for a batch size below 1, and for an order with ``shuffle=False``,
    ShapeError for lengths that differ, DtypeError for data without rows of numbers.

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
    """What an order gave. Raises DtypeError, ShapeError or ValueError unless it is numbers of rows."""
    checks.array("minibatches", "what order gives", rows)
    if rows.dtype.kind not in "iu":
        raise DtypeError(f"minibatches: what order gives must be integers, the numbers of rows, got {rows.dtype}")
    if rows.ndim != 1 or not rows.size:
        raise ShapeError(f"minibatches: what order gives must be (rows,), at least one, got {rows.shape}")
    if rows.min() < 0 or rows.max() >= n:
        raise ValueError(f"minibatches: what order gives must be in [0, {n}), got {rows.min()} to {rows.max()}")
    return np.ascontiguousarray(rows, np.int64)
