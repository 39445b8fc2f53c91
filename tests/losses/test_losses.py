"""The losses against their formulas, against each other, and where floats end."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Labels, tree
from fnnet.keys import normal, uniform
from tests.catalogue import LOSSES
from tests.support.strategies import DTYPES, KEYS, SIZES


def _labels(key: Key, rows: int, classes: int) -> Labels:
    return np.asarray((uniform(key, (rows,)) * classes).astype(np.int64))


def _agree(a: object, b: object, close: float = 1e-14) -> None:
    assert tree.allclose(a, b, close, close)


# --- what they are ---------------------------------------------------------------------------------------------------
@given(KEYS, SIZES, st.integers(1, 4))
def test_hinge_is_its_formula(key: Key, rows: int, classes: int) -> None:
    z, labels = normal(key, (rows, classes)), _labels(key.child(1), rows, classes)
    values, grads = fn.hinge.rows(z, labels)
    for i, label in enumerate(labels):
        rivals = {float(z[i, j]): j for j in range(classes) if j != label}
        margin = 1 + max(rivals) - float(z[i, label]) if rivals else 0.0
        wanted = np.zeros(classes)
        if margin > 0:
            wanted[rivals[max(rivals)]], wanted[label] = 1, -1
        assert float(values[i]) == pytest.approx(max(0.0, margin), abs=1e-15)
        np.testing.assert_array_equal(grads[i], wanted)


def test_a_margin_of_exactly_1_costs_nothing() -> None:
    value, grad = fn.hinge(np.array([[1.0, 2.0, 1.0]]), np.array([1]))
    assert (float(value), grad.tolist()) == (0.0, [[0.0, 0.0, 0.0]])
    _, grad = fn.hinge(np.array([[0.9, 1e-9, 2e-9]], np.float32), np.array([0]))
    assert grad.tolist() == [[-1, 0, 1]]  # though both scores less the largest one are equal
    value, grad = fn.binary_hinge(np.array([[1.0, -1.0]]), np.array([[1.0, 0.0]]))
    assert (float(value), grad.tolist()) == (0.0, [[0.0, 0.0]])


@given(KEYS, SIZES, SIZES, st.floats(0.01, 0.99))
def test_the_best_constant_of_a_pinball_loss_is_the_quantile(key: Key, rows: int, columns: int, q: float) -> None:
    y = normal(key, (rows, columns))
    best = np.quantile(y, q, axis=0, method="inverted_cdf")
    loss = fn.quantile(q)
    least = float(loss(np.tile(best, (rows, 1)), y)[0])
    for shift in (-0.3, -0.01, 0.01, 0.3):
        assert float(loss(np.tile(best + shift, (rows, 1)), y)[0]) >= least - 1e-12
    _agree(fn.quantile(0.5)(y, 0 * y), tuple(np.asarray(part / 2) for part in fn.mae(y, 0 * y)))


@given(KEYS, SIZES, SIZES)
def test_poisson_is_least_where_the_rate_is_the_count(key: Key, rows: int, columns: int) -> None:
    t = 0.1 + 9 * uniform(key, (rows, columns))
    value, grad = fn.poisson(np.log(t), t)
    assert np.abs(grad).max() <= 1e-14
    assert float(fn.poisson(np.log(t) + 0.1 * normal(key.child(1), t.shape), t)[0]) >= float(value)


@given(KEYS, SIZES, st.integers(1, 4), st.floats(0, 0.99))
def test_smoothing_is_cross_entropy_against_smoothed_labels(key: Key, rows: int, classes: int, rate: float) -> None:
    z, labels = normal(key, (rows, classes)), _labels(key.child(1), rows, classes)
    smoothed = (1 - rate) * np.eye(classes)[labels] + rate / classes
    _agree(fn.label_smoothing(rate)(z, labels), fn.soft_cross_entropy(z, smoothed))


@given(KEYS, SIZES, st.integers(1, 4))
def test_the_limits_are_softmax_cross_entropy(key: Key, rows: int, classes: int) -> None:
    z, labels = normal(key, (rows, classes)), _labels(key.child(1), rows, classes)
    wanted = fn.softmax_cross_entropy(z, labels)
    _agree(fn.label_smoothing(0.0)(z, labels), wanted)
    _agree(fn.focal(0.0)(z, labels), wanted)
    _agree(fn.soft_cross_entropy(z, np.eye(classes)[labels]), wanted)
    _agree(fn.class_weighted(fn.softmax_cross_entropy, [0.7] * classes)(z, labels), wanted)


@given(KEYS, SIZES, st.integers(2, 4), st.floats(0, 5))
def test_focal_is_its_formula(key: Key, rows: int, classes: int, gamma: float) -> None:
    z, labels = normal(key, (rows, classes)), _labels(key.child(1), rows, classes)
    p = (np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True))[np.arange(rows), labels]
    _agree(fn.focal(gamma).rows(z, labels)[0], -((1 - p) ** gamma) * np.log(p), 1e-12)


@given(KEYS, SIZES, SIZES)
def test_a_soft_target_costs_its_entropy_where_it_is_met(key: Key, rows: int, classes: int) -> None:
    z = normal(key, (rows, classes))
    t, _ = fn.forward(fn.Softmax(), z)
    value, grad = fn.soft_cross_entropy(z, t)
    _agree(value, np.asarray(-(t * np.log(t)).sum(axis=-1).mean()))
    assert np.abs(grad).max() <= 1e-15


# --- weights ---------------------------------------------------------------------------------------------------------
@given(KEYS, st.integers(1, 5), st.integers(1, 4), DTYPES, st.sampled_from(["softmax_cross_entropy", "focal", "hinge"]))
def test_class_weights_are_the_weights_of_the_labels(
    key: Key, rows: int, classes: int, dtype: fn.Dtype, name: str
) -> None:
    z: Array = normal(key, (rows, classes)).astype(dtype)
    labels = _labels(key.child(1), rows, classes)
    weights, loss = 0.1 + uniform(key.child(2), (classes,)), LOSSES[name].loss
    mine, pair = fn.class_weighted(loss, weights), (labels, weights[labels])
    assert tree.equal(mine(z, labels), fn.weighted(loss)(z, pair))
    assert tree.equal(mine.rows(z, labels), fn.weighted(loss).rows(z, pair))
    assert tree.equal(mine.weight(z, labels), fn.weighted(loss).weight(z, pair))


def test_a_class_of_weight_0_is_absent() -> None:
    z, labels = normal(Key(0), (6, 3)), np.array([0, 1, 2, 2, 1, 0])
    rest = labels != 1
    mine = fn.class_weighted(fn.softmax_cross_entropy, (2, 0, 2))
    _agree(mine(z, labels)[0], fn.softmax_cross_entropy(z[rest], labels[rest])[0])
    assert not mine(z, labels)[1][~rest].any()


def test_class_weights_of_a_sum_are_factors() -> None:
    class SumOfHinges(fn.SumLoss[Labels]):
        def rows(self, prediction: Array, target: Labels, /) -> tuple[Array, Array]:
            return fn.hinge.rows(prediction, target)

    z, labels = normal(Key(0), (6, 2)), np.array([0, 1, 1, 1, 1, 0])
    mine = fn.class_weighted(SumOfHinges(), (1, 3))
    assert mine.is_sum
    _agree(mine(z, labels)[0], np.asarray((fn.hinge.rows(z, labels)[0] * (1 + 2 * labels)).sum()))


def test_settings_print_and_compare() -> None:
    assert repr(fn.quantile(np.float64(0.5))) == "Quantile(q=0.5)"
    assert fn.focal(2) == fn.focal(2.0)
    weighted = fn.class_weighted(fn.label_smoothing(0.1), np.array([1.0, 2.0]))
    assert weighted.weights == (1.0, 2.0)
    assert len({weighted, fn.class_weighted(fn.label_smoothing(0.1), [1, 2])}) == 1


# --- where floats end ------------------------------------------------------------------------------------------------
OF_LABELS = ("softmax_cross_entropy", "focal", "Focal", "hinge", "label_smoothing", "class_weighted")
OF_NUMBERS = ("log_cosh", "quantile", "binary_hinge", "binary_cross_entropy")


@pytest.mark.parametrize("name", OF_LABELS)
@pytest.mark.parametrize("size", [0.0, 1e-30, 100.0, 1e4, 1e30])
def test_scores_of_any_size_overflow_nothing(name: str, size: float) -> None:
    z = np.array([[size, 0.0, -size], [size, 0.0, -size], [-size, size, 0.0], [size, size, size]], np.float32)
    labels = np.array([0, 2, 2, 1])
    with np.errstate(all="raise", under="ignore"):
        values, grads = LOSSES[name].loss.rows(z, labels)
    assert values.dtype == grads.dtype == np.float32
    assert np.isfinite(values).all()
    assert np.isfinite(grads).all()
    assert (values >= 0).all()


@pytest.mark.parametrize("name", OF_NUMBERS)
@pytest.mark.parametrize("size", [0.0, 1e-30, 100.0, 1e4, 1e30])
def test_numbers_of_any_size_overflow_nothing(name: str, size: float) -> None:
    z = np.array([[size, -size], [-size, 0.0]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        values, grads = LOSSES[name].loss.rows(z, np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert values.dtype == grads.dtype == np.float32
    assert np.isfinite(values).all()
    assert np.isfinite(grads).all()


def test_losses_with_a_kink_have_no_slope_in_it() -> None:
    met = np.array([[1.0, -2.0]])
    for loss in (fn.quantile(0.3), fn.mae):
        np.testing.assert_array_equal(loss(met, met)[1], np.zeros((1, 2)))


@pytest.mark.parametrize("total", [0.99, 1.01])
def test_soft_targets_are_distributions(total: float) -> None:
    with pytest.raises(ValueError, match="soft_cross_entropy: target must be a distribution, of sum 1 in each row"):
        fn.soft_cross_entropy(np.zeros((2, 2)), np.array([[0.5, 0.5], [0.5, total - 0.5]]))
    assert np.isfinite(fn.soft_cross_entropy(np.zeros((1, 2)), np.array([[0.5, 0.5005]]))[0])


def test_soft_targets_overflow_nothing() -> None:
    z = np.array([[1e4, -1e4], [-1e30, 1e30]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        values, grads = fn.soft_cross_entropy.rows(z, np.array([[0.5, 0.5], [0.0, 1.0]]))
    np.testing.assert_array_equal(values, np.array([1e4, 0.0], np.float32))
    np.testing.assert_array_equal(grads, np.array([[0.5, -0.5], [0.0, 0.0]], np.float32))


@given(st.floats(1e-12, 300) | st.floats(0.4, 0.7) | st.floats(-12, 0).map(lambda power: 10**power))
def test_log_cosh_keeps_its_digits(d: float) -> None:
    getcontext().prec = 60
    exact = ((Decimal(d).exp() + (-Decimal(d)).exp()) / 2).ln()
    value, _ = fn.log_cosh(np.array([[d]]), np.zeros((1, 1)))
    assert float(value) == pytest.approx(float(exact), rel=2e-15)


def test_a_rate_beyond_all_floats_is_infinite() -> None:
    with np.errstate(over="ignore"):
        value, _ = fn.poisson(np.array([[89.0]], np.float32), np.array([[1.0]]))
    assert float(value) == math.inf
    assert math.isfinite(float(fn.poisson(np.array([[88.0]], np.float32), np.array([[1.0]]))[0]))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_rate_above_all_floats_is_an_infinite_loss_whatever_stands_beside_it(kind: Any) -> None:
    most = float(np.finfo(kind).max)
    for z, t in (([5, 3e4], [most, 1]), ([3e4, -5], [most, most]), ([-700, 20, 20], [most, most / 3, most / 2])):
        assert fn.poisson(np.array([z], kind), np.array([t], kind))[0] == np.inf
