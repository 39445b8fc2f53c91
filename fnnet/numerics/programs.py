"""Formulas as NumPy programs that reuse their scratch arrays: the bits of the plain call in up to a third less time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias, cast

import numpy as np

from fnnet.numerics.formulas import INPUT, NUMBER, Entry, entry, in_order, is_truth
from fnnet.types import Array

Numbers: TypeAlias = tuple[float, ...]
"""The numbers that are the same for all entries in one call of a rule."""

Rule: TypeAlias = Callable[..., tuple[Array, ...]]
"""A formula ``rule(numbers, *arrays)``: from numbers and arrays of one shape to fresh arrays of that shape."""

DTYPES: tuple[np.dtype[Any], ...] = (np.dtype(np.float32), np.dtype(np.float64))

IN_PLACE = frozenset(("add", "subtract", "multiply", "divide", "negative", "absolute", "sqrt", "maximum", "minimum"))
"""Functions that may overwrite their arguments; ``sign`` is ten times slower then, and ``where`` has no ``out``."""


def written(rule: Rule, numbers: Numbers, arrays: int) -> Callable[..., tuple[Array, ...]]:
    """A rule of such numbers and so many arrays as a program, which takes the numbers one by one, then the arrays.

    Raises TypeError for a rule that is not a formula.

    >>> toward = written(lambda numbers, a, b: (a + numbers[0] * (b - a),), (0.0,), 2)
    >>> toward(0.5, np.zeros(2), np.ones(2))
    (array([0.5, 0.5]),)
    """
    settings = [entry(f"n{i}", np.float64, is_setting=True) for i in range(len(numbers))]
    inputs = [entry(f"x{i}", np.float64) for i in range(arrays)]
    results: Any = rule(like(numbers, settings), *cast(list[Array], inputs))
    if type(results) is not tuple:
        raise TypeError(f"a formula gives a tuple of fresh arrays, got {results}")
    for result in results:
        if type(result) is not Entry or result.function == INPUT or result.is_setting:
            raise TypeError(f"a formula gives fresh arrays, got {result}")
    return _Writer(results).program([e.name for e in (*settings, *inputs)])


def like(numbers: Numbers, entries: list[Entry]) -> Numbers:
    """Entries in place of numbers, by name if the numbers have names."""
    given, named = cast(Numbers, tuple(entries)), cast(Callable[..., Numbers], type(numbers))
    return named(*given) if hasattr(numbers, "_fields") else given


@lru_cache(64)
def program(rule: Rule, numbers: int, arrays: int) -> Callable[..., tuple[Array, ...]]:
    """``written``, cached for functions of modules."""
    return written(rule, (0.0,) * numbers, arrays)


class _Writer:
    """A program while it is written.

    Numbers are passed as 0-d arrays of the arrays' dtype: the bits are those of Python's numbers, each of which costs
    NumPy a quarter of a microsecond more.
    """

    def __init__(self, results: tuple[Entry, ...]) -> None:
        self.results = results
        self.last = {a: e for e in in_order(results) for a in e.arguments}
        self.kept = {*results, *[a for e in in_order(results) if _is_choice(e) for a in e.arguments]}
        self.names: dict[Entry, str] = {}
        self.scalars: dict[Entry, str] = {}
        self.literals: list[float] = []
        self.free: list[str] = []
        self.lines: list[str] = []

    def program(self, arguments: list[str]) -> Rule:
        """The function of the numbers and arrays."""
        for e in in_order(self.results):
            self.names[e] = e.name or f"t{len(self.names)}"
            if e.function not in (INPUT, NUMBER):
                self._write(e)
        unpacked = "".join([f"c{i}, " for i in range(len(self.literals))])
        made = f"return {', '.join([self._result(i) for i in range(len(self.results))])},"
        start = ["dtype = x0.dtype", f"{unpacked}= literals[dtype]"] if unpacked else ["dtype = x0.dtype"]
        text = "\n    ".join([f"def program({', '.join(arguments)}):", *start, *self.lines, made])
        with np.errstate(over="ignore"):
            literals = {kind: [np.array(value, kind) for value in self.literals] for kind in DTYPES}
        space = {e.function: getattr(np, e.function, None) for e in in_order(self.results)}
        space |= {"array": np.array, "clip": np.ndarray.clip, "literals": literals}  # the method takes half the time
        exec(text, space)
        return cast(Rule, space["program"])

    def _result(self, i: int) -> str:
        """A result: an array of numbers even if it is a truth value, and a copy if the same entry is a result twice."""
        e = self.results[i]
        if is_truth(e):
            return f"{self.names[e]}.astype(dtype)"
        is_again = any(e is other for other in self.results[:i])
        return f"{self.names[e]}.copy()" if is_again else self.names[e]

    def _write(self, e: Entry) -> None:
        """The line of an entry."""
        name = self.names[e]
        if e.is_setting:
            self.lines.append(f"{name} = float({e.function}({', '.join([self.names[a] for a in e.arguments])}))")
        elif _is_choice(e) and e not in set(self.results):  # no pass over the arrays: one of them, renamed
            yes, no = [self._operand(a) for a in e.arguments[1:]]
            self.lines.append(f"{name} = {yes} if {self.names[e.arguments[0]]} else {no}")
        else:
            arguments = ", ".join([self._operand(a) for a in e.arguments])
            place = self._place(e)
            self.names[e] = place or name
            into = f"out={place}" if e.function in ("maximum", "minimum") else place
            self.lines.append(f"{e.function}({arguments}, {into})" if place else f"{name} = {e.function}({arguments})")

    def _operand(self, e: Entry) -> str:
        """The name of an operand of an operation on arrays."""
        if not e.is_setting:
            return self.names[e]
        if e not in self.scalars and e.function == NUMBER:
            self.scalars[e] = f"c{len(self.literals)}"
            self.literals.append(float(e.name))
        elif e not in self.scalars:
            self.scalars[e] = f"{self.names[e]}_"
            self.lines.append(f"{self.scalars[e]} = array({self.names[e]}, dtype)")
        return self.scalars[e]

    def _place(self, e: Entry) -> str | None:
        """Where a result is written: over an argument that is not read again, or into a free array."""
        scratch = dict.fromkeys(
            [a for a in e.arguments if a.function in IN_PLACE and not (a.is_setting or is_truth(a))]
        )
        dying = [self.names[a] for a in scratch if self.last[a] is e and a not in self.kept]
        if e.function not in IN_PLACE or is_truth(e):
            self.free += dying
            return None
        self.free += dying[1:]
        return dying[0] if dying else self.free.pop() if self.free else None


def _is_choice(e: Entry) -> bool:
    """Whether a number chooses between arrays."""
    return e.function == "where" and [a.is_setting for a in e.arguments] == [True, False, False]
