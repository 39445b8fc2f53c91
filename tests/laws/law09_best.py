"""The best epoch of a run that was stopped anywhere is that of the run that never stopped: byte for byte."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Epoch, Key, TrainState, files, jit, tree
from fnnet.keys import normal
from fnnet.streams import Best
from fnnet.streams.measures import Mode

X = normal(Key(0), (22, 3))
Y = np.tanh(X[:, :2] - X[:, 1:]) + 0.3 * normal(Key(1), (22, 2))
WILD = fn.adam(0.3)  # with which every metric goes up and down
STEP: fn.Step[Any] = fn.train_step(fn.value_and_grad(fn.mse), WILD)
DATA = fn.minibatches(X, Y, batch_size=8)  # three batches an epoch
NET = fn.serial(fn.mlp(Key(0), (3, 6, 4)), fn.Dropout(0.3), fn.linear(Key(1), 4, 2))
FIRST = fn.start(NET, WILD, Key(7))
EPOCHS = 7


# --- the program of a user, and the disk that a kill leaves ----------------------------------------------------------
@dataclass(frozen=True)
class Program:
    """A program that begins a run, or goes on with it, and ends with the best epoch."""

    train: Any
    keep_best: Best
    every: int = 1
    keep: int = 3
    first: TrainState[Any] = FIRST
    epochs: int = EPOCHS
    streams: tuple[Any, ...] = ()

    def stream(self, folder: Path, begin: TrainState[Any]) -> Iterator[Epoch[Any]]:
        """The epochs up to the last one, each on the disk where it is due."""
        write = fn.checkpoint_to(folder, every=self.every, keep=self.keep, keep_best=self.keep_best)
        epochs: Iterator[Epoch[Any]] = reduce(lambda stream, f: f(stream), self.streams, self.train(begin))
        return fn.pipe(epochs, write, fn.take(self.epochs - begin.epoch))

    def run(self, folder: Path) -> Epoch[Any]:
        """The best epoch of the whole run."""
        begin = fn.resume(folder, self.first, missing_ok=True)
        return self.keep_best(self.stream(folder, begin), default=Epoch(begin))


Disk = dict[str, bytes]


def _disk(folder: Path) -> Disk:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _restored(disk: Disk, folder: Path) -> Path:
    """A folder with these files: as after a kill, and after a move to another place."""
    folder.mkdir()
    for name, data in disk.items():
        (folder / name).write_bytes(data)
    return folder


@contextmanager
def _disks(folder: Path) -> Generator[list[Disk], None, None]:
    """What is on the disk after every file that is written or removed: whatever moment a kill comes at, it leaves one
    of these."""
    found, write, remove = [Disk()], files.write, files.remove

    def writing(path: Path, *pieces: bytes | memoryview) -> None:
        write(path, *pieces)
        found.append(_disk(folder))

    def removing(*paths: Path) -> None:
        for path in paths:
            remove(path)
            found.append(_disk(folder))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "write", writing)
        patch.setattr(files, "remove", removing)
        yield found


# --- real runs, every moment -----------------------------------------------------------------------------------------
TRAIN = partial(fn.train, STEP, DATA)
NUMBERS = fn.validate(X[:5], Y[:5], {"valid_loss": fn.metrics.rmse, "r2": fn.metrics.r2})
LOWEST, HIGHEST = fn.best(), fn.best("r2", "max")
STACKED = fn.start(fn.stack([NET, tree.map(lambda a: a / 2, NET)]), WILD, Key(7))
MEAN = fn.validate(X[:5], Y[:5], {"valid_loss": lambda p, y: np.asarray(fn.metrics.rmse(p, y).mean())})
PLATEAU = fn.reduce_on_plateau(fn.train, metric="valid_loss", patience=2, streams=(NUMBERS,))

PROGRAMS: dict[str, Program] = {
    "the lowest loss": Program(TRAIN, LOWEST, streams=(NUMBERS,)),
    "the highest share": Program(TRAIN, HIGHEST, streams=(NUMBERS,)),
    "the training loss": Program(TRAIN, fn.best("loss")),
    "early stopping": Program(TRAIN, LOWEST, epochs=40, streams=(NUMBERS, fn.early_stopping(3))),
    "stacked networks": Program(TRAIN, LOWEST, first=STACKED, streams=(MEAN,)),
    "compiled epochs": Program(partial(jit.train, STEP, DATA), LOWEST, streams=(NUMBERS,)),
    "a plateau": Program(partial(PLATEAU, STEP, DATA), LOWEST),
}


@pytest.mark.parametrize(("every", "keep"), [(1, 1), (1, 3), (3, 1), (3, 2), (100, 1)])
@pytest.mark.parametrize("name", PROGRAMS)
def test_whatever_moment_a_run_is_killed_at(name: str, every: int, keep: int, tmp_path: Path) -> None:
    program = replace(PROGRAMS[name], every=every, keep=keep)
    folder = tmp_path / "whole"
    folder.mkdir()
    with _disks(folder) as disks:
        through = program.run(folder)
    assert tree.equal(program.run(folder), through)  # a run that is through says so again
    for i, disk in enumerate(disks):
        assert tree.equal(program.run(_restored(disk, tmp_path / str(i))), through)


@pytest.mark.parametrize("name", PROGRAMS)
def test_whatever_epoch_a_run_is_stopped_at_and_however_often(name: str, tmp_path: Path) -> None:
    program = PROGRAMS[name]
    through = program.run(tmp_path / "whole")
    for k in range(1, EPOCHS):
        for _ in range(EPOCHS):
            begin = fn.resume(tmp_path / str(k), program.first, missing_ok=True)
            list(fn.take(k)(program.stream(tmp_path / str(k), begin)))
        assert tree.equal(program.run(tmp_path / str(k)), through)


def test_the_bests_of_these_runs_come_in_their_midst(tmp_path: Path) -> None:
    found = [program.run(tmp_path / name).state.epoch for name, program in PROGRAMS.items()]
    assert sum(epoch < EPOCHS for epoch in found) > 3


# --- random values, damage, one stop after another -------------------------------------------------------------------
@dataclass(frozen=True)
class Scripted:
    """A step that trains, and whose losses are given."""

    losses: tuple[float, ...]

    def __call__(self, state: TrainState[Any], batch: Any, key: Key) -> tuple[TrainState[Any], fn.Value]:
        """The next state; an epoch's loss is that of its number."""
        return STEP(state, batch, key)[0], np.asarray(self.losses[state.epoch])


