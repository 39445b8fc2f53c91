"""Programs of formulas: the bits of the plain call, in arrays of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnnet import Array, Key
from fnnet.keys import normal
from fnnet.numerics.formulas import entry
from fnnet.numerics.programs import Numbers, Rule, written
from fnnet.optimizers.elementwise import Elementwise
from tests.catalogue import OPTIMIZERS

PLAIN = {name: o for name, o in OPTIMIZERS.items() if isinstance(o, Elementwise)}


def _arrays(count: int, dtype: Any) -> list[Array]:
    """Arrays of numbers of every size, those from the third on not below 0, as second moments are."""
    found = [normal(Key(i), (1000,)) * 10.0 ** np.arange(-5, 5).repeat(100) for i in range(count)]
    return [(a if i < 2 else np.abs(a)).astype(dtype) for i, a in enumerate(found)]


def _agree(rule: Rule, numbers: Numbers, arrays: list[Array]) -> None:
    before = [a.tobytes() for a in arrays]
    expected = rule(numbers, *arrays)
    found = written(rule, numbers, len(arrays))(*numbers, *arrays)
    expected = tuple([a.astype(arrays[0].dtype) if a.dtype == bool else a for a in expected])
    assert [(a.dtype, a.tobytes()) for a in found] == [(a.dtype, a.tobytes()) for a in expected]
    assert [a.tobytes() for a in arrays] == before
    assert not any(np.shares_memory(a, b) for i, a in enumerate(found) for b in (*arrays, *found[:i]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PLAIN)
def test_every_rule_has_the_bits_of_its_formula(name: str, dtype: Any) -> None:
    optimizer = PLAIN[name]
    for t in (1, 2, 100):
        _agree(optimizer.rule, optimizer.numbers(0.01, t), _arrays(2 + optimizer.slots, dtype))


RULES: dict[str, Callable[..., Any]] = {
    "squares": lambda n, a, b: (a**2 - n[0] * b**2,),
    "powers": lambda n, a, b: (abs(a) ** n[0], abs(b) ** 1.5),
    "numbers of numbers": lambda n, a, b: ((1 - n[0]) * a + n[0] * 2 * b,),
    "a choice by entries": lambda n, a, b: (np.where(a > b, a * b, n[0] * a),),
    "a choice by a number": lambda n, a, b: (a / np.where(n[0] > 1, b * b + 1, 1),),
    "a choice of arrays by a number": lambda n, a, b: (np.where(n[0] > 1, c := a * b, b) * (c * 2), b / 2),
    "a choice of numbers by a number": lambda n, a, b: (1 / np.sqrt(np.where(n[0] > 1, a * a, 4)) + b,),
    "a choice by a number as a result": lambda n, a, b: (np.where(n[0], a, b), a * b),
    "signs and ends": lambda n, a, b: (
        np.sign(a * b) * np.minimum(a, 1),
        np.maximum(a + b, n[0]),
        np.clip(a, -n[0], 1),
    ),
    "zeros with a sign": lambda n, a, b: (a * 0.0, b * -0.0, np.copysign(0.0 * a, b)),
    "results of which others are made": lambda n, a, b: ((c := a * b), (d := c + n[0]), c / d, d - c),
    "one number in two places": lambda n, a, b: ((a + b) * (a + b) / (a + b),),
    "literals beyond float32": lambda n, a, b: (np.minimum(a * b, 1e300), a + 1e-50),
}


Made = Callable[[Any, Any, Any, Any], Any]

BINARY = ("add", "subtract", "multiply", "maximum", "minimum", "greater", "less_equal", "equal", "copysign")
UNARY = ("negative", "absolute", "sign", "isfinite", "logical_not")


def _binary(made: tuple[str, Made, Made]) -> Made:
    function, a, b = getattr(np, made[0]), made[1], made[2]
    return lambda n, x, y, z: function(a(n, x, y, z), b(n, x, y, z))


def _unary(made: tuple[str, Made]) -> Made:
    function, a = getattr(np, made[0]), made[1]
    return lambda n, x, y, z: function(a(n, x, y, z))


def _choice(made: tuple[Made, Made, Made]) -> Made:
    condition, a, b = made
    return lambda n, x, y, z: np.where(condition(n, x, y, z) > 0, a(n, x, y, z), b(n, x, y, z))


INPUTS: list[Made] = [lambda n, x, y, z: x, lambda n, x, y, z: y, lambda n, x, y, z: z, lambda n, x, y, z: n[0] * x]
FORMULAS = st.recursive(
    st.sampled_from(INPUTS),
    lambda made: (
        st.tuples(st.sampled_from(BINARY), made, made).map(_binary)
        | st.tuples(st.sampled_from(UNARY), made).map(_unary)
        | st.tuples(made, made, made).map(_choice)
    ),
    max_leaves=8,
)


@given(st.lists(FORMULAS, min_size=1, max_size=3))
def test_any_formula_of_numbers_and_truths_has_the_bits_of_the_plain_call(parts: list[Made]) -> None:
    """Arithmetic between comparisons too, which NumPy takes for true and false."""

    def rule(numbers: Numbers, x: Array, y: Array, z: Array) -> tuple[Array, ...]:
        try:
            return tuple([part(numbers, x, y, z) + 0 * x for part in parts[:-1]] + [parts[-1](numbers, x, y, z)])
        except TypeError:  # NumPy subtracts no truths, and negates none
            return ()

    arrays = _arrays(3, np.float32)
    plain = rule((0.7,), *arrays)
    if plain and not any(a is b for a in plain for b in arrays):
        _agree(rule, (0.7,), arrays)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", RULES)
@pytest.mark.filterwarnings("ignore:overflow")
def test_whatever_a_formula_is_made_of(name: str, dtype: Any) -> None:
    for number in (0.3, 1.7):
        _agree(RULES[name], (number,), _arrays(2, dtype))


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "a branch on an array": (lambda n, a: (a if a > 0 else -a,), "cannot decide by an entry"),
    "a branch on a number": (lambda n, a: (a * 2 if n[0] == 1 else -a,), "cannot decide by an entry"),
    "a sum": (lambda n, a: (a - np.add.reduce(a),), "entry by entry"),
    "a mean": (lambda n, a: (a - np.mean(a),), "entry by entry"),
    "a place to write to": (lambda n, a: (np.add(a, 1, out=a),), "entry by entry"),
    "an argument": (lambda n, a: (a,), "a formula gives fresh arrays, got x0"),
    "a number": (lambda n, a: (n[0] * 2,), "a formula gives fresh arrays, got multiply"),
    "an array of its own": (lambda n, a: (a + np.ones(3),), "a formula has numbers beside its entries"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_formula_is_refused(name: str) -> None:
    rule, message = REFUSED[name]
    with pytest.raises(TypeError, match=message):
        written(rule, (0.0,), 1)


def test_equal_entries_are_one() -> None:
    x = entry("x", np.float32)
    assert (x + 1) * 2 is (x + 1) * 2
    assert x * 0.0 is not x * -0.0
