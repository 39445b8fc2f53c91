"""Compiled layers at the ends of both dtypes: their limits there, and NaN for NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, Key
from fnnet.jit.activations import activate, deactivate
from fnnet.jit.norms import normalize, normalize_gradients
from fnnet.jit.programs import LAYERS
from fnnet.keys import normal

ACTIVATIONS: dict[str, tuple[Any, list[float], list[float]]] = {
    "Identity": (fn.Identity(), [-np.inf, np.inf], [1, 1]),
    "Relu": (fn.Relu(), [0, np.inf], [0, 1]),
    "LeakyRelu": (fn.LeakyRelu(0.5), [-np.inf, np.inf], [0.5, 1]),
    "LeakyRelu of 0": (fn.LeakyRelu(0.0), [0, np.inf], [0, 1]),
    "Elu": (fn.Elu(2.0), [-2, np.inf], [0, 1]),
    "Gelu": (fn.Gelu(), [0, np.inf], [0, 1]),
    "Silu": (fn.Silu(), [0, np.inf], [0, 1]),
    "Softplus": (fn.Softplus(), [0, np.inf], [0, 1]),
    "Tanh": (fn.Tanh(), [-1, 1], [0, 0]),
    "Sigmoid": (fn.Sigmoid(), [0, 1], [0, 0]),
}
"""Activations, and the limits of their values and slopes at minus and plus infinity."""

NORMS = {"LayerNorm": fn.layer_norm, "RmsNorm": fn.rms_norm}


def _activated(layer: Any, x: Array) -> tuple[Array, Array]:
    """Its values and slopes."""
    kind, setting = LAYERS[type(layer)].kind, LAYERS[type(layer)].setting
    constant = 0.0 if setting is None else getattr(layer, setting)
    y, dx = np.empty_like(x), np.empty_like(x)
    activate(kind, constant, x, y)
    deactivate(kind, constant, x, y, np.ones_like(x), dx)
    return y, dx


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_have_their_limits(name: str, dtype: Any) -> None:
    layer, values, slopes = ACTIVATIONS[name]
    y, dx = _activated(layer, np.array([[-np.inf, np.inf]], dtype))
    assert (y[0].tolist(), dx[0].tolist()) == (values, slopes)
    most = np.finfo(dtype).max
    y, dx = _activated(layer, np.array([[-most, most]], dtype))
    assert np.array_equal(
        y[0], np.clip(np.array(values, dtype), -most * layer.slope if "Leaky" in name else -most, most)
    )
    assert dx[0].tolist() == slopes
    assert np.isnan(_activated(layer, np.array([[np.nan, 1]], dtype))[0]).tolist() == [[True, False]]


def test_every_compiled_activation_is_here() -> None:
    others = {fn.Linear, fn.Dropout, fn.LayerNorm, fn.RmsNorm, fn.Softmax}
    assert {type(layer) for layer, *_ in ACTIVATIONS.values()} == set(LAYERS) - others


def test_softmax_bears_scores_at_the_ends() -> None:
    most = np.finfo(np.float64).max
    y, _ = _activated(fn.Softmax(), np.array([[most, -most, 0.0], [-np.inf, 1.0, 1.0], [-most, -most, -most]]))
    assert np.allclose(y, np.array([[1, 0, 0], [0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]), rtol=1e-15)
    assert np.isnan(_activated(fn.Softmax(), np.array([[0.0, np.nan]]))[0]).all()


def _normed(name: str, x: Array, eps: float) -> tuple[Array, Array]:
    """Its values, and the gradient of a few fixed slopes."""
    layer = NORMS[name](x.shape[1], eps=eps)
    w = np.array([[2.0] * x.shape[1], [0.0] * x.shape[1]][: len(fn.tree.leaves(layer))], x.dtype)
    y, dx, dw = np.empty_like(x), np.empty_like(x), np.empty_like(w)
    kind, dy = LAYERS[type(layer)].kind, normal(Key(1), x.shape).astype(x.dtype)
    normalize(kind, eps, x, w, y)
    normalize_gradients(kind, eps, x, w, dy, dw, dx)
    return y, dx


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NORMS)
def test_norms_of_rows_whose_squares_are_no_floats(name: str, dtype: Any) -> None:
    x, eps = normal(Key(0), (4, 5)).astype(dtype), 1e-5
    exponent = np.finfo(dtype).maxexp - 4
    y, dx = _normed(name, x, float(np.finfo(dtype).tiny))  # where eps does not count
    huge, dx_huge = _normed(name, np.ldexp(x, exponent), eps)
    assert np.allclose(huge, y, rtol=0, atol=8 * np.finfo(dtype).eps)
    assert np.allclose(np.ldexp(dx_huge, exponent), dx, rtol=0, atol=32 * np.finfo(dtype).eps)
    low, below = (-112, 1e-90) if dtype is np.float32 else (-500, 1e-323)  # an eps that is below all whole floats
    assert np.allclose(_normed(name, np.ldexp(x, low), below)[0], y, rtol=0, atol=8 * np.finfo(dtype).eps)
    assert np.isnan(_normed(name, np.where(np.eye(4, 5) > 0, np.nan, x).astype(dtype), eps)[0]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_of_one_value_is_brought_to_zero(dtype: Any) -> None:
    sizes = 10.0 ** np.linspace(-3, 7 if dtype == np.float32 else 15, 200)
    x = np.repeat((sizes * (1 + 1 / 3)).astype(dtype)[:, None], 7, axis=1)
    y = np.empty_like(x)
    normalize(LAYERS[fn.LayerNorm].kind, 1e-5, x, np.array([[1.0] * 7, [0.0] * 7], dtype), y)
    assert np.abs(y).max() < 1e-3


@pytest.mark.parametrize("eps", [1e-5, 1e-12, 1e-45, 1e-100, 1e-320])
@pytest.mark.parametrize("columns", [4, 7, 600])
@pytest.mark.parametrize("size", [0.0, 1e-44, 1e-30, 0.1, 3e7, 1e30, 1e36, 1.2e38, 3e38])
def test_rows_of_equal_entries_are_normalized_to_0(size: float, columns: int, eps: float) -> None:
    for dtype in (np.float32, np.float64):
        x = np.full((2, columns), size, dtype)
        assert np.array_equal(_normed("LayerNorm", x, eps)[0], np.zeros_like(x))
        assert np.array_equal(fn.forward(fn.layer_norm(columns, eps=eps, dtype=dtype), x)[0], np.zeros_like(x))
