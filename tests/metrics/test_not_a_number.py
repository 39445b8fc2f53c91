"""Metrics of what is no number, of what is hardly one, and of many classes: laws over the catalogue."""

from __future__ import annotations

import math
import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnnet import Array, Key, metrics
from fnnet.keys import normal, uniform
from fnnet.metrics._base import table, tally
from tests.catalogue import METRICS
from tests.metrics.test_metrics import _case
from tests.support.strategies import KEYS, examples

GUESSES = [
    "accuracy", "balanced_accuracy", "top_k of 1", "precision", "recall", "f1", "Precision of all",
    "Recall of class 1", "F1 of class 1", "binary accuracy",
]  # fmt: skip
"""The metrics of guesses, of which a row with a NaN is a wrong one; all others are NaN."""
NUMBERS = ["mae", "rmse", "r2", "explained_variance"]
RATIO = {"r2", "explained_variance"}


def spoiled(a: Array, place: int, value: float) -> Array:
    """A copy with one entry replaced."""
    flat = a.ravel().copy()
    flat[place % a.size] = value
    return flat.reshape(a.shape)


def weighed(target: Any, key: Key, rows: int, is_weighted: bool) -> Any:
    """The target, or the pair with weights above 0."""
    return (target, 0.1 + uniform(key, (rows,))) if is_weighted else target


# --- NaN -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [name for name in METRICS if name not in GUESSES])
@given(KEYS, st.integers(4, 9), st.integers(0, 17), st.booleans(), st.booleans())
@examples(0.5)
def test_one_nan_anywhere_gives_nan(
    name: str, key: Key, rows: int, place: int, is_weighted: bool, is_met: bool
) -> None:
    """Also where all else is a constant that is met exactly, and in its own replica only."""
    metric, (prediction, target) = METRICS[name].metric, _case(name, key, (rows, 2))
    if name in NUMBERS and is_met:
        prediction = target = np.ones_like(target)
    wrong = spoiled(prediction, place, math.nan)
    goal = weighed(target, key.child(2), rows, is_weighted)
    assert np.isnan(metric(wrong, goal))
    assert np.isnan(metric(np.stack([prediction, wrong]), goal)).tolist() == [False, True]
    if name in NUMBERS:
        missing = weighed(spoiled(target, place, math.nan), key.child(2), rows, is_weighted)
        assert np.isnan(metric(prediction, missing))
        assert np.isnan(metric(wrong[:1], target[:1])) == np.isnan(wrong[0]).any()


