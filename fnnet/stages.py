"""The streams of a pipe: those without an end, and stages that end each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import wraps
from typing import Any, TypeVar, cast

A = TypeVar("A")
C = TypeVar("C")


# --- streams without an end --------------------------------------------------------------------------------------
class Endless(itertools.chain[A]):
    """A stream without an end, such as that of ``train``. Whoever would run it to its end hears so at once."""

    __slots__ = ("items",)

    def __init__(self, items: Iterator[A]) -> None:  # pyright: ignore[reportInconsistentConstructor]  (one, not several)
        self.items = items

    def close(self) -> None:
        """Ends what is below, as a generator is ended."""
        close(self.items)

    def __length_hint__(self) -> int:
        """Raises ValueError: what asks for the length is ``list``, ``tuple`` or ``sorted``."""
        check_ends("list", self)
        return 0


def check_ends(where: str, items: object) -> None:
    """Raises ValueError for a stream without an end."""
    if isinstance(items, Endless):
        raise ValueError(
            f"{where}: the stream must have an end, got that of train or steps, which has none; end it by take(100), "
            "as in pipe(train(step, data, state), take(100), last)"
        )


Passing = TypeVar("Passing", bound=Callable[..., Iterator[object]])


def passes_all(call: Passing) -> Passing:
    """A method from a stream to a stream of as many items: without an end where the stream has none."""

    @wraps(call)
    def passed(self: object, items: Iterable[object], /) -> Iterator[object]:
        made = call(self, items)
        return Endless(made) if isinstance(items, Endless) else made

    return cast(Passing, passed)


class Stage(Generator[A, None, None]):
    """What a stream function makes of a stream. ``close`` ends both; who only lets go of it leaves the stream before it
    open, to be read on. At its end it lets go of that one, or closes it where it is its owner."""

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
        """Raises an error at the place in the stage where it waits."""
        waiting: Any = self.items if isinstance(self.items, Generator) else super()
        given: A = waiting.throw(*error)
        return given

    def close(self) -> None:
        """Ends the stages of a pipe, the last one first: whatever the end of one raises, all others are ended."""
        items, self.items = self.items, iter(())
        try:
            close(items)
        finally:
            close(self.source)


def close(items: Iterator[object]) -> None:
    """Ends a stream that can be ended: what its end raises, such as an error in writing, is raised."""
    if isinstance(items, (Generator, Endless)):
        items.close()


def stage(function: Callable[[C, Iterator[A]], Iterator[A]]) -> Callable[[C, Iterable[A]], Iterator[A]]:
    """A stream function, which is a method and a generator, as one whose streams are closed with those before them."""

    @wraps(function)
    def made(self: C, stream: Iterable[A], /) -> Iterator[A]:
        source = iter(stream)
        return Stage(function(self, source), source)

    return made