LOSSES = st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan, np.inf, -np.inf]), min_size=2, max_size=9)


def _ends_of_epochs(stream: Iterator[TrainState[Any]]) -> Iterator[Epoch[Any]]:
    return (Epoch(state) for state in stream if not state.batch)


@dataclass(frozen=True)
class InSteps:
    """The same of a stream of steps, which may be stopped inside an epoch."""

    program: Program
    step: Scripted

    def states(self, folder: Path) -> tuple[TrainState[Any], Iterator[TrainState[Any]]]:
        """Where the run goes on, and its states from there."""
        program, begin = self.program, fn.resume(folder, FIRST, missing_ok=True)
        write = fn.checkpoint_to(folder, every=program.every, keep=program.keep, keep_best=program.keep_best)
        rest = 3 * (program.epochs - begin.epoch) - begin.batch
        return begin, fn.pipe(fn.steps(self.step, DATA, begin), write, fn.take(rest))

    def run(self, folder: Path) -> Epoch[Any]:
        """The best epoch of the whole run."""
        begin, states = self.states(folder)
        return self.program.keep_best(_ends_of_epochs(states), default=Epoch(begin))


def _damage(folder: Path, count: int) -> None:
    """Damages the newest files, but not the last whole one."""
    for path in fn.checkpoints_in(folder)[1:][-count:] if count else ():
        path.write_bytes(path.read_bytes()[:-1])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples of a property."""
    return tmp_path_factory.mktemp("best")


@given(
    losses=LOSSES,
    mode=st.sampled_from(["min", "max"]),
    every=st.integers(1, 7),
    keep=st.integers(1, 3),
    stops=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2), st.booleans()), max_size=4),
    data=st.data(),
)
def test_stops_upon_stops(
    losses: list[float],
    mode: Mode,
    every: int,
    keep: int,
    stops: list[tuple[int, int, bool]],
    data: st.DataObject,
    place: Path,
) -> None:
    """After any step, orderly or killed, and the newest files damaged: ties, NaN and infinities among the losses."""
    folder = place / str(len(list(place.iterdir())))
    step = Scripted(tuple(losses))
    plain = Program(partial(fn.train, step, DATA), fn.best("loss", mode), every, keep, epochs=len(losses))
    program = InSteps(plain, step)
    for i, (steps, damaged, is_killed) in enumerate(stops):
        here = folder / str(i)
        here.mkdir(parents=True, exist_ok=True)
        with _disks(here) as disks:
            list(fn.take(steps)(program.states(here)[1]))
        left = data.draw(st.sampled_from(disks[1:] or [_disk(here)])) if is_killed else _disk(here)
        _damage(_restored(left, folder / str(i + 1)), damaged)
    epochs = fn.take(len(losses))(fn.train(step, DATA, FIRST))
    if all(map(np.isnan, losses)):
        with pytest.raises(ValueError, match="must be a number in one epoch, got NaN in all"):
            program.run(folder / str(len(stops)))
    else:
        assert tree.equal(program.run(folder / str(len(stops))), fn.best("loss", mode)(epochs))


@given(losses=LOSSES, stop=st.integers(1, 8), damaged=st.sets(st.integers(0, 8)), every=st.integers(1, 3))
def test_another_network_is_never_given(
    losses: list[float], stop: int, damaged: set[int], every: int, place: Path
) -> None:
    """Whatever is damaged: the best epoch of the run, or an error that says which one it is."""
    folder = place / str(len(list(place.iterdir())))
    program = Program(partial(fn.train, Scripted(tuple(losses)), DATA), fn.best("loss"), every, 2, epochs=len(losses))
    list(fn.take(stop)(program.stream(folder, FIRST)))
    for i, path in enumerate(fn.checkpoints_in(folder)[:-1]):
        if i in damaged:
            path.write_bytes(b"")
    epochs = list(fn.take(len(losses))(fn.train(Scripted(tuple(losses)), DATA, FIRST)))
    try:
        found = program.run(folder)
    except fn.CheckpointError as error:
        assert damaged
        assert " and cannot be read: load: " in str(error)
    except ValueError:
        assert all(map(np.isnan, losses))
    else:
        assert tree.equal(found, fn.best("loss")(epochs))


# --- real kills ------------------------------------------------------------------------------------------------------
def _child(run: Callable[[], object]) -> int:
    child = os.fork()
    if not child:
        run()
        os._exit(0)
    return child


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_real_kills(times: int, tmp_path: Path) -> None:
    program = replace(PROGRAMS["the lowest loss"], epochs=40, keep=1, every=2)
    through, moments = program.run(tmp_path / "whole"), random.Random(0)
    begin = time.monotonic()
    os.waitpid(_child(lambda: program.run(tmp_path / "timed")), 0)
    longest = time.monotonic() - begin
    for i in range(times):
        folder = tmp_path / str(i // 5)  # five kills a run
        child = _child(lambda folder=folder: program.run(folder))  # type: ignore[misc]
        time.sleep(moments.uniform(0, longest / 3))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    for i in range(times // 5):
        assert tree.equal(program.run(tmp_path / str(i)), through)
