"""Checkpoints of a stream: what is written when, kept and found again, whatever ends the run."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import CheckpointError, Key, TrainState, TreeError, files, tree
from fnnet.keys import normal
from tests.support.killing import training

X, Y = normal(Key(0), (22, 3)), normal(Key(1), (22, 2))
ADAM = fn.adam(0.01)
STEP: fn.Step[Any] = fn.train_step(fn.value_and_grad(fn.mse), ADAM)
DATA = fn.minibatches(X, Y, batch_size=5)  # five batches an epoch
FIRST = fn.start(fn.serial(fn.mlp(Key(0), (3, 8, 8)), fn.Dropout(0.3), fn.linear(Key(1), 8, 2)), ADAM, Key(7))
ROOT = Path(__file__).parents[2]


def _steps(state: TrainState[Any] = FIRST) -> Iterator[TrainState[Any]]:
    return fn.steps(STEP, DATA, state)


def _names(folder: Path) -> list[str]:
    return [path.name for path in fn.checkpoints_in(folder)]


def _named(*places: tuple[int, int]) -> list[str]:
    return [f"epoch-{epoch:08}-batch-{batch:08}.safetensors" for epoch, batch in places]


# --- what is written, and what stays ---------------------------------------------------------------------------------
def test_what_is_written_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    stream = fn.pipe(_steps(), fn.take(11), fn.checkpoint_to(folder, every=4, keep=2))
    assert [len(list(folder.iterdir())) for _ in stream] == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert _names(folder) == _named((1, 3), (2, 1))  # the eighth, and the last one too
    assert fn.checkpoints_in(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("keep", [1, 2, 3, 4, 7])
def test_the_newest_ones_stay(keep: int, tmp_path: Path) -> None:
    for state in fn.pipe(_steps(), fn.checkpoint_to(tmp_path, keep=keep), fn.take(6)):
        done = state.opt_state.step
        assert len(_names(tmp_path)) == min(keep, done)
        assert tree.equal(fn.resume(tmp_path, FIRST), state)  # it is there before it is handed on


def test_epochs_and_the_state_of_each(tmp_path: Path) -> None:
    epochs = list(fn.pipe(fn.train(STEP, DATA, FIRST), fn.checkpoint_to(str(tmp_path), keep=9), fn.take(3)))
    assert _names(tmp_path) == _named((1, 0), (2, 0), (3, 0))
    for path, epoch in zip(fn.checkpoints_in(tmp_path), epochs, strict=True):
        assert tree.equal(fn.load(path), epoch.state)


def test_their_order_is_that_of_their_numbers(tmp_path: Path) -> None:
    names = _named((9, 12), (10, 2), (99_999_999, 5), (100_000_000, 1))
    for name in (*reversed(names), "epoch-1-batch-2.safetensors", "epoch-00000001-batch-00000001.safetensors.old"):
        (tmp_path / name).touch()
    assert _names(tmp_path) == names


def test_fit_writes_too(tmp_path: Path) -> None:
    net, step = fn.mlp(Key(0), (3, 4, 2)), fn.checkpoint_to(tmp_path, every=4)
    fitted = fn.fit(net, X, Y, loss=fn.mse, optimizer=ADAM, key=Key(0), epochs=6, batch_size=5, streams=[step])
    assert _names(tmp_path) == _named((4, 0), (6, 0))
    assert tree.equal(fn.resume(tmp_path, fn.start(net, ADAM, Key(0))), fitted.state)


def test_settings_are_a_value(tmp_path: Path) -> None:
    given = fn.checkpoint_to(tmp_path, every=2, keep=5)
    assert pickle.loads(pickle.dumps(given)) == given == fn.checkpoint_to(str(tmp_path), every=2, keep=5)


# --- how streams end -------------------------------------------------------------------------------------------------
Ends = dict[str, Any]


def _raising(state: TrainState[Any], batch: Any, key: Key) -> Any:
    if state.opt_state.step == 7:
        raise ZeroDivisionError("the seventh")
    return STEP(state, batch, key)


def _interrupted(state: TrainState[Any], batch: Any, key: Key) -> Any:
    if state.opt_state.step == 7:
        raise KeyboardInterrupt
    return STEP(state, batch, key)


def _read(stream: Iterator[fn.TrainState[Any]]) -> None:
    list(fn.take(99)(stream))


def _broken_off(stream: Iterator[Any]) -> None:
    for state in stream:
        if state.opt_state.step == 7:
            break


def _failing(stream: Iterator[Any]) -> None:
    for state in stream:
        if state.opt_state.step == 7:
            raise LookupError("the reader's")


def _closed(stream: Iterator[Any]) -> None:
    for _ in range(7):
        next(stream)
    stream.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("every", [1, 2, 3, 5, 7, 100])
@pytest.mark.parametrize(
    ("step", "read", "error"),
    [
        (STEP, lambda stream: list(fn.take(7)(stream)), None),
        (STEP, _broken_off, None),
        (STEP, _closed, None),
        (STEP, _failing, LookupError),
        (_raising, _read, ZeroDivisionError),
        (_interrupted, _read, KeyboardInterrupt),
    ],
    ids=["take", "break", "close", "an error of the reader", "an error of the step", "an interrupt"],
)
def test_the_last_state_is_written_however_the_stream_ends(
    every: int, step: Any, read: Any, error: type[BaseException] | None, tmp_path: Path
) -> None:
    stream = fn.checkpoint_to(tmp_path, every=every)(fn.steps(step, DATA, FIRST))
    if error is None:
        read(stream)
    else:
        with pytest.raises(error):
            read(stream)
    del stream
    assert tree.equal(fn.resume(tmp_path, FIRST), fn.last(fn.take(7)(_steps())))


def test_early_stopping_behind_it(tmp_path: Path) -> None:
    write, stop = fn.checkpoint_to(tmp_path, every=1000), fn.early_stopping(1, metric="loss")
    stopped = fn.pipe(fn.train(STEP, DATA, FIRST), write, stop, fn.last)
    assert tree.equal(fn.resume(tmp_path, FIRST), stopped.state)


def test_a_stream_that_is_held_to_the_end_of_the_program(tmp_path: Path) -> None:
    code = (
        "import os, sys, fnnet as fn; from tests.support.killing import training; step, data, first = training()\n"
        "stream = fn.checkpoint_to(sys.argv[1], every=1000)(fn.steps(step, data, first))\n"
        "for state in stream:\n"
        "    if state.opt_state.step == 7: break\n"
        "print(fn.tree.digest(state), len(os.listdir(sys.argv[1])))"
    )
    with _program("-c", code, str(tmp_path)) as process:
        shown, errors = process.communicate()
    assert errors == ""
    assert shown.split() == [tree.digest(fn.resume(tmp_path, training()[2])), "0"]


ENDS = {
    "break": ("break", ""),
    "exit": ("sys.exit()", ""),
    "error": ("raise RuntimeError('of the body')", "RuntimeError: of the body"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "thread": ("threading.Thread(target=time.sleep, args=[0.1]).start(); break", ""),
}
HOLDERS = {
    "a module": "stream = made()\ndef used(): return stream",
    "a cycle": "held = [made()]; held.append(held); stream = held[0]",
    "a class": "class C: stream = made()\nstream = C.stream",
    "a pipe": "stream = fn.pipe(made(), fn.take(100))\nf = lambda: stream",
    "a module of Python": "stream = sys.stream = made()",
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("holder", HOLDERS)
def test_the_last_state_is_written_wherever_the_stream_is_held_as_the_program_ends(
    holder: str, end: str, tmp_path: Path
) -> None:
    code = (
        "import sys, threading, time, fnnet as fn; from tests.support.killing import training\n"
        "step, data, first = training()\n"
        "def made(): return fn.checkpoint_to(sys.argv[1], every=5)(fn.steps(step, data, first))\n"
        f"{HOLDERS[holder]}\nfor state in stream:\n    if state.opt_state.step == 7: {ENDS[end][0]}\n"
    )
    with _program("-c", code, str(tmp_path)) as process:
        _, errors = process.communicate()
    assert errors.strip().rpartition("\n")[2] == ENDS[end][1]
    assert fn.resume(tmp_path, training()[2]).opt_state.step == 7


def test_a_stream_that_is_left_and_held_is_written_when_somebody_comes_to_its_folder(tmp_path: Path) -> None:
    """As in a notebook, whose cell is run again after it was stopped."""
    held = []

    def cell(stops_at: int) -> TrainState[Any]:
        begin = fn.resume(tmp_path, FIRST) if fn.checkpoints_in(tmp_path) else FIRST
        held.append(fn.pipe(fn.steps(STEP, DATA, begin), fn.checkpoint_to(tmp_path, every=5)))
        for state in held[-1]:
            if state.opt_state.step == stops_at:
                return state
        raise AssertionError

    stopped = [cell(stops_at) for stops_at in (3, 4, 7, 9)]
    assert tree.equal(fn.resume(tmp_path, FIRST), stopped[-1])
    before = _names(tmp_path)
    held.clear()
    gc.collect()
    assert _names(tmp_path) == before
    through = fn.last(fn.take(9)(fn.steps(STEP, DATA, FIRST)))
    assert tree.equal(stopped[-1], through)


def _move(move: str, folder: Path) -> None:
    if move == "emptied":
        for path in folder.iterdir():
            path.unlink()
    elif move.startswith("deleted"):
        shutil.rmtree(folder)
    else:
        folder.rename(f"{folder} before")
    if move.endswith("anew"):
        folder.mkdir()


MOVES = ["deleted", "deleted and made anew", "emptied", "moved", "moved and made anew"]


HELD = [*[(move, 2) for move in MOVES], *[(move, 100) for move in MOVES if move != "emptied"]]
"""Before the first write nothing can be missed in a folder that was emptied."""


@pytest.mark.parametrize(("move", "every"), HELD)
def test_a_stream_that_is_held_writes_into_no_other_folder(move: str, every: int, tmp_path: Path) -> None:
    """Nor into its own once that was emptied: whoever deletes a run must not find it again."""
    folder = tmp_path / "run"
    held: Any = fn.pipe(_steps(), fn.checkpoint_to(folder, every=every))
    for _ in range(3):
        next(held)
    _move(move, folder)
    assert fn.checkpoints_in(folder) == ()
    with pytest.raises(CheckpointError, match="holds no whole checkpoint"):
        fn.resume(folder, FIRST)
    again = fn.pipe(_steps(), fn.checkpoint_to(folder, every=2))
    for _ in range(2):
        next(again)
    held.close()
    assert [_step_of(path) for path in fn.checkpoints_in(folder)] == [2]


@pytest.mark.parametrize("move", MOVES)
def test_a_stream_whose_folder_is_gone_says_so(move: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    stream = fn.pipe(_steps(), fn.checkpoint_to(folder, every=2))
    for _ in range(3):
        next(stream)
    _move(move, folder)
    with pytest.raises(CheckpointError, match="was deleted, emptied or moved while a run was writing to it"):
        next(stream)
    assert fn.checkpoints_in(folder) == ()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_due_state_is_unwritten_until_it_is_written(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt that comes in the midst of the write, which is where most time goes, loses nothing."""
    calls, real = list[int](), os.fsync

    def interrupted(handle: int) -> None:
        calls.append(handle)
        if len(calls) == number:
            raise KeyboardInterrupt
        real(handle)

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(fn.pipe(_steps(), fn.checkpoint_to(tmp_path, every=4), fn.take(20)))
    assert fn.resume(tmp_path, FIRST).opt_state.step == 4 * ((number + 1) // 2)


@pytest.mark.parametrize("threads", [2, 6])
def test_threads_with_one_folder_do_not_wait_for_each_other(threads: int, tmp_path: Path) -> None:
    """All but the first are refused; none waits for ever."""
    program = (
        "import sys, threading, fnnet as fn\nfrom tests.support.killing import training\nsys.setswitchinterval(1e-5)\n"
        "def run():\n  try: fn.pipe(fn.steps(*training()), fn.checkpoint_to(sys.argv[1]), fn.take(3), fn.last)\n"
        "  except fn.CheckpointError: pass\n"
        f"for _ in range(5):\n  all = [threading.Thread(target=run) for _ in range({threads})]\n"
        "  [one.start() for one in all]\n  [one.join() for one in all]"
    )
    with _program("-c", program, str(tmp_path)) as process:
        try:
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")


def test_another_run_does_not_lose_what_a_stream_has_still_to_write(tmp_path: Path) -> None:
    stream = fn.pipe(_steps(), fn.checkpoint_to(tmp_path, every=100))
    states = fn.take(3)(stream)
    third = [next(states) for _ in range(3)][-1]
    with pytest.raises(CheckpointError, match="holds epoch-00000000-batch-00000003"):
        fn.last(fn.pipe(_steps(), fn.checkpoint_to(tmp_path, every=100), fn.take(5)))
    assert tree.equal(fn.resume(tmp_path, FIRST), third)


def test_a_child_does_not_write_the_states_of_its_parent(tmp_path: Path) -> None:
    stream = fn.pipe(_steps(), fn.checkpoint_to(tmp_path, every=100))
    next(stream)
    child = os.fork()
    if not child:
        fn.checkpoints_in(tmp_path)
        stream.close()  # type: ignore[attr-defined]
        os._exit(len(list(tmp_path.iterdir())))
    assert os.waitpid(child, 0)[1] == 0
    assert len(_names(tmp_path)) == 1


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_child_writes_its_own_states_when_it_ends(method: str, tmp_path: Path) -> None:
    """One that was forked ends without what Python does at the end of a program."""
    command, root = [sys.executable, "-m", "tests.support.leaving", method], Path(__file__).parents[2]
    subprocess.run([*command, str(tmp_path)], cwd=root, check=True, timeout=100)
    assert _names(tmp_path)[-1].startswith("epoch-00000003")


def test_files_stay_where_they_were_begun_wherever_the_program_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keep = fn.receipt_to("run.json", STEP, DATA, FIRST)
    write = fn.checkpoint_to("folder")
    epochs = fn.pipe(fn.train(STEP, DATA, FIRST), keep, fn.record("run.csv"), write, fn.take(3))
    for epoch in epochs:
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "elsewhere")
        last = epoch
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert len((tmp_path / "run.csv").read_text().splitlines()) == 4
    assert fn.read_receipt(tmp_path / "run.json").epochs == 3
    assert tree.equal(fn.resume(tmp_path / "folder", FIRST), last.state)


