"""Kills a training run that checkpoints at random moments and goes on from what it left: for test_resuming.

python -m tests.killing <folder> <times>: prints after how many steps each run was found.
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
    data = fn.minibatches(normal(Key(2), (30, 4)).astype(np.float32), normal(Key(3), (30, 2)), size=7)
    return fn.train_step(fn.value_and_grad(fn.mse), optimizer), data, fn.start(net, optimizer, Key(4))


def kill_once(folder: Path, moment: float) -> None:
    """Trains and checkpoints in a child, which is killed so long after its first checkpoint."""
    child = os.fork()
    if not child:
        step, data, first = training()
        fn.last(fn.pipe(fn.steps(step, data, first), fn.take(STEPS), fn.checkpoint_to(folder)))
        os._exit(0)
    while not fn.checkpoints_in(folder):
        time.sleep(0.0005)
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def main() -> None:
    """Every time a whole checkpoint is found, and the run that goes on from it ends with the same bytes."""
    place, times = Path(sys.argv[1]), int(sys.argv[2])
    step, data, first = training()
    through = tree.digest(fn.last(fn.take(STEPS)(fn.steps(step, data, first))))
    moments = random.Random(0)
    for i in range(times):
        folder = place / str(i)
        kill_once(folder, moments.uniform(0, 0.1))
        state = fn.resume(folder, first)
        done = state.opt_state.step
        assert tree.digest(fn.last([state, *fn.take(STEPS - done)(fn.steps(step, data, state))])) == through
        print(done)


if __name__ == "__main__":
    main()
