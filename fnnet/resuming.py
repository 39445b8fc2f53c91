"""Going on after a stop: streams that write their states to a folder, and the newest one of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fnnet import checks, files, sealed
from fnnet.checkpoints import decoded_like, save
from fnnet.errors import CheckpointError, TreeError
from fnnet.nodes import Params
from fnnet.records import Epoch, Moment, TrainState
from fnnet.sealed import File

P = TypeVar("P", bound=Params)
S = TypeVar("S", bound=Moment)

_NAME = re.compile(r"epoch-(\d{8,})-batch-(\d{8,})\.safetensors")


@dataclass(frozen=True, slots=True)
class CheckpointTo:
    """What ``checkpoint_to(...)`` returns."""

    folder: str
    every: int = 1
    keep: int = 3

    def __call__(self, stream: Iterable[S], /) -> Iterator[S]:
        """The stream as it is; what is due to be written is on the disk before it is handed on."""
        unwritten: TrainState[Params] | None = None
        try:
            for i, item in enumerate(stream, start=1):
                state = _state(item)
                if i == 1:
                    self._begin(state)
                is_due = i % self.every == 0
                unwritten = None if is_due else state
                if is_due:
                    self._write(state)
                yield item
        finally:  # also where who reads the stream has had enough, or something went wrong
            if unwritten is not None:
                self._write(unwritten)

    def _begin(self, state: TrainState[Params]) -> None:
        """Raises CheckpointError where the folder is another run's; sweeps up after a run that was killed."""
        for path in checkpoints_in(self.folder):
            if _place(path) >= (state.epoch, state.batch) and _is_whole(path):
                raise CheckpointError(
                    f"checkpoint_to: {self.folder} holds {path.name} already, and this run is only at "
                    f"{_name(state)}; go on from there by resume, or take another folder"
                )
        files.sweep(Path(self.folder), "epoch-")

    def _write(self, state: TrainState[Params]) -> None:
        new = Path(self.folder) / _name(state)
        save(new, state)
        older = [path for path in checkpoints_in(self.folder) if _place(path) < _place(new)]
        files.remove(*older[: max(0, len(older) + 1 - self.keep)])


def checkpoint_to(folder: File, *, every: int = 1, keep: int = 3) -> CheckpointTo:
    """Writes every n-th state of a stream of epochs or of steps, and the last one that was handed on when the stream
    ends or is let go of: by itself, by a ``take`` or ``early_stopping`` behind it, by an error. Only a process that is
    killed loses the states since the last one that was due.

    A state is written whole or not at all (``save``), before it is handed on; the newest ``keep`` stay. What writes
    into the history, such as ``validate``, has to stand before. The folder belongs to one run and is made where it is
    missing.

    Raises ValueError for numbers below 1, CheckpointError where the folder cannot be made or written to, and for one
    that holds states which the run has not reached: go on from them, or take another folder; ImportError without the
    extra ``checkpoint``.

    >>> import fnnet as fn, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(fn.checkpoint_to(folder, every=10).every)
    10
    """
    every, keep = checks.size("checkpoint_to", "every", every), checks.size("checkpoint_to", "keep", keep)
    sealed.check_installed()  # now, and not when the first state is due
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"checkpoint_to: folder {folder} could not be made, {error}") from error
    return CheckpointTo(str(Path(folder)), every, keep)


def checkpoints_in(folder: File) -> tuple[Path, ...]:
    """The checkpoints in a folder, the oldest first by epoch and batch; none where there is no such folder.

    >>> checkpoints_in("nowhere")
    ()
    """
    found = [path for path in Path(folder).glob("epoch-*.safetensors") if _NAME.fullmatch(path.name)]
    return tuple(sorted(found, key=_place))


def _state(item: Moment) -> TrainState[Params]:
    """The state of an item. Raises TreeError for what is neither an epoch nor a state."""
    found = item.state if isinstance(item, Epoch) else item
    if not isinstance(found, TrainState):
        raise TreeError(f"checkpoint_to: the stream must be of epochs or of states, got {item!r}")
    return found


def _name(state: TrainState[Params]) -> str:
    return f"epoch-{state.epoch:08}-batch-{state.batch:08}.safetensors"


def _place(path: Path) -> tuple[int, int]:
    """The epoch and the batch that a checkpoint is of."""
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _is_whole(path: Path) -> bool:
    try:
        sealed.read(path)
    except CheckpointError:
        return False
    return True


def resume(folder: File, like: TrainState[P]) -> TrainState[P]:
    """The newest whole state that ``checkpoint_to`` wrote to a folder.

    ``like`` is the state of the run's start: network and optimizer have to be as there. A file that is damaged or
    cannot be read is passed over for the one before it. Raises CheckpointError where there is none, and where the
    newest is that of another run or of a newer format.

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
            data = sealed.read(path)
        except CheckpointError as error:
            damaged.append(str(error))
            continue
        return decoded_like(path, data, like)
    told = f"; damaged: {'; '.join(damaged)}" if damaged else ""
    raise CheckpointError(f"resume: {folder} holds no whole checkpoint{told}")
