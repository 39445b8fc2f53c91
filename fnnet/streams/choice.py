"""The best epoch of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from fnnet.core import Epoch, Params, Record
from fnnet.core.settings import Settings
from fnnet.errors import CheckpointError
from fnnet.stages import check_ends
from fnnet.streams.measures import MetricName, Mode, check_epoch, check_known, is_better, number, values

P = TypeVar("P", bound=Params)


class Leader(NamedTuple):
    """The best record of a history: its number, counted from 1, or 0 where there is none, and its value."""

    place: int = 0
    value: float = math.nan


_NONE = Leader()
_GONE = "came before this stream and cannot be read: "


class _Choice(NamedTuple, Generic[P]):
    """The best epoch so far and how many records have been seen; ``why`` says why an epoch that is only known from the
    history, and so None, cannot be had."""

    leader: Leader
    epoch: Epoch[P] | None = None
    why: str = ""
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Best(Settings):
    """The end of a pipeline: from a stream of epochs to the best epoch of the run, the one whose ``metric`` is lowest,
    or highest with the ``mode`` "max".

    Of several equal epochs the earliest is the best; NaN never is. ``metric`` is named as in ``early_stopping``. An
    epoch stays valid forever, so the result is the state itself, with the network, the optimizer's memory and the
    history up to there.

    A resumed run gives what it would have given without the interruption: where its history says that an epoch before
    the stream was the best, that epoch is read from the folder of ``resume``, where ``checkpoint_to(folder,
    keep_best=...)`` has kept it (a state loses its folder when it is pickled). No other epoch is ever given in its
    place. Epochs that a function before this one drops count too, for they are in the history. A resumed run that was
    already over gives an empty stream: ``best("loss")(epochs, default=Epoch(state))`` is then the best epoch up to
    that state. To choose among any epochs regardless of their histories, use Python's ``min(epochs, key=...)``.

    Raises ValueError for an unknown mode. The call raises ValueError for a stream that is empty without a default or
    all NaN, and for a metric that is unknown or that no epoch before a resume has; CheckpointError where the best epoch
    came before the stream and cannot be read, or was dropped.

    >>> import fnnet as fn, numpy as np
    >>> x, y = np.eye(4), np.ones((4, 1))
    >>> optimizer = fn.sgd(2.5)  # too much: every epoch is worse than the one before
    >>> state = fn.start(fn.linear(fn.Key(0), 4, 1), optimizer, fn.Key(0))
    >>> step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    >>> epochs = fn.train(step, fn.minibatches(x, y, batch_size=4), state)
    >>> fn.pipe(epochs, fn.take(5), fn.best("loss")).state.epoch
    1
    """

    metric: MetricName = "valid_loss"
    mode: Mode = "min"

    def __call__(self, epochs: Iterable[Epoch[P]], /, default: Epoch[P] | None = None) -> Epoch[P]:
        """The best epoch of a finite stream, which is run to its end; for an empty stream, the best epoch of the run up
        to ``default``."""
        check_ends("best", epochs)
        choice, count = None, 0
        for count, epoch in enumerate(epochs, 1):  # noqa: B007
            check_epoch("best", epoch)
            choice = self._better(choice or self._before(epoch), epoch)
        if default is not None:
            check_epoch("best", default)
        if choice is None and default is not None and default.state.history:
            choice = self._better(self._before(default), default)
        if choice is None:
            raise ValueError(
                "best: the stream is empty, so it has no best epoch; let it give at least one, or name a default, as "
                "in best(...)(epochs, default=Epoch(begin))"
            )
        return self._found(choice, count)

    def leader(self, records: Iterable[Record], before: Leader = _NONE, seen: int = 0) -> Leader:
        """The best of ``records``, which follow ``seen`` others, and of ``before``, the best of those.

        Records without the metric do not count.
        """
        for place, record in enumerate(records, seen + 1):
            if self.metric in values(record):
                value = number("best", self.metric, record)
                before = Leader(place, value) if is_better(value, before.value, self.mode) else before
        return before

    def _before(self, epoch: Epoch[P]) -> _Choice[P]:
        """The best of all epochs before this one, by its history."""
        check_known("best", self.metric, epoch)
        state = epoch.state
        records = state.history if state.batch else state.history[:-1]
        leader, seen = self.leader(records), len(records)
        if not leader.place:
            return _Choice(leader, seen=seen)
        if state.origin is None or state.origin.earlier is None:
            return _Choice(leader, None, f"{_GONE}the run goes on from a state that resume has not given", seen)
        try:
            earlier = state.origin.earlier(state, leader.place + state.epoch - len(state.history))
        except CheckpointError as error:
            return _Choice(leader, None, f"{_GONE}{error}", seen)
        return _Choice(leader, Epoch(earlier), seen=seen)

    def _better(self, choice: _Choice[P], epoch: Epoch[P]) -> _Choice[P]:
        """The better of the best so far and the next epoch; a state in the middle of an epoch does not count."""
        if epoch.state.batch:
            return choice
        history = epoch.state.history
        leader = self.leader(history[choice.seen : -1], choice.leader, choice.seen)
        if leader.place != choice.leader.place:
            choice = _Choice(leader, None, "was dropped by a function before best, which has to come first")
        mine = Leader(len(history), number("best", self.metric, epoch.record))
        is_missing_one = choice.epoch is None and mine == choice.leader
        is_progress = is_better(mine.value, choice.leader.value, self.mode)
        return (_Choice(mine, epoch) if is_progress or is_missing_one else choice)._replace(seen=len(history))

    def _found(self, choice: _Choice[P], count: int) -> Epoch[P]:
        """The epoch. Raises ValueError where all were NaN, CheckpointError where it cannot be had."""
        (place, value), epoch, why, _ = choice
        if not place:
            raise ValueError(f"best: metric {self.metric!r} must be a number in one epoch, got NaN in all {count}")
        if epoch is None:
            keep = repr(self.metric) if self.mode == "min" else f"fn.best({self.metric!r}, {self.mode!r})"
            raise CheckpointError(
                f"best: the best epoch of the run by {self.metric!r} is epoch {place}, with {value:g}, which {why}; "
                f"put checkpoint_to(folder, keep_best={keep}) into "
                "the pipe from the first epoch on, and a resumed run finds it"
            )
        return epoch


best = Best
