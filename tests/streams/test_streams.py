"""Functions from stream to stream: lazy, deciding from histories alone, equal when resumed."""

from __future__ import annotations

import csv
import json
import math
import os
import pickle
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Epoch, History, Key, Mlp, Record, TrainState, Value, files, jit, streams, tree
from fnnet.keys import normal
from fnnet.stages import Stage
from tests.laws.law03_fold import RUNS, Run

NET = fn.mlp(Key(0), (1, 2, 1))
NUMBERS = st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.0, math.nan, math.inf, -math.inf]), min_size=1, max_size=12)
MODES: st.SearchStrategy[streams.Mode] = st.sampled_from(["min", "max"])


def epochs_of(numbers: Iterable[float], name: str = "m") -> Iterator[Epoch[Mlp]]:
    """Epochs whose metric has these values, with histories as training makes them."""
    history = History()
    for i, number in enumerate(numbers, start=1):
        history = history.append(Record(np.asarray(0.0), ((name, np.asarray(number)),)))
        yield Epoch(TrainState(NET, fn.OptState(i), Key(0), epoch=i, history=history))


def numbers_of(epochs: Iterable[Epoch[Mlp]]) -> list[int]:
    """Which epochs these are."""
    return [epoch.state.epoch for epoch in epochs]


def begun(run: Run) -> TrainState[fn.Params]:
    """The run's first state."""
    return fn.start(run.net, run.optimizer, run.start.key)


def training(run: Run) -> Iterator[Epoch[fn.Params]]:
    """The run's endless stream."""
    return fn.train(run.step, run.data, begun(run))


# --- all of them -------------------------------------------------------------------------------------------------
def every(folder: Path) -> dict[str, fn.StreamFn]:
    """Each stream function, none of which ends an early stream here."""
    x, y = normal(Key(1), (3, 3)), normal(Key(2), (3, 2))
    return {
        "validate": fn.validate(x, y, {"r2": fn.metrics.r2}),
        "early_stopping": fn.early_stopping(50, metric="loss"),
        "progress": fn.progress(10),
        "record": fn.record(folder / "run.json", folder / "run.csv"),
        "time_limit": fn.time_limit(1e6),
        "until": fn.until(50),
        "stop_on_signal": fn.stop_on_signal(),
    }


def test_every_stream_function_is_among_them(tmp_path: Path) -> None:
    public = {name for name in vars(fn) if getattr(vars(fn)[name], "__module__", "").startswith("fnnet.streams.")}
    assert set(every(tmp_path)) == public - {"best"}


@pytest.mark.parametrize(
    "name", ["validate", "early_stopping", "progress", "record", "time_limit", "until", "stop_on_signal"]
)
def test_taking_n_epochs_trains_n_and_no_more(name: str, tmp_path: Path) -> None:
    run = Run(Key(0), 4, 2, "adam")
    made: list[int] = []

    def counted(epochs: Iterable[Epoch[fn.Params]]) -> Iterator[Epoch[fn.Params]]:
        for epoch in epochs:
            made.append(epoch.state.epoch)
            yield epoch

    stream = every(tmp_path)[name](counted(training(run)))
    assert made == []
    for n in (1, 2, 3):
        assert next(stream).state.epoch == n
        assert made == list(range(1, n + 1))
    assert len(list(fn.take(2)(stream))) == 2
    assert len(made) == 5


@pytest.mark.parametrize("name", ["early_stopping", "progress", "record", "time_limit", "until", "stop_on_signal"])
def test_epochs_pass_unchanged(name: str, tmp_path: Path) -> None:
    given_epochs = list(epochs_of([3.0, 2.0, 1.0]))
    passed = list(every(tmp_path)[name](given_epochs))
    assert all(a is b for a, b in zip(given_epochs, passed, strict=True))


def test_settings_print_compare_and_pickle(tmp_path: Path) -> None:
    for made in [*every(tmp_path).values(), fn.best("loss")]:
        copied = pickle.loads(pickle.dumps(made))
        assert repr(copied) == repr(made)
        assert isinstance(made, streams.Validate) or copied == made


