"""Going on after a stop: streams that write their states to a folder, and the newest one of it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from fnnet import checks
from fnnet.checkpoints import File, checked_like, opened, save
from fnnet.errors import CheckpointError
from fnnet.nodes import Params
from fnnet.records import Epoch, TrainState

P = TypeVar("P", bound=Params)
S = TypeVar("S", bound=Epoch[Any] | TrainState[Any])

_NAME = re.compile(r"epoch-(\d{8})-batch-(\d{8})\.safetensors")


@dataclass(frozen=True, slots=True)
class CheckpointTo:
    """What ``checkpoint_to(...)`` returns."""

    folder: str
    every: int = 1
    keep: int = 3

    def __call__(self, stream: Iterable[S], /) -> Iterator[S]:
        """The stream as it is; what it gives is on the disk before it is handed on."""
        unwritten: S | None = None
        for i, item in enumerate(stream, start=1):
            unwritten = item
            if i % self.every == 0:
                self._write(item)
                unwritten = None
            yield item
        if unwritten is not None:
            self._write(unwritten)

    def _write(self, item: Epoch[Params] | TrainState[Params]) -> None:
        state = item.state if isinstance(item, Epoch) else item
        save(Path(self.folder) / f"epoch-{state.epoch:08}-batch-{state.batch:08}.safetensors", state)
        for old in checkpoints_in(self.folder)[: -self.keep]:
            old.unlink(missing_ok=True)


def checkpoint_to(folder: File, *, every: int = 1, keep: int = 3) -> CheckpointTo:
    """Writes every n-th state of a stream of epochs or of steps, and the last one where the stream ends.

    A state is written whole or not at all (``save``), and the newest ``keep`` stay. The folder is made where it is
    missing. Raises ValueError for numbers below 1, CheckpointError where the folder cannot be made or written to.

    >>> import fnnet as fn, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(fn.checkpoint_to(folder, every=10).every)
    10
    """
    checks.size("checkpoint_to", "every", every)
    checks.size("checkpoint_to", "keep", keep)
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"checkpoint_to: folder {folder} could not be made, {error}") from error
    return CheckpointTo(str(folder), every, keep)


def checkpoints_in(folder: File) -> tuple[Path, ...]:
    """The checkpoints in a folder, the oldest first by epoch and batch; none where there is no such folder."""
    path = Path(folder)
    return tuple(sorted(found for found in path.glob("epoch-*.safetensors") if _NAME.fullmatch(found.name)))


def resume(folder: File, like: TrainState[P]) -> TrainState[P]:
    """The newest whole state that ``checkpoint_to`` wrote to a folder.

    ``like`` is the state of the run's start: network and optimizer have to be as there. A damaged file is passed over
    for the one before it. Raises CheckpointError where there is none, or where the newest is that of another run.

    Going on from it is never having stopped, byte for byte:

    >>> import fnnet as fn, numpy as np, tempfile
    >>> x, y = np.eye(4), np.ones((4, 1))
    >>> optimizer = fn.adam(0.1)
    >>> step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, size=2)
    >>> first = fn.start(fn.linear(fn.Key(0), 4, 1), optimizer, fn.Key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stopped = fn.pipe(fn.steps(step, data, first), fn.checkpoint_to(folder), fn.take(3), fn.last)
    ...     again = fn.resume(folder, first)
    >>> on, through = fn.take(5)(fn.steps(step, data, again)), fn.take(8)(fn.steps(step, data, first))
    >>> fn.tree.equal(fn.last(on), fn.last(through))
    True
    """
    damaged: list[str] = []
    for path in reversed(checkpoints_in(folder)):
        try:
            found = opened(path, like)
        except CheckpointError as error:
            damaged.append(str(error))
            continue
        return checked_like(path, like, found)
    told = f"; damaged: {' '.join(damaged)}" if damaged else ""
    raise CheckpointError(f"resume: {folder} holds no whole checkpoint{told}")


@dataclass(frozen=True, slots=True)
class StopOnSignal:
    """What ``stop_on_signal(...)`` returns."""

    signals: tuple[int, ...]

    def __call__(self, stream: Iterable[S], /) -> Iterator[S]:
        """The stream up to the item under way when a signal comes."""
        asked: list[int] = []

        def note(number: int, frame: FrameType | None) -> None:
            asked.append(number)

        before = {number: signal.signal(number, note) for number in self.signals}
        try:
            for item in stream:
                yield item
                if asked:
                    return
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def stop_on_signal(*signals: int) -> StopOnSignal:
    """Ends a stream after the step or epoch under way when the process is asked to end, by SIGINT (Ctrl-C) or SIGTERM
    unless others are named; ``checkpoint_to`` behind it then writes the last state.

    Handlers are set while the stream is read and put back afterwards; it has to be read in the main thread.

    >>> stop_on_signal()
    StopOnSignal(signals=(2, 15))
    """
    return StopOnSignal(tuple([int(number) for number in signals or (signal.SIGINT, signal.SIGTERM)]))
