"""A training program that is asked to end: for test_checkpoint_to.

python -m tests.support.stopping <folder> steps|epochs|endless: trains for ever, says "ready" in the midst of a step,
and when its stream has ended where it is. The step of "endless" does.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import fnnet as fn
from fnnet import Epoch, TrainState
from tests.support.killing import training

PAUSE = {"steps": 0.02, "epochs": 0.005, "endless": 600.0}
"""Seconds that a step takes more than it has to."""


def main() -> None:
    """Trains until a signal comes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent in the background ignores it
    folder, kind = sys.argv[1:]
    step, data, first = training()

    def slow(state: TrainState[Any], batch: Any, key: fn.Key) -> Any:
        if state.opt_state.step == 7:
            print("ready", flush=True)
        time.sleep(PAUSE[kind] if kind != "endless" or state.opt_state.step == 7 else 0)
        return step(state, batch, key)

    items: Iterator[Any] = fn.train(slow, data, first) if kind == "epochs" else fn.steps(slow, data, first)
    item = fn.pipe(items, fn.checkpoint_to(folder, every=1000), fn.stop_on_signal(), fn.last)
    state = item.state if isinstance(item, Epoch) else item
    print(state.epoch, state.batch, fn.tree.digest(state), flush=True)


if __name__ == "__main__":
    main()