def test_order_is_that_of_the_pipe(tmp_path: Path) -> None:
    run, made = Run(Key(0), 4, 2, "sgd"), every(tmp_path)
    stop = fn.early_stopping(2, metric="r2", mode="max")
    stream = fn.pipe(training(run), stop, made["validate"])
    with pytest.raises(ValueError, match=r"metric must be one of 'loss', which this epoch has, got 'r2'.* before"):
        next(stream)
    assert next(fn.pipe(training(run), made["validate"], stop)).state.epoch == 1


def test_streams_in_fit(tmp_path: Path) -> None:
    run = Run(Key(0), 6, 2, "sgd")
    stop = fn.early_stopping(1, metric="valid_loss", min_delta=1e6)
    chain: list[fn.StreamFn] = [fn.time_limit(1e6), stop, fn.record(tmp_path / "run.json"), fn.progress(9)]
    fitted = fn.fit(
        run.net,
        run.x,
        run.y,
        loss=fn.mse,
        optimizer=run.optimizer,
        key=Key(0),
        epochs=9,
        batch_size=2,
        valid=(run.x, run.y),
        streams=chain,
    )
    assert fitted.state.epoch == 2
    assert [row["valid_loss"] for row in json.loads((tmp_path / "run.json").read_text())] == [
        float(record.metrics[0][1]) for record in fitted.history
    ]


# --- early_stopping ----------------------------------------------------------------------------------------------
def stops_after(numbers: list[float], patience: int, mode: streams.Mode, min_delta: float) -> int:
    """The rule as one would write it: how many of the epochs there are."""
    best, waited = math.nan, 0
    for i, number in enumerate(numbers, start=1):
        is_better = number < best - min_delta if mode == "min" else number > best + min_delta
        if is_better or (math.isnan(best) and not math.isnan(number)):
            best, waited = number, 0
        else:
            waited += 1
        if waited == patience:
            return i
    return len(numbers)


@given(NUMBERS, st.integers(1, 4), MODES, st.sampled_from([0.0, 0.5, 1.0]))
def test_early_stopping_is_its_rule(numbers: list[float], patience: int, mode: streams.Mode, delta: float) -> None:
    stop = fn.early_stopping(patience, metric="m", mode=mode, min_delta=delta)
    expected = stops_after(numbers, patience, mode, delta)
    assert numbers_of(stop(epochs_of(numbers))) == list(range(1, expected + 1))


@given(NUMBERS, st.integers(1, 4), MODES, st.integers(0, 12))
def test_early_stopping_resumed_anywhere_ends_where_it_would(
    numbers: list[float], patience: int, mode: streams.Mode, start: int
) -> None:
    stop, all_epochs = fn.early_stopping(patience, metric="m", mode=mode), list(epochs_of(numbers))
    whole = numbers_of(stop(all_epochs))
    assert numbers_of(stop(all_epochs[start:])) == whole[start:]


def test_early_stopping_looks_at_epochs_that_did_not_pass_too() -> None:
    numbers = [5.0, 1.0, 2.0, 2.0, 2.0, 2.0]
    assert numbers_of(fn.early_stopping(3, metric="m")(list(epochs_of(numbers))[::2])) == [1, 3, 5]
    assert numbers_of(fn.early_stopping(2, metric="m")(list(epochs_of(numbers))[::2])) == [1, 3]


def test_records_from_before_the_metric_count_for_nothing() -> None:
    older = tuple([Record(np.asarray(9.0))] * 5)
    histories = [History.of((*older, *epoch.state.history)) for epoch in epochs_of([1.0, 2.0, 3.0])]
    epochs = [Epoch(TrainState(NET, fn.OptState(0), Key(0), epoch=len(h), history=h)) for h in histories]
    assert numbers_of(fn.early_stopping(2, metric="m")(epochs)) == [6, 7, 8]


@given(RUNS, st.integers(1, 2))
def test_a_resumed_pipeline_is_the_uninterrupted_one(run: Run, patience: int) -> None:
    validate = fn.validate(run.x + 1, run.y, {"r2": fn.metrics.r2})
    stop = fn.early_stopping(patience, metric="r2", mode="max", min_delta=0.01)

    def go(state: TrainState[fn.Params], n: int) -> list[Epoch[fn.Params]]:
        return list(fn.pipe(fn.train(run.step, run.data, state), validate, stop, fn.take(n)))

    whole = go(begun(run), 6)
    for i, epoch in enumerate(whole, start=1):
        rest = go(pickle.loads(pickle.dumps(epoch.state)), 6 - i)
        assert [tree.digest(e) for e in rest] == [tree.digest(e) for e in whole[i:]]


