"""Compiled layers at the ends of both dtypes: their limits there, and NaN for NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, Key
from fnnet.core.formulas import ACTIVATIONS as FORMULAS
from fnnet.core.kernels import KERNELS
from fnnet.jit.activations import activation_loops
from fnnet.jit.loops import settings_of
from fnnet.jit.sources import linked, module_of
from fnnet.keys import normal
from tests import catalogue

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
    y, dx = np.empty_like(x), np.empty_like(x)
    if type(layer) in KERNELS:
        forward, backward = _kernels(layer)
        nothing = np.empty((0, x.shape[1]), x.dtype)
        forward(x, nothing, y)
        backward(x, nothing, y, np.ones_like(x), nothing, dx)
        return y, dx
    loops = activation_loops(layer, x.dtype, False)
    kept, settings = [np.empty_like(x) for _ in range(loops.kept)], np.array(loops.settings)
    loops.module.forward(x, y, *kept, settings)
    loops.module.backward(x, y, *kept, settings, np.ones_like(x), dx)
    return y, dx


def _kernels(layer: Any) -> list[Any]:
    """Its kernels, compiled."""
    return [getattr(module_of("A kernel.", linked(some)), some.__name__) for some in KERNELS[type(layer)]]


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
    own = {kind for kind in FORMULAS if kind.__module__.startswith("fnnet.")}
    assert {type(layer) for layer, *_ in ACTIVATIONS.values()} == own


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
    forward, backward = _kernels(layer)
    forward(x, w, y, eps)
    backward(x, w, y, normal(Key(1), x.shape).astype(x.dtype), dw, dx, eps)
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
    assert np.abs(_normed("LayerNorm", x, 1e-5)[0]).max() < 2e-3  # its scale is 2


@pytest.mark.parametrize("eps", [1e-5, 1e-12, 1e-45, 1e-100, 1e-320])
@pytest.mark.parametrize("columns", [4, 7, 600])
@pytest.mark.parametrize("size", [0.0, 1e-44, 1e-30, 0.1, 3e7, 1e30, 1e36, 1.2e38, 3e38])
def test_rows_of_equal_entries_are_normalized_to_0(size: float, columns: int, eps: float) -> None:
    for dtype in (np.float32, np.float64):
        x = np.full((2, columns), size, dtype)
        assert np.array_equal(_normed("LayerNorm", x, eps)[0], np.zeros_like(x))
        assert np.array_equal(fn.forward(fn.layer_norm(columns, eps=eps, dtype=dtype), x)[0], np.zeros_like(x))


@pytest.mark.parametrize("name", ["LayerNorm", "RmsNorm", "Softmax", "Standardize"])
def test_kernels_are_the_numpy_form_without_numba(name: str) -> None:
    """In pure Python, as they stand in their files."""
    layer = fn.tree.astype(catalogue.KEEPING[name](Key(0), 6, 6), np.float64)
    x, dy = normal(Key(1), (7, 6)), normal(Key(2), (7, 6))
    y, cache = fn.forward(layer, x)
    grads, dx = fn.backward(layer, cache, dy)
    w = np.array(fn.tree.leaves(layer)).reshape(-1, 6)
    given, (forward, backward) = [*settings_of(layer).values()], KERNELS[type(layer)]
    ours, mine, dw = np.empty_like(x), np.empty_like(x), np.full_like(w, np.nan if fn.tree.trainable(layer) else 0)
    forward(x, w, ours, *given)
    backward(x, w, ours, dy, dw, mine, *given)
    np.testing.assert_allclose(ours, y, 1e-14, 1e-15)
    np.testing.assert_allclose(mine, dx, 1e-13, 1e-15)
    np.testing.assert_allclose(dw, np.array(fn.tree.leaves(grads)).reshape(-1, 6), 1e-13, 1e-15)