def test_a_folder_that_is_none_is_refused() -> None:
    for folder in (_steps(), 3, None, b"folder"):
        with pytest.raises(ValueError, match=r"checkpoint_to: folder must be a path, got "):
            fn.checkpoint_to(folder)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Gain(fn.Params):
    """A layer with a setting."""

    k: float


fn.define_layer(Gain, forward=lambda p, x: (x, None), backward=lambda p, _, dy: (p, dy))


def test_what_no_file_can_hold_is_refused_at_the_first_state(tmp_path: Path) -> None:
    first = fn.start(fn.serial(fn.linear(Key(0), 3, 2), Gain(np.float64(0.5))), ADAM, Key(0))
    seen = []
    with pytest.raises(TreeError, match=r"save: params\.layers\.1\.k is a numpy\.float64, and files hold plain float"):
        seen += list(fn.pipe(_steps(first), fn.checkpoint_to(tmp_path, every=50), fn.take(60)))
    assert seen == []


def test_a_factor_may_be_a_whole_number(tmp_path: Path) -> None:
    scaled = replace(FIRST, opt_state=replace(FIRST.opt_state, scale=1))
    written = fn.last(fn.pipe(_steps(scaled), fn.checkpoint_to(tmp_path), fn.take(2)))
    assert tree.equal(fn.resume(tmp_path, FIRST), written)