@pytest.mark.parametrize("name", GUESSES)
@given(KEYS, st.integers(4, 9), st.integers(0, 17), st.booleans())
@examples(0.5)
def test_a_nan_is_a_wrong_guess(name: str, key: Key, rows: int, place: int, is_weighted: bool) -> None:
    """Of two classes, it is the guess of the other one."""
    metric, (prediction, target) = METRICS[name].metric, _case(name, key, (rows, 2))
    labels, row = target.reshape(-1).astype(int), place % prediction.size // prediction.shape[1]
    wrong = prediction.copy()
    wrong[row] = [1 - 2 * labels[row]] if wrong.shape[1] == 1 else [labels[row], 1 - labels[row]]
    goal = weighed(target, key.child(2), rows, is_weighted)
    found = float(metric(spoiled(prediction, place, math.nan), goal))
    assert found == pytest.approx(float(metric(wrong, goal)), rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("name", [name for name in GUESSES if "class 1" not in name and "binary" not in name])
@given(KEYS, st.integers(1, 9), st.integers(1, 5), st.integers(0, 44))
def test_a_nan_is_never_better_than_the_right_guess(name: str, key: Key, rows: int, classes: int, place: int) -> None:
    metric, (prediction, labels) = METRICS[name].metric, _case(name, key, (rows, classes))
    row = place % prediction.size // classes
    right = prediction.copy()
    right[row] = np.arange(classes) == labels[row]
    wrong = spoiled(prediction, place, math.nan)
    assert float(metric(wrong, labels)) <= float(metric(right, labels))
    micro = float(metrics.Precision("micro")(wrong, labels))
    assert classes == 1 or micro == pytest.approx(float(metrics.accuracy(wrong, labels)))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("name", METRICS)
@given(KEYS, st.integers(5, 9))
@examples(0.2)
def test_a_row_without_weight_may_hold_anything(name: str, bad: float, key: Key, rows: int) -> None:
    metric, (prediction, target) = METRICS[name].metric, _case(name, key, (rows, 2))
    w = 0.1 + uniform(key.child(2), (rows,))
    w[4] = 0  # after the first rows, in which every class occurs
    wrong = prediction.copy()
    wrong[4, 0] = bad
    with np.errstate(invalid="ignore"):
        expected = pytest.approx(float(metric(prediction, (target, w))), rel=1e-14)
        assert float(metric(wrong, (target, w))) == expected
    if name in NUMBERS:
        missing = target.copy()
        missing[4] = bad
        assert float(metric(prediction, (missing, w))) == expected


# --- infinite, huge and tiny -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("bad", [math.inf, -math.inf])
def test_infinities_are_never_good(bad: float) -> None:
    prediction, target = _case("mae", Key(0), (5, 2))
    for place in range(10):
        wrong, goal = spoiled(prediction, place, bad), spoiled(target, place, bad)
        assert [float(METRICS[name].metric(wrong, target)) for name in NUMBERS[:3]] == [math.inf, math.inf, -math.inf]
        assert [float(METRICS[name].metric(prediction, goal)) for name in NUMBERS[:2]] == [math.inf, math.inf]
        shares = [metrics.explained_variance(wrong, target), metrics.explained_variance(prediction, goal)]
        assert np.isnan([*shares, metrics.r2(prediction, goal), metrics.r2(goal, goal)]).all()
    everywhere = np.full((3, 1), bad)
    for metric in (metrics.r2, metrics.explained_variance):
        assert np.isnan(metric(everywhere, everywhere))
        assert not metric(everywhere, np.ones((3, 1))) > 0


SIZES = [0.0, 5e-324, 1e-310, 1e-300, 1e-160, 1.0, 3.0, 1e155, 9e307, 1.7e308]
ENDS = st.sampled_from([*SIZES, *[-size for size in SIZES]])


@given(st.lists(st.tuples(ENDS, ENDS, ENDS, ENDS), min_size=1, max_size=5))
def test_means_of_differences_are_right_wherever_they_are_floats(rows: list[tuple[float, ...]]) -> None:
    a = np.array(rows)
    prediction, target = a[:, :2], a[:, 2:]
    d = [[Fraction(t) - Fraction(p) for t, p in zip(*pair, strict=True)] for pair in ((r[2:], r[:2]) for r in rows)]
    size = sum((abs(v) for row in d for v in row), Fraction(0)) / (2 * len(d))
    squares = [sum((v * v for v in column), Fraction(0)) / len(d) for column in zip(*d, strict=True)]
    for found, true in (
        (metrics.mae(prediction, target), size),
        (metrics.mae(prediction, (target, np.full(len(a), 3.0))), size),
        (metrics.rmse(prediction, target), (root(squares[0]) + root(squares[1])) / 2),
    ):
        if true >= Fraction(1.797e308):
            assert found > 1.79e308
        else:
            assert abs(Fraction(float(found)) - true) <= true * Fraction(1e-14) + Fraction(2e-323)


def root(v: Fraction) -> Fraction:
    """The square root, to 1e-30 of it."""
    shift = 2**2400
    return Fraction(math.isqrt(int(v * shift * shift)), shift)


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1e-170, 1e-10, 1e154, 1e300])
@pytest.mark.parametrize("name", sorted(RATIO))
def test_shares_are_the_same_at_every_size(name: str, size: float) -> None:
    metric, target = METRICS[name].metric, np.array([[1.0], [2.0], [3.0]]) * size
    assert metric(target, target) == 1
    off = target + size * np.array([[0.0], [0.0], [1.0]])
    assert float(metric(off, target)) == pytest.approx({"r2": 1 / 2, "explained_variance": 2 / 3}[name], rel=1e-12)
    far, near = np.array([[1e308], [-1e308], [1e308]]), np.array([[1.0], [2.0], [2.0]])
    expected = float(metric(near * (size / 1e308), far / 1e308))
    assert float(metric(near * size, far)) == pytest.approx(expected, rel=1e-12)
    assert metric(far, near * 1e-9) < -1e300


# --- many classes ----------------------------------------------------------------------------------------------------
@given(KEYS, st.integers(1, 3), st.integers(1, 9), st.integers(1, 5), st.booleans())
def test_the_tally_is_the_sums_of_the_table(key: Key, count: int, rows: int, classes: int, is_weighted: bool) -> None:
    """To the bit, where the sums are whole numbers."""
    prediction, labels = normal(key, (count, rows, classes)), (uniform(key, (rows,)) * classes).astype(np.int64)
    prediction[uniform(key.child(1), prediction.shape) < 0.1] = np.nan
    target: Any = (labels, 1 + np.arange(rows) % 3) if is_weighted else labels
    found, whole = tally("here", prediction, target), table("here", prediction, target)
    assert np.array_equal(found.right, whole.diagonal(axis1=-2, axis2=-1))
    assert np.array_equal(found.guessed, whole[..., :-1].sum(axis=-2))
    assert np.array_equal(found.labelled, whole.sum(axis=-1))
    assert np.array_equal(found.missing, whole[..., -1])


def test_weights_of_any_size_are_counted() -> None:
    prediction, labels = np.eye(4)[[0, 1, 1, 3]], np.array([0, 0, 1, 3])
    for name in ("precision", "recall", "f1", "Precision of all", "balanced_accuracy"):
        metric = METRICS[name].metric
        expected = float(metric(prediction, labels))
        for size in (5e-324, 1e-300, 1e308, 1.7e308):
            assert float(metric(prediction, (labels, np.full(4, size)))) == pytest.approx(expected, rel=1e-14), name


REFUSE = {"roc_auc", "Recall of class 1", "F1 of class 1", "binary accuracy", "binary roc_auc", *NUMBERS}
"""The metrics that take no classes without rows, or two of them only, or none."""


@pytest.mark.parametrize("name", [name for name in METRICS if name not in REFUSE])
def test_many_classes_take_the_memory_of_their_scores(name: str) -> None:
    rows, classes = 8, 100_000
    prediction, labels = np.zeros((rows, classes), np.float32), np.arange(rows)
    prediction[np.arange(rows), labels[::-1]] = 1
    tracemalloc.start()
    METRICS[name].metric(prediction, labels)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * rows * classes * 4
