"""What metrics refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fnnet import DtypeError, Key, ShapeError
from fnnet.keys import normal
from tests.catalogue import METRICS
from tests.support.refusals import Case, Y, check, fn

X, SCORES, LABELS = normal(Key(2), (6, 3)), normal(Key(3), (6, 2)), np.array([0, 1, 0, 1, 1, 0])

CASES: dict[str, Case] = {
    "accuracy of shares": (
        lambda: fn.metrics.accuracy(Y, Y),
        ShapeError,
        r"accuracy: target must hold class numbers, one per row, \(5,\), got \(5, 2\); of one-hot rows take",
    ),
    "r2 of a vector": (
        lambda: fn.metrics.r2(Y, Y[:, 0]),
        ShapeError,
        r"r2: target must have the prediction's shape \(5, 2\), got \(5,\)",
    ),
    "an average of another kind": (
        lambda: fn.metrics.Precision("weighted"),
        ValueError,
        "precision: average must be 'macro', 'micro' or 'binary', got 'weighted'",
    ),
    "binary F1 of three classes": (
        lambda: fn.metrics.F1("binary")(X, LABELS),
        ShapeError,
        r"f1: prediction must have two columns where average is 'binary', got \(6, 3\); for a network of one logit use",
    ),
    "top 0": (lambda: fn.metrics.top_k(0), ValueError, "top_k: k must be a whole number from 1 up, got 0"),
    "top 4 of 3": (
        lambda: fn.metrics.top_k(4)(X, LABELS),
        ValueError,
        "top_k: k must be at most the prediction's columns, 3, got 4",
    ),
    "no bins": (
        lambda: fn.metrics.ExpectedCalibrationError(0),
        ValueError,
        "ExpectedCalibrationError: bins must be a whole number from 1 up, got 0",
    ),
    "the area of one logit": (
        lambda: fn.metrics.roc_auc(X[:, :1], LABELS),
        ShapeError,
        r"roc_auc: prediction must have at least two columns, got \(6, 1\); for a network of one logit use metrics.bin",
    ),
    "the area of one class": (
        lambda: fn.metrics.roc_auc(SCORES, np.zeros(6, int)),
        ValueError,
        "roc_auc: target must hold rows of every class, and not of one alone: class 1 has 0 of 6",
    ),
    "one logit of two": (
        lambda: fn.metrics.binary(fn.metrics.accuracy)(SCORES, SCORES),
        ShapeError,
        r"binary: prediction must have one column, the logit of class 1, got \(6, 2\)",
    ),
    "soft targets": (
        lambda: fn.metrics.binary(fn.metrics.accuracy)(X[:, :1], np.full((6, 1), 0.3)),
        ValueError,
        "binary: target must be 0 or 1, got 0.3 to 0.3",
    ),
    "labels beside one logit": (
        lambda: fn.metrics.binary(fn.metrics.accuracy)(X[:, :1], LABELS),
        ShapeError,
        r"binary: target must have the prediction's shape \(6, 1\), got \(6,\); a column is target\[:, None\]",
    ),
    "no metric": (lambda: fn.metrics.binary(3), ValueError, "binary: metric must be a function"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_checks_its_prediction_and_target(name: str) -> None:
    metric: Any = METRICS[name].metric
    shape = (6, 1) if name.startswith("binary") else (6, 2)
    prediction = normal(Key(0), shape)
    target: Any = METRICS[name].target(Key(1), shape)
    where = r"\w+: "
    for bad, kind, message in (
        (prediction[:0], ShapeError, r"prediction must be \(..., batch, features\), not empty, got \(0, "),
        (prediction[:, 0], ShapeError, r"prediction must be \(..., batch, features\), not empty, got \(6,\)"),
        (prediction.tolist(), DtypeError, "prediction must be a numpy.ndarray, got list"),
        (
            prediction.astype(int),
            DtypeError,
            "prediction must be the network's output in float32 or float64, got int64",
        ),
    ):
        with pytest.raises(kind, match=where + message):
            metric(bad, target)
    for wrong, message in ((target[:5], "target must"), (target[None, None], "target must")):
        with pytest.raises(ShapeError, match=where + message):
            metric(prediction, wrong)
    with pytest.raises(DtypeError, match=where + "target must be a numpy.ndarray, got list"):
        metric(prediction, target.tolist())
    if target.dtype.kind == "i":
        with pytest.raises(
            ValueError, match=where + r"labels must be in \[0, 2\), the prediction's columns, got 1 to 2"
        ):
            metric(prediction, target + 1)
        with pytest.raises(DtypeError, match=where + "target must hold class numbers of an integer dtype"):
            metric(prediction, target * 1.0)
