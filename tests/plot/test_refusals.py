"""What pictures refuse."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from fnnet import Key
from tests.support.refusals import GRADIENT, NET, SGD, Case, X, Y, check, fn

plot: Any = import_module("fnnet.plot")
"""Untyped, as ``fn`` is."""

HISTORY = fn.History.of([fn.Record(np.asarray(1.0))])
STATE = fn.start(NET, SGD, Key(0))
PLANE = fn.linear(Key(0), 2, 3)
POINTS, LABELS = np.zeros((4, 2)), np.array([0, 1, 2, 0])
COUNTS = np.eye(2, dtype=int)
A = np.arange(3.0)

CASES: dict[str, Case] = {
    "ax that is a figure": (
        lambda: plot.learning_curves(HISTORY, ax=Figure()),
        ValueError,
        r"plot.learning_curves: ax must be an Axes of Matplotlib, got Figure; a figure gives one by figure.add_subplot",
    ),
    "curves of a list": (
        lambda: plot.learning_curves([1.0, 0.5]),
        fn.TreeError,
        "plot.learning_curves: run must be a History, or have one as its history, .*, got list",
    ),
    "curves of an epoch": (
        lambda: plot.learning_curves(fn.Epoch(STATE)),
        fn.TreeError,
        "got Epoch; write epoch.state",
    ),
    "curves before training": (
        lambda: plot.learning_curves(STATE),
        ValueError,
        "plot.learning_curves: the history must have at least one epoch, got none; train first",
    ),
    "a curve that is not there": (
        lambda: plot.learning_curves(HISTORY, valid="auc"),
        fn.MetricError,
        "history: the name must be one of 'loss', got 'auc'",
    ),
    "no curve": (
        lambda: plot.learning_curves(HISTORY, train=None),
        ValueError,
        "plot.learning_curves: train or valid must be a name in the history, got None for both",
    ),
    "another mode": (
        lambda: plot.learning_curves(HISTORY, mode="low"),
        ValueError,
        "plot.learning_curves: mode must be 'min' or 'max', got 'low'",
    ),
    "a curve without a number": (
        lambda: plot.learning_curves(fn.History.of([fn.Record(np.asarray(np.nan))] * 2)),
        ValueError,
        "plot.learning_curves: 'loss' must be finite in at least one epoch, got none in 2",
    ),
    "epochs of one and of two networks": (
        lambda: plot.learning_curves(fn.History.of([fn.Record(np.zeros(1)), fn.Record(np.zeros(2))])),
        fn.ShapeError,
        "history: 'loss' must be of as many networks in all epochs",
    ),
    "rates of a history": (
        lambda: plot.rate_curve(HISTORY),
        fn.TreeError,
        "plot.rate_curve: curve must be a RateCurve, as find_rate gives it, got History",
    ),
    "a network alone": (
        lambda: plot.weight_histograms(NET),
        ValueError,
        r"plot.weight_histograms: networks must be a list of epochs, states or networks, got Serial; write \[it\]",
    ),
    "a stream": (
        lambda: plot.weight_histograms(iter([NET])),
        ValueError,
        r"plot.weight_histograms: networks must be a list .*, got list_iterator; write list\(take\(n\)\(it\)\)",
    ),
    "a loss for a gradient": (
        lambda: plot.gradient_histograms([NET], fn.mse, (X, Y), key=Key(0)),
        ValueError,
        r"plot.gradient_histograms: gradient must be a function \(params, batch, key\), got the loss .*value_and_grad",
    ),
    "no network": (
        lambda: plot.weight_histograms([]),
        ValueError,
        "plot.weight_histograms: networks must be at least one, got none; keep some epochs of the stream",
    ),
    "an array for a network": (
        lambda: plot.weight_histograms([NET, X]),
        fn.LayerError,
        r"plot.weight_histograms: networks\[1\] must be an Epoch, a TrainState or a network, got ndarray",
    ),
    "two structures": (
        lambda: plot.weight_histograms([NET, PLANE]),
        fn.TreeError,
        "plot.weight_histograms: ",
    ),
    "a path that is not there": (
        lambda: plot.weight_histograms([NET], paths=["layers.7"]),
        ValueError,
        r"paths must be paths in the network, layers.0.w, layers.0.b, layers.2.w, layers.2.b, got 'layers.7'",
    ),
    "a path alone": (
        lambda: plot.weight_histograms([NET], paths="layers.0"),
        ValueError,
        r"plot.weight_histograms: paths must be a list of paths, got 'layers.0'; write \['layers.0'\]",
    ),
    "no weights": (
        lambda: plot.weight_histograms([fn.Relu()]),
        ValueError,
        "plot.weight_histograms: there must be at least one array of trained parameters, got none",
    ),
    "weights that are NaN": (
        lambda: plot.weight_histograms([NET, fn.tree.at(NET, "layers.2.b", lambda b: b * np.nan)]),
        ValueError,
        "plot.weight_histograms: layers.2.b of epoch 1 must be finite to be drawn, got 2 of 2 that are NaN or infinite",
    ),
    "half a bin": (
        lambda: plot.weight_histograms([NET], bins=0.5),
        ValueError,
        "plot.weight_histograms: bins must be a whole number from 1 up, got 0.5",
    ),
    "gradients without a function": (
        lambda: plot.gradient_histograms([NET], "mse", (X, Y), key=Key(0)),
        ValueError,
        "plot.gradient_histograms: gradient must be a function or an object that can be called, got 'mse'",
    ),
    "gradients without a key": (
        lambda: plot.gradient_histograms([NET], GRADIENT, (X, Y), key=0),
        ValueError,
        "plot.gradient_histograms: key must be a fnnet.Key",
    ),
    "regions of an array": (
        lambda: plot.decision_regions(X, POINTS),
        fn.LayerError,
        "plot.decision_regions: network must be a network, or have one as its params, as a Fit has, got ndarray",
    ),
    "regions of an epoch": (
        lambda: plot.decision_regions(fn.Epoch(STATE), POINTS),
        fn.LayerError,
        "got Epoch; write epoch.state",
    ),
    "regions in three dimensions": (
        lambda: plot.decision_regions(NET, X),
        fn.ShapeError,
        r"plot.decision_regions: x must be \(N, 2\), with at least one point of two inputs, got \(5, 3\)",
    ),
    "regions of a network of three inputs": (
        lambda: plot.decision_regions(NET, POINTS),
        fn.ShapeError,
        r"linear: x must be \(..., batch, 3\)",
    ),
    "a label too many": (
        lambda: plot.decision_regions(PLANE, POINTS, LABELS + 1),
        ValueError,
        r"plot.decision_regions: labels must be in \[0, 3\), the prediction's columns, got 1 to 3",
    ),
    "a column of other numbers": (
        lambda: plot.decision_regions(fn.linear(Key(0), 2, 1), POINTS, np.array([[0], [1], [2], [0]])),
        ValueError,
        "plot.decision_regions: target must be 0 or 1 in its one column, got 0 to 2",
    ),
    "one text for all names": (
        lambda: plot.decision_regions(PLANE, POINTS, names="abc"),
        ValueError,
        "plot.decision_regions: names must be a list of texts, one per class, got 'abc'",
    ),
    "points that are NaN": (
        lambda: plot.decision_regions(PLANE, POINTS * np.nan),
        ValueError,
        "plot.decision_regions: x must be finite to be drawn, got 8 of 8 that are NaN or infinite",
    ),
    "a matrix of three networks": (
        lambda: plot.confusion_matrix(np.zeros((3, 2, 2), int)),
        fn.ShapeError,
        r"plot.confusion_matrix: matrix must be \(classes, classes\), .*, got \(3, 2, 2\); of stacked networks take",
    ),
    "a name too few": (
        lambda: plot.confusion_matrix(COUNTS, names=["ill"]),
        ValueError,
        r"plot.confusion_matrix: names must have one entry per class, 2, got 1: \['ill'\]",
    ),
    "counts below 0": (
        lambda: plot.confusion_matrix(-COUNTS),
        ValueError,
        "plot.confusion_matrix: matrix must hold numbers from 0 up, got -1",
    ),
    "a list for a matrix": (
        lambda: plot.confusion_matrix([[1, 0], [0, 1]]),
        fn.DtypeError,
        "plot.confusion_matrix: matrix must be a numpy.ndarray, got list; use numpy.asarray",
    ),
    "calibration of NaN": (
        lambda: plot.calibration(np.full((4, 3), np.nan), LABELS),
        ValueError,
        "plot.calibration: prediction must be finite to be drawn, got 12 of 12",
    ),
    "calibration of labels that are no integers": (
        lambda: plot.calibration(np.eye(3), A),
        fn.DtypeError,
        "plot.calibration: target must hold class numbers of an integer dtype, got float64",
    ),
    "no bins": (
        lambda: plot.calibration(np.eye(3), np.arange(3), bins=0),
        ValueError,
        "plot.calibration: bins must be a whole number from 1 up, got 0",
    ),
    "residuals of a row": (
        lambda: plot.residuals(np.ones((3, 1)), A),
        fn.ShapeError,
        r"plot.residuals: target must have the prediction's shape \(3, 1\), got \(3,\); a column is target",
    ),
    "residuals of infinity": (
        lambda: plot.residuals(np.ones((3, 1)), np.full((3, 1), np.inf)),
        ValueError,
        "plot.residuals: target must be finite to be drawn, got 3 of 3",
    ),
    "intervals of two columns": (
        lambda: plot.intervals(np.ones((3, 2)), A, A),
        fn.ShapeError,
        r"plot.intervals: prediction must be \(N,\) or \(N, 1\), with at least one row, got \(3, 2\); take a column",
    ),
    "intervals of several lengths": (
        lambda: plot.intervals(A, A[:2], A),
        fn.ShapeError,
        "plot.intervals: all arrays must have the same number of rows, got: prediction has 3, lower has 2, upper has 3",
    ),
    "a path that no picture has": (
        lambda: plot.save(plot.confusion_matrix(COUNTS), "picture.doc"),
        ValueError,
        r"plot.save: path must end with one of .*pdf.*, got 'picture.doc'; .pdf is for print",
    ),
    "a figure for an axes": (
        lambda: plot.save(Figure(), "picture.pdf"),
        ValueError,
        "plot.save: ax must be an Axes, as the pictures give them, got Figure",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])