# --- until -------------------------------------------------------------------------------------------------------
def _sources(run: Run) -> list[Callable[[TrainState[fn.Params]], Iterator[Any]]]:
    """All that makes streams."""
    plateau: Any = fn.reduce_on_plateau(fn.train)
    makers: list[Any] = [fn.train, fn.steps, jit.train, plateau]
    return [partial(make, run.step, run.data) for make in makers]


def _mine(stream: Iterable[Any]) -> Iterator[Any]:
    """A user's stream function."""
    yield from stream


def _state(item: Any) -> TrainState[fn.Params]:
    return item.state if isinstance(item, Epoch) else item


@pytest.mark.parametrize("which", range(4))
def test_until_ends_where_the_run_has_done_so_many_epochs(which: int) -> None:
    run = Run(Key(0), 5, 2, "adam")
    source, begin = _sources(run)[which], begun(run)
    whole = list(fn.until(3)(source(begin)))
    assert (_state(whole[-1]).epoch, _state(whole[-1]).batch) == (3, 0)
    assert len(whole) == (9 if which == 1 else 3)
    for i, item in enumerate(whole, start=1):
        rest = fn.until(3)(source(_state(item)))
        assert [tree.digest(_state(one)) for one in rest] == [tree.digest(_state(one)) for one in whole[i:]]
    assert list(fn.until(2)(source(_state(whole[-1])))) == []


@pytest.mark.parametrize("which", range(4))
def test_a_run_that_has_been_there_computes_nothing(which: int, tmp_path: Path) -> None:
    run, made = Run(Key(0), 5, 2, "adam"), list[int]()

    def noting(stream: Iterable[Any]) -> Iterator[Any]:
        for item in stream:
            made.append(_state(item).epoch)
            yield item

    source = _sources(run)[which]
    final = fn.last(fn.until(3)(source(begun(run))))
    keep = fn.checkpoint_to(tmp_path)
    pipes: list[list[Any]] = [
        [noting, keep, fn.until(3)],
        [fn.until(3), noting],
        [noting, fn.until(2), fn.until(9)],
        [noting, fn.until(9), fn.until(2)],
    ]
    for functions in pipes:
        stream: Any = source(_state(final))
        for function in (*functions, _mine, fn.until(5)):
            stream = function(stream)
        assert fn.last(stream, default=final) is final
    assert made == [] and not list(tmp_path.iterdir())


def test_the_limit_of_a_run_is_none_of_one_inside_it() -> None:
    run, inner = Run(Key(0), 4, 2, "sgd"), list[int]()
    ahead: Any = run.epochs(begun(run), 5)

    def probing(epochs: Iterable[Epoch[fn.Params]]) -> Iterator[Any]:
        for epoch in epochs:
            inner.extend(numbers_of(fn.take(1)(fn.train(run.step, run.data, ahead))))
            inner.extend(numbers_of(fn.until(7)(fn.train(run.step, run.data, ahead))))
            yield epoch

    assert numbers_of(fn.until(2)(probing(training(run)))) == [1, 2]
    assert inner == [6, 6, 7] * 2


def test_an_item_beyond_the_end_does_not_pass() -> None:
    assert numbers_of(fn.until(2)(list(epochs_of([1.0] * 4))[2:])) == []
    assert numbers_of(fn.until(2)(epochs_of([1.0] * 4))) == [1, 2]


# --- best --------------------------------------------------------------------------------------------------------
@given(NUMBERS, MODES)
def test_best_is_the_earliest_of_the_best(numbers: list[float], mode: streams.Mode) -> None:
    proper = [number for number in numbers if not math.isnan(number)]
    if not proper:
        with pytest.raises(ValueError, match=rf"'m' must be a number in one epoch, got NaN in all {len(numbers)}"):
            fn.best("m", mode)(epochs_of(numbers))
    else:
        expected = numbers.index(min(proper) if mode == "min" else max(proper)) + 1
        assert fn.best("m", mode)(epochs_of(numbers)).state.epoch == expected


