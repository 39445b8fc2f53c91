"""Tracing: what a formula computes is found out by calling it with an ``Entry`` for every number.

A formula is a plain function of arrays that works entry by entry: arithmetic, comparisons, ufuncs, ``np.where``,
``np.clip`` and the functions of ``numerics``. NumPy runs it over whole arrays. Called with entries it gives the graph
of what it computes for a single number, in which each sub-expression occurs once. A reader of that graph writes loops
(``fnnet.jit``), counts operations, or carries derivatives along; it is a loop over ``in_order``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, cast
from weakref import WeakValueDictionary

import numpy as np

from fnnet.types import Array

NUMBER = "number"
"""The function of a literal, whose name is its ``repr``, which distinguishes 0.0 from -0.0."""

INPUT = "input"
"""The function of an entry that a formula is called with."""


class UndecidedError(TypeError):
    """A formula asked an entry for its value, as ``if`` and ``float`` do, but the entry has none."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        super().__init__("a formula cannot decide by an entry, as `if` and `float` do: np.where chooses entry by entry")


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Entry(np.lib.mixins.NDArrayOperatorsMixin):
    """One number of an array, as a function of others. Made by ``entry``, so that equal entries are the same object.

    A setting is the same number for all entries of an array. What is computed from settings and literals alone is a
    setting too: NumPy computes it in Python's floats before it meets an array, and so does every reader. If settings
    have values, a formula may branch on them (``if``, ``min``), and is read along the branch that they select.

    >>> x = entry("x", np.float32)
    >>> str(np.maximum(2 * x, 0) + 2 * x)
    'add(maximum(multiply(2.0, x), 0.0), multiply(2.0, x))'
    """

    function: str
    arguments: tuple[Entry, ...]
    name: str
    dtype: np.dtype[np.floating]
    is_setting: bool
    value: float | None = None

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *given: object, **options: object) -> Entry:
        if method != "__call__" or options or ufunc.nout != 1:
            raise TypeError(
                f"a formula works entry by entry, got {ufunc.__name__} {method} with {options or 'no option'}"
            )
        arguments = [as_entry(value, self.dtype) for value in given]
        if ufunc is np.square or (ufunc is np.power and arguments[1].name == "2.0"):
            return apply("multiply", arguments[0], arguments[0])
        return apply(ufunc.__name__, *arguments)

    def __array_function__(self, function: Any, types: object, given: tuple[Any, ...], options: object) -> Entry:
        meaning = MEANINGS.get(function)
        if meaning is None or options:
            raise TypeError(
                f"a formula works entry by entry and may use ufuncs, np.where and np.clip, got {function!r}"
            )
        return meaning(*[as_entry(value, self.dtype) for value in given])

    def __hash__(self) -> int:
        return object.__hash__(self)

    def astype(self, dtype: object, copy: bool = True) -> Entry:
        """Itself: a trace has one dtype."""
        return self

    def copy(self) -> Entry:
        """Itself."""
        return self

    def _undecided(self) -> NoReturn:
        raise UndecidedError(self)

    __float__ = __int__ = __index__ = __len__ = __iter__ = _undecided

    def __bool__(self) -> bool:
        return bool(_value_of(self))

    def __str__(self) -> str:
        return self.name or f"{self.function}({', '.join(map(str, self.arguments))})"


_ENTRIES: WeakValueDictionary[tuple[object, ...], Entry] = WeakValueDictionary()


def _made(
    function: str,
    arguments: tuple[Entry, ...],
    name: str,
    dtype: np.dtype[Any],
    is_setting: bool,
    value: float | None = None,
) -> Entry:
    key = (function, tuple(map(id, arguments)), name, dtype.char, is_setting, repr(value))
    found = _ENTRIES.get(key)
    made = (function, arguments, name, dtype, is_setting, value)
    return found if found is not None else _ENTRIES.setdefault(key, Entry(*made))


