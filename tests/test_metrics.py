"""Metrics against scikit-learn's."""

from __future__ import annotations

from importlib import import_module

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Key
from fnnet.keys import normal, uniform
from tests.strategies import KEYS

reference = import_module("sklearn.metrics")


@given(KEYS, st.integers(1, 30), st.integers(1, 5))
def test_accuracy(key: Key, rows: int, classes: int) -> None:
    prediction = normal(key, (rows, classes))
    labels = (uniform(key.child(1), (rows,)) * classes).astype(np.int64)
    expected = reference.accuracy_score(labels, prediction.argmax(axis=1))
    assert abs(float(fn.metrics.accuracy(prediction, labels)) - expected) <= 1e-12


@given(KEYS, st.integers(2, 30), st.integers(1, 3), st.booleans(), st.booleans())
def test_r2(key: Key, rows: int, columns: int, is_constant: bool, is_met: bool) -> None:
    target = normal(key, (rows, columns))
    if is_constant:
        target[:, 0] = 1.0
    prediction = target + (0 if is_met else 1) * normal(key.child(1), (rows, columns))
    expected = reference.r2_score(target, prediction)
    assert abs(float(fn.metrics.r2(prediction, target)) - expected) <= 1e-12 * max(1, abs(expected))


def test_metrics_of_replicas_are_one_each() -> None:
    prediction = normal(Key(0), (3, 7, 2))
    labels, target = np.arange(7) % 2, normal(Key(1), (7, 2))
    accuracy, r2 = fn.metrics.accuracy, fn.metrics.r2
    assert accuracy(prediction, labels).tolist() == [float(accuracy(p, labels)) for p in prediction]
    assert r2(prediction, target).tolist() == [float(r2(p, target)) for p in prediction]


def test_nothing_is_right_by_accident() -> None:
    assert float(fn.metrics.accuracy(np.full((4, 2), np.nan), np.zeros(4, int))) == 0
    assert float(fn.metrics.r2(np.full((10, 1), 0.31), np.full((10, 1), 0.3))) == 0
    assert float(fn.metrics.r2(np.full((10, 1), 0.3), np.full((10, 1), 0.3))) == 1


def test_metrics_of_float32_are_float64() -> None:
    prediction = normal(Key(0), (5, 2)).astype(np.float32)
    assert fn.metrics.r2(prediction, prediction.astype(np.float64)).dtype == np.float64
    assert fn.metrics.accuracy(prediction, np.zeros(5, np.int8)).dtype == np.float64
