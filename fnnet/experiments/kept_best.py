"""The best epoch of a run on disk: which one a folder of checkpoints keeps, and how it is read back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from fnnet import tree
from fnnet.core.history import History
from fnnet.core.segments import Record
from fnnet.core.states import TrainState
from fnnet.errors import CheckpointError
from fnnet.experiments import sealed_files
from fnnet.experiments.checkpoint_names import epoch_and_batch, name
from fnnet.experiments.saving import decoded_like
from fnnet.streams.choice import Best, Leader
from fnnet.streams.measures import number
from fnnet.tree.nodes import Params

P = TypeVar("P", bound=Params)


class BestSoFar:
    """Which epochs of a run were better than all before them, and the state of the last such epoch until it is written.

    Only the history decides, so a resumed run knows the same as one that never stopped.
    """

    def __init__(self, by: Best | None) -> None:
        self.unwritten: TrainState[Params] | None = None
        self._by, self._seen, self._leader = by, 0, Leader()
        self._epochs: list[int] = []

    def add(self, state: TrainState[Params]) -> None:
        """Takes the next state of the stream. Raises ValueError where the epoch that it ends lacks the metric."""
        history = History.of(state.history)
        if self._by is None or len(history) == self._seen:
            return
        if not state.batch:
            number("checkpoint_to", self._by.metric, history[-1])
        if len(history) < self._seen:  # another run has begun
            self._seen, self._leader, self._epochs = 0, Leader(), []
        while self._seen < len(history):
            self._look(self._by, state.epoch - len(history) + self._seen + 1, history[self._seen])
        if self._epochs[-1:] == [state.epoch] and not state.batch:
            self.unwritten = state

    def _look(self, by: Best, epoch: int, record: Record) -> None:
        """Looks at the next record of the history, that of ``epoch``."""
        leader = by.leader((record,), self._leader, self._seen)
        self._seen += 1
        if leader is not self._leader:
            self._leader, self.unwritten = leader, None
            self._epochs.append(epoch)

    def of(self, paths: Iterable[Path]) -> set[str]:
        """The names of the checkpoints that hold the best epoch as of each of these checkpoints."""
        found = [bisect_right(self._epochs, epoch_and_batch(path)[0]) for path in paths]
        return {name(self._epochs[at - 1]) for at in found if at}


@dataclass(frozen=True, slots=True)
class Stored:
    """The epochs of a resumed run that its folder holds."""

    folder: str

    def __call__(self, state: TrainState[P], epoch: int, /) -> TrainState[P]:
        """The state at the end of an epoch that is in the history of a later state of the same run. Raises
        CheckpointError where it is missing or damaged, or belongs to another run."""
        path = Path(self.folder, name(epoch))
        found = decoded_like(path, sealed_files.read(path), state)
        before = History.of(state.history[: len(state.history) - state.epoch + epoch])
        if (found.epoch, found.batch, found.key) != (epoch, 0, state.key) or not tree.equal(found.history, before):
            raise CheckpointError(f"{path} is a state of another run")
        return replace(found, origin=state.origin)
