"""Weights of rows in metrics: every metric of the catalogue, and each against scikit-learn's ``sample_weight``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, metrics
from fnnet.keys import normal, uniform
from fnnet.numerics import sigmoid, softmax
from tests.catalogue import METRICS
from tests.metrics.test_metrics import _case, labels_of, scores_of
from tests.support.strategies import KEYS

reference = import_module("sklearn.metrics")
CLOSE = 1e-12

Weigh = Callable[[Key, int], Array]
SOME: dict[str, Weigh] = {
    "any": lambda key, rows: 0.1 + uniform(key, (rows,)),
    "some of them 0": lambda key, rows: np.where(np.arange(rows) % 3 == 2, 0, 0.1 + uniform(key, (rows,))),
    "tiny": lambda key, rows: 1e-300 * (0.1 + uniform(key, (rows,))),
    "huge": lambda key, rows: 1e306 * (0.1 + uniform(key, (rows,))),
    "of several sizes": lambda key, rows: 10 ** (4 * normal(key, (rows,))),
}
"""Weights of the first rows of a case, in which every class occurs, are above 0."""


def close(ours: Any, theirs: Any) -> None:
    """Equal to rounding."""
    np.testing.assert_allclose(ours, theirs, rtol=CLOSE, atol=CLOSE)


# --- laws ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", METRICS)
@given(KEYS, st.integers(4, 9), st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_a_whole_weight_is_so_many_copies(name: str, key: Key, rows: int, counts: list[int]) -> None:
    """Also none of them: a row of weight 0 is absent."""
    metric, (prediction, target) = METRICS[name].metric, _case(name, key, (rows, 2))
    first = [1, 2, 1, 3]  # so that every class occurs
    weights = np.array([*first, *counts])[:rows]
    close(metric(prediction, (target, weights)), metric(prediction.repeat(weights, 0), target.repeat(weights, 0)))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("kind", SOME)
@given(KEYS, st.integers(4, 9))
def test_only_the_ratios_of_weights_count(name: str, kind: str, key: Key, rows: int) -> None:
    metric, (prediction, target) = METRICS[name].metric, _case(name, key, (rows, 2))
    weights = SOME[kind](key, rows)
    close(metric(prediction, (target, weights)), metric(prediction, (target, weights / weights.max())))
    close(metric(prediction, (target, np.full(rows, weights[0]))), metric(prediction, target))


@pytest.mark.parametrize("name", METRICS)
@given(KEYS, st.integers(1, 3), st.integers(4, 9), st.booleans())
def test_replicas_have_their_own_weights(name: str, key: Key, count: int, rows: int, is_shared: bool) -> None:
    metric, (prediction, target) = METRICS[name].metric, _case(name, key, (rows, 2))
    predictions = normal(key.child(2), (count, *prediction.shape))
    weights = [SOME["some of them 0"](key.child(3, 0 if is_shared else k), rows) for k in range(count)]
    found = metric(predictions, (target, weights[0] if is_shared else np.stack(weights)))
    assert found.shape == (count,)
    close(found, [metric(p, (target, w)) for p, w in zip(predictions, weights, strict=True)])


@pytest.mark.parametrize("name", METRICS)
def test_validate_takes_weighted_targets(name: str) -> None:
    """The pair that a weighted loss is trained with is the one that the metrics beside it take."""
    prediction, target = _case(name, Key(0), (9, 2))
    weights = SOME["any"](Key(1), 9)
    net = fn.linear(Key(1), prediction.shape[1], prediction.shape[1], dtype=np.float64)
    optimizer = fn.sgd(0.0)
    step = fn.train_step(fn.value_and_grad(fn.weighted(fn.mse)), optimizer)
    batches = fn.minibatches(prediction, (prediction, weights), batch_size=9)
    stream = fn.train(step, batches, fn.start(net, optimizer, Key(0)))
    record = next(fn.validate(prediction, (target, weights), {"it": METRICS[name].metric})(stream)).record
    assert float(record.metrics[0][1]) == float(METRICS[name].metric(fn.predict(net, prediction), (target, weights)))


WRONG: dict[str, tuple[object, type[Exception], str]] = {
    "too many": ((0, np.ones(4), 0), TypeError, r"must be an array or the pair \(target, weights\), got a tuple of 3"),
    "another length": (np.ones(5), fn.ShapeError, r"weights must have one entry per row, \(4,\), got \(5,\)"),
    "negative": (np.array([1, 1, 1, -1.0]), ValueError, "weights must be finite and from 0 up, got -1.0 to 1.0"),
    "NaN": (np.array([1, 1, 1, np.nan]), ValueError, "weights must be finite and from 0 up, got nan to nan"),
    "infinite": (np.array([1, 1, 1, np.inf]), ValueError, "weights must be finite and from 0 up, got 1.0 to inf"),
    "all 0": (np.zeros(4), ValueError, "weights must not all be 0"),
    "a list": ([1, 1, 1, 1], fn.DtypeError, "weights must be a numpy.ndarray, got list"),
    "complex": (np.ones(4, complex), fn.DtypeError, "weights must hold real numbers, got dtype complex128"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", [*METRICS, "confusion_matrix"])
def test_what_is_refused(name: str, wrong: str) -> None:
    weights, kind, message = WRONG[wrong]
    prediction, target = _case("accuracy" if name == "confusion_matrix" else name, Key(0), (4, 2))
    metric: Any = metrics.confusion_matrix if name == "confusion_matrix" else METRICS[name].metric
    with pytest.raises(kind, match=f"[a-z0-9_]+: .*{message}"):
        metric(prediction, weights if isinstance(weights, tuple) else (target, weights))


# --- scikit-learn ----------------------------------------------------------------------------------------------------
def quiet(f: Callable[..., Any], *arguments: object, **settings: object) -> float:
    """What scikit-learn gives, without its warnings of what is not defined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(f(*arguments, **settings))


