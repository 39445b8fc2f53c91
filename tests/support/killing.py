"""Kills a training run that checkpoints at random moments and goes on from what it left: for test_checkpoint_to.

python -m tests.support.killing <folder> <times>: for each kill a line, the steps of the state that was found, and
whether the kill came in the midst of a write. A run that was killed is gone on with and killed again until it is
through.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import fnnet as fn
from fnnet import Key, TrainState, tree
from fnnet.keys import normal

STEPS = 40


def training() -> tuple[Any, Any, TrainState[Any]]:
    """A run with dropout, momentum and shuffling."""
    net = fn.serial(fn.linear(Key(0), 4, 32), fn.Relu(), fn.Dropout(0.5), fn.linear(Key(1), 32, 2))
    optimizer = fn.sgd(0.005, momentum=0.9)
    data = fn.minibatches(normal(Key(2), (30, 4)).astype(np.float32), normal(Key(3), (30, 2)), batch_size=7)
    return fn.train_step(fn.value_and_grad(fn.mse), optimizer), data, fn.start(net, optimizer, Key(4))


def go_on(folder: Path) -> None:
    """The program that is killed: it starts, or goes on from what is there."""
    step, data, first = training()
    state = fn.resume(folder, first) if fn.checkpoints_in(folder) else first
    rest = fn.take(STEPS - state.opt_state.step)
    for _ in fn.pipe(fn.steps(step, data, state), rest, fn.checkpoint_to(folder, keep=2)):
        pass


def started(folder: Path) -> int:
    """A child that runs the program, once it has left a checkpoint."""
    child = os.fork()
    if not child:
        go_on(folder)
        os._exit(0)
    while not fn.checkpoints_in(folder):
        time.sleep(0.0005)
    return child


def duration(folder: Path) -> float:
    """Seconds of a run that nobody kills."""
    begin = time.monotonic()
    os.waitpid(started(folder), 0)
    return time.monotonic() - begin


def kill_once(folder: Path, moment: float) -> bool:
    """Whether the kill has torn a write: its temporary file is left."""
    left = set(folder.glob(".*.part"))
    child = started(folder)
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return bool(set(folder.glob(".*.part")) - left)


def main() -> None:
    """Every time a whole checkpoint is found, and the run that goes on from it ends with the same bytes."""
    place, times = Path(sys.argv[1]), int(sys.argv[2])
    step, data, first = training()
    through = tree.digest(fn.last(fn.take(STEPS)(fn.steps(step, data, first))))
    longest, moments, done, runs = duration(place / "whole"), random.Random(0), STEPS, 0
    for _ in range(times):
        runs += done == STEPS
        folder = place / str(runs)
        torn = kill_once(folder, moments.uniform(0, longest / 2))
        state = fn.resume(folder, first)
        done = state.opt_state.step
        assert tree.digest(fn.last([state, *fn.take(STEPS - done)(fn.steps(step, data, state))])) == through
        print(done, int(torn))
    for folder in place.iterdir():
        go_on(folder)
        assert tree.digest(fn.resume(folder, first)) == through
        assert done == STEPS or not list(folder.glob(".*.part"))


if __name__ == "__main__":
    main()
