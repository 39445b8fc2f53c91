"""Splitting data into parts: training, validation, test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVarTuple, overload

import numpy as np
from numpy.typing import NDArray

from fnnet import checks, keys
from fnnet.core import Key, Labels
from fnnet.data.orders import check_labels, class_by_class
from fnnet.data.sources import Index, named, taker
from fnnet.keys import SPLIT, permutation

Ts = TypeVarTuple("Ts")

Counts = NDArray[np.int64]
FourOrMore = tuple[float, float, float, float, *tuple[float, ...]]
"""Types of ``parts`` that exclude each other: pyright finds the right one although an array's type is partly Any."""


@overload
def split(
    key: Key, data: tuple[*Ts], *, parts: tuple[float, float], stratify: Labels | None = None
) -> tuple[tuple[*Ts], tuple[*Ts]]: ...
@overload
def split(
    key: Key, data: tuple[*Ts], *, parts: tuple[float, float, float], stratify: Labels | None = None
) -> tuple[tuple[*Ts], tuple[*Ts], tuple[*Ts]]: ...
@overload
def split(
    key: Key, data: tuple[*Ts], *, parts: list[float] | list[int] | FourOrMore, stratify: Labels | None = None
) -> tuple[tuple[*Ts], ...]: ...


def split(
    key: Key, data: tuple[*Ts], *, parts: Sequence[float], stratify: Labels | None = None
) -> tuple[tuple[*Ts], ...]:
    """Splits the rows of ``data``, a tuple (x, y, ...), at random into parts, each a tuple like ``data``.

    Every row is in exactly one part. ``parts`` are shares that add up to 1, such as (0.7, 0.15, 0.15), or integers,
    numbers of rows that add up to all. Shares of the rows are rounded so that they add up, the largest fractions up.
    With the labels ``stratify`` every part has its share of each class, within one row. The rows of a part are copies,
    in random order. For data larger than memory, split ``(numpy.arange(rows),)``. ``key`` decides which row goes where,
    by draws from ``key.child(SPLIT)``.

    Shapes: each array of data (rows, ...), stratify (rows,). Raises ShapeError for lengths that differ, ValueError for
    parts that are empty or do not add up, and for a class with fewer rows than there are parts.

    >>> import fnnet as fn, numpy as np
    >>> x, y = np.zeros((10, 3)), np.array([0, 1] * 5)
    >>> train, test = fn.split(fn.Key(0), (x, y), parts=(0.8, 0.2), stratify=y)
    >>> train[0].shape, np.sort(test[1]).tolist()
    ((8, 3), [0, 1])
    """
    keys.check("split", key)
    given: object = data
    if type(given) is not tuple or not given:
        raise ValueError(f"split: data must be a tuple of arrays such as (x, y), got {type(data).__name__}")
    n = checks.same_length("split", named("split", "data", data))
    sizes = _sizes(parts, n)
    key = key.child(SPLIT)
    order = permutation(key, n) if stratify is None else _stratified(key, stratify, sizes, n)
    take = taker(data)
    return tuple([take(rows) for rows in np.split(order, np.cumsum(sizes)[:-1])])


def _sizes(parts: Sequence[float], n: int) -> list[int]:
    """The number of rows of each part."""
    given: object = parts
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) < 2:
        raise ValueError(f"split: parts must be at least two, such as (0.8, 0.2), got {parts!r}")
    numbers = [checks.real("split", f"parts[{i}]", part) for i, part in enumerate(parts)]
    is_rows = all(isinstance(part, (int, np.integer)) for part in parts)
    total = math.fsum(numbers)
    if not math.isclose(total, n if is_rows else 1, rel_tol=1e-9):
        wanted = f"the {n} rows" if is_rows else "1, or be whole numbers of rows"
        raise ValueError(f"split: parts must add up to {wanted}, got {tuple(parts)}, which add up to {total:.12g}")
    exact = np.array(numbers) * (1 if is_rows else n)
    sizes = np.floor(exact + 1e-9 * (not is_rows)).astype(np.int64)
    missing = n - int(sizes.sum())
    sizes[np.argsort(sizes - exact, kind="stable")[:missing]] += 1
    for i, size in enumerate(sizes.tolist()):
        if size == 0:
            raise ValueError(f"split: parts[{i}] must hold at least one of the {n} rows, got {parts[i]!r}")
    found: list[int] = sizes.tolist()
    return found


def _stratified(key: Key, labels: Labels, sizes: list[int], n: int) -> Index:
    """The rows part by part, each with its share of every class."""
    check_labels("split", "stratify", labels)
    checks.same_length("split", [("data", np.empty(n)), ("stratify", labels)])
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < len(sizes):
        few = classes[counts.argmin()]
        raise ValueError(
            f"split: stratify must have at least as many rows of each class as there are parts, {len(sizes)}, "
            f"class {few} has {counts.min()}"
        )
    part = np.empty(n, np.int64)
    table = shared_out(counts, np.array(sizes))
    part[class_by_class(key.child(0), labels)] = np.repeat(np.tile(np.arange(len(sizes)), len(counts)), table.ravel())
    mixed = permutation(key.child(1), n)
    return mixed[np.argsort(part[mixed], kind="stable")]


def shared_out(counts: Counts, sizes: Counts) -> Counts:
    """A table of integers whose rows add up to ``counts`` and whose columns add up to ``sizes``.

    Each entry is the proportional number rounded up or down. Such a table always exists (L. H. Cox, L. R. Ernst,
    Controlled Rounding, INFOR 20, 1982). Fractions are moved around cycles, from one entry to another of its row, from
    there to another of its column, until none is left.
    """
    n = int(sizes.sum())
    table, fraction = np.divmod(np.multiply.outer(counts, sizes), n)
    is_open, first = fraction > 0, 0
    while first < len(is_open):
        if not is_open[first].any():
            first += 1
            continue
        rows, columns = np.array(_cycle(is_open, first)).T
        up, down = (rows[::2], columns[::2]), (rows[1::2], columns[1::2])
        moved = min((n - fraction[up]).min(), fraction[down].min())
        fraction[up] += moved
        fraction[down] -= moved
        table[rows, columns] += fraction[rows, columns] == n
        fraction[rows, columns] %= n
        is_open[rows, columns] = fraction[rows, columns] > 0
    return table


def _cycle(is_open: NDArray[np.bool], first: int) -> list[tuple[int, int]]:
    """A cycle of open entries, each in the row or, alternately, in the column of the one before it.

    A row or column that has an open entry has at least two. No row above ``first`` has any.
    """
    visited: dict[tuple[bool, int], int] = {}
    entries: list[tuple[int, int]] = []
    is_row, line, before = True, first, -1
    while (is_row, line) not in visited:
        visited[is_row, line] = len(entries)
        other = _next_open(is_open[line], 0, before) if is_row else _next_open(is_open[:, line], first, before)
        entries.append((line, other) if is_row else (other, line))
        is_row, line, before = not is_row, other, line
    return entries[visited[is_row, line] :]


def _next_open(line: NDArray[np.bool], first: int, but: int) -> int:
    """The first open entry from ``first`` on, except ``but``. It is close, so a few entries are scanned at a time."""
    while True:
        among = first + np.flatnonzero(line[first : first + 64])
        among = among[among != but]
        if len(among):
            return int(among[0])
        first += 64
