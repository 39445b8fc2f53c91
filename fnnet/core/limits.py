"""How far a stream's reader wants to go, for a source that may be there already.

What is computed for an item that nobody wants is lost time, and ``checkpoint_to`` would write it. A source can know
before it computes anything that there is nothing to do; a stream function sees items only. So whoever wants no epoch
beyond one says so while it asks for the first item.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class _Limit:
    """The epoch beyond which a reader wants nothing, and the limit of whoever reads that one."""

    epoch: int
    outer: _Limit | None


_LIMIT: ContextVar[_Limit | None] = ContextVar("limit", default=None)
"""The limit of whoever is asking for an item just now."""


def first_within(items: Iterator[T], epoch: int) -> T | None:
    """The first item of a stream, None where there is none; its source is told that no more epochs are wanted."""
    token = _LIMIT.set(_Limit(epoch, _LIMIT.get()))
    try:
        return next(items, None)
    finally:
        _LIMIT.reset(token)


def epochs_from(first: int) -> Iterator[int]:
    """The numbers of a source's epochs, without end; none where its reader has enough before the first."""
    return _counted(first, _LIMIT.get())


def _counted(first: int, born: _Limit | None) -> Iterator[int]:
    """The limits of a source are those that were set after it was made: a run that a stream function trains for itself
    is another one's business."""
    limit = _LIMIT.get()
    while limit is not None and limit is not born:
        if first >= limit.epoch:
            return
        limit = limit.outer
    yield from count(first)
