"""Early stopping."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple, TypeVar

from fnnet.core import Epoch, Params, Record
from fnnet.core.settings import NonNegative, Settings, Size
from fnnet.stages import stage
from fnnet.streams.measures import MetricName, Mode, check_epoch, check_known, is_better, number, values

P = TypeVar("P", bound=Params)


class Wait(NamedTuple):
    """What early stopping knows of a history: its best value, and the number of epochs since then."""

    best: float = math.nan
    epochs: int = 0


@dataclass(frozen=True, slots=True)
class EarlyStopping(Settings):
    """Ends the stream after ``patience`` epochs in a row that did not improve on the best before them by more than
    ``min_delta`` (I. Goodfellow, Y. Bengio, A. Courville, Deep Learning, 2016, algorithm 7.1).

    ``metric`` is "loss", the training loss, or the name of a metric that ``validate`` has added; ``mode`` is "max" for
    one that grows as the network improves. NaN is never an improvement. The last epoch to pass is not the best one,
    which ``best`` finds.

    Only the history decides, so a run that is resumed from any of its epochs ends where it would have ended; resumed
    from its last epoch it gives an empty stream. To see that, it requests one more epoch, which it drops: functions
    that write, such as ``checkpoint_to``, must come after it, or they would write that epoch. For stacked networks the
    metric must be one number for all. Raises ValueError for a patience below 1, a negative or infinite ``min_delta``,
    an unknown mode, and, once epochs come, for a metric that is unknown or that no epoch before a resume has.

    >>> import fnnet as fn, numpy as np
    >>> x, y = np.eye(4), np.ones((4, 1))
    >>> optimizer = fn.sgd(0.0)
    >>> state = fn.start(fn.linear(fn.Key(0), 4, 1), optimizer, fn.Key(0))
    >>> step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    >>> epochs = fn.train(step, fn.minibatches(x, y, batch_size=4), state)
    >>> [epoch.state.epoch for epoch in fn.early_stopping(3, metric="loss")(epochs)]
    [1, 2, 3, 4]
    """

    patience: Size
    _: KW_ONLY
    metric: MetricName = "valid_loss"
    mode: Mode = "min"
    min_delta: NonNegative = 0.0

    @stage
    def __call__(self, epochs: Iterator[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The epochs up to the one at which patience has run out."""
        seen, wait = 0, Wait()
        for epoch in epochs:
            check_epoch("early_stopping", epoch)
            number("early_stopping", self.metric, epoch.record)
            history = epoch.state.history
            if not seen:
                check_known("early_stopping", self.metric, epoch)
            wait = self._after(wait, history[seen:-1])
            if wait.epochs >= self.patience:
                return
            yield epoch
            seen, wait = len(history), self._after(wait, history[-1:])
            if wait.epochs >= self.patience:
                return

    def _after(self, wait: Wait, history: Iterable[Record]) -> Wait:
        """What is known after more records; records without the metric do not count."""
        for record in history:
            if wait.epochs < self.patience and self.metric in values(record):
                value = number("early_stopping", self.metric, record)
                is_progress = is_better(value, wait.best, self.mode, self.min_delta)
                wait = Wait(value) if is_progress else Wait(wait.best, wait.epochs + 1)
        return wait


early_stopping = EarlyStopping