def test_a_stream_of_nothing_writes_nothing(tmp_path: Path) -> None:
    assert list(fn.checkpoint_to(tmp_path)(fn.take(0)(_steps()))) == []
    assert list(tmp_path.iterdir()) == []


# --- what is found ---------------------------------------------------------------------------------------------------
def test_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    fn.last(fn.pipe(_steps(), fn.checkpoint_to(tmp_path), fn.take(4)))
    newest = fn.checkpoints_in(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:-1])
    assert (fn.resume(tmp_path, FIRST).epoch, fn.resume(tmp_path, FIRST).batch) == (0, 3)
    for path in fn.checkpoints_in(tmp_path):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"holds no whole checkpoint; damaged: .*; .*; "):
        fn.resume(tmp_path, FIRST)


@given(st.integers(1, 4), st.lists(st.booleans(), min_size=6, max_size=6))
def test_the_only_whole_one_is_never_removed(
    tmp_path_factory: pytest.TempPathFactory, keep: int, bad: list[bool]
) -> None:
    """Whichever are damaged, and however few are kept."""
    folder = tmp_path_factory.mktemp("kept")
    list(fn.pipe(_steps(), fn.checkpoint_to(folder, keep=6), fn.take(6)))
    for path, is_bad in zip(fn.checkpoints_in(folder), bad, strict=True):
        if is_bad:
            path.write_bytes(path.read_bytes()[:-3])
    state = FIRST if all(bad) else fn.resume(folder, FIRST)
    whole = [i for i, is_bad in enumerate(bad, start=1) if not is_bad]
    assert state.opt_state.step == max([0, *whole])
    for after in fn.pipe(_steps(state), fn.checkpoint_to(folder, keep=keep), fn.take(8 - state.opt_state.step)):
        assert tree.equal(fn.resume(folder, FIRST), after)
        whole = [*whole, after.opt_state.step][-keep:]
        assert _whole_in(folder) == whole
        assert len(whole) < keep or _step_of(fn.checkpoints_in(folder)[0]) == whole[0]  # a damaged one before is gone


