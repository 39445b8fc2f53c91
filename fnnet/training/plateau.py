"""The learning rate lowered where a metric no longer improves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import reduce
from typing import Annotated, NamedTuple, Protocol, TypeVar

from fnnet import checks
from fnnet.core import Data, Epoch, Params, Record, ShapeError, Step, StreamFn, TrainState, TreeError, Value
from fnnet.core.limits import epochs_from
from fnnet.core.runs import Run, run_from, within
from fnnet.core.settings import NonNegative, Settings, Share, Size
from fnnet.stages import Endless
from fnnet.streams.choice import Best
from fnnet.streams.measures import MetricName, Mode, values

P = TypeVar("P", bound=Params)
T = TypeVar("T")


class Train(Protocol):
    """A function that makes a stream of epochs, as ``train`` does."""

    def __call__(self, step: Step[T], data: Data[T], state: TrainState[P], /) -> Iterator[Epoch[P]]: ...


class Waiting(NamedTuple):
    """What is known of a history: its best value (lower is better), and the number of epochs since then or since the
    factor was last lowered."""

    best: float = math.inf
    epochs: int = 0


def _streams(where: str, name: str, value: Sequence[StreamFn]) -> tuple[StreamFn, ...]:
    for i, stream in enumerate(value):
        checks.function(where, f"{name}[{i}]", stream)
        given: object = stream
        if isinstance(given, Best):  # it would wait for the end of a stream that has none
            raise ValueError(f"{where}: {name} must give streams, and best gives one epoch; end the pipe by it")
    return tuple(value)


@dataclass(frozen=True, slots=True)
class ReduceOnPlateau(Settings):
    """Training whose learning rate is multiplied by ``factor`` after every ``patience`` epochs in a row in which
    ``metric`` did not improve on the best value before them by more than ``min_delta``.

    ``metric`` is "loss", the mean over the epoch's batches, or one that ``streams`` add to the records; ``mode`` says
    whether lower ("min") or higher ("max") values are better. The result is used in place of ``train``, which makes
    the epochs. ``streams``, such as ``validate(...)``, measure between training and the decision, and start afresh for
    each epoch; all other stream functions come after it in the pipe. ``OptState.scale`` of an epoch's state is the
    factor for the next epoch; it is never lowered below ``floor``. All decisions are made from the history, so resumed
    training continues as if it had not stopped.

    Raises ValueError for a patience below 1, a factor outside [0, 1), a negative or infinite ``min_delta``, and during
    training for a metric that is missing; ShapeError for stacked networks.

    >>> import fnnet as fn, numpy as np
    >>> x, y = np.eye(4), np.ones((4, 1))
    >>> optimizer = fn.sgd(1.6)  # too large a rate: the loss rises until it is halved twice
    >>> state = fn.start(fn.linear(fn.Key(0), 4, 1, init=fn.zeros), optimizer, fn.Key(0))
    >>> step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=4)
    >>> train = fn.reduce_on_plateau(fn.train, patience=2)
    >>> epochs = fn.take(7)(train(step, data, state))
    >>> [(round(float(epoch.record.loss)), epoch.state.opt_state.scale) for epoch in epochs]
    [(1, 1.0), (9, 1.0), (81, 0.5), (729, 0.5), (729, 0.25), (729, 0.25), (0, 0.25)]
    """

    train: Annotated[Train, checks.function]
    _: KW_ONLY
    metric: MetricName = "loss"
    patience: Size = 5
    factor: Share = 0.5
    floor: NonNegative = 0.0
    mode: Mode = "min"
    streams: Annotated[Sequence[StreamFn], _streams] = ()
    min_delta: NonNegative = 0.0

    def __call__(self, step: Step[T], data: Data[T], state: TrainState[P], /) -> Iterator[Epoch[P]]:
        """The epochs, each trained with the factor that the history before it gives."""
        made = self._epochs(run_from(state, step, data, self), step, data, state, epochs_from(state.epoch))
        return made if self.streams else Endless(made)

    def _epochs(
        self, run: Run[T], step: Step[T], data: Data[T], state: TrainState[P], numbers: Iterator[int]
    ) -> Iterator[Epoch[P]]:
        seen, wait = 0, Waiting()
        for _ in numbers:
            epochs = self.train(step, data, state)
            for stream in self.streams:
                epochs = stream(epochs)
            found = next(epochs, None)
            if found is None:
                return
            history = found.state.history
            self._check_metric(history[-1])
            if len(history) <= seen:
                raise TreeError(
                    f"reduce_on_plateau: the history must grow by every epoch, got one of {len(history)} records after "
                    f"{seen}; streams must hand on the records that they are given"
                )
            seen, wait = len(history), reduce(self._waited, history[seen:], wait)
            state = self._lowered(found.state) if wait.epochs == self.patience else found.state
            state = within(run, state)
            yield Epoch(state)

    def _lowered(self, state: TrainState[P]) -> TrainState[P]:
        before = state.opt_state.scale
        scale = max(before * self.factor, min(self.floor, before))
        return replace(state, opt_state=replace(state.opt_state, scale=scale))

    def _check_metric(self, record: Record) -> None:
        """Raises ValueError where the last epoch's record lacks the metric."""
        if self.metric not in values(record):
            raise ValueError(
                f"reduce_on_plateau: metric must be one of {', '.join(values(record))}, which the last epoch's record "
                f"has, got {self.metric!r}; validate adds metrics, as one of the streams"
            )

    def _waited(self, wait: Waiting, record: Record) -> Waiting:
        """What is known after one more record; a record without the metric does not count."""
        known = values(record)
        if self.metric not in known:
            return wait
        value = _number(self.metric, known[self.metric]) * (1 if self.mode == "min" else -1)
        if value < wait.best - self.min_delta:
            return Waiting(value)
        return Waiting(wait.best, wait.epochs % self.patience + 1)


def _number(name: str, value: Value) -> float:
    if value.ndim:
        raise ShapeError(
            f"reduce_on_plateau: metric {name!r} must be one number per epoch, as all networks share one factor, got "
            f"{value.shape}; train stacked networks on a schedule"
        )
    return float(value)


reduce_on_plateau = ReduceOnPlateau
