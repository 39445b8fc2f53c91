"""How far a stream's reader wants to go, for a source that may already be there.

Computing an epoch that nobody wants is wasted time, and ``checkpoint_to`` would write it. A source can know before it
computes anything that there is nothing to do, but a stream function only sees items. So a reader that wants no epochs
beyond a certain one tells the source while it requests the first item.
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
    """The epoch beyond which a reader wants nothing, and the limit of that reader's own reader."""

    epoch: int
    outer: _Limit | None


_LIMIT: ContextVar[_Limit | None] = ContextVar("limit", default=None)
"""The limit of the reader that is requesting an item at the moment."""


def first_within(items: Iterator[T], epoch: int) -> T | None:
    """The first item of a stream, or None; its source is told that no epoch after ``epoch`` is wanted."""
    token = _LIMIT.set(_Limit(epoch, _LIMIT.get()))
    try:
        return next(items, None)
    finally:
        _LIMIT.reset(token)


def epochs_from(first: int) -> Iterator[int]:
    """The numbers of a source's epochs, endless; none where its reader does not even want the first."""
    return _counted(first, _LIMIT.get())


def _counted(first: int, born: _Limit | None) -> Iterator[int]:
    """Only limits that were set after the source was made apply to it; ``born``, the limit at that time, belongs to an
    outer run, in which a stream function trains another network."""
    limit = _LIMIT.get()
    while limit is not None and limit is not born:
        if first >= limit.epoch:
            return
        limit = limit.outer
    yield from count(first)
