"""What progress shows: on a terminal, in a notebook, in a log; never so that training ends by it, or differs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from io import StringIO
from itertools import count
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, Key, Record, jit, tree
from fnnet.core.watching import told, watched
from fnnet.data.batches import Last
from fnnet.streams import _displays, _sparkline, display
from tests.streams.test_streams import epochs_of, numbers_of


class Terminal(StringIO):
    """Standard error as somebody watches it."""

    def isatty(self) -> bool:
        """Yes."""
        return True


class Broken(Terminal):
    """A terminal that has gone away."""

    def write(self, text: str) -> int:
        """Fails."""
        raise BrokenPipeError("gone")


class FakeTqdm:
    """A bar that notes what it is told."""

    told: list[object] = []  # noqa: RUF012

    def __init__(self, *, total: int | None, initial: int, unit: str, dynamic_ncols: bool) -> None:
        self.n = initial
        self.told[:] = [(total, initial, unit)]

    def set_postfix_str(self, text: str, refresh: bool) -> None:
        self.told.append(text)

    def update(self, n: int) -> None:
        self.n += n
        self.told.append(self.n)

    def close(self) -> None:
        self.told.append("closed")


def watch(monkeypatch: pytest.MonkeyPatch, stderr: StringIO, tqdm: type | None = None) -> None:
    """Another standard error, and another tqdm or none; no fixture, for pytest sets standard error before each test."""
    module = None
    if tqdm is not None:
        module = ModuleType("tqdm.auto")
        monkeypatch.setattr(module, "tqdm", tqdm, raising=False)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    monkeypatch.setenv("COLUMNS", "60")


# --- a terminal ------------------------------------------------------------------------------------------------------
def test_progress_is_one_line_with_the_curve_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    watch(monkeypatch, terminal)
    monkeypatch.setattr(_displays, "PAUSE", 0.0)
    assert numbers_of(fn.progress(3)(epochs_of([0.5, 1 / 3]))) == [1, 2]
    shown = terminal.getvalue()
    assert shown.count("\n") == 1
    assert [line.rstrip() for line in shown.split("\r")[1:]] == [
        "epoch 1/3: loss 0, m 0.5",
        "epoch 2/3: ▁▁ loss 0, m 0.3333",
    ]
    assert all(len(line.rstrip("\n")) == 59 for line in shown.split("\r")[1:])


def test_progress_ends_with_the_last_epoch_however_fast_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    watch(monkeypatch, terminal)
    assert numbers_of(fn.take(20)(fn.progress()(epochs_of(count())))) == list(range(1, 21))
    assert terminal.getvalue().rstrip().endswith("epoch 20: ▁▁▁▁▁▁▁▁▁▁▁▁ loss 0, m 19")
    assert terminal.getvalue().count("\r") < 20


def test_progress_draws_no_curve_where_it_cannot_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(Terminal, "encoding", "ascii")
    watch(monkeypatch, terminal)
    assert numbers_of(fn.progress()(epochs_of([1.0, 2.0]))) == [1, 2]
    assert terminal.getvalue().rstrip().endswith("epoch 2: loss 0, m 2")


def test_progress_shows_the_range_of_stacked_networks() -> None:
    record = Record(np.array([0.25, 2.0]), (("m", np.array([1.0])),))
    assert display.described(record) == "loss 0.25 to 2, m 1"


@pytest.mark.parametrize(
    ("losses", "drawn"),
    [
        ([], ""),
        ([1.0], ""),
        ([1000.0, 100.0, 10.0, 1.0], "█▆▃▁"),
        ([1.0, 0.0, -1.0], "█▅▁"),
        ([2.0, np.nan, np.inf, 1.0], "█··▁"),
        ([np.nan, np.nan], "··"),
        (np.linspace(1, 100, 10_000).tolist(), "▁▅▅▆▆▇▇▇████"),
    ],
)
def test_the_curve(losses: list[float], drawn: str) -> None:
    history = fn.History.of([Record(np.asarray(loss)) for loss in losses])
    assert _sparkline.sparkline(history) == drawn
    assert _sparkline.sparkline(fn.History.of([Record(np.array([loss, loss])) for loss in losses])) == drawn


# --- a bar -----------------------------------------------------------------------------------------------------------
def test_progress_with_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    watch(monkeypatch, Terminal(), FakeTqdm)
    resumed = list(epochs_of([1.0, 2.0, 3.0]))[1:]
    assert numbers_of(fn.progress(9)(resumed)) == [2, 3]
    assert FakeTqdm.told == [(9, 2, "epoch"), "▁▁ loss 0, m 2", 2, "▁▁▁ loss 0, m 3", 3, "closed"]


def test_progress_with_tqdm_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output of a kernel is no terminal."""
    watch(monkeypatch, StringIO(), FakeTqdm)
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert numbers_of(fn.progress(1)(epochs_of([1.0]))) == [1]
    assert FakeTqdm.told == [(1, 1, "epoch"), "loss 0, m 1", 1, "closed"]