def test_best_of_training_is_the_state_itself() -> None:
    run = Run(Key(3), 7, 2, "adam")
    validate = fn.validate(run.x + 1, run.y, {"r2": fn.metrics.r2})
    found = fn.pipe(fn.train(run.step, run.data, run.start), validate, fn.take(6), fn.best("r2", "max"))
    shares = [float(fn.metrics.r2(fn.predict(run.epochs(run.start, n).params, run.x + 1), run.y)) for n in range(1, 7)]
    assert found.state.epoch == int(np.argmax(shares)) + 1
    assert tree.equal(found.state.params, run.epochs(run.start, found.state.epoch).params)
    assert float(found.record.metrics[0][1]) == max(shares)


def test_best_of_an_empty_stream() -> None:
    with pytest.raises(ValueError, match="best: the stream is empty, so it has no best epoch"):
        fn.best()(epochs_of([]))


# --- stacked networks --------------------------------------------------------------------------------------------
def test_k_networks_have_one_decision_by_one_number() -> None:
    nets = [fn.mlp(Key(k), (3, 4, 2)) for k in range(3)]
    stacked = tree.map(lambda *leaves: np.stack(leaves), nets[0], *nets[1:])
    x, y = normal(Key(0), (6, 3)), normal(Key(1), (6, 2))
    optimizer = fn.adam(0.01)

    def mean_loss(prediction: Array, target: Array) -> Value:
        return np.asarray(fn.mse(prediction.mean(axis=0), target.astype(prediction.dtype))[0])

    def go(metric: str) -> Epoch[Mlp]:
        step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
        epochs = fn.train(step, fn.minibatches(x, y, batch_size=3), fn.start(stacked, optimizer, Key(0)))
        valid = fn.validate(x, y, {"mean_loss": mean_loss})
        return fn.pipe(epochs, valid, fn.early_stopping(2, metric="mean_loss"), fn.take(3), fn.best(metric))

    assert go("mean_loss").state.epoch == 3
    with pytest.raises(ValueError, match=r"best: metric 'loss' has one value for each of 3 stacked networks"):
        go("loss")


# --- record ------------------------------------------------------------------------------------------------------
def read(path: Path) -> list[dict[str, float]]:
    """A file's rows as floats, empty cells left out."""
    text = path.read_text()
    if path.suffix == ".json":
        rows = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    else:
        rows = list(csv.DictReader(StringIO(text)))
    return [{name: float(cell) for name, cell in row.items() if cell != ""} for row in rows]


