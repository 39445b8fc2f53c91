"""Metrics for guessed labels and for probabilities: what the metric itself gives for scores that stand for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import DtypeError, Key, metrics
from fnnet.keys import normal, permutation, uniform
from fnnet.numerics import softmax

SCORES = normal(Key(0), (12, 3))
LABELS = permutation(Key(1), 12) % 3
WEIGHTS = 0.1 + uniform(Key(2), (12,))
OF_GUESSES: dict[str, Any] = {
    name: getattr(metrics, name) for name in ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
}
OF_CHANCES: dict[str, Any] = OF_GUESSES | {
    name: getattr(metrics, name) for name in ("log_loss", "brier", "expected_calibration_error", "roc_auc")
}


@pytest.mark.parametrize("target", [LABELS, (LABELS, WEIGHTS)], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", OF_GUESSES)
def test_of_labels_is_the_metric_of_their_scores(name: str, target: Any) -> None:
    metric = OF_GUESSES[name]
    assert metrics.of_labels(metric)(SCORES.argmax(axis=-1), target) == metric(SCORES, target)


@pytest.mark.parametrize("target", [LABELS, (LABELS, WEIGHTS)], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", OF_CHANCES)
def test_of_probabilities_is_the_metric_of_their_scores(name: str, target: Any) -> None:
    found = metrics.of_probabilities(OF_CHANCES[name])(softmax(SCORES), target)
    np.testing.assert_allclose(found, OF_CHANCES[name](SCORES, target), rtol=1e-12)


def test_replicas_have_their_own() -> None:
    scores = normal(Key(3), (2, 12, 3))
    found = metrics.of_labels(metrics.accuracy)(scores.argmax(axis=-1), LABELS)
    np.testing.assert_array_equal(found, metrics.accuracy(scores, LABELS))


def test_certain_probabilities() -> None:
    """A probability of 0 is no reason for a warning, and a loss that is infinite."""
    p = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert metrics.of_probabilities(metrics.log_loss)(p, np.array([0, 1])) == 0
    assert metrics.of_probabilities(metrics.log_loss)(p, np.array([1, 1])) == np.inf
    assert metrics.of_probabilities(metrics.brier)(p, np.array([0, 0])) == 0.5


def test_a_table_of_labels() -> None:
    untyped: Any = metrics.confusion_matrix
    table = metrics.of_labels(untyped)(np.array([0, 2, 2]), np.array([0, 1, 2]))
    assert table.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]


def test_refused() -> None:
    untyped: Any = fn.metrics
    of_labels, of_probabilities = untyped.of_labels(metrics.accuracy), untyped.of_probabilities(metrics.log_loss)
    with pytest.raises(DtypeError, match=r"^of_labels: prediction must hold class numbers .* got float64; probabilit"):
        of_labels(SCORES, LABELS)
    with pytest.raises(
        ValueError, match=r"^of_labels: target must be class numbers from 0 up, at least one, got from -1"
    ):
        of_labels(LABELS, LABELS - 1)
    with pytest.raises(ValueError, match=r"^of_probabilities: prediction must be in \[0, 1\], got -"):
        of_probabilities(SCORES, LABELS)
    with pytest.raises(
        ValueError, match=r"^of_probabilities: prediction must add up to 1 in each row, got 0.75 to 0.75; a n"
    ):
        of_probabilities(np.full((12, 3), 0.25), LABELS)
    with pytest.raises(ValueError, match=r"^of_probabilities: metric must be a function"):
        untyped.of_probabilities("log_loss")
