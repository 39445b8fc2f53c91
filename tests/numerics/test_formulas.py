"""What a formula is read as: NumPy's own reading gives its bits, and derivatives along a direction are a reader too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Key
from fnnet.core.formulas import ACTIVATIONS
from fnnet.keys import normal
from fnnet.losses.reductions import EntryLoss
from fnnet.numerics import erf, sigmoid
from fnnet.numerics.formulas import INPUT, NUMBER, Entry, UndecidedError, apply, as_entry, entry, in_order
from tests.catalogue import KEEPING, LOSSES

FORMULAS = {name: make(Key(0), 4, 4) for name, make in KEEPING.items() if type(make(Key(0), 4, 4)) in ACTIVATIONS}
ENTRIES: dict[str, Any] = {name: case for name, case in LOSSES.items() if isinstance(case.loss, EntryLoss)}
X = normal(Key(0), (20, 4)) * 3


def _read(results: list[Entry], values: dict[str, Any]) -> list[Any]:
    """NumPy's reading: each entry once, what settings are made of in Python's floats."""
    known: dict[Entry, Any] = {}
    for found in in_order(results):
        given = [known[a] for a in found.arguments]
        if found.function in (INPUT, NUMBER):
            known[found] = values[found.name] if found.function == INPUT else float(found.name)
        else:
            made = erf(*given) if found.function == "erf" else getattr(np, found.function)(*given)
            known[found] = float(made) if found.is_setting else made
    return [known[result] for result in results]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FORMULAS)
def test_activations_are_read_to_the_bit(name: str, dtype: Any) -> None:
    layer: Any = FORMULAS[name]
    formula, values = ACTIVATIONS[type(layer)].formula, X.astype(dtype)
    x: Any = entry("x", dtype)
    read: Any = formula(layer, x)[0]
    assert np.array_equal(_read([read], {"x": values})[0], formula(layer, values)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ENTRIES)
def test_losses_are_read_to_the_bit(name: str, dtype: Any) -> None:
    loss, p, t = ENTRIES[name].loss, X.astype(dtype), ENTRIES[name].target(Key(1), X.shape).astype(dtype)
    read = loss.entries(entry("p", dtype), entry("t", dtype))
    made = _read([as_entry(one, np.dtype(dtype)) for one in read], {"p": p, "t": t})
    for ours, wanted in zip(made, loss.entries(p, t), strict=True):
        assert np.array_equal(ours.astype(dtype), wanted.astype(dtype))


# --- a derivative along a direction ------------------------------------------------------------------------------
def _where(a: Any, condition: Any, yes: Any, no: Any) -> list[Any]:
    return [0, np.where(condition, 1, 0), np.where(condition, 0, 1)]


PARTIALS: dict[str, Callable[..., list[Any]]] = {
    "add": lambda y, a, b: [1, 1],
    "subtract": lambda y, a, b: [1, -1],
    "multiply": lambda y, a, b: [b, a],
    "divide": lambda y, a, b: [1 / b, -y / b],
    "negative": lambda y, a: [-1],
    "absolute": lambda y, a: [np.sign(a)],
    "exp": lambda y, a: [y],
    "expm1": lambda y, a: [y + 1],
    "log1p": lambda y, a: [1 / (1 + a)],
    "tanh": lambda y, a: [1 - y * y],
    "erf": lambda y, a: [np.exp(-a * a) * (2 / np.sqrt(np.pi))],
    "maximum": lambda y, a, b: [np.where(a >= b, 1, 0), np.where(a >= b, 0, 1)],
    "minimum": lambda y, a, b: [np.where(a <= b, 1, 0), np.where(a <= b, 0, 1)],
    "where": _where,
}


def _tangent(result: Entry, x: Entry) -> Entry:
    """The derivative of a trace in one of its inputs, a trace too."""
    slopes: dict[Entry, Any] = {}
    for found in in_order([result]):
        slopes[found] = 1 if found is x else 0
        if found.function in PARTIALS:
            partials = PARTIALS[found.function](found, *found.arguments)
            for partial, argument in zip(partials, found.arguments, strict=True):
                if type(slopes[argument]) is Entry or slopes[argument]:
                    slopes[found] = slopes[found] + partial * slopes[argument]
    return as_entry(slopes[result], result.dtype)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_derivative_of_a_formula_is_its_slope(name: str) -> None:
    layer: Any = FORMULAS[name]
    known, x = ACTIVATIONS[type(layer)], entry("x", np.float64)
    given: Any = x
    made: Any = known.formula(layer, given)
    ours = _read([_tangent(made[0], x)], {"x": X})[0]
    assert np.allclose(ours, known.slope(layer, known.formula(layer, X)[1]), 1e-12, 1e-12)


# --- entries -----------------------------------------------------------------------------------------------------
def test_the_same_entry_is_the_same_object() -> None:
    x: Any = entry("x", np.float32)
    s: Any = entry("s", np.float32, is_setting=True)
    assert x * x is x**2 is np.square(x)
    assert x + 0.0 is not x + -0.0
    assert (1 - s).is_setting
    assert not (x - s).is_setting
    assert sigmoid(x) is sigmoid(x)
    square: Any = sigmoid(x) * sigmoid(x)
    assert sum(found.function == "exp" for found in in_order([square])) == 1
    assert str(apply("erf", np.clip(x, -1, s))) == "erf(minimum(maximum(x, -1.0), s))"


@pytest.mark.parametrize(
    ("formula", "kind", "message"),
    [
        (lambda x: 1 if x > 0 else 2, UndecidedError, "np.where chooses entry by entry"),
        (float, UndecidedError, "cannot decide by an entry"),
        (lambda x: np.add.reduce(x), TypeError, "a formula works entry by entry, got add reduce"),
        (lambda x: np.exp(x, where=True), TypeError, "got exp __call__ with {'where': True}"),
        (np.sum, TypeError, "may use ufuncs, np.where and np.clip, got"),
        (lambda x: x + np.ones(3), TypeError, "a formula has numbers beside its entries, got"),
        (lambda x: x + "1", TypeError, "a formula has numbers beside its entries, got '1'"),
    ],
)
def test_what_is_no_formula(formula: Callable[[Any], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message.replace("{", r"\{")):
        formula(entry("x", np.float64))


def test_a_formula_decides_by_the_values_of_settings_and_keeps_them_as_settings() -> None:
    a, b, unknown = (
        entry(name, np.float64, is_setting=True, value=value) for name, value in (("a", 0.5), ("b", 2.0), ("c", None))
    )
    x: Any = entry("x", np.float64)
    known: Any = a
    assert min(known, 1.0) is a
    assert min(known * b, 0.75, known) is a
    assert str(known * x if 1 - known < b and known else x) == "multiply(a, x)"
    for undecided in (x + known > 0, unknown, erf(known)):
        with pytest.raises(UndecidedError, match="cannot decide by an entry"):
            bool(undecided)
    with pytest.raises(UndecidedError):
        float(known)


def test_formulas_run_over_arrays() -> None:
    assert fn.forward(fn.Gelu(), X)[0].shape == X.shape
