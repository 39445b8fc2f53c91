"""Formulas as NumPy programs that use their scratch again: the bits of the plain call in up to a third less time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import numpy as np

from fnnet.numerics.formulas import Entry, Rule, Trace, traced

DTYPES: tuple[np.dtype[Any], ...] = (np.dtype(np.float32), np.dtype(np.float64))

IN_PLACE = frozenset((np.add, np.subtract, np.multiply, np.divide, np.negative, np.absolute, np.sqrt, np.square))
EXTREMES = frozenset((np.maximum, np.minimum))
"""These may write over what they read, the latter told by name where; ``sign`` is ten times slower so, ``where`` has no
place to write to."""


def written(rule: Rule, numbers: int, arrays: int) -> Rule:
    """A formula of so many numbers and arrays as a program, which is called with the numbers one by one:

    >>> toward = written(lambda numbers, a, b: (a + numbers[0] * (b - a),), 1, 2)
    >>> toward(0.5, np.zeros(2), np.ones(2))
    (array([0.5, 0.5]),)
    """
    return _Writer(traced(rule, numbers, arrays)).program()


program = lru_cache(64)(written)
"""The same for functions of modules, written once each."""


class _Writer:
    """A program that is being written.

    Numbers and literals meet arrays as arrays without axes, of the same dtype: the bits are those of Python numbers,
    of which each costs NumPy a quarter of a microsecond more.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace, self.kept = trace, set(trace.results)
        self.names = {e: f"n{i}" for i, e in enumerate(trace.numbers)}
        self.names |= {e: f"x{i}" for i, e in enumerate(trace.arrays)}
        self.last = {a: e for e in trace.order for a in e.arguments if isinstance(a, Entry)}
        self.functions: dict[str, Any] = {"array": np.array}
        self.scalars: dict[Entry, str] = {}
        self.literals: dict[str, float] = {}
        self.free: list[str] = []
        self.lines: list[str] = []

    def program(self) -> Rule:
        """The function of the numbers and arrays."""
        for entry in self.trace.order:
            self._write(entry)
        arguments = [self.names[e] for e in (*self.trace.numbers, *self.trace.arrays)]
        head = [f"def program({', '.join(arguments)}):", "dtype = x0.dtype"]
        unpacked = [f"{', '.join(self.literals)}, = literals[dtype]"] if self.literals else []
        made = f"return {', '.join([self.names[e] for e in self.trace.results])},"
        with np.errstate(over="ignore"):
            literals = {kind: [np.array(value, kind) for value in self.literals.values()] for kind in DTYPES}
        space = self.functions | {"literals": literals}
        exec("\n    ".join([*head, *unpacked, *self.lines, made]), space)
        return cast(Rule, space["program"])

    def _write(self, entry: Entry) -> None:
        """The line of an entry."""
        function, name = entry.function.__name__, f"t{len(self.names)}"
        self.functions[function] = np.ndarray.clip if entry.function is np.clip else entry.function  # in half the time
        self.names[entry] = name
        if not entry.is_array:
            self.lines.append(f"{name} = float({function}({', '.join(map(self._number, entry.arguments))}))")
        elif entry.function is np.where and not _is_array(entry.arguments[0]) and entry not in self.kept:
            yes, no = [self._operand(a) for a in entry.arguments[1:]]
            self.lines.append(f"{name} = {yes} if {self._number(entry.arguments[0])} else {no}")
        else:
            arguments = ", ".join([self._operand(a) for a in entry.arguments])
            place = self._place(entry)
            self.names[entry] = place or name
            into = f"out={place}" if entry.function in EXTREMES else place
            self.lines.append(f"{function}({arguments}, {into})" if place else f"{name} = {function}({arguments})")

    def _number(self, value: Entry | float) -> str:
        return self.names[value] if isinstance(value, Entry) else repr(float(value))

    def _operand(self, value: Entry | float) -> str:
        """The name of what meets arrays."""
        if not isinstance(value, Entry):
            known = {repr(number): name for name, number in self.literals.items()}  # -0.0 == 0.0
            name = known.get(repr(float(value)), f"c{len(self.literals)}")
            self.literals[name] = float(value)
            return name
        if value.is_array:
            return self.names[value]
        if value not in self.scalars:
            self.scalars[value] = f"{self.names[value]}_"
            self.lines.append(f"{self.scalars[value]} = array({self.names[value]}, dtype)")
        return self.scalars[value]

    def _place(self, entry: Entry) -> str | None:
        """Where a result is written: over an argument that is not read again, or in an array that is free."""
        scratch = dict.fromkeys([a for a in entry.arguments if _is_array(a) and a.function in IN_PLACE | EXTREMES])
        dying = [self.names[a] for a in scratch if self.last[a] is entry and a not in self.kept]
        if entry.function not in IN_PLACE | EXTREMES:
            self.free += dying
            return None
        self.free += dying[1:]
        return dying[0] if dying else self.free.pop() if self.free else None


def _is_array(value: Entry | float) -> bool:
    return isinstance(value, Entry) and value.is_array
