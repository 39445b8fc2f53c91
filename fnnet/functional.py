"""Typed ``pipe``, ``take``, ``last`` and ``scan``: the one place that imports toolz, which ships no types."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from operator import index
from typing import Any, Literal, TypeVar, cast, overload

import toolz

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")
I = TypeVar("I")  # noqa: E741  (the letters of a chain of types)


@overload
def pipe(value: A, /) -> A: ...
@overload
def pipe(value: A, f1: Callable[[A], B], /) -> B: ...
@overload
def pipe(value: A, f1: Callable[[A], B], f2: Callable[[B], C], /) -> C: ...
@overload
def pipe(value: A, f1: Callable[[A], B], f2: Callable[[B], C], f3: Callable[[C], D], /) -> D: ...
@overload
def pipe(value: A, f1: Callable[[A], B], f2: Callable[[B], C], f3: Callable[[C], D], f4: Callable[[D], E], /) -> E: ...
@overload
def pipe(
    value: A,
    f1: Callable[[A], B],
    f2: Callable[[B], C],
    f3: Callable[[C], D],
    f4: Callable[[D], E],
    f5: Callable[[E], F],
    /,
) -> F: ...
@overload
def pipe(
    value: A,
    f1: Callable[[A], B],
    f2: Callable[[B], C],
    f3: Callable[[C], D],
    f4: Callable[[D], E],
    f5: Callable[[E], F],
    f6: Callable[[F], G],
    /,
) -> G: ...
@overload
def pipe(
    value: A,
    f1: Callable[[A], B],
    f2: Callable[[B], C],
    f3: Callable[[C], D],
    f4: Callable[[D], E],
    f5: Callable[[E], F],
    f6: Callable[[F], G],
    f7: Callable[[G], H],
    /,
) -> H: ...
@overload
def pipe(
    value: A,
    f1: Callable[[A], B],
    f2: Callable[[B], C],
    f3: Callable[[C], D],
    f4: Callable[[D], E],
    f5: Callable[[E], F],
    f6: Callable[[F], G],
    f7: Callable[[G], H],
    f8: Callable[[H], I],
    /,
) -> I: ...


def pipe(value: object, /, *functions: Callable[..., object]) -> object:
    """The value through the functions from left to right: ``pipe(x, f, g) == g(f(x))``.

    The streams between the functions are the pipe's own: where what it gives ends, or is closed, they are closed too,
    so that an error of a last write is raised and not printed. Typed for up to eight functions; a longer chain is two
    pipes.

    >>> pipe(3, str, len)
    1
    """
    for i, function in enumerate(functions):
        before, value = value, function(value)
        if i and isinstance(before, Iterator) and isinstance(value, Iterator) and not isinstance(value, Endless):
            value = Stage(value, before, is_owner=True)
    return value


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


# --- take, last, scan --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Take:
    """What ``take(n)`` returns."""

    n: int

    def __call__(self, items: Iterable[A], /) -> Iterator[A]:
        """The first n items, lazily; the item after them is never computed."""
        source = iter(items)
        return Stage(toolz.take(self.n, source), source)


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
        kind: Any = Generator  # super() has no class here: slots make another one
        given: A = self.items.throw(*error) if isinstance(self.items, Generator) else kind.throw(self, *error)
        return given

    def close(self) -> None:
        """Ends the stages of a pipe, the last one first: whatever the end of one raises, all others are ended."""
        try:
            close(self.items)
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


def take(n: int) -> Take:
    """A function that passes on the first n items of a stream, made for ``pipe``.

    Raises ValueError where n is not a whole number from 0 up.

    >>> list(take(2)("abc"))
    ['a', 'b']
    """
    if isinstance(n, bool) or not hasattr(n, "__index__") or index(n) < 0:
        came = "a stream; in a pipe write take(100)" if isinstance(n, Iterator) else repr(n)
        raise ValueError(f"take: n must be a whole number from 0 up, got {came}")
    return Take(index(n))


class _Nothing(Enum):
    """No default, for which None could be meant."""

    GIVEN = "no default"


def last(items: Iterable[A], /, default: A | Literal[_Nothing.GIVEN] = _Nothing.GIVEN) -> A:
    """The last item of a finite stream, which is run to its end; of an empty stream the default, where one is given.

    Raises ValueError on an empty stream without a default, and on one without an end, as ``train`` gives it.

    >>> last("abc"), last("", default="z")
    ('c', 'z')
    """
    check_ends("last", items)
    ending = deque(items, 1)  # toolz's tail tries an index first, and that error would hide the stream's own
    if ending:
        return ending[0]
    if default is _Nothing.GIVEN:
        raise ValueError(
            "last: the stream is empty, so it has no last item; let it give at least one, or name a default, as in "
            "last(stream, default=begin)"
        )
    return default


def scan(f: Callable[[B, A], B], items: Iterable[A], initial: B) -> Iterator[B]:
    """The running results of the fold ``reduce(f, items, initial)``, the initial value not among them.

    >>> list(scan(lambda total, x: total + x, [1, 2, 3], 0))
    [1, 3, 6]
    """
    running = itertools.accumulate(items, f, initial=initial)  # toolz's keeps the initial value alive to the end
    next(running)
    return running
