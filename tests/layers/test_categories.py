"""Layers of whole numbers, and the numbers of categories: the laws, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import fnnet as fn
from fnnet import Array, Key, Params, tree
from fnnet.calculus.parts import add, finish
from fnnet.keys import normal, uniform
from fnnet.testing import BOUND, check_gradients
from tests.catalogue import CATEGORIES, WHOLE
from tests.laws.law02_purity import pure
from tests.support.strategies import KEYS, SIZES, examples


def _whole(key: Key, shape: tuple[int, ...]) -> Array:
    return np.floor(CATEGORIES * uniform(key, shape))


@pytest.mark.parametrize("name", WHOLE)
@given(KEYS, SIZES, SIZES, SIZES, st.none() | KEYS)
def test_gradients(name: str, key: Key, batch: int, n_in: int, n_out: int, noise: Key | None) -> None:
    net, x = WHOLE[name](key, n_in, n_out), _whole(key.child(9), (batch, n_in))
    assert check_gradients(net, x, noise=noise, key=key, inputs=False).error <= BOUND


@pytest.mark.parametrize("name", WHOLE)
@given(KEYS, SIZES, SIZES)
def test_purity(name: str, key: Key, batch: int, n: int) -> None:
    net, x = WHOLE[name](key, n, 2), _whole(key.child(9), (batch, n))
    y = pure(lambda *given: fn.forward(*given)[0], net, x, key)
    _, cache = fn.forward(net, x, key)
    pure(lambda net, dy: fn.backward(net, cache, dy), net, np.ones_like(y))


@pytest.mark.parametrize("name", WHOLE)
@given(KEYS, SIZES, st.integers(2, 6))
def test_parts_add_up(name: str, key: Key, n: int, batch: int) -> None:
    net, x = WHOLE[name](key, n, 2), _whole(key.child(9), (batch, n))
    y = normal(key, fn.forward(net, x)[0].shape)
    gradient = fn.value_and_grad(fn.sum_squared_error)
    parts = [gradient.part(fn.tree.map(np.copy, net), (x[i : i + 1], y[i : i + 1]), key) for i in range(batch)]
    whole = finish(gradient.part(net, (x, y), key))
    if name == "Embedding":  # the other one draws masks for a batch
        value, grads = finish(add(parts[0], parts[1]) if batch == 2 else _all(parts))
        np.testing.assert_allclose(value, whole[0], 1e-12)
        assert tree.allclose(grads, whole[1], 1e-12, 1e-12)


def _all(parts: list[fn.Part[Params]]) -> fn.Part[Params]:
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total


@pytest.mark.parametrize("name", WHOLE)
@given(KEYS, st.integers(1, 3), SIZES, SIZES, st.booleans())
def test_stacked_networks(name: str, key: Key, count: int, batch: int, n: int, is_shared: bool) -> None:
    nets = [WHOLE[name](key.child(k), n, 2) for k in range(count)]
    stacked = tree.map(lambda *leaves: np.stack(leaves), nets[0], *nets[1:])
    x = _whole(key.child(9), (batch, n) if is_shared else (count, batch, n))
    y, cache = fn.forward(stacked, x, key)
    grads, dx = fn.backward(stacked, cache, y)
    assert dx.shape == x.shape
    for k, net in enumerate(nets):
        alone, its_cache = fn.forward(net, x if is_shared else x[k], key.child(k))
        np.testing.assert_allclose(y[k], alone, 1e-12, 1e-12)
        its_grads, _ = fn.backward(net, its_cache, alone)
        assert tree.allclose(tree.map(lambda leaf, k=k: leaf[k], grads), its_grads, 1e-12, 1e-12)


def test_x_is_read_before_it_is_cast() -> None:
    """2^24 + 1 is 2^24 in float32, a row that is there."""
    rows = (1 << 24) - 3
    net = fn.Embedding(np.zeros((rows, 1), np.float32))
    with pytest.raises(ValueError, match=r"embedding: x must be in \[0, 16777213\), the categories"):
        fn.forward(fn.serial(net), np.array([[16777217.0]]))
    assert fn.forward(net, np.array([[rows - 1]]))[0].dtype == np.float32


def test_it_learns_what_categories_mean() -> None:
    colours = ["red", "green", "blue", "green"] * 50
    known = fn.categories(colours, unknown=True)
    x = known(colours)[:, None]
    y = np.array([{"red": 1.0, "green": -2.0, "blue": 0.5}[colour] for colour in colours])[:, None]
    net = fn.serial(fn.embedding(Key(0), known.size, 3), fn.linear(Key(1), 3, 1))
    fitted = fn.fit(net, x, y, loss=fn.mse, optimizer=fn.adam(0.05), key=Key(0), epochs=30)
    assert float(fitted.history[-1].loss) < 1e-3
    assert known(["mauve"]).tolist() == [3]


def test_categories_of_texts_of_any_length() -> None:
    column = np.array(["red", "blue", "red"], np.dtypes.StringDType())
    colours = fn.categories(column)
    assert colours == fn.categories(np.array(["red", "blue"]))
    assert colours(column).tolist() == colours(["red", "blue", "red"]).tolist() == [1, 0, 1]
    with pytest.raises(fn.DtypeError, match="must hold text or numbers"):
        fn.categories(np.array(["red", None], np.dtypes.StringDType(na_object=None)))


@given(
    st.lists(st.text(max_size=3).filter(lambda text: not text.endswith("\0")), min_size=1)
    | st.lists(st.integers(-5, 5), min_size=1)
)
def test_categories_there_and_back(column: list[str] | list[int]) -> None:
    known = fn.categories(column)
    numbers = known(column)
    assert [known.values[i] for i in numbers] == column
    assert sorted(set(numbers.tolist())) == list(range(known.size))


LINEAR = fn.linear(Key(0), 2, 1)


def _of_three(x: Array) -> Array:
    return fn.forward(fn.embedding(Key(0), 3, 2), x)[0]


WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a fraction": (
        lambda: _of_three(np.array([[0.5]])), ValueError, "must hold whole numbers, got 0.5"
    ),
    "NaN": (
        lambda: _of_three(np.array([[np.nan]])), ValueError, r"embedding: x must be in \[0, 3\)"
    ),
    "below 0": (lambda: _of_three(np.array([[-1]])), ValueError, "got -1 to -1"),
    "too many": (lambda: fn.embedding(Key(0), 1 << 25, 1), ValueError, r"categories must be at most 2\^24"),
    "no categories": (lambda: fn.embedding(Key(0), 0, 1), ValueError, "categories must be a whole number from 1"),
    "replicas": (
        lambda: _of_three(np.zeros((2, 4, 1))), fn.ShapeError, "x must have the replica axes"
    ),
    "no layer": (lambda: fn.branches([(0,)], (1,)), fn.LayerError, r"branches: layers\[0\] must be a layer"),
    "no columns": (lambda: fn.branches([()], (LINEAR,)), ValueError, r"branches: columns\[0\] must be whole numbers"),
    "columns of others": (
        lambda: fn.branches([(0,), (1,)], (LINEAR,)), ValueError, r"one set per layer, 1, got \[\(0,\), \(1,\)\]"
    ),
    "a column too far": (
        lambda: fn.forward(fn.branches([(0, 5)], (LINEAR,)), np.ones((1, 3))), fn.ShapeError, "with a column 5"
    ),
    "width": (lambda: fn.forward(fn.standardize(np.ones((3, 2))), np.ones((1, 3))), fn.ShapeError, "standardize: x"),
    "infinite": (lambda: fn.standardize(np.array([[np.inf]])), ValueError, "standardize: x must hold finite numbers"),
    "rank": (lambda: fn.standardize(np.ones((1, 2, 3))), fn.ShapeError, r"standardize: x must be \(rows, n\)"),
    "unseen": (
        lambda: fn.categories(["a"])(["b"]), ValueError, "column has the value 'b', never seen when it was fitted"
    ),
    "another kind": (lambda: fn.categories(["a"])([1]), fn.DtypeError, "categories: column must hold the kind of 'a'"),
    "an empty column": (lambda: fn.categories([]), fn.ShapeError, "categories: column must be"),
    "a column of objects": (lambda: fn.categories([None, "a"]), fn.DtypeError, "column must hold text or numbers"),  # type: ignore[list-item]
    "a column of NaN": (lambda: fn.categories([np.nan]), ValueError, "categories: column must not hold NaN"),
    "text and numbers": (
        lambda: fn.categories(["a", 1]), fn.DtypeError, "column must hold text or numbers alone, got int and str"
    ),
    "text and NaN": (lambda: fn.categories(["a", np.nan]), fn.DtypeError, "got float and str"),
    "text and bytes": (
        lambda: fn.categories(np.array(["a", b"a"], object)), fn.DtypeError, "got bytes and str"
    ),
    "bytes for text": (
        lambda: fn.categories(["a"])(np.array([b"a"])), fn.DtypeError, "column must hold the kind of 'a', got |S1"
    ),
    "a NUL": (lambda: fn.categories(["a", "a\0"]), ValueError, "column must hold no text that ends in a NUL"),
    "a masked column": (
        lambda: fn.categories(np.ma.array([1, 2], mask=[False, True])), fn.DtypeError, "column must not be masked"
    ),
    "no order": (lambda: fn.Categories(("b", "a")), ValueError, "Categories: values must be a tuple of distinct ones"),
    "no values": (lambda: fn.Categories(()), fn.ShapeError, "categories: column must be"),
    "columns of text": (
        lambda: fn.branches(["a"], (LINEAR,)), ValueError, r"branches: columns\[0\] must be whole"  # type: ignore[list-item]
    ),
    "one column": (
        lambda: fn.branches([0], (LINEAR,)), ValueError, r"columns\[0\] must be whole numbers from 0"  # type: ignore[list-item]
    ),
    "a number of columns": (lambda: fn.branches(1, (LINEAR,)), ValueError, "must be one set per layer, 1, got 1"),  # type: ignore[arg-type]
    "a truth as column": (
        lambda: fn.branches([(0, True)], (LINEAR,)), ValueError, r"columns\[0\]\[1\] must be a whole number from 0 up"
    ),
    "a list of layers": (
        lambda: fn.branches([(0,)], [LINEAR]), fn.LayerError, "branches: layers must be a tuple of layers"  # type: ignore[arg-type]
    ),
    "one hot of floats": (lambda: fn.one_hot(np.ones(2), 3), fn.DtypeError, "one_hot: labels must hold class"),  # type: ignore[arg-type]
    "one hot beyond": (lambda: fn.one_hot(np.array([3]), 3), ValueError, r"one_hot: labels must be in \[0, 3\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name: str) -> None:
    call, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        call()


def test_columns_may_be_arrays() -> None:
    net = fn.branches([np.arange(1, 3), np.array([0], np.uint8)], (fn.Tanh(), fn.Identity()))
    assert fn.tree.equal(net, fn.branches([(1, 2), (0,)], (fn.Tanh(), fn.Identity())))


@given(st.lists(st.integers(0, 4)), st.sampled_from([np.int64, np.uint8]), st.booleans())
def test_one_hot(labels: list[int], kind: type[np.integer], is_column: bool) -> None:
    given = np.array(labels, kind)[..., None] if is_column else np.array(labels, kind)
    np.testing.assert_array_equal(fn.one_hot(given, 5), np.eye(5, dtype=np.float32)[given])


def test_one_hot_takes_no_more_memory_than_its_result() -> None:
    assert fn.one_hot(np.array([1 << 24]), (1 << 24) + 1).sum() == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_that_float32_cannot_tell_apart(dtype: fn.Dtype) -> None:
    """A constant of any size comes out as 0; numbers closer than its steps are refused, and no layer is wrong."""
    x = np.array([[20231123.0, 1.7e9], [20231123.0, 1.7e9 + 200000.0]])
    y, _ = fn.forward(fn.standardize(x, dtype=dtype), x)
    np.testing.assert_allclose(y, [[0, -1], [0, 1]], atol=2e-3)
    for near, name in (
        (1.7e9 + np.arange(3.0), "1.7e+09"),
        (np.array([1e-60, -1e-60]), "0"),
        (np.array([1e39, -1e39]), "0"),
    ):
        column = np.stack([np.arange(float(len(near))), near], axis=-1)
        if dtype is np.float32:
            with pytest.raises(ValueError, match=f"standardize: x's column 1 has the mean {re.escape(name)} and the"):
                fn.standardize(column)
        else:
            y, _ = fn.forward(fn.standardize(column, dtype=dtype), column)
            np.testing.assert_allclose([y.mean(axis=0), y.std(axis=0)], [[0, 0], [1, 1]], atol=1e-6)
    huge = np.array([[1e307], [-1e307]])
    if dtype is np.float32:
        with pytest.raises(ValueError, match="standardize: x's column 0 has the mean 0 and the deviation 1e"):
            fn.standardize(huge)
    else:
        np.testing.assert_array_equal(fn.forward(fn.standardize(huge, dtype=dtype), huge)[0], [[1], [-1]])


def test_a_column_of_one_value_is_not_divided_by_nothing() -> None:
    layer = fn.standardize(np.array([[1e9, 0.1], [1e9, 0.1], [1e9, 0.1]]), dtype=np.float64)
    assert layer.scale.tolist() == [1, 1]
    x = normal(Key(0), (50, 3)) * 10 + 5
    y, _ = fn.forward(fn.standardize(x, dtype=np.float64), x)
    np.testing.assert_allclose([y.mean(axis=0), y.std(axis=0)], [[0] * 3, [1] * 3], atol=1e-12)


# --- numbers as they are ---------------------------------------------------------------------------------------------
NEAR = st.sampled_from([0, 2**53, 2**60, 2**63, 2**64, 10**30]).flatmap(lambda a: st.integers(a - 3, a + 3))
WHOLE_NUMBERS = NEAR | NEAR.map(int.__neg__)
NUMBERS = WHOLE_NUMBERS | WHOLE_NUMBERS.map(float) | st.floats(allow_nan=False)


def _forms(column: list[int | float]) -> list[list[int | float] | NDArray[np.generic]]:
    """A column as a list, and as each array that holds it as it is."""
    found: list[list[int | float] | NDArray[np.generic]] = [column, np.array(column, object)]
    for kind, low, top in ((np.int64, -(2**63), 2**63), (np.uint64, 0, 2**64)):
        if all(type(entry) is int and low <= entry < top for entry in column):
            found.append(np.array(column, kind))
    if all(type(entry) is float for entry in column):
        found.append(np.array(column, np.float64))
    return found


@given(st.lists(NUMBERS, min_size=1, max_size=8), st.lists(NUMBERS, min_size=1, max_size=4))
@examples(2)
def test_numbers_are_what_they_are_in_every_form(seen: list[int | float], others: list[int | float]) -> None:
    """Against Python's own dictionaries, which know no dtype; whatever the column was given as."""
    values = sorted(set(seen))
    places = {value: i for i, value in enumerate(values)}
    for form in _forms(seen):
        known = fn.categories(form, unknown=True)
        assert known.values == tuple(values)
        assert fn.Categories(known.values, True) == known
        for column in (seen, seen + others, others):
            for again in _forms(column):
                assert known(again).tolist() == [places.get(entry, len(values)) for entry in column]


