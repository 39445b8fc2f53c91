"""A history is a sequence like a tuple, at a price that does not depend on its length, and columns on disk."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import History, Key, Record, TreeError, tree
from fnnet.core.history import CHUNK
from fnnet.core.segments import RUNS, Woven
from fnnet.experiments import tree_json
from tests.support.killing import training

FORMS = st.sampled_from([(), ("r2",), ("r2", "mae"), ("mae", "r2")])
SHAPES: st.SearchStrategy[tuple[int, ...]] = st.sampled_from([(), (), (3,)])


def form(record: Record) -> object:
    """What two records share that are in one column."""
    return record.loss.shape, tuple([(name, value.shape) for name, value in record.metrics])


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    """Runs of records of one form, long enough to fill chunks, and forms by turns."""
    found: list[Record] = []
    for _ in range(draw(st.integers(0, 4))):
        names, shape, n = draw(FORMS), draw(SHAPES), draw(st.sampled_from([1, 2, 5, CHUNK - 1, CHUNK, CHUNK + 1]))
        for i in range(n):
            metrics = tuple([(name, np.full(shape, i / 7)) for name in names])
            found.append(Record(np.full(shape, float(len(found))), metrics))
    if draw(st.booleans()):
        every, loss = draw(st.integers(2, 5)), np.asarray(0.25)
        found += [
            Record(loss, (("r2", np.asarray(i / 3)),) * (i % every == 0)) for i in range(draw(st.integers(1, 300)))
        ]
    return found


@given(records(), st.integers(-700, 700), st.slices(600))
def test_it_is_the_sequence_of_its_records(given_ones: list[Record], i: int, part: slice) -> None:
    grown = History()
    for record in given_ones:
        longer = grown.append(record)
        assert longer.extends(grown) and not grown.extends(longer) and not longer.extends(longer)
        assert tree.equal(longer.without_last(), grown) or len(given_ones) > 2 * CHUNK
        grown = longer
    expected = tuple(map(tree.digest, given_ones))
    for history in (grown, History.of(given_ones), History(grown.segments), pickle.loads(pickle.dumps(grown))):
        assert len(history) == len(expected) and bool(history) == bool(expected)
        assert tuple(map(tree.digest, history)) == expected
        assert tuple(map(tree.digest, history[part])) == expected[part]
        assert tree.equal(history, grown)
        assert len(history.segments) <= max(RUNS, len({form(record) for record in given_ones}))
        if -len(expected) <= i < len(expected):
            assert tree.digest(history[i]) == expected[i]
        else:
            with pytest.raises(IndexError):
                history[i]


@given(records().filter(bool), records().filter(bool))
def test_a_longer_one_leaves_the_shorter_one_as_it_is(first: list[Record], then: list[Record]) -> None:
    history = History.of(first)
    before = tree.digest(history)
    left, right = history.append(then[0]), history.append(then[-1])
    replaced = history.without_last().append(then[0])
    assert tree.digest(history) == before and len(replaced) == len(history)
    assert tree.digest(left[-1]) == tree.digest(replaced[-1]) == tree.digest(then[0])
    assert tree.digest(right[-1]) == tree.digest(then[-1])


def test_it_is_never_changed() -> None:
    history = History.of([Record(np.asarray(1.0))] * (CHUNK + 1))
    with pytest.raises(AttributeError, match="a History is never changed, so records cannot be set; append gives"):
        history.records = ()
    for found in (history, copy.deepcopy(history), copy.copy(history), History(history.segments)):
        assert not any(leaf.flags.writeable for leaf in tree.leaves(found))
        assert not any(record.loss.flags.writeable for record in found)
    value = np.asarray(3.0)
    history = history.append(Record(value))
    value[...] = 4.0  # the caller's own
    assert history[-1].loss == 3.0


def test_it_takes_records_only() -> None:
    with pytest.raises(TreeError, match=r"history: its entries must be Records, got 0\.5"):
        History().append(0.5)  # type: ignore[arg-type]
    assert len(History().without_last()) == 0
    assert History().append(Record(0.5, (("r2", 1),)))[0].loss.dtype == np.float64  # type: ignore[arg-type]


def test_it_is_shown_in_a_line() -> None:
    assert repr(History()) == "History(0 epochs)"
    assert (
        repr(History.of([Record(np.asarray(0.5))] * 3)) == "History(3 epochs, the last: Record(loss=0.5, metrics=()))"
    )


# --- values by name ----------------------------------------------------------------------------------------------
@given(records())
def test_a_name_gives_the_values_of_all_epochs(given_ones: list[Record]) -> None:
    history = History.of(given_ones)
    names = dict.fromkeys(name for record in given_ones for name in record)
    assert history.names == tuple(names or ("loss",))
    for name in names:
        widths = {record[name].shape for record in given_ones if name in record} - {()}
        expected = np.full((len(given_ones), *next(iter(widths), ())), np.nan)
        for i, record in enumerate(given_ones):
            if name in record:
                expected[i] = record[name]
        assert history[name].dtype == np.float64 and np.array_equal(history[name], expected, equal_nan=True)
    by_name = history.to_dict()
    assert tuple(by_name) == ("epoch", *history.names)
    assert by_name["epoch"].tolist() == list(range(1, len(given_ones) + 1))


def test_columns_of_pandas() -> None:
    plain = Record(np.asarray(0.5), (("auc", np.asarray(0.75)),))
    frame = History.of([plain, Record(np.asarray(0.25))]).to_pandas()
    assert frame.index.tolist() == [1, 2] and frame.index.name == "epoch" and list(frame) == ["loss", "auc"]
    assert frame["loss"].tolist() == [0.5, 0.25] and np.isnan(frame["auc"][2])
    stacked = History.of([Record(np.array([1.0, 2.0]), (("m", np.asarray(3.0)),))]).to_pandas()
    assert list(stacked) == ["loss[0]", "loss[1]", "m"] and stacked["loss[1]"].tolist() == [2.0]
    assert len(History().to_pandas()) == 0


def test_a_name_that_there_is_not() -> None:
    record = Record(np.asarray(0.5), (("auc", np.asarray(0.75)),))
    history = History.of([record])
    for found in (lambda: history["r2"], lambda: record["r2"]):
        with pytest.raises(KeyError) as caught:
            found()
        assert isinstance(caught.value, fn.MetricError)
        assert str(caught.value).endswith(": the name must be one of 'loss', 'auc', got 'r2'")
    assert record.names == tuple(record) == ("loss", "auc") and "auc" in record and "r2" not in record
    assert History()["loss"].shape == (0,)
    uneven = History.of([Record(np.ones(2)), Record(np.ones(3))])
    with pytest.raises(fn.ShapeError, match="history: 'loss' must be of as many networks in all epochs"):
        uneven["loss"]


# --- what an epoch costs ---------------------------------------------------------------------------------------------
def _long(n: int) -> History:
    return History.of(
        Record(np.asarray(1 / i), (("m", np.asarray(i)), ("r2", np.asarray(0.5)))) for i in range(1, n + 1)
    )


@pytest.mark.parametrize("n", [10, 1_000, 100_000])
def test_an_appended_record_takes_no_more_memory_in_a_long_history(n: int) -> None:
    history = _long(n)
    tracemalloc.start()
    kept = []
    for _ in range(200):
        history = history.append(history[-1])
        kept.append(history)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size < 200 * 8 * (CHUNK + n // CHUNK + 200)


@pytest.mark.parametrize("n", [0, 1, 127, 128, 129, 1_000, 10_000])
def test_a_checkpoint_has_a_column_a_metric_and_not_a_tensor_an_epoch(n: int, tmp_path: Path) -> None:
    state = replace(training()[2], epoch=n, history=_long(n))
    assert len(tree.leaves(state)) <= len(tree.leaves(replace(state, history=History()))) + 3
    fn.save(tmp_path / "state", state)
    again = fn.load(tmp_path / "state", like=state)
    assert tree.equal(again, state) and len(again.history) == n


@pytest.mark.parametrize("n", [0, 5, 200])
def test_files_that_hold_a_record_an_epoch_are_read(n: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = fn.start(fn.linear(Key(0), 2, 1), fn.adam(0.1), Key(0))
    state = replace(state, epoch=n, history=_long(n))
    kinds = (*tree_json.RECORDS[fn.TrainState][:-1], tuple)
    with monkeypatch.context() as patched:
        patched.setitem(tree_json.RECORDS, fn.TrainState, kinds)
        fn.save(tmp_path / "old", replace(state, history=tuple(state.history)))  # type: ignore[arg-type]
    assert tree.equal(fn.load(tmp_path / "old", like=state), state)


@pytest.mark.parametrize("n", [10, 2_000])
def test_decisions_look_at_new_records_only(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer, x, y = fn.sgd(0.0), np.eye(4), np.ones((4, 1))
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=4)
    state = replace(fn.start(fn.linear(Key(0), 4, 1), optimizer, Key(0)), epoch=n, history=_long(n))
    validate = fn.validate(x, y, {"m": fn.metrics.mae, "r2": fn.metrics.r2})
    seen: list[Record] = []
    original = History.__getitem__

    def counting(self: History, at: Any) -> Any:
        found = original(self, at)
        seen.extend(found if isinstance(at, slice) else [found])
        return found

    monkeypatch.setattr(History, "__getitem__", counting)
    monkeypatch.setattr(History, "__iter__", lambda self: iter(self[:]))
    for stream in (
        fn.early_stopping(10**6, metric="m")(validate(fn.train(step, data, state))),
        fn.reduce_on_plateau(fn.train, metric="m", patience=10**6, streams=(validate,))(step, data, state),
    ):
        next(stream)  # the first epoch may look at all that was there
        seen.clear()
        for _ in range(20):
            next(stream)
        assert 20 <= len(seen) <= 20 * 10


def _woven(*places: int) -> Woven:
    return Woven(("loss",), (np.arange(float(len(places))),), np.array(places, np.int64))


@pytest.mark.parametrize("places", [(0, 2), (0, 0), (1,), (-1, 0)])
def test_places_that_are_not_each_epoch_once_are_refused(places: tuple[int, ...]) -> None:
    with pytest.raises(TreeError, match="a history must have a record for each place from 0 up, and each once"):
        History((_woven(*places),))
    segment = History.of([Record(np.asarray(1.0))]).segments[0]
    mixed: Any = (segment, _woven(1))
    with pytest.raises(TreeError, match="a history must have a record for each place"):
        History(mixed)


def test_metrics_of_every_second_epoch_cost_a_column(tmp_path: Path) -> None:
    sizes = []
    for n in (1000, 2000):
        history = History.of([Record(np.asarray(1.0), (("r2", np.asarray(0.5)),) * (i % 2)) for i in range(n)])
        assert len(history.segments) == 2
        fn.save(tmp_path / "history", history)
        sizes.append((tmp_path / "history").stat().st_size)
        assert tree.equal(fn.load(tmp_path / "history"), history)
    assert sizes[1] - sizes[0] <= 1000 * 24
