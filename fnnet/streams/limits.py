"""Stream functions that end a stream at a time or at an epoch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from fnnet.core import Epoch, Params, TrainState, TreeError
from fnnet.core.limits import first_within
from fnnet.core.settings import NonNegative, Settings, Size
from fnnet.core.states import Moment
from fnnet.stages import stage
from fnnet.streams.measures import check_epoch

P = TypeVar("P", bound=Params)
S = TypeVar("S", bound=Moment)


@dataclass(frozen=True, slots=True)
class TimeLimit(Settings):
    """Ends the stream after the epoch in which ``seconds`` have passed since the first epoch was requested.

    No epoch is cut short, and at least one passes. This is the only stream function that depends on anything but the
    history: on a faster machine more epochs pass, though each holds the same. The clock is monotonic.

    Raises ValueError for a number of seconds that is negative or not finite.

    >>> import fnnet as fn
    >>> fn.time_limit(60)
    TimeLimit(seconds=60.0)
    """

    seconds: NonNegative

    @stage
    def __call__(self, epochs: Iterator[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The epochs up to the one that crosses the limit."""
        end = time.monotonic() + self.seconds
        for epoch in epochs:
            check_epoch("time_limit", epoch)
            yield epoch
            if time.monotonic() >= end:
                return


time_limit = TimeLimit


@dataclass(frozen=True, slots=True)
class Until(Settings):
    """Ends a stream of epochs, or of steps, when the run has done ``epoch`` epochs: ``take`` counts from the start of
    the stream, ``until`` from the start of the run.

    A run that is already there gives an empty stream and computes nothing. (Only a stream that has been read before, or
    a source that is not fnnet's, has to compute one more epoch to show where it is.) So a program that resumes may be
    started any number of times::

        begin = resume(folder, state)
        final = last(pipe(train(step, data, begin), checkpoint_to(folder), until(40)), default=Epoch(begin))

    Raises ValueError for a number of epochs below 1.

    >>> import fnnet as fn, numpy as np
    >>> x, y = np.eye(4), np.ones((4, 1))
    >>> optimizer = fn.sgd(0.1)
    >>> step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=4)
    >>> state = fn.start(fn.linear(fn.Key(0), 4, 1), optimizer, fn.Key(0))
    >>> third = fn.last(fn.until(3)(fn.train(step, data, state)))
    >>> third.state.epoch, list(fn.until(3)(fn.train(step, data, third.state)))
    (3, [])
    """

    epoch: Size

    @stage
    def __call__(self, stream: Iterator[S], /) -> Iterator[S]:
        """The items up to the end of the epoch."""
        first, end = first_within(stream, self.epoch), (self.epoch, 0)
        for item in chain(() if first is None else (first,), stream):
            if _place(item) <= end:
                yield item
            if _place(item) >= end:
                return


def _place(item: object) -> tuple[int, int]:
    """How many epochs a run has done, and how many batches of the next one."""
    state = item.state if isinstance(item, Epoch) else item
    if not isinstance(state, TrainState):
        raise TreeError(f"until: the stream must be of epochs or of states, got a {type(item).__name__}")
    return state.epoch, state.batch


until = Until
