"""What losses refuse: targets, weights and settings; nothing is broadcast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fnnet import Array, DtypeError, Key, RowLoss, ShapeError
from tests.support.refusals import NET, Case, X, Y, check, fn

LABELS = np.array([0, 1, 0, 1, 1])
SCORES = np.zeros((2, 3))


def gradient(target: Any, loss: Any = fn.mse, x: Array = X) -> object:
    """One call of value_and_grad."""
    return fn.value_and_grad(loss)(NET, (x, target), Key(0))


class WrongRows(RowLoss[Array]):
    """A loss whose rows are whatever they are told to be."""

    def __init__(self, made: Callable[[Array], Any]) -> None:
        self.made = made

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        made: tuple[Array, Array] = self.made(prediction)
        return made


def _wrong_rows(made: Callable[[Array], Any]) -> Callable[[], object]:
    return lambda: WrongRows(made)(Y, Y)


CASES: dict[str, Case] = {
    "(N,) beside (N, F)": (
        lambda: gradient(Y[:, 0]),
        ShapeError,
        r"mse: target must have the prediction's shape \(5, 2\), got \(5,\); a column is",
    ),
    "(N, 1) beside (N, F)": (
        lambda: gradient(Y[:, :1]),
        ShapeError,
        r"mse: target must have the prediction's shape \(5, 2\), got \(5, 1\)",
    ),
    "another number of rows": (lambda: gradient(Y[:4]), ShapeError, r"shape \(5, 2\), got \(4, 2\)"),
    "complex target": (lambda: gradient(Y * 1j), DtypeError, "mse: target must hold real numbers, got dtype complex64"),
    "a target that is a list": (
        lambda: gradient(Y.tolist()),
        DtypeError,
        "mse: target must be a numpy.ndarray, got list",
    ),
    "labels out of range": (
        lambda: gradient(LABELS + 1, fn.softmax_cross_entropy),
        ValueError,
        r"labels must be in \[0, 2\), the prediction's columns, got 1 to 2",
    ),
    "negative labels": (
        lambda: gradient(LABELS - 1, fn.softmax_cross_entropy),
        ValueError,
        r"labels must be in \[0, 2\), the prediction's columns, got -1 to 0",
    ),
    "float labels": (
        lambda: gradient(LABELS * 1.0, fn.softmax_cross_entropy),
        DtypeError,
        "class numbers of an integer dtype, got float64",
    ),
    "bool labels": (
        lambda: gradient(LABELS == 1, fn.softmax_cross_entropy),
        DtypeError,
        "class numbers of an integer dtype, got bool",
    ),
    "one-hot labels": (
        lambda: gradient(np.eye(2, dtype=int)[LABELS], fn.softmax_cross_entropy),
        ShapeError,
        r"target must hold class numbers, one per row, \(5,\), got \(5, 2\); of one-hot rows take target.argmax",
    ),
    "shares above 1": (
        lambda: gradient(np.full((5, 2), 1.5), fn.binary_cross_entropy),
        ValueError,
        r"target must be in \[0, 1\], got 1.5 to 1.5",
    ),
    "shares that are NaN": (
        lambda: gradient(np.full((5, 2), np.nan), fn.binary_cross_entropy),
        ValueError,
        r"target must be in \[0, 1\], got nan",
    ),
    "weights of another length": (
        lambda: gradient((Y, np.ones(4)), fn.weighted(fn.mse)),
        ShapeError,
        r"weights must have one entry per row, \(5,\), got \(4,\)",
    ),
    "negative weights": (
        lambda: gradient((Y, -np.ones(5)), fn.weighted(fn.mse)),
        ValueError,
        "weights must be finite float32 numbers, none of them negative, got -1.0 to -1.0",
    ),
    "NaN weights": (
        lambda: gradient((Y, np.full(5, np.nan)), fn.weighted(fn.mse)),
        ValueError,
        "weights must be finite float32 numbers, none of them negative",
    ),
    "all-zero weights": (
        lambda: gradient((Y, np.zeros(5)), fn.weighted(fn.mse)),
        ValueError,
        "the weights of a batch must not all be 0",
    ),
    "no weights": (
        lambda: gradient(Y, fn.weighted(fn.mse)),
        TypeError,
        r"target must be the pair \(target, weights\), got ndarray",
    ),
    "weighting a function": (lambda: fn.weighted(lambda p, t: (p, p)), TypeError, "loss must have rows to be weighted"),
    "no class weights": (lambda: fn.class_weighted(fn.hinge, ()), ValueError, "weights must not all be 0"),
    "class weights by name": (
        lambda: fn.class_weighted(fn.hinge, {0: 1.0, 1: 2.0}),
        ValueError,
        "class_weighted: weights must be a sequence of numbers, one per class, got {0: 1.0, 1: 2.0}",
    ),
    "class weights in a matrix": (
        lambda: fn.class_weighted(fn.hinge, np.ones((2, 2))),
        ValueError,
        "class_weighted: weights must be a sequence of numbers, one per class",
    ),
    "class weights of a function": (
        lambda: fn.class_weighted(lambda p, t: (p, p), (1.0, 2.0)),
        TypeError,
        "class_weighted: loss must have rows to be weighted",
    ),
    "class weights upon weights": (
        lambda: fn.class_weighted(fn.weighted(fn.hinge), (1.0, 2.0)),
        TypeError,
        "class_weighted: loss must weigh all rows alike",
    ),
    "class labels out of range": (
        lambda: gradient(LABELS + 1, fn.class_weighted(fn.hinge, (1.0, 2.0))),
        ValueError,
        r"class_weighted: labels must be in \[0, 2\), the prediction's columns, got 1 to 2",
    ),
    "labels out of range for hinge": (
        lambda: gradient(LABELS - 1, fn.hinge),
        ValueError,
        r"hinge: labels must be in \[0, 2\), the prediction's columns, got -1 to 0",
    ),
    "labels out of range for smoothing": (
        lambda: gradient(LABELS + 1, fn.label_smoothing(0.1)),
        ValueError,
        r"label_smoothing: labels must be in \[0, 2\)",
    ),
    "one-hot labels for focal": (
        lambda: gradient(np.eye(2, dtype=int)[LABELS], fn.focal(2.0)),
        ShapeError,
        r"focal: target must hold class numbers, one per row, \(5,\), got \(5, 2\)",
    ),
    "infinite counts": (
        lambda: gradient(np.full((5, 2), np.inf), fn.poisson),
        ValueError,
        "poisson: target must be from 0 up and finite, got inf to inf",
    ),
    "counts that are NaN": (
        lambda: gradient(np.full((5, 2), np.nan), fn.poisson),
        ValueError,
        "poisson: target must be from 0 up and finite, got nan",
    ),
    "signs for binary_hinge": (
        lambda: gradient(np.array([[-1.0, 1.0]] * 5), fn.binary_hinge),
        ValueError,
        r"binary_hinge: target must be 0 or 1, got -1.0 to 1.0; of -1 and 1 it is \(target \+ 1\) / 2",
    ),
    "a distribution of another sum": (
        lambda: gradient(np.full((5, 2), 0.6), fn.soft_cross_entropy),
        ValueError,
        "soft_cross_entropy: target must be a distribution, of sum 1 in each row, got 1.2",
    ),
    "a distribution below 0": (
        lambda: gradient(np.array([[-0.5, 1.5]] * 5), fn.soft_cross_entropy),
        ValueError,
        r"soft_cross_entropy: target must be in \[0, 1\], got -0.5 to 1.5",
    ),
    "a distribution that is NaN": (
        lambda: gradient(np.full((5, 2), np.nan), fn.soft_cross_entropy),
        ValueError,
        r"soft_cross_entropy: target must be in \[0, 1\], got nan",
    ),
    "labels for a distribution": (
        lambda: gradient(LABELS, fn.soft_cross_entropy),
        ShapeError,
        r"soft_cross_entropy: target must have the prediction's shape \(5, 2\), got \(5,\)",
    ),
    "(N,) beside (N, F) for log_cosh": (lambda: gradient(Y[:, 0], fn.log_cosh), ShapeError, "log_cosh: target must"),
    "(N,) beside (N, F) for quantile": (
        lambda: gradient(Y[:, 0], fn.quantile(0.5)),
        ShapeError,
        "quantile: target must",
    ),
    "quantile NaN": (lambda: fn.quantile(float("nan")), ValueError, "quantile: q must be in"),
    "quantile as text": (lambda: fn.quantile("0.5"), ValueError, "quantile: q must be a number"),
    "infinite gamma": (lambda: fn.focal(float("inf")), ValueError, r"focal: gamma must be in \[0, inf\), got inf"),
    "negative smoothing": (
        lambda: fn.label_smoothing(-0.1),
        ValueError,
        r"label_smoothing: rate must be in \[0, 1\), got -0.1",
    ),
    "a prediction that is no array": (
        lambda: fn.mse(1.0, Y),
        DtypeError,
        "prediction must be a numpy.ndarray, got float",
    ),
    "a prediction of one axis": (
        lambda: fn.mse(Y[:, 0], Y[:, 0]),
        ShapeError,
        r"prediction must be \(..., batch, features\), not empty",
    ),
    "an integer prediction": (
        lambda: fn.mse(LABELS[:, None], LABELS[:, None]),
        DtypeError,
        "mse: prediction must be the network's output in float32 or float64, got int64",
    ),
    "delta 0": (lambda: fn.Huber(0.0), ValueError, "huber: delta must be above 0, got 0.0"),
    "rows in two axes": (
        _wrong_rows(lambda p: (p[:, :1], p)),
        ShapeError,
        r"WrongRows.rows: values must have the shape \(5,\), got \(5, 1\)",
    ),
    "too few rows": (
        _wrong_rows(lambda p: (p[:3, 0], p)),
        ShapeError,
        r"values must have the shape \(5,\), got \(3,\)",
    ),
    "rows in another dtype": (
        _wrong_rows(lambda p: (p[:, 0].astype(float), p)),
        DtypeError,
        "values must be float32 as the prediction is, got float64",
    ),
    "rows without a gradient": (
        _wrong_rows(lambda p: p[:, 0]),
        ValueError,
        r"the result \(values, gradient\) must be a pair",
    ),
    "weights upon weights": (lambda: fn.weighted(fn.weighted(fn.mse)), TypeError, "loss must weigh all rows alike"),
    "weights that vanish in float32": (
        lambda: fn.weighted(fn.mse)(Y, (Y, np.full(5, 1e-50))),
        ValueError,
        "the weights of a batch must not all be 0",
    ),
    "weights beyond float32": (
        lambda: fn.weighted(fn.mse)(Y, (Y, np.full(5, 1e50))),
        ValueError,
        "must be finite float32 numbers",
    ),
    "counts": (lambda: fn.poisson(np.ones((1, 1)), -np.ones((1, 1))), ValueError, "poisson: target must be from"),
    "a quantile of 1": (lambda: fn.quantile(1.0), ValueError, r"quantile: q must be in \[0, 1\), got 1.0"),
    "a quantile of 0": (lambda: fn.quantile(0.0), ValueError, "quantile: q must be above 0"),
    "gamma": (lambda: fn.focal(-1), ValueError, "focal: gamma must be in"),
    "smoothing": (lambda: fn.label_smoothing(1.0), ValueError, r"label_smoothing: rate must be in \[0, 1\)"),
    "labels out of range for focal": (
        lambda: fn.focal()(SCORES, np.array([0, 3])),
        ValueError,
        "focal: labels must be in",
    ),
    "labels of floats": (lambda: fn.hinge(SCORES, np.zeros(2)), DtypeError, "hinge: target must hold class numbers"),
    "labels of another length": (
        lambda: fn.label_smoothing(0.1)(SCORES, np.array([0])),
        ShapeError,
        "label_smoothing: target must have one entry per row",
    ),
    "a negative class weight": (
        lambda: fn.class_weighted(fn.hinge, (1.0, -1.0)),
        ValueError,
        r"class_weighted: weights\[1\] must be in",
    ),
    "class weights of 0": (lambda: fn.class_weighted(fn.hinge, (0.0, 0.0)), ValueError, "weights must not all be 0"),
    "class weights of others": (
        lambda: fn.class_weighted(fn.hinge, (1.0, 2.0))(SCORES, np.array([0, 2])),
        ShapeError,
        "must be one per class, 3, got 2",
    ),
    "a batch of classes of weight 0": (
        lambda: fn.class_weighted(fn.hinge, (0.0, 1.0, 0.0))(SCORES, np.array([0, 2])),
        ValueError,
        "must not all be 0",
    ),
    "class weights on weights": (
        lambda: fn.weighted(fn.class_weighted(fn.hinge, (1.0, 2.0, 3.0))),
        TypeError,
        "must weigh all rows alike",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])
