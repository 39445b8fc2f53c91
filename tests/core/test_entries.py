"""Names and values of metrics: each is in every file what it was, or refused before it is in any."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import DtypeError, Epoch, FnnetError, History, Key, Record, ShapeError, TrainState, tree
from fnnet.experiments.receipt_files import metrics_of


class Name(StrEnum):
    """Text that is an object of another class."""

    R2 = "r2"


NAMES: list[Any] = [
    "", " ", "m", "é", "日本", "🎉", "\n", "a\nb", "\r", "a\r\nb", "a,b", '"', 'a "b", c', "'", "\0", "a\0b", "\x1a",
    "\ufeff", "\u2028", "\x85", "\x0b", "=1+1", "#", "\\", "\\n", ";", "\t", "a" * 5000, "epochs", "Loss", "seconds",
    "seal", "link", "metrics", "config.json", "../m", "m[0]", "m[0][1]", "m[x]", "[0]", "valid_loss", "nan", "NaN",
    np.str_("np"), Name.R2, "\ud800", "a\udfffb", "epoch", "loss", "loss[0]", "loss[1]", "epoch[7]", "loss[0][1]",
    1, None, b"m", ("m",),
]  # fmt: skip

REFUSED = ("\ud800", "a\udfffb", "epoch", "loss", "loss[0]", "loss[1]", "epoch[7]", "loss[0][1]", 1, None, b"m", ("m",))

PLAIN = ["f2", "f4", "f8", ">f8", "<f4", "?", "i1", "i2", ">i4", "i8", "u1", "u2", "u4", "u8"]
VALUES: list[Any] = [
    0, 1, -1, True, False, 2**53 + 1, -(2**63), 2**64 - 1, 0.1, -0.0, 5e-324, 1e308, np.inf, -np.inf, np.nan, np.True_,
    *[np.ones((), dtype) for dtype in PLAIN], *[np.ones(3, dtype) for dtype in PLAIN],
    *[np.dtype(dtype).type(1) for dtype in PLAIN], np.float16(0.1), np.float32(0.1), np.int64(2**53 + 1),
    np.array([0.5, np.nan, np.inf]), np.arange(6.0)[::2], np.eye(2), [1, 2], [1.5],
    2**64, 10**400, 1j, Decimal("0.1"), Fraction(1, 3), "0.1", None, np.longdouble("0.1"), np.clongdouble(1), b"1",
    np.array("0.1"), np.datetime64("2020"), np.timedelta64(1), np.array(None), np.ones(0), np.ones((2, 0)), [1, [2]],
    [], np.ma.masked, {},
]  # fmt: skip


def epochs_of(*records: Record) -> Iterator[Epoch[Any]]:
    """The epochs that leave these records, one at a time."""
    state = fn.start(fn.linear(Key(0), 2, 1), fn.sgd(0.1), Key(0))
    for record in records:
        history = History.of(state.history).append(record)
        state = replace(state, epoch=len(history), history=history)
        yield Epoch(state)


def _parsed(cell: Any) -> Any:
    """What a cell of any file says, as a number."""
    if isinstance(cell, list):
        return [_parsed(entry) for entry in cell]
    if isinstance(cell, str) and cell.lstrip("-").isdigit() and cell != "-0":
        return int(cell)
    return float(cell) if isinstance(cell, str) else cell


def in_csv(path: Path, names: list[str], shapes: list[tuple[int, ...]]) -> list[Any]:
    """The values of the last row."""
    with path.open(newline="") as file:
        *_, row = csv.DictReader(file)
    assert None not in row and None not in row.values()
    columns = {
        n: [n + "".join([f"[{i}]" for i in at]) for at in np.ndindex(s)] for n, s in zip(names, shapes, strict=True)
    }
    return [
        np.array([_parsed(row[c]) for c in columns[n]], object).reshape(s) for n, s in zip(names, shapes, strict=True)
    ]


def every_reading(folder: Path, epoch: Epoch[Any], names: list[str]) -> Iterator[list[Any]]:
    """The values by these names, as all the files have them."""
    shapes = [np.shape(dict([("loss", epoch.record.loss), *epoch.record.metrics])[name]) for name in names]
    yield in_csv(folder / "run.csv", names, shapes)
    row = json.loads((folder / "run.json").read_text(encoding="utf-8"))[-1]
    yield [_parsed(row[name]) for name in names]
    told = json.loads(json.dumps(metrics_of(epoch.record), allow_nan=False))
    yield [_parsed(told[name]) for name in names]
    fn.save(folder / "state", epoch.state)
    loaded = fn.load(folder / "state", like=epoch.state)
    assert tree.equal(loaded, epoch.state)
    found = loaded.history[-1]
    yield [dict([("loss", found.loss), *found.metrics])[name] for name in names]


def check(folder: Path, *records: Record) -> None:
    """The law for an epoch's record behind others."""
    epochs = fn.record(folder / "run.json", folder / "run.csv")(epochs_of(*records))
    for record, epoch in zip(records, epochs, strict=True):
        names = ["loss", *[str.__str__(name) for name, _ in record.metrics]]
        given = [np.asarray(value).tolist() for value in (record.loss, *[value for _, value in record.metrics])]
        for reading in every_reading(folder, epoch, names):
            assert [repr(_same(value)) for value in reading] == [repr(_same(value)) for value in given]


