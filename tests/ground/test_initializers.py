"""First values: their moments and ranges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Dtype, Initializer, Key
from fnnet.initializers import Bounded, VarianceScaling
from tests.catalogue import INITIALIZERS
from tests.support.strategies import KEYS

N_IN, N_OUT = 300, 200
VARIANCES = {
    "glorot_uniform": 2 / (N_IN + N_OUT),
    "glorot_normal": 2 / (N_IN + N_OUT),
    "he_uniform": 2 / N_IN,
    "he_normal": 2 / N_IN,
    "lecun_uniform": 1 / N_IN,
    "lecun_normal": 1 / N_IN,
}


@pytest.mark.parametrize("name", VARIANCES)
def test_variances(name: str) -> None:
    w = INITIALIZERS[name](Key(0), (N_IN, N_OUT))
    variance, n = VARIANCES[name], N_IN * N_OUT
    assert abs(w.mean()) < 5 * math.sqrt(variance / n)
    assert abs(w.var() / variance - 1) < 5 * math.sqrt(2 / n)
    if name.endswith("uniform"):
        limit = math.sqrt(3 * variance)
        assert -limit <= w.min() < -0.99 * limit
        assert 0.99 * limit < w.max() < limit


def test_uniform_normal_and_constant() -> None:
    w = fn.uniform(-2.0, 3.0)(Key(0), (100, 100))
    assert -2 <= w.min() < -1.99
    assert 2.99 < w.max() < 3
    z = fn.normal(0.5, mean=4.0)(Key(0), (100, 100))
    assert abs(z.mean() - 4) < 0.03
    assert abs(z.std() - 0.5) < 0.03
    assert fn.constant_fill(1.5)(Key(0), (2,)).tolist() == [1.5, 1.5]
    assert fn.zeros(Key(0), (2,)).tolist() == [0.0, 0.0]


@given(KEYS, st.integers(1, 8), st.integers(1, 8))
def test_orthogonal(key: Key, n_in: int, n_out: int) -> None:
    w = fn.orthogonal(key, (n_in, n_out))
    gram = w.T @ w if n_in >= n_out else w @ w.T
    np.testing.assert_allclose(gram, np.eye(min(n_in, n_out)), atol=1e-12)


def test_a_seed_draws_the_same_weights_in_both_dtypes() -> None:
    single, double = (fn.mlp(Key(0), (3, 4, 2), dtype=dtype) for dtype in (np.float32, np.float64))
    assert fn.tree.equal(fn.tree.astype(double, np.float32), single)


def test_layers_of_an_mlp_and_runs_of_one_key_share_no_draws() -> None:
    net = fn.mlp(Key(0), (4, 4, 4, 4))
    weights = [layer.w for layer in net.layers] + [fn.linear(Key(0).child(i), 4, 4).w for i in range(3)]
    assert len({w.tobytes() for w in weights}) == 6


# --- ranges ----------------------------------------------------------------------------------------------------------
EXTREME: dict[str, Initializer] = {
    **INITIALIZERS,
    "uniform of 0 and 1": fn.uniform(0.0, 1.0),
    "uniform below 0": fn.uniform(-1.0, 0.0),
    "uniform of no float32": fn.uniform(-0.1, 0.7),
    "uniform of two floats": fn.uniform(1.0, float(np.nextafter(1.0, 2.0))),
    "uniform of all floats of float32": fn.uniform(-3e38, 3.4e38),
    "widest VarianceScaling": VarianceScaling(1e70, "fan_in", "uniform"),
}
DTYPES: list[Dtype] = [np.float32, np.float64]


def constant(value: float) -> Callable[[Key, tuple[int, ...]], Array]:
    """A draw of one number alone."""
    return lambda key, shape: np.full(shape, value)


def check_range(init: Initializer, w: Array) -> None:
    """All entries are numbers, and in the range that the initializer names."""
    assert np.isfinite(w).all()
    if isinstance(init, Bounded):
        low, high = init.bounds(w.shape)
        assert low <= float(w.min())
        assert float(w.max()) < high


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("u", [0.0, 2.0**-53, 2.0**-30, 0.5, 1 - 2.0**-25, 1 - 2.0**-30, 1 - 2.0**-53])
@pytest.mark.parametrize("name", EXTREME)
def test_the_outermost_draws_stay_in_the_range(
    name: str, u: float, dtype: Dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    init = EXTREME[name]
    monkeypatch.setattr("fnnet.keys.uniform", constant(u))
    monkeypatch.setattr("fnnet.keys._uniform", constant(u))  # which normal numbers are made of
    for layer in (fn.linear(Key(0), 3, 2, init=init, dtype=dtype), fn.embedding(Key(0), 3, 2, init=init, dtype=dtype)):
        check_range(init, layer.w)
    check_range(init, init(Key(0), (3, 2)))


@given(KEYS, st.floats(-1.7e308, 1.7e308), st.floats(-1.7e308, 1.7e308))
def test_any_range_is_kept(key: Key, a: float, b: float) -> None:
    low, high = sorted((a, b))
    w = fn.uniform(low, high)(key, (20,))
    assert low <= w.min()
    assert w.max() < high or low == high
    assert len(np.unique(w)) > 1 or high - low < 1e-300 or np.spacing(low) * 1000 > high - low


@given(KEYS, st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_ordinary_draws_are_the_formula_to_the_bit(key: Key, low: float, width: float) -> None:
    u, high, scale = fn.keys.uniform(key, (3, 2)), low + width, width
    assert np.array_equal(fn.uniform(low, high)(key, (3, 2)), low + (high - low) * u)
    scaled = VarianceScaling(scale, "fan_in", "uniform")(key, (3, 2))
    assert np.array_equal(scaled, math.sqrt(3 * (scale / 3)) * (2 * u - 1))
    single = fn.linear(key, 3, 2, dtype=np.float32).w
    assert np.array_equal(single, fn.he_uniform(key.child(fn.keys.INIT, 0), (3, 2)).astype(np.float32))


def test_what_no_float_holds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"linear: bias_init must give numbers that float32 holds, got 1e\+300; draw"):
        fn.linear(Key(0), 2, 2, bias_init=fn.constant_fill(1e300))
    with pytest.raises(ValueError, match="embedding: init must give numbers that float32 holds, got "):
        fn.embedding(Key(0), 2, 2, init=fn.normal(1e60))
    with pytest.raises(ValueError, match="normal: std must be such that mean"):
        fn.normal(1e308)
    assert np.isfinite(VarianceScaling(1.7e308, "fan_in", "uniform")(Key(0), (1, 9))).all()
    assert np.isfinite(fn.linear(Key(0), 2, 2, init=fn.normal(1e307), dtype=np.float64).w).all()


def test_values_of_users_that_are_no_numbers_are_kept() -> None:
    assert np.isnan(fn.linear(Key(0), 2, 2, init=constant(math.nan)).w).all()
    assert np.isinf(fn.linear(Key(0), 2, 2, init=constant(math.inf)).w).all()
