"""Products and special functions against references."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Dtype, Key, numerics, tree
from fnnet.keys import normal
from tests.layers.test_ends import PLAIN
from tests.support.references import ENTRIES, ROWS
from tests.support.strategies import KEYS, SIZES, examples

REALS = st.floats(-50, 50)
DTYPES: list[Dtype] = [np.float32, np.float64]


@given(REALS)
def test_erf(x: float) -> None:
    assert abs(float(numerics.erf(np.array([x]))[0]) - math.erf(x)) <= 4e-16


@given(REALS)
def test_sigmoid_and_softplus_keep_their_digits(x: float) -> None:
    sigmoid = 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))
    softplus = max(x, 0) + math.log1p(math.exp(-abs(x)))
    assert math.isclose(float(numerics.sigmoid(np.array([x]))[0]), sigmoid, rel_tol=1e-15)
    assert math.isclose(float(numerics.softplus(np.array([x]))[0]), softplus, rel_tol=1e-15)


def test_nothing_overflows() -> None:
    dtypes: tuple[Dtype, ...] = (np.float32, np.float64)
    for dtype in dtypes:
        x = tree.astype(np.array([[-1e30, 0, 1e30]]), dtype)
        for f in (
            numerics.sigmoid,
            numerics.softplus,
            numerics.softmax,
            numerics.tanh,
            numerics.erf,
        ):
            y = f(x)
            assert y.dtype == dtype
            assert np.isfinite(y).all()


@given(KEYS, SIZES, SIZES)
def test_softmax_rows_sum_to_one_each_for_itself(key: Key, rows: int, n: int) -> None:
    x = normal(key, (rows, n)) * 100
    p = numerics.softmax(x)
    np.testing.assert_allclose(p.sum(axis=-1), 1)
    for i in range(rows):
        assert np.array_equal(numerics.softmax(x[i : i + 1])[0], p[i])


@given(KEYS, SIZES, SIZES, SIZES, st.booleans())
def test_products_over_the_last_two_axes(key: Key, n: int, m: int, k: int, is_stacked: bool) -> None:
    lead = (3,) if is_stacked else ()
    x, w, b = normal(key, (*lead, n, k)), normal(key.child(1), (*lead, k, m)), normal(key.child(2), (*lead, m))
    dy, dw, db = normal(key.child(3), (*lead, n, m)), np.empty_like(w), np.empty_like(b)
    np.testing.assert_allclose(numerics.affine(x, w, b), x @ w + b[..., None, :])
    np.testing.assert_allclose(numerics.product(dy, w.mT), dy @ w.mT)
    numerics.affine_gradients(x, dy, dw, db)
    np.testing.assert_allclose(dw, x.mT @ dy)
    np.testing.assert_allclose(db, dy.sum(axis=-2))


@pytest.mark.parametrize("dtype", DTYPES)
@given(st.integers(1, 300), st.floats(-1.0, 1.0), KEYS)
def test_means_of_squares_are_right_wherever_they_are_floats(dtype: Dtype, n: int, place: float, key: Key) -> None:
    """At both ends of the range, and in between to the bit what the plain formula gives."""
    about = np.finfo(dtype)
    top, eps, least = (Fraction(float(v)) for v in (about.max, about.eps, about.smallest_subnormal))
    end = float(np.sqrt(about.max if place > 0 else about.tiny)) * 2.0 ** (4 * place)
    for size in (end, 1.0):
        a: Array = (size * (0.5 + np.abs(np.sin(np.arange(n) + normal(key, (1,)))))).astype(dtype)
        true = sum((Fraction(float(v)) ** 2 for v in a), Fraction(0)) / n
        with np.errstate(over="ignore"):
            found, plain = float(numerics.square_mean(a)), numerics.inner_product(a, a) / n
        assert true > top * Fraction(0.99) or abs(Fraction(found) - true) <= true * 20 * eps + least
        assert found == plain or np.isinf(plain)


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PLAIN)
@given(st.floats(1.1, 2.9))
@examples(0.05)
def test_the_loss_of_many_equal_rows_or_columns_is_that_of_one(
    name: str, dtype: Dtype, place: int, factor: float
) -> None:
    """Also where it is as small as numbers of all digits are."""
    loss, about, n = PLAIN[name], np.finfo(dtype), 4096
    root, log = float(np.sqrt(about.tiny)), float(np.log(about.tiny))
    z: Array = np.full(3, [root * factor, -root * factor, 0.0, log + factor, factor][place], dtype)
    target: Any = np.zeros(1, np.int64) if type(loss) in ROWS else np.zeros((1, 3), dtype)
    target = np.array([[1, 0, 0]], dtype) if type(loss) is type(fn.soft_cross_entropy) else target
    one = float(loss(z[None], target)[0]) * (n if loss.is_sum else 1)
    found = [loss(np.tile(z, (n, 1)), np.repeat(target, n, 0))[0]]
    if type(loss) in ENTRIES:
        found += list(loss.rows(np.tile(z, (1, n)), np.tile(target, n))[0])
    allowed = 64 * float(about.eps) * abs(one) + float(about.smallest_subnormal)
    assert all(abs(float(value) - one) <= allowed for value in found)