def _whole_in(folder: Path) -> list[int]:
    """The steps of the files that can be read."""
    found = []
    for path in fn.checkpoints_in(folder):
        with suppress(CheckpointError):
            found.append(fn.load(path, like=FIRST).opt_state.step)
    return found


def _step_of(path: Path) -> int:
    _, epoch, _, batch = path.stem.split("-")
    return 5 * int(epoch) + int(batch)


@pytest.mark.parametrize("keep", [1, 3, 6])
@pytest.mark.parametrize("others", [0, 200])
def test_a_checkpoint_costs_the_same_however_many_files_there_are(
    others: int, keep: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are read and looked for when the stream begins, and not again."""
    list(fn.pipe(_steps(), fn.checkpoint_to(tmp_path, keep=8), fn.take(8)))
    for i in range(others):
        (tmp_path / f"{i}.txt").touch()
    newest = fn.checkpoints_in(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:-3])
    state, calls = fn.resume(tmp_path, FIRST), list[str]()

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any) -> Any:
            calls.append(name)
            return call(*arguments)

        return counting

    monkeypatch.setattr(files, "read", counted("read", files.read))
    monkeypatch.setattr(os, "scandir", counted("look", os.scandir))
    stream = fn.checkpoint_to(tmp_path, keep=keep)(_steps(state))
    next(stream)
    assert calls.count("read") == keep + 1
    calls.clear()
    for _ in range(5):
        next(stream)
    assert calls == []


def test_another_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no whole checkpoint$"):
        fn.resume(tmp_path, FIRST)
    fn.last(fn.pipe(_steps(), fn.checkpoint_to(tmp_path), fn.take(1)))
    with pytest.raises(CheckpointError, match=r"opt_state.slots is a tuple of 2 there, asked for a tuple of 0"):
        fn.resume(tmp_path, fn.start(FIRST.params, fn.sgd(0.1), Key(7)))
    with pytest.raises(CheckpointError, match=r"params is fnnet.Serial there, asked for fnnet.Linear"):
        fn.resume(tmp_path, fn.start(fn.linear(Key(0), 3, 2), ADAM, Key(7)))


def test_a_newer_format_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fn.last(fn.pipe(_steps(), fn.checkpoint_to(tmp_path), fn.take(1)))
    monkeypatch.setattr("fnnet.experiments.sealed_files.VERSION", 3)
    fn.last(fn.pipe(_steps(fn.last(fn.take(1)(_steps()))), fn.checkpoint_to(tmp_path), fn.take(1)))
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"batch-00000002.* has format version 3, this fnnet reads 1 and 2"):
        fn.resume(tmp_path, FIRST)


def test_a_folder_of_another_run_is_not_written_over(tmp_path: Path) -> None:
    list(fn.pipe(_steps(), fn.checkpoint_to(tmp_path), fn.take(4)))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    early = fn.load(fn.checkpoints_in(tmp_path)[0], like=FIRST)
    for state in (FIRST, early):
        with pytest.raises(CheckpointError, match=r"holds epoch-00000000-batch-0000000\d.* go on from there by resume"):
            list(fn.checkpoint_to(tmp_path)(fn.take(3)(_steps(state))))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_a_killed_writer_left_is_swept_up(tmp_path: Path) -> None:
    (tmp_path / f".{_named((0, 4))[0]}.0123456789ab.part").write_bytes(b"half")
    (tmp_path / ".mine.part").write_bytes(b"a user's")
    list(fn.pipe(_steps(), fn.checkpoint_to(tmp_path), fn.take(1)))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([".mine.part", *_named((0, 1))])


# --- bad input -------------------------------------------------------------------------------------------------------
def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "folder", tmp_path / "file", "a\0b"):
        with pytest.raises(CheckpointError, match=r"checkpoint_to: folder .* could not be made"):
            fn.checkpoint_to(folder)
    mistakes: list[dict[str, Any]] = [{"every": 0}, {"keep": 0}, {"every": 1.5}, {"keep": True}]
    for wrong in mistakes:
        with pytest.raises(ValueError, match=f"checkpoint_to: {next(iter(wrong))} must be a whole number from 1 up"):
            fn.checkpoint_to(tmp_path, **wrong)


def test_a_disk_that_fills_up_ends_the_run_and_leaves_what_was_there(tmp_path: Path) -> None:
    wide = fn.start(fn.linear(Key(0), 3, 2000), fn.sgd(0.1), Key(0))
    data = fn.minibatches(X, normal(Key(1), (22, 2000)), batch_size=5)
    step = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1))
    stream = fn.checkpoint_to(tmp_path)(fn.steps(step, data, wide))
    next(stream)
    next(stream)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, hard))
    try:
        with pytest.raises(CheckpointError, match=r"save: .*batch-00000003.* could not be written, .*File too large"):
            next(stream)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.name for path in tmp_path.iterdir()) == _named((0, 1), (0, 2))
    third = fn.last(fn.pipe(fn.steps(step, data, wide), fn.take(3)))
    assert tree.equal(fn.resume(tmp_path, wide), third)  # there is room again, and somebody looks into the folder


# --- stops from outside ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_stream_after_the_step_under_way(number: signal.Signals, tmp_path: Path) -> None:
    before = signal.getsignal(number)

    def disturbed(state: TrainState[Any], batch: Any, key: Key) -> Any:
        if (state.epoch, state.batch) == (1, 2):
            os.kill(os.getpid(), number)
        return STEP(state, batch, key)

    stream = fn.pipe(fn.steps(disturbed, DATA, FIRST), fn.checkpoint_to(tmp_path, every=1000), fn.stop_on_signal())
    state = fn.last(stream)
    assert (state.epoch, state.batch) == (1, 3)
    assert tree.equal(fn.resume(tmp_path, FIRST), state)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, 0, 1000, "SIGINT"])
def test_signals_that_are_none(number: Any) -> None:
    with pytest.raises(ValueError, match=r"stop_on_signal: signals must be such as signal.SIGTERM that can be handled"):
        fn.stop_on_signal(number)


def test_outside_the_main_thread_signals_cannot_be_handled() -> None:
    found: list[BaseException] = []

    def read() -> None:
        try:
            next(fn.stop_on_signal()(_steps()))
        except ValueError as error:
            found.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert "main thread" in str(found)


def _program(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["steps", "epochs"])
def test_a_program_that_is_asked_to_end_writes_and_leaves_cleanly(
    kind: str, number: signal.Signals, tmp_path: Path
) -> None:
    with _program("-m", "tests.support.stopping", str(tmp_path), kind) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        shown, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    epoch, batch, digest = shown.split()
    step, data, first = training()
    state = fn.resume(tmp_path, first)
    assert (str(state.epoch), str(state.batch), tree.digest(state)) == (epoch, batch, digest)
    assert kind == "steps" or state.batch == 0
    assert [path.name for path in tmp_path.iterdir()] == _named((state.epoch, state.batch))
    done = state.opt_state.step
    assert done >= 8
    on, through = fn.take(9)(fn.steps(step, data, state)), fn.take(done + 9)(fn.steps(step, data, first))
    assert tree.equal(fn.last(on), fn.last(through))


def test_a_second_interrupt_does_not_wait_for_the_step(tmp_path: Path) -> None:
    with _program("-m", "tests.support.stopping", str(tmp_path), "endless") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(200):  # the second one that it notices ends it
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                time.sleep(0.05)
        process.kill()  # where nothing did
        _, errors = process.communicate()
    assert errors.endswith("KeyboardInterrupt\n")
    assert fn.resume(tmp_path, training()[2]).opt_state.step == 7


@pytest.mark.parametrize("times", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_kills(times: int, tmp_path: Path) -> None:
    """In a process of its own, for it divides itself; see there."""
    with _program("-m", "tests.support.killing", str(tmp_path), str(times)) as process:
        shown, errors = process.communicate()
    assert process.returncode == 0, errors
    kills = np.array([line.split() for line in shown.splitlines()], int)
    assert len(kills) == times
    assert len(set(kills[:, 0])) > times // 20  # the moments did differ
    assert times < 200 or kills[:, 1].any()  # and some were in the midst of a write


def test_a_last_state_that_cannot_be_written_is_an_error_of_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    net, keep = fn.mlp(Key(0), (3, 4, 2)), fn.checkpoint_to(tmp_path, every=10)
    monkeypatch.setattr("fnnet.files.write", full)
    with pytest.raises(CheckpointError, match=r"could not be written, .* No space left"):
        fn.fit(net, X, Y, loss=fn.mse, optimizer=ADAM, key=Key(0), epochs=3, batch_size=5, streams=[keep])