@pytest.mark.parametrize(("is_failed", "style"), [(False, ""), (True, "danger")])
def test_a_run_that_stops_early_is_no_error(is_failed: bool, style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bar = SimpleNamespace(bar_style="danger")
    monkeypatch.setattr(FakeTqdm, "container", SimpleNamespace(children=[None, bar, None]), raising=False)
    watch(monkeypatch, Terminal(), FakeTqdm)

    def epochs() -> Iterator[fn.Epoch[fn.Mlp]]:
        yield from epochs_of([1.0, 2.0])
        if is_failed:
            raise ValueError("a failure")

    with pytest.raises(ValueError, match="a failure") if is_failed else nullcontext():
        numbers_of(fn.progress(9)(epochs()))
    assert bar.bar_style == style


def test_progress_with_the_true_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert numbers_of(fn.progress(2)(epochs_of([1.0, 2.0]))) == [1, 2]
    assert "2/2" in terminal.getvalue()
    assert "m 2" in terminal.getvalue()


# --- a log -----------------------------------------------------------------------------------------------------------
def test_progress_is_lines_of_a_log_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    log = StringIO()
    watch(monkeypatch, log, FakeTqdm)
    monkeypatch.setattr(_displays, "LOG_PAUSE", 0.0)
    assert numbers_of(fn.progress(3)(epochs_of([0.5, 1 / 3]))) == [1, 2]
    assert log.getvalue() == "epoch 1/3: loss 0, m 0.5\nepoch 2/3: loss 0, m 0.3333\n"


def test_a_log_has_the_first_and_the_last_epoch_and_few_between(monkeypatch: pytest.MonkeyPatch) -> None:
    log, clock = StringIO(), iter(np.arange(0, 1e6, 0.01).tolist())
    watch(monkeypatch, log)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    numbers_of(fn.take(500)(fn.progress()(epochs_of(count()))))
    lines = log.getvalue().splitlines()
    assert (lines[0], lines[-1]) == ("epoch 1: loss 0, m 0", "epoch 500: loss 0, m 499")
    assert 3 < len(lines) < 50


# --- batches ---------------------------------------------------------------------------------------------------------
X, Y = np.eye(6), np.ones((6, 1))
OPTIMIZER = fn.adam(0.1)
STEP = fn.train_step(fn.value_and_grad(fn.mse), OPTIMIZER)
FIRST = fn.start(fn.linear(Key(0), 6, 1), OPTIMIZER, Key(0))


def batches_of(key: Key) -> Iterator[tuple[Array, Array]]:
    """Data that do not say how many batches they have."""
    return iter([(X[:3], Y[:3]), (X[3:], Y[3:])])


@pytest.mark.parametrize(
    ("data", "of"),
    [
        (fn.minibatches(X, Y, batch_size=2, shuffle=False), "/3"),
        (fn.minibatches(X, Y, batch_size=2, order=lambda key, rows, size: np.arange(rows)), ""),
        (batches_of, ""),
    ],
)
def test_batches_of_long_epochs_are_shown(data: fn.Data[Array], of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    watch(monkeypatch, terminal)
    for module, name in ((display, "LONG"), (display, "PAUSE"), (_displays, "PAUSE")):
        monkeypatch.setattr(module, name, 0.0)
    fn.pipe(fn.train(STEP, data, FIRST), fn.validate(X, Y, {"r2": fn.metrics.r2}), fn.progress(2), fn.take(2), fn.last)
    lines = [line.split(" loss")[0].rstrip() for line in terminal.getvalue().split("\r")[1:]]
    marks = [
        f"epoch {epoch}/2, batch {batch}{of}:" for epoch in (1, 2) for batch in ((1,) if data is batches_of else (1, 2))
    ]
    half = len(marks) // 2
    assert lines == [*marks[:half], "epoch 1/2:", *marks[half:], f"epoch 2/2: {lines[-1][-2:]}"]


@pytest.mark.parametrize(("rows", "last", "batches"), [(6, "keep", 3), (5, "keep", 3), (5, "drop", 2)])
def test_minibatches_say_how_many_they_are(rows: int, last: Last, batches: int) -> None:
    data = fn.minibatches(X[:rows], Y[:rows], batch_size=2, last=last)
    assert data.batches == batches == len(list(data(Key(0))))


def test_a_bar_stays_at_the_finished_epochs_while_batches_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    watch(monkeypatch, Terminal(), FakeTqdm)
    monkeypatch.setattr(display, "LONG", 0.0)
    monkeypatch.setattr(display, "PAUSE", 0.0)
    next(fn.progress()(fn.train(STEP, fn.minibatches(X, Y, batch_size=3), FIRST)))
    texts = [text.split(" loss")[0] if isinstance(text, str) else text for text in FakeTqdm.told]
    assert texts == [(None, 0, "epoch"), "batch 1/2,", 0, texts[3], 1, "closed"]


def test_a_log_says_where_a_long_epoch_is(monkeypatch: pytest.MonkeyPatch) -> None:
    log, clock = StringIO(), count(0.0, 2.0)
    watch(monkeypatch, log)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    next(fn.progress(1)(fn.train(STEP, fn.minibatches(X, Y, batch_size=1), FIRST)))
    lines = log.getvalue().splitlines()
    assert lines[0].startswith("epoch 1/1, batch ")
    assert lines[-1].startswith("epoch 1/1: loss ")
    assert len(lines) <= 4


def test_who_watches_changes_no_bit_and_sees_only_its_own_stream() -> None:
    data = fn.minibatches(X, Y, batch_size=2)
    seen: list[tuple[int, int]] = []
    epochs = watched(fn.train(STEP, data, FIRST), lambda state: seen.append((state.epoch, state.batch)))
    first = next(epochs)
    assert seen == [(0, 1), (0, 2), (1, 0)]
    fn.last(fn.take(3)(fn.train(STEP, data, FIRST)))  # nobody watches between two items
    told(FIRST)
    assert len(seen) == 3
    assert tree.equal(next(epochs).state, fn.last(fn.take(2)(fn.train(STEP, data, FIRST))).state)
    assert first.state.epoch == 1


def test_of_two_who_watch_one_stream_the_first_sees_it() -> None:
    seen: list[str] = []
    epochs = fn.train(STEP, fn.minibatches(X, Y, batch_size=3), FIRST)
    outer = watched(watched(epochs, lambda state: seen.append("inner")), lambda state: seen.append("outer"))
    next(outer)
    assert seen == ["inner", "inner"]


def test_progress_of_compiled_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    log = StringIO()
    watch(monkeypatch, log)
    fn.pipe(jit.train(STEP, fn.minibatches(X, Y, batch_size=2), FIRST), fn.progress(2), fn.take(2), fn.last)
    assert [line.split(":")[0] for line in log.getvalue().splitlines()] == ["epoch 1/2", "epoch 2/2"]


# --- what goes wrong -------------------------------------------------------------------------------------------------
def _closed() -> Terminal:
    terminal = Terminal()
    terminal.close()
    return terminal


@pytest.mark.parametrize("make", [Broken, _closed])
def test_progress_never_breaks_a_pipeline(make: Callable[[], Terminal], monkeypatch: pytest.MonkeyPatch) -> None:
    watch(monkeypatch, make())
    monkeypatch.setattr(display, "LONG", 0.0)
    assert numbers_of(fn.progress(2)(epochs_of([1.0, 2.0, 3.0]))) == [1, 2, 3]
    assert next(fn.progress()(fn.train(STEP, batches_of, FIRST))).state.epoch == 1


def test_progress_without_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert numbers_of(fn.progress(2)(epochs_of([1.0, 2.0]))) == [1, 2]
