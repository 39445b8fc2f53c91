"""A network computes in one dtype, that of its parameters: x is cast where it enters, before any layer sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Params, jit, tree
from fnnet.core.facts import casts
from fnnet.keys import normal
from tests.catalogue import CATEGORIES, KEEPING, LAYERS, WHOLE
from tests.support.strategies import KEYS, SIZES, Problem, composites

EVERY = LAYERS | WHOLE


def passes(net: Params, x: Array, key: Key | None = None) -> object:
    """The output, and what a way back gives."""
    y, cache = fn.forward(net, x, key)
    return y, fn.backward(net, cache, 1 + y), fn.param_gradients(net, cache, 1 + y)


def same(net: Params, x: Array, y: Array, key: Key | None = None) -> bool:
    """Whether two inputs give the same bytes, gradients included."""
    return tree.digest(passes(net, x, key)) == tree.digest(passes(net, y, key))


def numbers(name: str, key: Key, rows: int, n: int) -> Array:
    """Rows for a layer: of whole numbers where they name categories."""
    x = normal(key, (rows, n))
    return np.floor(CATEGORIES * (0.5 + np.arctan(x) / np.pi)) if name in WHOLE else x


# --- float64 ------------------------------------------------------------------------------------------------------
@given(composites(), st.none() | KEYS)
def test_a_float64_network_computes_in_float64(problem: Problem, key: Key | None) -> None:
    """Whatever layers stand before its first parameters, and those that take x as it comes among them."""
    width = problem.y.shape[-1]
    net = fn.serial(problem.net, fn.linear(problem.key, width, 2, dtype=np.float64))
    x = problem.x.astype(np.float32)
    assert same(net, x, x.astype(np.float64), key)
    y, cache = fn.forward(net, x, key)
    assert {a.dtype for a in (y, *tree.leaves(fn.backward(net, cache, y)))} == {np.dtype(np.float64)}


@pytest.mark.parametrize("name", EVERY)
@given(KEYS, SIZES, SIZES, st.none() | KEYS)
def test_every_layer_within_every_composite(name: str, key: Key, rows: int, n: int, draw: Key | None) -> None:
    x, layer = numbers(name, key, rows, n).astype(np.float32), EVERY[name](key, n, n)
    last = fn.linear(key, fn.forward(layer, x)[0].shape[-1], n, dtype=np.float64)
    inside = fn.serial(fn.Identity(), layer, last)
    forms: list[Params] = [inside, fn.residual(inside), fn.branches([range(n)], (inside,)), fn.portable(inside)]
    first = fn.Identity() if name in WHOLE else fn.residual(fn.Softmax())
    for net in (*forms, fn.serial(first, inside), fn.portable(fn.residual(inside))):
        assert same(net, x, x.astype(np.float64), draw)


@pytest.mark.parametrize("kind", ["f2", "f4", ">f4", ">f8", "i2", "u1", "g"])
def test_numbers_of_every_kind_are_cast_once(kind: str) -> None:
    x = np.floor(normal(Key(0), (5, 4)) ** 2).astype(kind)
    for first in (fn.Tanh(), fn.Softmax(), fn.Dropout(0.3), fn.residual(fn.Tanh())):
        for dtype in (np.float32, np.float64):
            net = fn.serial(first, fn.linear(Key(1), 4, 2, dtype=dtype))
            assert same(net, x, x.astype(dtype), Key(2))


# --- portable -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", EVERY)
@given(KEYS, SIZES, SIZES, st.none() | KEYS)
def test_a_portable_layer_computes_in_float64(name: str, key: Key, rows: int, n: int, draw: Key | None) -> None:
    """One without parameters too; and a row of float32 does not depend on the rows beside it."""
    x, layer = numbers(name, key, rows, n).astype(np.float32), EVERY[name](key, n, n)
    net = layer if isinstance(layer, fn.Portable) else fn.portable(layer)
    assert same(net, x, x.astype(np.float64), draw)
    alone = [fn.predict(net, x[i : i + 1]) for i in range(rows)]
    assert np.array_equal(np.concatenate(alone), fn.predict(net, x))


def test_a_portable_prediction_of_float32_does_not_depend_on_the_batch() -> None:
    x = normal(Key(0), (61, 20)).astype(np.float32)
    mlp = fn.mlp(Key(1), (20, 70, 33, 9), dtype=np.float64)
    for net in (fn.portable(mlp), fn.portable(fn.serial(fn.Gelu(), mlp)), fn.portable(fn.residual(fn.Softmax()))):
        for size in (1, 7):
            assert np.array_equal(fn.predict(net, x, batch_size=size), fn.predict(net, x))


# --- float32 ------------------------------------------------------------------------------------------------------
@given(composites(), st.none() | KEYS)
def test_a_float32_network_computes_in_float32(problem: Problem, key: Key | None) -> None:
    """But for one in which a layer takes x as it comes: what that loses by a cast it would lose before it is asked."""
    if "Portable" in repr(problem.net):
        return
    last = fn.linear(problem.key, problem.y.shape[-1], 2, dtype=np.float32)
    net: Params = fn.serial(tree.astype(problem.net, np.float32), last)
    assert casts(net) == ("Standardize" not in repr(net))
    assert fn.forward(net, problem.x, key)[0].dtype == np.float32
    assert same(net, problem.x, problem.x.astype(np.float32), key) or not casts(net)


def test_a_layer_that_takes_x_as_it_comes_gets_it_through_what_has_no_parameters() -> None:
    """Neighbours of 2^24, which are one number in float32."""
    x = 2.0**24 + np.arange(6.0).reshape(3, 2)
    scaled = fn.Standardize(np.full(2, 2.0**24, np.float32), np.ones(2, np.float32))
    wanted, last = x - 2.0**24, fn.Linear(np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
    forms: list[Params] = [scaled, fn.serial(fn.Identity(), scaled), fn.branches([(0, 1)], (scaled,))]
    for form in (*forms, fn.serial(fn.Dropout(0.5), fn.branches([(0, 1)], (fn.serial(scaled, fn.Relu()),)))):
        for net in (form, fn.serial(form, last), fn.serial(fn.serial(fn.Relu(), form), last)):
            y, _ = fn.forward(net, x)
            assert y.dtype == np.float32
            assert np.array_equal(y, wanted)


# --- the compiled path --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(set(KEEPING) - {"Standardize"}))
def test_the_compiled_path_enters_alike(name: str) -> None:
    """What is given in float32 to a float64 network, and the other way round."""
    x, y = normal(Key(1), (64, 5)), normal(Key(2), (64, 2))
    net: Params = fn.serial(KEEPING[name](Key(0), 5, 5), fn.linear(Key(0), 5, 2, dtype=np.float64))
    for dtype, bound in ((np.float64, 1e-12), (np.float32, 1e-5)):
        one, data = tree.astype(net, dtype), fn.minibatches(x.astype(np.float32), y, batch_size=8)
        optimizer = fn.sgd(0.02)
        step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
        paths: tuple[Any, ...] = (fn.train, jit.train)
        ends = [fn.last(fn.take(13)(go(step, data, fn.start(one, optimizer, Key(0))))).state.params for go in paths]
        for a, b in zip(*map(tree.leaves, ends), strict=True):
            assert np.abs(a - b).max() <= bound
