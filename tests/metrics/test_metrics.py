"""Metrics: what each has in common with the others, and each against scikit-learn's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Labels, metrics, tree
from fnnet.keys import normal, permutation, uniform
from fnnet.numerics import sigmoid, softmax
from tests.catalogue import METRICS
from tests.support.strategies import KEYS

reference = import_module("sklearn.metrics")
calibration = import_module("sklearn.calibration")

ROWS, CLASSES = st.integers(1, 30), st.integers(2, 5)
CLOSE = 1e-12


def scores_of(key: Key, shape: tuple[int, ...], has_ties: bool) -> Array:
    """Scores, with many equal ones where that is wanted."""
    scores = 2 * normal(key, shape)
    return scores.round() if has_ties else scores


def labels_of(key: Key, rows: int, classes: int) -> Labels:
    """Labels of which some classes may not occur."""
    return (uniform(key, (rows,)) * classes).astype(np.int64)


def quiet(f: Callable[..., Any], *arguments: object, **settings: object) -> float:
    """What scikit-learn gives, without its warnings of what is not defined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(f(*arguments, **settings))


def agree(ours: Array, theirs: float) -> None:
    """Equal to rounding."""
    assert ours.shape == ()
    assert ours.dtype == np.float64
    assert abs(float(ours) - theirs) <= CLOSE * max(1, abs(theirs))


# --- laws ---------------------------------------------------------------------------------------------------------
def _case(name: str, key: Key, shape: tuple[int, ...]) -> tuple[Array, Any]:
    """A prediction and a target in which every class occurs."""
    columns = 1 if name.startswith("binary") else shape[-1]
    shape = (*shape[:-1], columns)
    prediction = normal(key, shape)
    target: Any = METRICS[name].target(key.child(1), shape)
    return prediction, target


@pytest.mark.parametrize("name", METRICS)
@given(KEYS, st.integers(1, 3), st.integers(4, 9), st.booleans())
def test_replicas_have_one_number_each(name: str, key: Key, count: int, rows: int, is_shared: bool) -> None:
    metric = METRICS[name].metric
    prediction, one = _case(name, key, (rows, 2))
    predictions = normal(key.child(2), (count, *prediction.shape))
    found = metric(predictions, one if is_shared else np.stack([one] * count))
    assert found.shape == (count,)
    assert found.tolist() == [float(metric(p, one)) for p in predictions]


@pytest.mark.parametrize("name", METRICS)
@given(KEYS, st.integers(4, 12))
def test_metrics_are_pure_float64_and_blind_to_the_order_of_rows(name: str, key: Key, rows: int) -> None:
    metric = METRICS[name].metric
    prediction, target = _case(name, key, (rows, 2))
    before = tree.digest((prediction, target))
    value = metric(prediction, target)
    assert value.shape == ()
    assert value.dtype == metric(prediction.astype(np.float32), target).dtype == np.float64
    assert tree.digest(metric(prediction, target)) == tree.digest(value)
    assert tree.digest((prediction, target)) == before
    mixed = permutation(key.child(3), rows)
    assert abs(float(metric(prediction[mixed], target[mixed])) - float(value)) <= 1e-9


@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_float32_are_computed_in_float64(name: str) -> None:
    prediction, target = _case(name, Key(0), (9, 2))
    single = prediction.astype(np.float32)
    metric = METRICS[name].metric
    assert float(metric(single, target)) == float(metric(single.astype(np.float64), target))


@pytest.mark.parametrize("name", METRICS)
def test_metrics_validate(name: str) -> None:
    prediction, target = _case(name, Key(0), (9, 2))
    net = fn.serial(fn.linear(Key(1), prediction.shape[1], prediction.shape[1], dtype=np.float64))
    optimizer = fn.sgd(0.0)
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    stream = fn.train(step, fn.minibatches(prediction, prediction, batch_size=9), fn.start(net, optimizer, Key(0)))
    (_, value), *_ = next(fn.validate(prediction, target, {"it": METRICS[name].metric})(stream)).record.metrics
    assert float(value) == float(METRICS[name].metric(fn.predict(net, prediction), target))


# --- classes ------------------------------------------------------------------------------------------------------
@given(KEYS, ROWS, st.integers(1, 5), st.booleans())
def test_guesses(key: Key, rows: int, classes: int, has_ties: bool) -> None:
    prediction, labels = scores_of(key, (rows, classes), has_ties), labels_of(key.child(1), rows, classes)
    guess = prediction.argmax(axis=1)
    agree(metrics.accuracy(prediction, labels), reference.accuracy_score(labels, guess))
    agree(metrics.balanced_accuracy(prediction, labels), quiet(reference.balanced_accuracy_score, labels, guess))
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, guess), 1)
    assert metrics.confusion_matrix(prediction, labels).tolist() == counts.tolist()
    if classes > 1:
        assert counts.tolist() == reference.confusion_matrix(labels, guess, labels=range(classes)).tolist()
    for average in ("macro", "micro"):
        for ours, theirs in (
            (metrics.Precision, reference.precision_score),
            (metrics.Recall, reference.recall_score),
            (metrics.F1, reference.f1_score),
        ):
            score = quiet(theirs, labels, guess, average=average, zero_division=0.0)
            agree(ours(average)(prediction, labels), score)