FLOATS = st.lists(st.floats() | st.floats(width=32), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all examples of a property."""
    return tmp_path_factory.mktemp("record")


@given(FLOATS, st.sampled_from(["m", 'a "b", c', "é\n"]))
def test_what_is_read_back_is_what_was(folder: Path, numbers: list[float], name: str) -> None:
    paths = folder / "run.json", folder / "run.csv"
    for n, _ in enumerate(fn.record(*paths)(epochs_of(numbers, name)), start=1):
        for path in paths:
            rows = read(path)
            assert [row["epoch"] for row in rows] == list(range(1, n + 1))
            assert [row["loss"] for row in rows] == [0.0] * n
            assert [repr(row[name]) for row in rows] == [repr(number) for number in numbers[:n]]
    assert sorted(os.listdir(folder)) == ["run.csv", "run.json"]


def test_a_run_that_goes_on_writes_the_file_of_the_whole_run(tmp_path: Path) -> None:
    run = Run(Key(0), 6, 2, "adam")
    validate, paths = fn.validate(run.x, run.y, {"r2": fn.metrics.r2}), (tmp_path / "run.json", tmp_path / "run.csv")

    def go(state: TrainState[fn.Params], n: int) -> TrainState[fn.Params]:
        chain = validate, fn.record(*paths), fn.take(n)
        return fn.last(fn.pipe(fn.train(run.step, run.data, state), *chain)).state

    go(begun(run), 5)
    whole = [path.read_bytes() for path in paths]
    half = go(begun(run), 2)
    go(half, 3)
    assert [path.read_bytes() for path in paths] == whole


def test_epochs_whose_records_are_gone_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    *_, last = epochs_of([3.0, 2.0, 1.0])
    short = Epoch(replace(last.state, history=History.of(last.state.history[1:])))
    assert list(fn.record(path)([short])) == [short]
    assert [row["epoch"] for row in read(path)] == [2, 3]


def test_a_metric_that_comes_later_and_networks_side_by_side(tmp_path: Path) -> None:
    pair = np.array([0.25, math.inf])
    history = History.of([Record(pair), Record(pair, (("m", np.asarray(1.5)),))])
    histories = [history.without_last(), history]
    epochs = [Epoch(TrainState(NET, fn.OptState(0), Key(0), epoch=len(h), history=h)) for h in histories]
    assert len(list(fn.record(tmp_path / "run.json", tmp_path / "run.csv")(epochs))) == 2
    assert (tmp_path / "run.csv").read_text() == "epoch,loss[0],loss[1],m\n1,0.25,inf,\n2,0.25,inf,1.5\n"
    assert (tmp_path / "run.json").read_text() == (
        '[\n{"epoch": 1, "loss": [0.25, "inf"]},\n{"epoch": 2, "loss": [0.25, "inf"], "m": 1.5}\n]\n'
    )


@pytest.mark.parametrize("name", ["run.csv", "run.json"])
@pytest.mark.parametrize("room", [0, 5])
def test_a_row_that_fails_leaves_the_file_whole(name: str, room: int, tmp_path: Path) -> None:
    """Also where a part of it has found room."""
    path, record = tmp_path / name, fn.record(tmp_path / name)
    stream = record(epochs_of([1.0, 2.0]))
    next(stream)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            next(stream)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [name]


def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.csv"
    path.write_text("old")

    def full(*names: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        next(fn.record(path)(epochs_of([1.0, 2.0])))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["run.csv"]


NAMES = st.lists(st.sampled_from(["a", "b", 'a "b", c']), max_size=2, unique=True)
BETWEEN = st.sampled_from(["nothing", "nothing", "nothing", "dropped", "removed", "longer", "other", "link"])


@given(st.lists(st.tuples(NAMES, st.floats(), BETWEEN), min_size=1, max_size=6), st.sampled_from(["json", "csv"]))
def test_the_file_is_that_of_the_history_whatever_happens_to_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[list[str], float, str]], kind: str
) -> None:
    """It is the one that is written at once, whichever columns come when, and whoever writes to it meanwhile."""
    folder = tmp_path_factory.mktemp("disturbed")
    path, at_once = folder / f"run.{kind}", folder / f"whole.{kind}"
    history: tuple[Record, ...] = ()
    epochs: list[Epoch[Mlp]] = []
    for names, number, _ in rows:
        history = (*history, Record(np.asarray(number), tuple([(name, np.asarray(number)) for name in names])))
        epochs.append(Epoch(TrainState(NET, fn.OptState(0), Key(0), epoch=len(history), history=History.of(history))))
    passed = [epoch for epoch, (_, _, event) in zip(epochs, rows, strict=True) if event != "dropped"]
    events = iter([event for _, _, event in rows if event != "dropped"])
    for epoch in fn.record(path)(passed):
        next(fn.record(at_once)([epoch]))
        assert path.read_bytes() == at_once.read_bytes()
        disturb(path, next(events))


def disturb(path: Path, event: str) -> None:
    """What somebody else may do to a file."""
    if event == "longer":
        with path.open("a") as file:
            file.write("more")
    elif event == "other":
        other = path.with_suffix(".other")
        other.write_text(path.read_text()[::-1])
        other.replace(path)
    elif event == "link" and not path.is_symlink():
        path.rename(path.with_suffix(".moved"))
        path.symlink_to(path.with_suffix(".moved"))
    elif event == "removed":
        path.unlink()


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_an_epoch_costs_the_same_late_and_early(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file made, and for each epoch behind its first as many bytes as its row has."""
    path, made, added = tmp_path / f"run.{kind}", list[int](), list[int]()
    write, extend = files.write, files.extend

    def writing(path: Path, *pieces: bytes | memoryview) -> None:
        made.append(sum(map(len, pieces)))
        write(path, *pieces)

    def extending(path: Path, known: files.Stamp, back: int, piece: bytes) -> files.Stamp | None:
        added.append(len(piece))
        return extend(path, known, back, piece)

    monkeypatch.setattr(files, "write", writing)
    monkeypatch.setattr(files, "extend", extending)
    assert len(list(fn.record(path)(epochs_of([0.5] * 300)))) == 300
    assert (len(made), len(added)) == (1, 299)
    assert max(added) <= min(added) + 2  # the digits of the epoch's number
    assert [row["epoch"] for row in read(path)] == list(range(1, 301))


@pytest.mark.parametrize("name", ["missing/run.json", "folder.json", "file/run.csv"])
def test_a_file_that_cannot_be_written_is_told_before_anything_is_trained(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").touch()
    epochs = epochs_of([1.0, 2.0])
    with pytest.raises(OSError, match=r"record: the path must be that of a file that can be written: .*run|folder"):
        next(fn.record(tmp_path / name)(epochs))
    assert next(epochs).state.epoch == 1


# --- time_limit --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("seconds", "passed"), [(0, 1), (9.9, 1), (10, 1), (10.1, 2), (25, 3)])
def test_time_limit_ends_after_the_epoch_that_crosses_it(
    seconds: float, passed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def slow() -> Iterator[Epoch[Mlp]]:
        for epoch in epochs_of(count()):
            clock[0] += 10
            yield epoch

    stream = fn.time_limit(seconds)(slow())
    clock[0] += 1000  # the clock starts with the first epoch asked for
    assert numbers_of(stream) == list(range(1, passed + 1))


# --- behind what drops epochs ----------------------------------------------------------------------------------------
def _every_second(epochs: Iterable[Epoch[Mlp]]) -> Iterator[Epoch[Mlp]]:
    return (epoch for epoch in epochs if epoch.state.epoch % 2 == 0)


@pytest.mark.parametrize("cut", [2, 4, 6])
def test_validation_behind_dropped_epochs_keeps_their_records_and_is_resumed(cut: int) -> None:
    """The history has a record an epoch, wherever the run was stopped."""
    x, y, optimizer = np.eye(3), np.ones((3, 1)), fn.adam(0.1)
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=2)
    first = fn.start(fn.mlp(Key(0), (3, 2, 1)), optimizer, Key(0))

    def run(state: TrainState[Mlp], to: int) -> TrainState[Mlp]:
        validate = fn.validate(x, y, {"r2": fn.metrics.r2, "mae": fn.metrics.mae})
        epochs = _every_second(fn.train(step, data, state))
        return fn.last(fn.take((to - state.epoch) // 2)(validate(epochs))).state

    through = run(first, 8)
    assert [len(record.metrics) for record in through.history] == [0, 2] * 4
    assert tree.equal(run(run(first, cut), 8), through)


def test_no_metric_writes_into_what_the_next_one_reads() -> None:
    def in_place(prediction: Array, target: Array) -> Value:
        prediction -= target
        return np.asarray(0.0)

    epoch = next(epochs_of([1.0]))
    validate = fn.validate(np.ones((4, 1)), np.ones((4, 1)), {"own": in_place, "mae": fn.metrics.mae})
    with pytest.raises(ValueError, match="read-only"):
        next(validate([epoch]))


@pytest.mark.parametrize("name", ["record", "plateau"])
def test_a_history_that_is_cut_off_is_refused(name: str, tmp_path: Path) -> None:
    """By what reads it record by record, and would wait for ever for the next one."""

    def last_three(epochs: Iterable[Epoch[Any]]) -> Iterator[Epoch[Any]]:
        for epoch in epochs:
            yield Epoch(replace(epoch.state, history=fn.History.of(epoch.state.history[-3:])))

    run = Run(Key(0), 4, 2, "adam")
    if name == "record":
        stream = fn.record(tmp_path / "run.csv")(last_three(training(run)))
    else:
        stream = fn.reduce_on_plateau(fn.train, metric="loss", streams=(last_three,))(run.step, run.data, begun(run))
    assert len(list(fn.take(3)(stream))) == 3
    with pytest.raises(fn.TreeError, match="the history must grow by every epoch, got one of 3 records after 3"):
        next(stream)


def test_an_error_thrown_into_a_stage_is_raised() -> None:
    with pytest.raises(LookupError, match="wanted"):
        Stage(iter([1]), iter([1])).throw(LookupError("wanted"))
