"""Formulas as loops: the formula of a layer, a loss or an optimizer is called once with entries, and its graph becomes
source code.

What is computed from settings alone comes before the loop and is computed in float64, as Python does when NumPy runs
the formula; where it meets an entry it is rounded to the dtype of the run, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from inspect import signature
from typing import Any, TypeVar, cast

import numpy as np

from fnnet.numerics.formulas import INPUT, LOGICAL, NUMBER, Entry, UndecidedError, entry, in_order, is_truth

P = TypeVar("P")
T = TypeVar("T")

WRITTEN: dict[str, str] = {
    "absolute": "abs({0})",
    "negative": "-{0}",
    "positive": "{0}",
    "sign": "real(np.sign({0}))",
    "sqrt": "np.sqrt({0})",
    "reciprocal": "real(1) / {0}",
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "power": "{0} ** {1}",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",  # a NaN stays one
    "minimum": "({0} if {0} <= {1} or {0} != {0} else {1})",
    "copysign": "real(math.copysign({0}, {1}))",
    "hypot": "real(math.hypot({0}, {1}))",
    "arctan": "real(math.atan({0}))",
    **{name: f"real(math.{name}({{0}}))" for name in ["exp", "expm1", "log", "log1p", "log2", "log10", "tanh", "erf"]},
    **{name: f"real(math.{name}({{0}}))" for name in ["sin", "cos", "tan", "sinh", "cosh"]},
    **{name: f"real(np.{name}({{0}}))" for name in ("exp2", "floor", "ceil", "cbrt")},
}
"""How the functions that a formula may use are written for a single number."""

TRUTHS: dict[str, str] = {
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "isnan": "{0} != {0}",
    "isinf": "np.isinf({0})",
    "isfinite": "np.isfinite({0})",
    "logical_not": "not {0}",
    "logical_and": "{0} and {1}",
    "logical_or": "{0} or {1}",
    "bitwise_and": "{0} and {1}",
    "bitwise_or": "{0} or {1}",
    "invert": "not {0}",
}
"""The same for functions that return truth values."""

OF_TRUTHS = {"add": "{0} or {1}", "maximum": "{0} or {1}", "multiply": "{0} and {1}", "minimum": "{0} and {1}"}
"""What arithmetic on truth values is, as in NumPy."""


class Writer:
    """Writes entries as lines: ``head`` comes before the loop, what ``write`` returns goes inside it."""

    def __init__(self, known: dict[Entry, str]) -> None:
        self.head: list[str] = []
        self._known = dict(known)
        self._rounded: dict[Entry, str] = {}

    def write(self, *results: Entry) -> tuple[list[str], list[str]]:
        """The lines that compute the results, each entry once, and the names of the results."""
        lines: list[str] = []
        for found in in_order(results):
            if found not in self._known:
                self._known[found] = name = f"e{len(self._known)}"
                (self.head if found.is_setting else lines).append(f"{name} = {self._text(found)}")
        return lines, [self._number(result) for result in results]

    def _text(self, found: Entry) -> str:
        if found.function == NUMBER:
            return {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(found.name, found.name)
        is_logical = found.function in LOGICAL or (is_truth(found) and found.function not in TRUTHS)
        read = self._truth if is_logical else lambda a: self._number(a, found)
        if found.function == "where":
            condition, a, b = found.arguments
            return f"{read(a)} if {self._truth(condition)} else {read(b)}"
        text = OF_TRUTHS.get(found.function) if is_logical else None
        text = text or WRITTEN.get(found.function) or TRUTHS.get(found.function)
        if found.function == INPUT or text is None:
            raise TypeError(f"{found.name or found.function} has no compiled form")
        made = text.format(*[read(a) for a in found.arguments])
        return made.replace("real(", "float(") if found.is_setting else made

    def _number(self, found: Entry, within: Entry | None = None) -> str:
        """The name of an entry as a number: a setting in the dtype of the run where it meets an array's entry."""
        name = self._known[found]
        if is_truth(found):
            return f"(real(1) if {name} else real(0))"
        if not found.is_setting or (within is not None and within.is_setting):
            return name
        if found not in self._rounded:
            self._rounded[found] = f"r{name}" if name.isidentifier() else f"r{len(self._known)}_{len(self._rounded)}"
            self.head.append(f"{self._rounded[found]} = real({name})")
        return self._rounded[found]

    def _truth(self, found: Entry) -> str:
        name = self._known[found]
        return name if is_truth(found) else f"{name} != 0"


# --- settings ----------------------------------------------------------------------------------------------------
def settings_of(thing: object) -> dict[str, float]:
    """The settings that are data of a thing's compiled form: its fields that are floats."""
    own: Any = thing
    known = fields(own) if is_dataclass(own) else ()
    values = [(f.name, getattr(own, f.name), f.type in ("float", float)) for f in known]
    return {name: float(value) for name, value, is_real in values if type(value) is float or _is_whole(value, is_real)}


def _is_whole(value: object, is_real: bool) -> bool:
    """Whether an integer was given for a field that is declared as a float."""
    return is_real and type(value) in (int, bool)


def check_arguments(kernel: Callable[..., object], arrays: int, settings: dict[str, float]) -> None:
    """Raises TypeError unless a kernel accepts so many arrays and the settings."""
    try:
        signature(kernel).bind(*range(arrays + len(settings)))
    except TypeError as error:
        names = f" and the fields that are floats, {', '.join(settings)}" if settings else " and no settings"
        raise TypeError(f"{kernel.__name__} must take {arrays} arrays{names}: {error}") from error


def traced(thing: P, formula: Callable[[P], T], dtype: np.dtype[np.floating]) -> tuple[T, dict[Entry, str]]:
    """The result of a formula for a thing whose settings are entries, and where in a vector c their values are found.

    A formula may branch on the settings' values; its result is right for all values that take the same branches. A
    setting that the formula converts with ``float`` stays the number that it is.
    """
    settings = settings_of(thing)
    given = {name: entry(name, dtype, is_setting=True, value=value) for name, value in settings.items()}
    known = {found: f"c[{i}]" for i, found in enumerate(given.values())}
    while True:
        try:
            return formula(_with(thing, given)), known
        except UndecidedError as error:
            asked = {found.name for found in in_order([error.entry])} & set(given)
            if not asked:
                raise
            given = {name: found for name, found in given.items() if name not in asked}


def _with(thing: P, entries: dict[str, Entry]) -> P:
    """An unchecked copy with entries in place of settings; the thing itself if there are no entries."""
    if not entries:
        return thing
    made: P = object.__new__(type(thing))
    for f in fields(cast(Any, thing)):
        object.__setattr__(made, f.name, entries.get(f.name, getattr(thing, f.name)))
    return made


def in_loop(name: str, arguments: str, shape: str, head: list[str], body: list[str]) -> str:
    """A function with a loop over all entries of the array ``shape``."""
    lines = [
        "@compiled",
        f"def {name}({arguments}):",
        f"    real = {shape}.dtype.type",
        *indented(head, 1),
        f"    for i in range({shape}.shape[0]):",
        f"        for j in range({shape}.shape[1]):",
        *indented(body, 3),
    ]
    return "\n".join(lines)


def indented(lines: list[str], depth: int) -> list[str]:
    """Lines, indented by so many more levels."""
    return ["    " * depth + line for line in lines]
