"""Typed ``pipe``, ``take``, ``last`` and ``scan``: the only module that imports toolz, which has no types."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from operator import index
from typing import Literal, TypeVar, overload

import toolz

from fnnet.stages import Endless, Stage, check_ends

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
    """The value passed through the functions from left to right: ``pipe(x, f, g) == g(f(x))``.

    The streams between the functions belong to the pipe: when its result ends or is closed, they are closed too, so
    that an error in a last write is raised and not printed. It is typed for up to eight functions; write a longer chain
    as two pipes. Raises what the functions raise.

    >>> pipe(3, str, len)
    1
    """
    for i, function in enumerate(functions):
        before, value = value, function(value)
        if i and isinstance(before, Iterator) and isinstance(value, Iterator) and not isinstance(value, Endless):
            value = Stage(value, before, is_owner=True)
    return value


# --- take, last, scan --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Take:
    """What ``take(n)`` returns."""

    n: int

    def __call__(self, items: Iterable[A], /) -> Iterator[A]:
        """The first n of ``items``, lazily; the item after them is never computed."""
        source = iter(items)
        return Stage(toolz.take(self.n, source), source)


def take(n: int) -> Take:
    """A function from a stream to its first n items, for use in ``pipe``.

    Raises ValueError where n is not an integer from 0 up.

    >>> list(take(2)("abc"))
    ['a', 'b']
    """
    if isinstance(n, bool) or not hasattr(n, "__index__") or index(n) < 0:
        came = "a stream; in a pipe write take(100)" if isinstance(n, Iterator) else repr(n)
        raise ValueError(f"take: n must be a whole number from 0 up, got {came}")
    return Take(index(n))


class _Nothing(Enum):
    """Stands for no default, since None may be meant as one."""

    GIVEN = "no default"


def last(items: Iterable[A], /, default: A | Literal[_Nothing.GIVEN] = _Nothing.GIVEN) -> A:
    """The last of ``items``, a finite stream, which is run to its end; ``default`` for an empty stream, if given.

    Raises ValueError for an empty stream without a default, and for an endless one, such as that of ``train``.

    >>> last("abc"), last("", default="z")
    ('c', 'z')
    """
    check_ends("last", items)
    ending = deque(items, 1)  # toolz.tail tries an index first, whose error would hide the stream's own
    if ending:
        return ending[0]
    if default is _Nothing.GIVEN:
        raise ValueError(
            "last: the stream is empty, so it has no last item; let it give at least one, or name a default, as in "
            "last(stream, default=begin)"
        )
    return default


def scan(f: Callable[[B, A], B], items: Iterable[A], initial: B) -> Iterator[B]:
    """The running results of the fold ``reduce(f, items, initial)``, lazily and without the initial value.

    ``f(result, item)`` gives the next result.

    >>> list(scan(lambda total, x: total + x, [1, 2, 3], 0))
    [1, 3, 6]
    """
    running = itertools.accumulate(items, f, initial=initial)  # toolz.accumulate keeps the initial value alive
    next(running)
    return running