def _same(value: Any) -> Any:
    """Numbers in lists, true and false as what they are."""
    found = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(found, list):
        return [_same(entry) for entry in found]
    return int(found) if isinstance(found, bool) else found


def refused(call: Callable[[], object]) -> bool:
    """Whether it is, by an error of ours that names the metric."""
    try:
        call()
    except (FnnetError, ValueError) as error:
        assert str(error).startswith(("history: ", "validate: "))
        return True
    return False


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_every_name_is_read_back_or_refused_before_an_epoch_is_trained(name: Any, tmp_path: Path) -> None:
    is_refused = refused(lambda: fn.validate(np.ones((2, 2)), np.ones((2, 1)), {name: fn.metrics.mae}))
    assert is_refused == (name in REFUSED)
    record = Record(np.array([0.5, 0.25]), ((name, np.array([1.5, 2.5])),))
    assert refused(lambda: History().append(record)) == is_refused
    if not is_refused:
        check(tmp_path, record, record)
        stacked = tree.map(lambda *leaves: np.stack(leaves), *[fn.linear(Key(k), 2, 1) for k in (0, 1)])
        x, y = np.ones((2, 2)), np.ones((2, 1))
        valid = fn.validate(x, y, {name: fn.metrics.mae})
        fit = fn.fit(
            stacked, x, y, loss=fn.mse, optimizer=fn.sgd(0.1), key=Key(0), epochs=1, batch_size=2, streams=[valid]
        )
        assert [found for found, _ in fit.history[-1].metrics] == [str.__str__(name)]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:30])
def test_every_value_is_read_back_or_refused(value: Any, tmp_path: Path) -> None:
    array = np.array(None) if repr(value) == "[1, [2]]" else np.asarray(value)
    is_plain = array.dtype.kind in "fiub" and array.dtype.itemsize <= 8 and array.size > 0 and value is not np.ma.masked
    for record in (Record(np.asarray(0.5), (("m", value),)), Record(value, ())):
        if not is_plain:
            with pytest.raises((DtypeError, ShapeError), match=r"history: '(m|loss)' must be a (real )?number"):
                History().append(record)
        else:
            check(tmp_path, record, record)


@given(st.lists(st.text() | st.sampled_from([n for n in NAMES if isinstance(n, str)]), max_size=4), st.data())
def test_names_beside_each_other(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    values: st.SearchStrategy[Any] = st.sampled_from(
        [0.5, np.array([1.0, 2.0]), np.array([[1.0, 2.0], [3.0, 4.0]]), True, 2**53 + 1]
    )
    record = Record(data.draw(values), tuple([(name, data.draw(values)) for name in names]))
    if not refused(lambda: History().append(record)):
        check(tmp_path_factory.mktemp("record"), record, record)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["m", "m"], "metrics must have names of their own, got 'm', which the epoch has already"),
        (["m", "m[0]"], r"names other than the columns of stacked networks, got 'm\[0\]' beside 'm'; rename it"),
        (["m[0][1]", "m[0]"], r"stacked networks, got 'm\[0\]\[1\]' beside 'm\[0\]'"),
        (["loss[3]"], r"stacked networks, got 'loss\[3\]' beside 'loss'"),
        (["\ud800"], r"metrics must have names that UTF-8 has bytes for, got '\\ud800'; rename it"),
    ],
)
def test_what_is_said(names: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=f"history: .*{message}"):
        History().append(Record(np.asarray(0.5), tuple([(name, np.asarray(1.0)) for name in names])))
    if len(set(names)) == len(names):
        with pytest.raises(ValueError, match=f"validate: .*{message}"):
            fn.validate(np.ones((2, 2)), np.ones((2, 1)), dict.fromkeys(names, fn.metrics.mae))


def test_a_name_that_is_a_column_in_another_epoch(tmp_path: Path) -> None:
    records = Record(np.asarray(0.5), (("m", np.ones(2)),)), Record(np.asarray(0.5), (("m[0]", np.asarray(1.0)),))
    for order in (records, records[::-1]):
        epochs: Iterable[Epoch[Any]] = fn.record(tmp_path / "run.csv")(epochs_of(*order))
        with pytest.raises(ValueError, match=r"record: 'm\[0\]' is a metric of one epoch, and in another one a column"):
            list(epochs)


def test_a_history_of_ones_own_is_looked_at_too(tmp_path: Path) -> None:
    epoch = next(epochs_of(Record(np.asarray(0.5))))
    own: TrainState[Any] = replace(epoch.state, history=(Record(np.longdouble(0.5), ()),))  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="history: 'loss' must be a real number of at most 64 bits"):
        list(fn.record(tmp_path / "run.json")([Epoch(own)]))
