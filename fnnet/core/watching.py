"""Watching a run while an epoch is made. A watcher sees states and changes none; no result depends on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar

from fnnet.core.states import TrainState
from fnnet.tree.nodes import Params

A = TypeVar("A")
P = TypeVar("P", bound=Params)

Watcher: TypeAlias = Callable[[TrainState[Any]], None]

_WATCHER: ContextVar[Watcher | None] = ContextVar("fnnet.watcher", default=None)


def watched(items: Iterable[A], watcher: Watcher) -> Iterator[A]:
    """The items; the watcher is called with the state after each batch that is trained to make them.

    It watches only while an item is made, and only what this thread trains: between two items, and in the body of the
    loop that reads the stream, the previous watcher is in place.
    """
    source = iter(items)
    while True:
        before = _WATCHER.set(watcher)
        try:
            item = next(source)
        except StopIteration:
            return
        finally:
            _WATCHER.reset(before)
        yield item


def told(state: TrainState[P]) -> TrainState[P]:
    """The state, unchanged, after the current watcher was called with it."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher(state)
    return state