def test_what_was_never_seen_is_named_exactly() -> None:
    with pytest.raises(ValueError, match="categories: column has the value 9007199254740993, never seen"):
        fn.categories([2**53, 2**53 + 2])(np.array([2**53, 2**53 + 1], np.uint64))
    with pytest.raises(ValueError, match="categories: column must not hold NaN"):
        fn.categories([2**70, float("nan")])
    with pytest.raises(fn.DtypeError, match="column must hold text or numbers alone, got NoneType and int"):
        fn.categories([2**70, None])  # type: ignore[list-item]


# --- columns of any size ---------------------------------------------------------------------------------------------
def _standardized(column: NDArray[np.generic], dtype: fn.Dtype) -> Array:
    x = cast(Array, np.asarray(column)[:, None])
    return fn.forward(fn.standardize(x, dtype=dtype), x)[0][:, 0]


CONSTANTS = (
    st.floats(allow_nan=False, allow_infinity=False).map(np.float64)
    | st.floats(allow_nan=False, allow_infinity=False, width=32).map(np.float32)
    | st.integers(-(2**63), 2**63 - 1).map(np.int64)
    | st.integers(0, 2**64 - 1).map(np.uint64)
    | st.sampled_from([np.float64(1.7e18 + 12345), np.int64(1_700_000_000_123_456_789), np.float64(5e-324)])
)


