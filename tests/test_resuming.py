"""Going on after a stop equals never having stopped, byte for byte, wherever and however the stop came."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import CheckpointError, Key, TrainState, tree
from fnnet.keys import normal

X, Y = normal(Key(0), (22, 3)), normal(Key(1), (22, 2))

Run = tuple[fn.Step[Any], fn.Data[Any], TrainState[Any]]


def _run(optimizer: fn.Optimizer, pieces: int = 1, size: int = 5) -> Run:
    net = fn.serial(
        fn.mlp(Key(0), (3, 8, 8), dtype=np.float64), fn.Dropout(0.3), fn.linear(Key(1), 8, 2, dtype=np.float64)
    )
    gradient: Any = fn.value_and_grad(fn.mse)
    gradient = fn.accumulate(gradient, pieces) if pieces > 1 else gradient
    return fn.train_step(gradient, optimizer), fn.minibatches(X, Y, size=size), fn.start(net, optimizer, Key(7))


RUNS: dict[str, Run] = {
    "sgd with momentum on a schedule": _run(fn.sgd(lambda step: 0.1 / (1 + step), momentum=0.9)),
    "sgd": _run(fn.sgd(0.05)),
    "adam": _run(fn.adam(0.01)),
    "accumulation": _run(fn.adamw(0.01), pieces=2, size=6),
}


def _digest(state: TrainState[Any]) -> str:
    """Of everything: parameters, slots, counters, key, sums, history."""
    return tree.digest(state)


@pytest.mark.parametrize("name", RUNS)
def test_after_every_step(name: str, tmp_path: Path) -> None:
    step, data, first = RUNS[name]
    states = list(islice(fn.steps(step, data, first), 17))
    for k, state in enumerate(states, start=1):
        fn.save(tmp_path / "state", state)
        again = fn.load(tmp_path / "state", like=first)
        on = [state, *islice(fn.steps(step, data, again), 17 - k)]
        assert _digest(on[-1]) == _digest(states[-1])


def test_after_every_epoch_of_a_pipeline(tmp_path: Path) -> None:
    step, data, first = RUNS["adam"]

    def pipeline(state: TrainState[Any], n: int, folder: Path) -> TrainState[Any]:
        watched = fn.pipe(fn.train(step, data, state), fn.validate(X[:5], Y[:5], {"r2": fn.metrics.r2}))
        epochs: Iterator[fn.Epoch[Any]] = fn.pipe(watched, fn.checkpoint_to(folder), fn.take(n))
        return fn.last(epochs).state

    through = pipeline(first, 6, tmp_path / "through")
    for k in range(1, 6):
        pipeline(first, k, tmp_path / str(k))
        on = pipeline(fn.resume(tmp_path / str(k), first), 6 - k, tmp_path / str(k))
        assert _digest(on) == _digest(through)
        assert len(on.history) == 6


def test_what_is_written_and_kept(tmp_path: Path) -> None:
    step, data, first = RUNS["sgd"]
    stream = fn.pipe(fn.steps(step, data, first), fn.take(11), fn.checkpoint_to(tmp_path / "a" / "b", every=4, keep=2))
    seen = [(state.epoch, state.batch, len(fn.checkpoints_in(tmp_path / "a" / "b"))) for state in stream]
    assert [n for _, _, n in seen] == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    names = [path.name for path in fn.checkpoints_in(tmp_path / "a" / "b")]
    assert names == [f"epoch-{e:08}-batch-{b:08}.safetensors" for e, b, _ in (seen[7], seen[10])]  # the last one too
    assert fn.checkpoints_in(tmp_path / "nowhere") == ()


def test_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    step, data, first = RUNS["sgd"]
    fn.last(fn.pipe(fn.steps(step, data, first), fn.checkpoint_to(tmp_path), fn.take(4)))
    newest = fn.checkpoints_in(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:-1])
    assert (fn.resume(tmp_path, first).epoch, fn.resume(tmp_path, first).batch) == (0, 3)
    for path in fn.checkpoints_in(tmp_path):
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="holds no whole checkpoint; damaged: "):
        fn.resume(tmp_path, first)


def test_another_run_is_refused(tmp_path: Path) -> None:
    step, data, first = RUNS["sgd"]
    with pytest.raises(CheckpointError, match=r"holds no whole checkpoint$"):
        fn.resume(tmp_path, first)
    fn.last(fn.pipe(fn.steps(step, data, first), fn.checkpoint_to(tmp_path), fn.take(1)))
    with pytest.raises(CheckpointError, match=r"structures differ at opt_state.slots"):
        fn.resume(tmp_path, RUNS["adam"][2])


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"checkpoint_to: folder .* could not be made"):
        fn.checkpoint_to(tmp_path / "file" / "folder")
    for wrong in ({"every": 0}, {"keep": 0}):
        with pytest.raises(ValueError, match=f"checkpoint_to: {next(iter(wrong))} must be a whole number from 1 up"):
            fn.checkpoint_to(tmp_path, **wrong)


# --- stops from outside ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_stream_after_the_step_under_way(number: signal.Signals, tmp_path: Path) -> None:
    step, data, first = RUNS["adam"]
    before = signal.getsignal(number)

    def disturbed(state: TrainState[Any], batch: Any, key: Key) -> Any:
        if (state.epoch, state.batch) == (1, 2):
            os.kill(os.getpid(), number)
        return step(state, batch, key)

    stream = fn.pipe(fn.steps(disturbed, data, first), fn.stop_on_signal(), fn.checkpoint_to(tmp_path, every=1000))
    state = fn.last(stream)
    assert (state.epoch, state.batch) == (1, 3)
    assert _digest(fn.resume(tmp_path, first)) == _digest(state)
    assert signal.getsignal(number) is before
    on = fn.last(fn.take(4)(fn.steps(step, data, state)))
    assert _digest(on) == _digest(fn.last(fn.take(12)(fn.steps(step, data, first))))


KILLS = 200


def test_two_hundred_kills(tmp_path: Path) -> None:
    """In a process of its own, for it divides itself; see there."""
    command = [sys.executable, "-m", "tests.killing", str(tmp_path), str(KILLS)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    assert shown.returncode == 0, shown.stderr
    stopped = [int(n) for n in shown.stdout.split()]
    assert len(stopped) == KILLS
    assert len(set(stopped)) > 10  # the moments did differ
