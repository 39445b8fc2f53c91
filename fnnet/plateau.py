"""The learning rate lowered where a metric no longer improves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from fnnet import checks
from fnnet.errors import ShapeError
from fnnet.nodes import Params
from fnnet.records import Data, Epoch, Record, Step, StreamFn, TrainState
from fnnet.streams._base import Mode, checked
from fnnet.streams.choice import Best
from fnnet.types import Value

P = TypeVar("P", bound=Params)
T = TypeVar("T")


class Train(Protocol):
    """What makes a stream of epochs, as ``train`` does."""

    def __call__(self, step: Step[T], data: Data[T], state: TrainState[P], /) -> Iterator[Epoch[P]]: ...


@dataclass(frozen=True, slots=True)
class ReduceOnPlateau:
    """What ``reduce_on_plateau(...)`` returns: used as ``train`` is."""

    train: Train
    metric: str = "loss"
    patience: int = 5
    factor: float = 0.5
    floor: float = 0.0
    mode: Mode = "min"
    streams: tuple[StreamFn, ...] = ()
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        where, given = "reduce_on_plateau", tuple(self.streams)
        checks.function(where, "train", self.train)
        for i, stream in enumerate(given):
            checks.function(where, f"streams[{i}]", stream)
            told: object = stream
            if isinstance(told, Best):  # it would wait for the end of a stream that has none
                raise ValueError(f"{where}: streams must give streams, and best gives one epoch; end the pipe by it")
        checked(where, self.metric, self.mode)
        checks.settle(
            self,
            patience=checks.size(where, "patience", self.patience),
            factor=checks.real(where, "factor", self.factor, below=1),
            floor=checks.real(where, "floor", self.floor),
            streams=given,
            min_delta=checks.real(where, "min_delta", self.min_delta),
        )

    def __call__(self, step: Step[T], data: Data[T], state: TrainState[P], /) -> Iterator[Epoch[P]]:
        """The epochs, each trained with the factor that the history before it gives."""
        while True:
            epochs = self.train(step, data, state)
            for stream in self.streams:
                epochs = stream(epochs)
            found = next(epochs, None)
            if found is None:
                return
            state = self._after(found.state)
            yield Epoch(state)

    def _after(self, state: TrainState[P]) -> TrainState[P]:
        """The state with the factor for the next epoch."""
        if not self._is_due(state.history):
            return state
        before = state.opt_state.scale
        scale = max(before * self.factor, min(self.floor, before))
        return replace(state, opt_state=replace(state.opt_state, scale=scale))

    def _is_due(self, history: tuple[Record, ...]) -> bool:
        """Whether the last epoch is one of those after which the factor falls."""
        best, waited = math.inf, 0
        for value in self._values(history):
            is_progress = value < best - self.min_delta
            best, waited = (value, 0) if is_progress else (best, waited % self.patience + 1)
        return waited == self.patience

    def _values(self, history: tuple[Record, ...]) -> list[float]:
        """The metric of all epochs that have it, the lower the better. Raises ValueError where the last has none."""
        sign = 1 if self.mode == "min" else -1
        named = [{"loss": record.loss, **dict(record.metrics)} for record in history]
        if self.metric not in named[-1]:
            raise ValueError(
                f"reduce_on_plateau: metric must be one of {', '.join(named[-1])}, which the last epoch's record has, "
                f"got {self.metric!r}; validate adds metrics, as one of the streams"
            )
        return [sign * _number(self.metric, record[self.metric]) for record in named if self.metric in record]


def _number(name: str, value: Value) -> float:
    if value.ndim:
        raise ShapeError(
            f"reduce_on_plateau: metric {name!r} must be one number an epoch, for all networks have one factor, got "
            f"{value.shape}; train stacked networks on a schedule"
        )
    return float(value)


def reduce_on_plateau(
    train: Train,
    *,
    metric: str = "loss",
    patience: int = 5,
    factor: float = 0.5,
    floor: float = 0.0,
    mode: Mode = "min",
    streams: Sequence[StreamFn] = (),
    min_delta: float = 0.0,
) -> ReduceOnPlateau:
    """Training whose learning rate is multiplied by ``factor`` after every ``patience`` epochs in a row that were no
    better than the best before them by more than ``min_delta``, by ``metric``: "loss", the mean over the epoch's
    batches, or one that ``streams`` add to the records.

    The result is used in place of ``train``. ``streams``, such as ``validate(...)``, measure between training and the
    decision and are made anew for each epoch; whatever else there is comes behind, in the pipe. An epoch that comes out
    has in ``OptState.scale`` the factor of the next one, never lowered below ``floor``. All decisions are made from the
    history, so training that is resumed goes on as if it had not stopped.

    Raises ValueError for a patience below 1, a factor outside [0, 1), a negative or infinite ``min_delta``, and in
    training for a metric that is not there, ShapeError for stacked networks.

    >>> import fnnet as fn, numpy as np
    >>> x, y = np.eye(4), np.ones((4, 1))
    >>> optimizer = fn.sgd(1.6)  # too large a rate: the loss rises until it is halved twice
    >>> state = fn.start(fn.linear(fn.Key(0), 4, 1, init=fn.zeros), optimizer, fn.Key(0))
    >>> step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, size=4)
    >>> train = fn.reduce_on_plateau(fn.train, patience=2)
    >>> epochs = fn.take(7)(train(step, data, state))
    >>> [(round(float(epoch.record.loss)), epoch.state.opt_state.scale) for epoch in epochs]
    [(1, 1.0), (9, 1.0), (81, 0.5), (729, 0.5), (729, 0.25), (729, 0.25), (0, 0.25)]
    """
    return ReduceOnPlateau(train, metric, patience, factor, floor, mode, tuple(streams), min_delta)