@given(CONSTANTS, st.integers(1, 40))
@examples(2)
def test_a_constant_of_any_size_and_kind_comes_out_as_0(value: np.generic, rows: int) -> None:
    column = np.full(rows, value)
    assert not _standardized(column, np.float64).any()
    if abs(float(value)) < 3e38:
        assert np.abs(_standardized(column, np.float32)).max() <= 1e-3


@given(KEYS, st.floats(-300, 300), st.floats(-13, 2), st.sampled_from([np.float32, np.float64]))
@examples(2)
def test_a_column_of_any_size_gets_mean_0_and_deviation_1(
    key: Key, power: float, apart: float, dtype: fn.Dtype
) -> None:
    """Or is refused, where the dtype cannot tell its numbers apart."""
    size = 10**power
    column = size * (1 + 10**apart * normal(key, (20,)))
    try:
        y = _standardized(column, dtype)
    except ValueError as error:
        assert "cannot hold" in str(error)
        assert dtype is np.float32 or apart < -12 or power < -290
        return
    y = y.astype(np.float64)
    assert abs(y.mean()) <= 2e-3
    assert abs(y.std() - 1) <= 2e-3


def test_milliseconds_of_nanoseconds_since_1970_are_told_apart() -> None:
    column = 1_700_000_000_000_000_000 + 1_000_000 * np.arange(5)
    np.testing.assert_allclose(_standardized(column, np.float64), (np.arange(5) - 2) / 2**0.5, atol=1e-3)
    with pytest.raises(ValueError, match="float32 cannot hold"):
        _standardized(column, np.float32)


def test_what_differs_by_rounding_alone_is_a_constant() -> None:
    for column in (np.array([0.1 + 0.2, 0.3, 0.3]), np.array([1.7e18, 1.7e18 + 256, 1.7e18])):
        for dtype in (np.float32, np.float64):
            assert np.abs(_standardized(column, dtype)).max() <= 1e-3
