"""A program whose child leaves a stream of checkpoints and keeps it until it ends.

python -m tests.support.leaving fork|forkserver|spawn FOLDER
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import fnnet as fn

KEPT: list[Iterator[Any]] = []
"""Streams that a module keeps."""


def work(folder: str) -> None:
    """What the child does: three epochs of ten between two checkpoints."""
    optimizer = fn.sgd(0.1)
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    first = fn.start(fn.linear(fn.Key(0), 4, 1), optimizer, fn.Key(0))
    data = fn.minibatches(np.eye(4), np.ones((4, 1)), batch_size=2)
    KEPT.append(fn.pipe(fn.train(step, data, first), fn.checkpoint_to(folder, every=10)))
    for epoch in KEPT[0]:
        if epoch.state.epoch == 3:
            break


if __name__ == "__main__":
    context: Any = multiprocessing.get_context(sys.argv[1])
    child = context.Process(target=work, args=(sys.argv[2],))
    child.start()
    child.join()
    sys.exit(child.exitcode)