@given(KEYS, ROWS, st.booleans())
def test_guesses_of_two_classes(key: Key, rows: int, has_ties: bool) -> None:
    prediction, labels = scores_of(key, (rows, 2), has_ties), labels_of(key.child(1), rows, 2)
    guess = prediction.argmax(axis=1)
    for ours, theirs in (
        (metrics.Precision("binary"), reference.precision_score),
        (metrics.Recall("binary"), reference.recall_score),
        (metrics.F1("binary"), reference.f1_score),
    ):
        agree(ours(prediction, labels), quiet(theirs, labels, guess, zero_division=0.0))


@given(KEYS, ROWS, st.integers(3, 6), st.integers(1, 6), st.booleans())
def test_top_k(key: Key, rows: int, classes: int, k: int, has_ties: bool) -> None:
    assume(k <= classes)
    prediction, labels = scores_of(key, (rows, classes), has_ties), labels_of(key.child(1), rows, classes)
    # of equal scores scikit-learn prefers the last column, and we the first one
    mirrored = prediction[:, ::-1], classes - 1 - labels
    expected = quiet(reference.top_k_accuracy_score, mirrored[1], mirrored[0], k=k, labels=range(classes))
    agree(metrics.top_k(k)(prediction, labels), expected)
    assert metrics.top_k(1)(prediction, labels) == metrics.accuracy(prediction, labels)
    assert metrics.top_k(classes)(prediction, labels) == 1


# --- ranks --------------------------------------------------------------------------------------------------------
@given(KEYS, st.integers(2, 40), CLASSES, st.booleans())
def test_roc_auc(key: Key, rows: int, classes: int, has_ties: bool) -> None:
    prediction, labels = scores_of(key, (rows, classes), has_ties), labels_of(key.child(1), rows, classes)
    occurring = len(np.unique(labels))
    if occurring < classes:
        with pytest.raises(ValueError, match="roc_auc: target must hold rows of every class"):
            metrics.roc_auc(prediction, labels)
        return
    if classes == 2:
        expected = reference.roc_auc_score(labels, prediction[:, 1] - prediction[:, 0])
    else:
        expected = reference.roc_auc_score(labels, softmax(prediction), multi_class="ovr", average="macro")
    agree(metrics.roc_auc(prediction, labels), expected)


# --- probabilities ------------------------------------------------------------------------------------------------
@given(KEYS, ROWS, CLASSES, st.booleans())
def test_probabilities(key: Key, rows: int, classes: int, has_ties: bool) -> None:
    prediction, labels = scores_of(key, (rows, classes), has_ties), labels_of(key.child(1), rows, classes)
    p = softmax(prediction)
    agree(metrics.log_loss(prediction, labels), reference.log_loss(labels, p, labels=range(classes)))
    expected = reference.brier_score_loss(labels, p if classes > 2 else p[:, 1], labels=list(range(classes)))
    agree(metrics.brier(prediction, labels), expected)


@given(KEYS, ROWS, CLASSES, st.integers(1, 20))
def test_calibration(key: Key, rows: int, classes: int, bins: int) -> None:
    prediction, labels = scores_of(key, (rows, classes), False), labels_of(key.child(1), rows, classes)
    p = softmax(prediction)
    confidence, hit = p.max(axis=1), p.argmax(axis=1) == labels
    right, claimed = calibration.calibration_curve(hit, confidence, n_bins=bins, pos_label=True)
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence), minlength=bins)
    expected = float((counts[counts > 0] / rows * np.abs(right - claimed)).sum())
    agree(metrics.ExpectedCalibrationError(bins)(prediction, labels), expected)
    found = metrics.ExpectedCalibrationError(bins).reliability(prediction, labels)
    np.testing.assert_allclose(found.share, counts / rows)
    np.testing.assert_allclose(found.confidence[counts > 0], claimed)
    np.testing.assert_allclose(found.accuracy[counts > 0], right)
    assert np.isnan(found.accuracy[counts == 0]).all()
    assert metrics.expected_calibration_error == metrics.ExpectedCalibrationError(15)