WEIGHTS = st.sampled_from(["any", "some of them 0", "of several sizes"])


@given(KEYS, st.integers(2, 30), st.integers(2, 5), st.booleans(), WEIGHTS)
def test_guesses(key: Key, rows: int, classes: int, has_ties: bool, kind: str) -> None:
    prediction, labels = scores_of(key, (rows, classes), has_ties), labels_of(key.child(1), rows, classes)
    w, guess = SOME[kind](key.child(2), rows), prediction.argmax(axis=1)
    pair, counts = (labels, w), w > 0  # which scikit-learn's averages over classes do not look at
    close(metrics.accuracy(prediction, pair), reference.accuracy_score(labels, guess, sample_weight=w))
    expected = quiet(reference.balanced_accuracy_score, labels, guess, sample_weight=w)
    close(metrics.balanced_accuracy(prediction, pair), expected)
    table = reference.confusion_matrix(labels, guess, labels=range(classes), sample_weight=w)
    close(metrics.confusion_matrix(prediction, pair), table)
    for average in ("macro", "micro"):
        for ours, theirs in (
            (metrics.Precision, reference.precision_score),
            (metrics.Recall, reference.recall_score),
            (metrics.F1, reference.f1_score),
        ):
            settings = {"average": average, "zero_division": 0.0, "sample_weight": w[counts]}
            close(ours(average)(prediction, pair), quiet(theirs, labels[counts], guess[counts], **settings))
    if classes > 2:
        mirrored = classes - 1 - labels, prediction[:, ::-1]  # of equal scores scikit-learn prefers the last column
        expected = quiet(reference.top_k_accuracy_score, *mirrored, k=2, labels=range(classes), sample_weight=w)
        close(metrics.top_k(2)(prediction, pair), expected)


