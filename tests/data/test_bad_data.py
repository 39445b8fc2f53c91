"""Bad data, orders, parts, scores and labels get an error that names the argument, the rule and what came."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fnnet import DtypeError, Key, ShapeError
from fnnet.keys import normal
from tests.catalogue import METRICS
from tests.support.tracebacks import check_tells_all

fn: Any = import_module("fnnet")
"""Untyped: type checkers reject what stands here, and must let it pass to be tried."""

X, Y, LABELS = normal(Key(2), (6, 3)), normal(Key(3), (6, 2)), np.array([0, 1, 0, 1, 1, 0])

Case = tuple[Callable[[], object], type[Exception], str]


class Source:
    """Rows of an own class, as good or bad as they are made."""

    def __init__(self, shape: object = (6, 3), dtype: object = np.dtype(np.float32), short: int = 0) -> None:
        self.shape, self.dtype, self.short = shape, dtype, short

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: Any) -> Any:
        return np.zeros((len(index) - self.short, 3), np.float32)


def _epoch(**settings: object) -> list[object]:
    return list(fn.minibatches(settings.pop("x", X), Y, size=2, **settings)(Key(0)))


def _ordered(rows: object) -> Callable[[], object]:
    return lambda: _epoch(order=lambda key, n, size: rows)


DATA: dict[str, Case] = {
    "a list": (
        lambda: _epoch(x=X.tolist()),
        DtypeError,
        "minibatches: x must be a numpy.ndarray, or have shape, dtype, a length and rows by arrays of their numbers, "
        "got list; use numpy.asarray",
    ),
    "a masked array": (
        lambda: _epoch(x=np.ma.ones((6, 3))),
        DtypeError,
        "x must be a numpy.ndarray, got MaskedArray; fill in what is masked, by its filled()",
    ),
    "a masked target": (
        lambda: fn.minibatches(X, np.ma.ones(6), size=2),
        DtypeError,
        "minibatches: y must be a numpy.ndarray, got MaskedArray",
    ),
    "rows of text": (
        lambda: _epoch(x=Source(dtype=np.dtype("U3"))),
        DtypeError,
        "minibatches: x must hold real numbers, got dtype <U3; cast it first",
    ),
    "rows of a foreign dtype": (lambda: _epoch(x=Source(dtype="float32")), DtypeError, "got Source; use numpy.asarray"),
    "rows of one axis": (
        lambda: _epoch(x=Source(shape=(6,))),
        ShapeError,
        r"minibatches: x must be \(rows, features\), got \(6,\)",
    ),
    "rows of no features": (
        lambda: _epoch(x=Source(shape=(6, 0))),
        ShapeError,
        r"minibatches: x must have at least one row and one feature, got \(6, 0\)",
    ),
    "rows that are missing": (
        lambda: _epoch(x=Source(short=1)),
        ShapeError,
        r"minibatches: x\[2 rows\] must have the shape \(2, 3\), got \(1, 3\)",
    ),
    "labels of other rows": (
        lambda: _epoch(order=fn.stratified(LABELS[:5])),
        ShapeError,
        "minibatches: all arrays must have the same number of rows, got: x has 6, y has 6, order.labels has 5",
    ),
    "an order and no shuffling": (
        lambda: _epoch(order=fn.balanced(LABELS), shuffle=False),
        ValueError,
        "minibatches: order must be None where shuffle is False",
    ),
    "an order that is text": (lambda: _epoch(order="balanced"), ValueError, "order must be a function"),
    "an order of floats": (_ordered(np.ones(3)), DtypeError, "what order gives must be integers"),
    "an order in a list": (_ordered([0, 1]), DtypeError, "what order gives must be a numpy.ndarray, got list"),
    "an order of two axes": (_ordered(np.ones((2, 2), int)), ShapeError, r"what order gives must be \(rows,\)"),
    "an empty order": (_ordered(np.ones(0, int)), ShapeError, r"what order gives must be \(rows,\), at least one"),
    "rows that there are not": (_ordered(np.array([0, 6])), ValueError, r"must be in \[0, 6\), got 0 to 6"),
    "negative rows": (_ordered(np.array([-1, 2])), ValueError, r"must be in \[0, 6\), got -1 to 2"),
    "stratified shares": (
        lambda: fn.stratified(Y[:, 0]),
        DtypeError,
        "stratified: labels must hold class numbers of an integer dtype, got float64",
    ),
    "one-hot labels": (
        lambda: fn.balanced(np.eye(2, dtype=int)),
        ShapeError,
        r"balanced: labels must be \(rows,\), at least one, got \(2, 2\)",
    ),
    "no labels": (lambda: fn.balanced(LABELS[:0]), ShapeError, r"balanced: labels must be \(rows,\), at least one"),
}

SPLITS: dict[str, Case] = {
    "no key": (lambda: fn.split(0, (X,), parts=(3, 3)), ValueError, "split: key must be a fnnet.Key"),
    "one array": (
        lambda: fn.split(Key(0), X, parts=(3, 3)),
        ValueError,
        r"split: data must be a tuple of arrays such as \(x, y\), got ndarray",
    ),
    "nothing": (lambda: fn.split(Key(0), (), parts=(3, 3)), ValueError, "split: data must be a tuple of arrays"),
    "a list": (
        lambda: fn.split(Key(0), (X, [1]), parts=(3, 3)),
        DtypeError,
        r"split: data\[1\] must be a numpy.ndarray, got list",
    ),
    "rows that differ": (
        lambda: fn.split(Key(0), (X, Y[:5]), parts=(3, 3)),
        ShapeError,
        r"split: all arrays must have the same number of rows, got: data\[0\] has 6, data\[1\] has 5",
    ),
    "one part": (lambda: fn.split(Key(0), (X,), parts=(1.0,)), ValueError, "split: parts must be at least two, such"),
    "a number": (lambda: fn.split(Key(0), (X,), parts=0.5), ValueError, "split: parts must be at least two, such"),
    "shares that do not add up": (
        lambda: fn.split(Key(0), (X,), parts=(0.5, 0.4)),
        ValueError,
        r"split: parts must add up to 1, or be whole numbers of rows, got \(0.5, 0.4\), which add up to 0.9",
    ),
    "rows that do not add up": (
        lambda: fn.split(Key(0), (X,), parts=(3, 2)),
        ValueError,
        r"split: parts must add up to the 6 rows, got \(3, 2\), which add up to 5",
    ),
    "a negative share": (
        lambda: fn.split(Key(0), (X,), parts=(1.5, -0.5)),
        ValueError,
        r"split: parts\[1\] must be in \[0, inf\), got -0.5",
    ),
    "a share that is NaN": (
        lambda: fn.split(Key(0), (X,), parts=(0.5, float("nan"))),
        ValueError,
        r"split: parts\[1\] must be in \[0, inf\), got nan",
    ),
    "an empty part": (
        lambda: fn.split(Key(0), (X,), parts=(0.97, 0.03)),
        ValueError,
        r"split: parts\[1\] must hold at least one of the 6 rows, got 0.03",
    ),
    "a part of 0 rows": (
        lambda: fn.split(Key(0), (X,), parts=(6, 0)),
        ValueError,
        r"split: parts\[1\] must hold at least one of the 6 rows, got 0",
    ),
    "a class of one row": (
        lambda: fn.split(Key(0), (X,), parts=(3, 3), stratify=np.array([0, 0, 7, 0, 0, 0])),
        ValueError,
        "split: stratify must have at least as many rows of each class as there are parts, 2, class 7 has 1",
    ),
    "labels of other rows": (
        lambda: fn.split(Key(0), (X,), parts=(3, 3), stratify=LABELS[:5]),
        ShapeError,
        "split: all arrays must have the same number of rows, got: data has 6, stratify has 5",
    ),
    "labels of floats": (
        lambda: fn.split(Key(0), (X,), parts=(3, 3), stratify=LABELS * 1.0),
        DtypeError,
        "split: stratify must hold class numbers of an integer dtype, got float64",
    ),
}

MEASURES: dict[str, Case] = {
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
        lambda: fn.metrics.roc_auc(Y, np.zeros(6, int)),
        ValueError,
        "roc_auc: target must hold rows of every class, and not of one alone: class 1 has 0 of 6",
    ),
    "one logit of two": (
        lambda: fn.metrics.binary(fn.metrics.accuracy)(Y, Y),
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


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{kind}: {name}") for kind, cases in
     (("data", DATA), ("split", SPLITS), ("metric", MEASURES)) for name, case in cases.items()],
)  # fmt: skip
def test_bad_input(case: Case) -> None:
    call, kind, message = case
    with pytest.raises(kind, match=message) as caught:
        call()
    assert type(caught.value) is kind
    check_tells_all(caught.value)


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
        (prediction.astype(int), DtypeError, "dtype must be float32 or float64, got int64"),
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


def test_a_mapped_file_of_text_is_refused(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "x", "S4", "w+", shape=(6, 3))
    for call in (lambda: _epoch(x=mapped), lambda: fn.minibatches(X, mapped, size=2)):
        with pytest.raises(DtypeError, match=r"minibatches: [xy] must hold real numbers, got dtype \|S4"):
            call()


def test_masked_rows_of_a_source_are_refused() -> None:
    """What the mask hides would be trained on."""

    class Source:
        shape, dtype = (6, 2), np.dtype(np.float64)

        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: Any) -> Any:
            return np.ma.masked_equal(np.arange(12.0).reshape(6, 2), 3.0)[index]

    source: Any = Source()
    with pytest.raises(fn.DtypeError, match=r"minibatches: rows of x must be a numpy.ndarray, got Masked"):
        next(iter(fn.minibatches(source, np.zeros((6, 1)), size=3)(fn.Key(0))))
