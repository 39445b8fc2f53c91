"""What minibatches, orders and split refuse."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fnnet import DtypeError, Key, ShapeError
from fnnet.keys import normal
from tests.support.refusals import NET, SGD, Case, check, fn
from tests.support.refusals import X as FIVE
from tests.support.refusals import Y as TARGETS

X, Y, LABELS = normal(Key(2), (6, 3)), normal(Key(3), (6, 2)), np.array([0, 1, 0, 1, 1, 0])

sparse: Any = import_module("scipy.sparse")


class Source:
    """Rows of an own class, as good or bad as they are made."""

    def __init__(self, shape: object = (6, 3), dtype: object = np.dtype(np.float32), short: int = 0) -> None:
        self.shape, self.dtype, self.short = shape, dtype, short

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: Any) -> Any:
        return np.zeros((len(index) - self.short, 3), np.float32)


def _epoch(**settings: object) -> list[object]:
    return list(fn.minibatches(settings.pop("x", X), Y, batch_size=2, **settings)(Key(0)))


def _ordered(rows: object) -> Callable[[], object]:
    return lambda: _epoch(order=lambda key, n, size: rows)


DATA: dict[str, Case] = {
    "batch size 0": (
        lambda: fn.minibatches(FIVE, TARGETS, batch_size=0),
        ValueError,
        "minibatches: batch_size must be a whole number from 1 up, got 0",
    ),
    "a sparse matrix": (
        lambda: fn.minibatches(sparse.csr_matrix(FIVE), TARGETS, batch_size=2),
        DtypeError,
        r"minibatches: x must be a numpy.ndarray, got csr_matrix; use its toarray\(\)",
    ),
    "a sparse array": (
        lambda: fn.fit(NET, sparse.csc_array(FIVE), TARGETS, loss=fn.mse, optimizer=SGD, key=Key(0), epochs=1),
        DtypeError,
        r"x must be a numpy.ndarray, got csc_array; use its toarray\(\)",
    ),
    "a source of another length": (
        lambda: fn.minibatches(Source((7, 3)), np.ones((6, 2)), batch_size=2),
        ShapeError,
        r"x must have as many rows as its shape \(7, 3\) says, got 6",
    ),
    "rows that differ": (
        lambda: fn.minibatches(FIVE, TARGETS[:4], batch_size=2),
        ShapeError,
        "same number of rows, got: x has 5, y has 4",
    ),
    "rows that differ in a tuple": (
        lambda: fn.minibatches(FIVE, (TARGETS, np.ones(3)), batch_size=2),
        ShapeError,
        r"x has 5, y\[0\] has 5, y\[1\] has 3",
    ),
    "x of three axes": (
        lambda: fn.minibatches(FIVE[None], TARGETS, batch_size=1),
        ShapeError,
        r"x must be \(rows, features\), got \(1, 5, 3\)",
    ),
    "y that is a list": (
        lambda: fn.minibatches(FIVE, [1, 2], batch_size=1),
        DtypeError,
        "y must be a numpy.ndarray, got list",
    ),
    "last='cut'": (
        lambda: fn.minibatches(FIVE, TARGETS, batch_size=2, last="cut"),
        ValueError,
        "last must be 'keep' or 'drop', got 'cut'",
    ),
    "masked data": (
        lambda: fn.minibatches(np.ma.array(FIVE), TARGETS, batch_size=1),
        fn.DtypeError,
        r"fill in what is masked, by its filled\(\)",
    ),
    "a number for the key of an order": (
        lambda: list(fn.minibatches(FIVE, TARGETS, batch_size=2)(5)),
        ValueError,
        "minibatches: key must be",
    ),
    "a list": (
        lambda: _epoch(x=X.tolist()),
        DtypeError,
        r"minibatches: x must be a numpy.ndarray, or what gives arrays of rows \(fnnet.core.Rows\), got list; use",
    ),
    "a masked array": (
        lambda: _epoch(x=np.ma.ones((6, 3))),
        DtypeError,
        "x must be a numpy.ndarray, got MaskedArray; fill in what is masked, by its filled()",
    ),
    "a masked target": (
        lambda: fn.minibatches(X, np.ma.ones(6), batch_size=2),
        DtypeError,
        "minibatches: y must be a numpy.ndarray, got MaskedArray",
    ),
    "rows of text": (
        lambda: _epoch(x=Source(dtype=np.dtype("U3"))),
        DtypeError,
        "minibatches: x must hold real numbers, got dtype <U3; use its astype",
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


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{kind}: {name}") for kind, cases in
     (("data", DATA), ("split", SPLITS)) for name, case in cases.items()],
)  # fmt: skip
def test_refused(case: Case) -> None:
    check(case)


def test_a_mapped_file_of_text_is_refused(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "x", "S4", "w+", shape=(6, 3))
    for call in (lambda: _epoch(x=mapped), lambda: fn.minibatches(X, mapped, batch_size=2)):
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
        next(iter(fn.minibatches(source, np.zeros((6, 1)), batch_size=3)(fn.Key(0))))