@given(KEYS, st.integers(6, 30), st.integers(2, 5), st.booleans(), WEIGHTS)
def test_probabilities_and_ranks(key: Key, rows: int, classes: int, has_ties: bool, kind: str) -> None:
    prediction, labels = scores_of(key, (rows, classes), has_ties), np.arange(rows) % classes
    w, p = SOME[kind](key.child(2), rows), softmax(prediction)
    pair = labels, w
    close(metrics.log_loss(prediction, pair), reference.log_loss(labels, p, labels=range(classes), sample_weight=w))
    shown = p if classes > 2 else p[:, 1]
    expected = reference.brier_score_loss(labels, shown, labels=list(range(classes)), sample_weight=w)
    close(metrics.brier(prediction, pair), expected)
    if len(np.unique(labels[w > 0])) < classes:
        with pytest.raises(ValueError, match="roc_auc: target must hold rows of every class"):
            metrics.roc_auc(prediction, pair)
    elif classes == 2:
        score = prediction[:, 1] - prediction[:, 0]
        close(metrics.roc_auc(prediction, pair), reference.roc_auc_score(labels, score, sample_weight=w))
    else:
        settings = {"multi_class": "ovr", "average": "macro", "sample_weight": w}
        close(metrics.roc_auc(prediction, pair), reference.roc_auc_score(labels, p, **settings))


@given(KEYS, st.integers(2, 30), WEIGHTS)
def test_metrics_of_one_logit(key: Key, rows: int, kind: str) -> None:
    logits, labels = normal(key, (rows, 1)), np.arange(rows) % 2
    w = SOME[kind](key.child(2), rows)
    pair = labels[:, None].astype(np.float64), w
    expected = reference.log_loss(labels, sigmoid(logits)[:, 0], labels=[0, 1], sample_weight=w)
    close(metrics.binary(metrics.log_loss)(logits, pair), expected)
    expected = reference.accuracy_score(labels, logits[:, 0] > 0, sample_weight=w)
    close(metrics.binary(metrics.accuracy)(logits, pair), expected)


@given(KEYS, st.integers(3, 30), st.integers(1, 3), WEIGHTS)
def test_regressions(key: Key, rows: int, columns: int, kind: str) -> None:
    target, w = normal(key, (rows, columns)), SOME[kind](key.child(2), rows)
    prediction, pair = target + normal(key.child(1), target.shape), (target, w)
    for ours, theirs in (
        (metrics.mae, reference.mean_absolute_error),
        (metrics.rmse, reference.root_mean_squared_error),
        (metrics.r2, reference.r2_score),
        (metrics.explained_variance, reference.explained_variance_score),
    ):
        expected = theirs(target, prediction, sample_weight=w)
        np.testing.assert_allclose(ours(prediction, pair), expected, rtol=1e-9 if kind == "of several sizes" else CLOSE)


@given(KEYS, st.integers(3, 9))
def test_calibration_is_its_formula(key: Key, rows: int) -> None:
    prediction, labels, w = normal(key, (rows, 3)), np.arange(rows) % 3, SOME["some of them 0"](key, rows)
    confidence, hit = softmax(prediction).max(axis=1), prediction.argmax(axis=1) == labels
    place = np.ceil(confidence * 4)
    gaps = [abs(float((w * (hit - confidence))[place == i].sum())) for i in range(1, 5)]
    close(metrics.ExpectedCalibrationError(4)(prediction, (labels, w)), sum(gaps) / w.sum())
    share, sure, right = metrics.ExpectedCalibrationError(4).reliability(prediction, (labels, w))
    close(np.nansum(share * np.abs(right - sure)), sum(gaps) / w.sum())


# --- the ends of the range -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e-160, 1e155, 1e200, 1e307])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_regressions_of_any_size(size: float, is_weighted: bool) -> None:
    """What is in the target's unit grows with it, what is a share stays."""
    target = np.round(4 * normal(Key(0), (8, 2)))
    prediction, w = target + np.round(2 * normal(Key(1), target.shape)), 1 + np.arange(8.0)
    for metric, unit in ((metrics.mae, size), (metrics.rmse, size), (metrics.r2, 1), (metrics.explained_variance, 1)):
        expected = metric(prediction, (target, w) if is_weighted else target) * unit
        t = target * size
        found = metric(prediction * size, (t, w) if is_weighted else t)
        np.testing.assert_allclose(found, expected, rtol=1e-10 if size > 1e-300 else 1e-3)
