"""What an epoch costs late in a run and early in it: ``python -m tests.benchmarks.late_epochs``.

A step of a network of five numbers costs next to nothing, so that what is shown is the cost of the history: for each
stream function the milliseconds per epoch, the median of many, after histories of 10, 1,000 and 10,000 epochs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from statistics import median
from typing import Any

import numpy as np

import fnnet as fn
from fnnet import Epoch, History, Key, Record, TrainState

LENGTHS = (10, 1_000, 10_000)
EPOCHS = 30

X, Y = np.eye(4), np.ones((4, 1))
OPTIMIZER = fn.sgd(0.0)
STEP: Any = fn.train_step(fn.value_and_grad(fn.mse), OPTIMIZER)
DATA = fn.minibatches(X, Y, batch_size=4)
VALIDATE = fn.validate(X, Y, {"valid_loss": fn.metrics.rmse, "mae": fn.metrics.mae})
Stream = Callable[[TrainState[Any], str], Iterator[Epoch[Any]]]


def state_after(n: int) -> TrainState[Any]:
    """A state with a history of n epochs."""
    first = fn.start(fn.linear(Key(0), 4, 1), OPTIMIZER, Key(0))
    one, half = np.asarray(1.0), np.asarray(0.5)
    return replace(first, epoch=n, history=History.of([Record(one, (("valid_loss", half), ("mae", half)))] * n))


def validated(state: TrainState[Any]) -> Iterator[Epoch[Any]]:
    """Epochs with two metrics."""
    return VALIDATE(fn.train(STEP, DATA, state))


def stopping(state: TrainState[Any], folder: str) -> Iterator[Epoch[Any]]:
    """Early stopping that never stops."""
    return fn.early_stopping(10**6)(validated(state))


def plateau(state: TrainState[Any], folder: str) -> Iterator[Epoch[Any]]:
    """A learning rate that waits for ever."""
    train = fn.reduce_on_plateau(fn.train, metric="valid_loss", patience=10**6, streams=(VALIDATE,))
    return train(STEP, DATA, state)


def every_second(state: TrainState[Any], folder: str) -> Iterator[Epoch[Any]]:
    """Checkpoints of epochs of which every second one is validated."""

    def validated(epochs: Iterable[Epoch[Any]]) -> Iterator[Epoch[Any]]:
        for epoch in epochs:
            yield epoch if epoch.state.epoch % 2 else next(VALIDATE(iter([epoch])))

    state = replace(state, history=History.of([_with(record, i % 2) for i, record in enumerate(state.history)]))
    return fn.checkpoint_to(folder)(validated(fn.train(STEP, DATA, state)))


def _with(record: Record, is_validated: int) -> Record:
    return Record(record.loss, record.metrics * is_validated)


STREAMS: dict[str, Stream] = {
    "train": lambda state, folder: fn.train(STEP, DATA, state),
    "validate": lambda state, folder: validated(state),
    "early_stopping": stopping,
    "reduce_on_plateau": plateau,
    "record": lambda state, folder: fn.record(f"{folder}/run.json", f"{folder}/run.csv")(validated(state)),
    "checkpoint_to": lambda state, folder: fn.checkpoint_to(folder)(validated(state)),
    "alternating metrics": every_second,
}


def cost(stream: Stream, n: int) -> float:
    """Milliseconds per epoch after n epochs."""
    with tempfile.TemporaryDirectory() as folder:
        epochs, times = stream(state_after(n), folder), []
        next(epochs)  # which may look at all that was there
        for _ in range(EPOCHS):
            begin = time.perf_counter()
            next(epochs)
            times.append((time.perf_counter() - begin) * 1e3)
        return median(times)


def receipt_costs() -> list[float]:
    """The same of ``receipt_to``, which is there from a run's first epoch on."""
    first = fn.start(fn.linear(Key(0), 4, 1), OPTIMIZER, Key(0))
    with tempfile.TemporaryDirectory() as folder:
        keep: Any = fn.receipt_to(f"{folder}/run.json", STEP, DATA, first)
        epochs, found, done = keep(fn.train(STEP, DATA, first)), [], 0
        for n in LENGTHS:
            for _ in islice(epochs, n - done):
                pass
            times = []
            for _ in range(EPOCHS):
                begin = time.perf_counter()
                next(epochs)
                times.append((time.perf_counter() - begin) * 1e3)
            found.append(median(times))
            done = n + EPOCHS
    return found


if __name__ == "__main__":
    print(f"{'ms per epoch after':18}" + "".join([f"{n:10,}" for n in LENGTHS]))
    for name, stream in STREAMS.items():
        print(f"{name:18}" + "".join([f"{cost(stream, n):10.2f}" for n in LENGTHS]))
    print(f"{'receipt_to':18}" + "".join([f"{ms:10.2f}" for ms in receipt_costs()]))
