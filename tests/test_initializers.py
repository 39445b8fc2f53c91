"""First values: their moments and ranges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Key
from tests.catalogue import INITIALIZERS
from tests.strategies import KEYS

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
