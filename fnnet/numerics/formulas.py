"""Formulas: functions of numbers and arrays, written once in NumPy's terms, and found out by calling them.

A formula computes entry by entry, with + - * /, comparisons and NumPy's functions. It branches on settings, never on
its arguments: ``np.where`` chooses. Called with an ``Entry`` for each argument, it writes down what it computes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from fnnet.types import Array

Numbers: TypeAlias = tuple[float, ...]
"""What is the same for all entries."""

Rule: TypeAlias = Callable[..., tuple[Array, ...]]
"""A formula, ``rule(numbers, *arrays)``: from numbers and arrays of one shape to fresh arrays of that shape."""


class Entry(NDArrayOperatorsMixin):
    """An argument of a formula, or a function of other entries and literals; an array, or a number where it is made of
    numbers alone."""

    __slots__ = ("arguments", "function", "is_array")
    function: Any
    arguments: tuple[Any, ...]
    is_array: bool

    def __init__(self, function: Any = None, arguments: tuple[Any, ...] = (), is_array: bool = False) -> None:
        for argument in arguments:
            if not isinstance(argument, (Entry, int, float)):
                raise TypeError(f"a formula computes with its arguments and numbers, got {argument!r}")
        self.function, self.arguments = function, arguments
        self.is_array = is_array or any(isinstance(a, Entry) and a.is_array for a in arguments)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *arguments: object, **options: object) -> Entry:
        if method != "__call__" or options or ufunc.nout != 1:
            raise TypeError(f"a formula computes entry by entry, got np.{ufunc.__name__}, {method} {options or ''}")
        return Entry(ufunc, arguments)

    def __array_function__(self, function: Any, types: object, arguments: tuple[object, ...], options: object) -> Entry:
        if function not in (np.where, np.clip) or options:
            raise TypeError(f"a formula computes entry by entry, got np.{function.__name__}")
        return Entry(function, arguments)

    def __pow__(self, exponent: object) -> Entry:
        """The square as arrays have it: NumPy has a function of its own for it."""
        return Entry(np.square, (self,)) if exponent == 2 else Entry(np.power, (self, exponent))

    def __bool__(self) -> bool:
        raise TypeError("a formula branches on settings alone, not on its arguments; use np.where")

    __hash__ = object.__hash__


class Trace(NamedTuple):
    """What a formula was called with and what came of it; ``order`` has everything that it computed, in that order."""

    numbers: list[Entry]
    arrays: list[Entry]
    results: list[Entry]
    order: list[Entry]


def traced(rule: Rule, numbers: int, arrays: int) -> Trace:
    """A formula of so many numbers and arrays, found out. Raises TypeError for what is none."""
    first, others = [Entry() for _ in range(numbers)], [Entry(is_array=True) for _ in range(arrays)]
    order: dict[Entry, None] = {}
    results: Any = rule(cast(Numbers, tuple(first)), *cast(list[Array], others))
    for result in results:
        if not isinstance(result, Entry) or result.function is None:
            raise TypeError(f"a formula gives fresh arrays, got {result!r}")
        _visit(result, order)
    return Trace(first, others, list(results), list(order))


def _visit(entry: Entry, order: dict[Entry, None]) -> None:
    """Adds an entry behind those that it is computed from."""
    if entry.function is not None and entry not in order:
        for argument in entry.arguments:
            if isinstance(argument, Entry):
                _visit(argument, order)
        order[entry] = None
