"""The part of toolz 1.x that fnnet uses; toolz ships no types."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

_A = TypeVar("_A")
_B = TypeVar("_B")

def pipe(data: object, *funcs: Callable[..., object]) -> object: ...
def take(n: int, seq: Iterable[_A]) -> Iterator[_A]: ...
