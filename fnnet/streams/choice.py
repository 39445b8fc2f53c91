"""The best epoch of a stream."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from fnnet.core import Epoch, Params
from fnnet.core.settings import Settings
from fnnet.streams.measures import MetricName, Mode, check_epoch, is_better, number

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class Best(Settings):
    """The end of a pipeline: from a stream of epochs to the one whose metric is lowest, or with "max" highest.

    The earliest where several are equal; NaN is never the best. Names of metrics are those of ``early_stopping``. An
    epoch stays valid for ever, so this is the state itself, with the network, the optimizer's memory and the history up
    to there. Of a resumed run only the epochs since then pass; the better of two epochs is ``best(...)([a, b])``.

    Raises ValueError for an unknown mode, and, when it is called, for a stream that is empty or all NaN and for an
    unknown metric.

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

    def __call__(self, epochs: Iterable[Epoch[P]], /) -> Epoch[P]:
        """The best epoch of a finite stream, which is run to its end."""
        found, best, count = None, math.nan, 0
        for epoch in epochs:
            check_epoch("best", epoch)
            count += 1
            value = number("best", self.metric, epoch.record)
            if is_better(value, best, self.mode):
                found, best = epoch, value
        if not count:
            raise ValueError("best: the stream is empty, so it has no best epoch; let it give at least one")
        if found is None:
            raise ValueError(f"best: metric {self.metric!r} must be a number in one epoch, got NaN in all {count}")
        return found


best = Best