# --- one logit ----------------------------------------------------------------------------------------------------
@given(KEYS, st.integers(2, 30), st.booleans())
def test_metrics_of_one_logit(key: Key, rows: int, has_ties: bool) -> None:
    logits, labels = scores_of(key, (rows, 1), has_ties), labels_of(key.child(1), rows, 2)
    target, p = labels[:, None].astype(np.float64), sigmoid(logits)[:, 0]
    binary = metrics.binary
    agree(binary(metrics.accuracy)(logits, target), reference.accuracy_score(labels, logits[:, 0] > 0))
    agree(binary(metrics.log_loss)(logits, target), reference.log_loss(labels, p, labels=[0, 1]))
    agree(binary(metrics.log_loss)(logits, target), float(fn.binary_cross_entropy(logits, target)[0]))
    agree(binary(metrics.brier)(logits, target), reference.brier_score_loss(labels, p, labels=[0, 1]))
    if len(np.unique(labels)) == 2:
        agree(binary(metrics.roc_auc)(logits, target), reference.roc_auc_score(labels, logits[:, 0]))


# --- numbers ------------------------------------------------------------------------------------------------------
@given(KEYS, st.integers(2, 30), st.integers(1, 3), st.booleans(), st.booleans())
def test_regressions(key: Key, rows: int, columns: int, is_constant: bool, is_met: bool) -> None:
    target = normal(key, (rows, columns))
    if is_constant:
        target[:, 0] = 1.0
    prediction = target + (0 if is_met else 1) * normal(key.child(1), (rows, columns))
    agree(metrics.r2(prediction, target), reference.r2_score(target, prediction))
    agree(metrics.explained_variance(prediction, target), reference.explained_variance_score(target, prediction))
    agree(metrics.mae(prediction, target), reference.mean_absolute_error(target, prediction))
    agree(metrics.rmse(prediction, target), reference.root_mean_squared_error(target, prediction))


# --- not a number, and nothing by accident ------------------------------------------------------------------------
def test_nothing_is_right_by_accident() -> None:
    nothing, labels = np.full((4, 2), np.nan), np.array([0, 1, 0, 0])
    for name in ("accuracy", "balanced_accuracy", "precision", "recall", "f1"):
        assert float(getattr(metrics, name)(nothing, labels)) == 0, name
    assert float(metrics.top_k(2)(nothing, labels)) == 0
    assert metrics.confusion_matrix(nothing, labels).tolist() == [[0, 0], [0, 0]]
    assert float(metrics.r2(np.full((10, 1), 0.31), np.full((10, 1), 0.3))) == 0
    assert float(metrics.r2(np.full((10, 1), 0.3), np.full((10, 1), 0.3))) == 1


def test_bins_of_calibration_are_closed_to_the_right() -> None:
    scores, labels = np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([0, 0])
    found = metrics.ExpectedCalibrationError(2)(scores, labels)  # in bins of their own: |1 - 0.5| / 2 + |0 - 0.75| / 2
    assert float(found) == pytest.approx(0.625)


def test_what_is_not_a_number_stays_so() -> None:
    prediction, labels = normal(Key(0), (6, 3)), np.array([0, 1, 2, 0, 1, 2])
    prediction[2, 1] = np.nan
    for metric in (metrics.roc_auc, metrics.log_loss, metrics.brier, metrics.expected_calibration_error):
        assert np.isnan(metric(prediction, labels))
        both = metric(np.stack([prediction, np.nan_to_num(prediction)]), labels)
        assert np.isnan(both).tolist() == [True, False]


def test_a_row_that_is_not_a_number_is_a_miss_and_guessed_as_nothing() -> None:
    prediction, labels = np.array([[0.0, 1.0], [np.nan, 1.0], [1.0, 0.0]]), np.array([1, 1, 0])
    assert metrics.confusion_matrix(prediction, labels).tolist() == [[1, 0], [0, 1]]
    assert float(metrics.Recall("binary")(prediction, labels)) == 0.5
    assert float(metrics.Precision("binary")(prediction, labels)) == 1


def test_confusion_matrices_of_replicas_add_up_and_do_not_validate() -> None:
    prediction, labels = normal(Key(0), (3, 7, 2)), np.arange(7) % 2
    found = metrics.confusion_matrix(prediction, labels)
    assert found.tolist() == [metrics.confusion_matrix(p, labels).tolist() for p in prediction]
    assert found.sum(axis=(1, 2)).tolist() == [7, 7, 7]
    validate: Any = fn.validate
    state = fn.start(fn.linear(Key(0), 2, 2), fn.sgd(0.1), Key(0))
    with pytest.raises(fn.ShapeError, match=r"metric 'table' must give one number, or \(\), got \(2, 2\)"):
        next(validate(prediction[0], labels, {"table": metrics.confusion_matrix})([fn.Epoch(state)]))