def entry(
    name: str, dtype: np.dtype[np.floating] | type[np.floating], *, is_setting: bool = False, value: float | None = None
) -> Entry:
    """What a formula is called with in place of an array, or of a setting whose value the formula may use."""
    return _made(INPUT, (), name, np.dtype(dtype), is_setting, value)


def apply(function: str, *arguments: Entry) -> Entry:
    """A function of entries, by its name."""
    return _made(function, arguments, "", arguments[0].dtype, all(a.is_setting for a in arguments))


def is_entry(x: object) -> bool:
    """Whether x is an entry: a formula is being read, not run over arrays."""
    return type(x) is Entry


def called(function: str, x: Array) -> Array:
    """A function that is not a ufunc, applied to an entry that stands for an array."""
    return cast(Array, apply(function, cast(Any, x)))


def as_entry(value: object, dtype: np.dtype[np.floating]) -> Entry:
    """A number as an entry; an entry as it is."""
    if type(value) is Entry:
        return value
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "fiub":
        raise TypeError(f"a formula has numbers beside its entries, got {value!r}")
    return _made(NUMBER, (), repr(float(number)), dtype, True)


def _where(condition: Entry, a: Entry, b: Entry) -> Entry:
    return apply("where", condition, a, b)


def _clip(x: Entry, low: Entry, high: Entry) -> Entry:
    return apply("minimum", apply("maximum", x, low), high)  # as in NumPy: if low > high, high wins


MEANINGS: dict[Any, Callable[..., Entry]] = {np.where: _where, np.clip: _clip}
"""The functions of NumPy that are not ufuncs but that a formula may call."""


COMPARISONS = frozenset(("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"))
LOGICAL = frozenset(("logical_not", "logical_and", "logical_or", "bitwise_and", "bitwise_or", "invert"))
_TRUTHS = COMPARISONS | LOGICAL | {"isnan", "isinf", "isfinite"}
_OF_TRUTHS = frozenset(("add", "multiply", "maximum", "minimum", "where"))


def is_truth(found: Entry) -> bool:
    """Whether an entry is a truth value, not a number: a comparison, or NumPy's arithmetic on comparisons."""
    given = found.arguments[1:] if found.function == "where" else found.arguments
    return found.function in _TRUTHS or (found.function in _OF_TRUTHS and all(map(is_truth, given)))


# --- readers -----------------------------------------------------------------------------------------------------
def in_order(results: Iterable[Entry]) -> Iterator[Entry]:
    """The results and everything they are computed from, each entry once, arguments first."""
    seen: set[int] = set()
    waiting = list(results)[::-1]
    while waiting:
        found = waiting[-1]
        missing = [a for a in found.arguments if id(a) not in seen]
        if id(found) in seen or not missing:
            waiting.pop()
            if id(found) not in seen:
                seen.add(id(found))
                yield found
        else:
            waiting.extend(missing[::-1])


def _value_of(asked: Entry) -> Any:
    """The value of an entry made of settings. Raises UndecidedError where they have none."""
    values: dict[Entry, Any] = {}
    for found in in_order([asked]):
        function: Any = getattr(np, found.function, None)
        if found.function == NUMBER:
            values[found] = float(found.name)
        elif found.value is not None:
            values[found] = found.value
        elif found.function == INPUT or function is None:
            raise UndecidedError(asked)
        else:
            values[found] = function(*[values[a] for a in found.arguments])
    return values[asked]


# --- kernels -----------------------------------------------------------------------------------------------------
F = TypeVar("F", bound=Callable[..., object])


def in_any_order(function: F) -> F:
    """Marks a kernel whose sums may be added up in any order when it is compiled, so that they can be vectorized."""
    setattr(function, _MARK, True)
    return function


def is_in_any_order(function: Callable[..., object]) -> bool:
    """Whether a kernel was marked by ``in_any_order``."""
    return hasattr(function, _MARK)


_MARK = "is_in_any_order"
