"""The streams of a pipe: endless ones, and stages that close each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

A = TypeVar("A")
C = TypeVar("C")


# --- streams without an end --------------------------------------------------------------------------------------
class Endless(itertools.chain[A]):
    """An endless stream of ``items``, such as that of ``train``: running it to its end raises an error at once."""

    __slots__ = ("items",)

    def __init__(self, items: Iterator[A]) -> None:  # pyright: ignore[reportInconsistentConstructor]  (one, not several)
        self.items = items

    def close(self) -> None:
        """Closes the stream below, as a generator is closed."""
        close(self.items)

    def __length_hint__(self) -> int:
        """Raises ValueError, for only ``list``, ``tuple`` or ``sorted`` ask for the length."""
        check_ends("list", self)
        return 0


def check_ends(where: str, items: object) -> None:
    """Raises ValueError for an endless stream."""
    if isinstance(items, Endless):
        raise ValueError(
            f"{where}: the stream must have an end, got that of train or steps, which has none; end it by take(100), "
            "as in pipe(train(step, data, state), take(100), last)"
        )


Passing = TypeVar("Passing", bound=Callable[..., Iterator[object]])


def passes_all(call: Passing) -> Passing:
    """A method from a stream to one of as many items, whose result is endless where the stream is."""

    @wraps(call)
    def passed(self: object, items: Iterable[object], /) -> Iterator[object]:
        made = call(self, items)
        return Endless(made) if isinstance(items, Endless) else made

    return cast(Passing, passed)


class Stage(Generator[A, None, None]):
    """The stream ``items`` that a stream function makes of the stream ``source``.

    ``close`` closes both; dropping a stage leaves the source open, so that it can be read further. When a stage ends it
    drops its source, or closes it where ``is_owner`` says that it owns it.
    """

    __slots__ = ("is_owner", "items", "source")

    def __init__(self, items: Iterator[A], source: Iterator[object], is_owner: bool = False) -> None:
        self.items, self.source, self.is_owner = items, source, is_owner

    def send(self, value: None, /) -> A:
        """The next item."""
        try:
            return next(self.items)
        except Exception:
            source, self.source = self.source, iter(())
            if self.is_owner:
                close(source)
            raise

    def throw(self, *error: Any) -> A:
        """Raises an error at the point where the stage is suspended."""
        waiting: Any = self.items if isinstance(self.items, Generator) else super()
        given: A = waiting.throw(*error)
        return given

    def close(self) -> None:
        """Closes the stages of a pipe, the last one first; where closing one raises, all others are still closed."""
        items, self.items = self.items, iter(())
        try:
            close(items)
        finally:
            close(self.source)


def close(items: Iterator[object]) -> None:
    """Closes a stream that can be closed. Raises what closing it raises, such as an error in writing."""
    if isinstance(items, (Generator, Endless)):
        items.close()


def stage(function: Callable[[C, Iterator[A]], Iterator[A]]) -> Callable[[C, Iterable[A]], Iterator[A]]:
    """A stream function, a generator method, as one whose streams are closed together with their sources."""

    @wraps(function)
    def made(self: C, stream: Iterable[A], /) -> Iterator[A]:
        source = iter(stream)
        return Stage(function(self, source), source)

    return made
