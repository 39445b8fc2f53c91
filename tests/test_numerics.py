"""Products and special functions against references."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fnnet import Dtype, Key, numerics, tree
from fnnet.keys import normal
from tests.strategies import KEYS, SIZES

REALS = st.floats(-50, 50)


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
    np.testing.assert_allclose(numerics.product_nt(dy, w), dy @ w.mT)
    numerics.affine_gradients(x, dy, dw, db)
    np.testing.assert_allclose(dw, x.mT @ dy)
    np.testing.assert_allclose(db, dy.sum(axis=-2))
