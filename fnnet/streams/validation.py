"""Metrics on held-out data, written into the history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Generic, TypeVar, cast

import numpy as np

from fnnet import checks
from fnnet.core import (
    Array,
    Epoch,
    History,
    Loss,
    LossFunction,
    Metric,
    Params,
    Record,
    ShapeError,
    Value,
    ValueLike,
    forward,
)
from fnnet.core.entries import check_names
from fnnet.layers.portable import in_bits_of
from fnnet.stages import passes_all, stage
from fnnet.streams.measures import check_epoch
from fnnet.tree.arrays import plain
from fnnet.tree.nodes import Node, read_only

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LossMetric(Generic[T]):
    """The metric that is the value of ``loss``, without its gradient."""

    loss: Loss[T] | LossFunction[T]

    def __call__(self, prediction: Array, target: T, /) -> ValueLike:
        """The value of the loss."""
        return self.loss(prediction, target)[0]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Validate(Node, Generic[T]):
    """What ``validate(...)`` returns."""

    x: Array
    y: T
    metrics: tuple[tuple[str, Metric[T]], ...]

    @passes_all
    @stage
    def __call__(self, epochs: Iterator[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The epochs, each with the metrics in its record and in the histories that follow."""
        history: History | None = None
        for epoch in epochs:
            check_epoch("validate", epoch)
            came = History.of(epoch.state.history)
            between = () if history is None else came[len(history) : -1]  # of epochs that were dropped on the way
            before = came.without_last() if history is None else reduce(History.append, between, history)
            history = before.append(self._measured(epoch))
            yield Epoch(replace(epoch.state, history=history))

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return _revived, (type(self), self.x, self.y, self.metrics)  # metrics are functions, which a tree cannot hold

    def _measured(self, epoch: Epoch[P]) -> Record:
        params = epoch.state.params
        prediction, _ = forward(params, self.x)
        prediction.setflags(write=False)  # so that no metric can change it for the next one
        found = in_bits_of(params, self._metrics, prediction)
        check_names("validate", tuple([name for name, _ in (*epoch.record.metrics, *found)]))
        return read_only(Record(epoch.record.loss, (*epoch.record.metrics, *found)))

    def _metrics(self, prediction: Array) -> list[tuple[str, Value]]:
        replicas = prediction.shape[:-2]
        return [(name, _number(name, metric(prediction, self.y), replicas)) for name, metric in self.metrics]


def _revived(kind: type[Validate[T]], x: Array, y: T, metrics: tuple[tuple[str, Metric[T]], ...]) -> Validate[T]:
    """The unpickled object, with plain arrays in place of memory-mapped files."""
    return kind(cast(Array, plain(x)), cast(T, plain(y)), metrics)


def _number(name: str, value: ValueLike, replicas: tuple[int, ...]) -> Value:
    """The result of a metric, in float64. Raises DtypeError or ShapeError unless it is a real number, or one per
    replica."""
    try:  # asarray would show what a mask hides
        found = value if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
    except ValueError as error:  # a number and an array, as of a loss
        raise ShapeError(f"validate: metric {name!r} must give one number, got {value!r}; {_OF_A_LOSS}") from error
    checks.array("validate", f"metric {name!r}", found)
    if found.shape not in ((), replicas):
        raise ShapeError(f"validate: metric {name!r} must give one number, or {replicas}, got {found.shape}")
    return found.astype(np.float64)


_OF_A_LOSS = "of a loss, which gives (value, gradient), take lambda p, t: loss(p, t)[0]"


def validate(x: Array, y: T, metrics: Mapping[str, Metric[T]]) -> Validate[T]:
    """Adds metrics of the network on held-out data to each epoch's record, in deterministic inference.

    ``x`` are the inputs and ``y`` their targets, as the metrics expect them; ``metrics`` maps names to functions
    (prediction, target) -> number. The data are not copied: do not write to them during training.

    Shapes: x (rows, n_in), or (K, rows, n_in) for K stacked networks. Raises ShapeError for empty data; ValueError
    without metrics, for a loss in place of a metric, and for a name that is "loss" or "epoch", is not text that UTF-8
    can encode, is a column of another metric ("loss[0]"), or is already in the records; DtypeError or ShapeError for a
    metric that returns anything but a real number, or one per replica.

    >>> import fnnet as fn, numpy as np
    >>> fn.validate(np.ones((3, 2)), np.zeros(3, int), {"accuracy": fn.metrics.accuracy}).metrics[0][0]
    'accuracy'
    """
    checks.inputs("validate", x)
    given: object = metrics
    if not isinstance(given, Mapping) or not given:
        rule = 'metrics must name at least one metric, such as {"accuracy": metrics.accuracy}'
        came = getattr(given, "__name__", None) or checks.came(given)
        raise ValueError(f"validate: {rule}, got {came}")
    check_names("validate", tuple(metrics))
    for name, metric in metrics.items():
        checks.function("validate", f"metric {name!r}", metric, "prediction", "target")
        kind: object = metric
        if isinstance(kind, Loss):
            raise ValueError(f"validate: metric {name!r} must be a metric, got the loss {metric!r}; {_OF_A_LOSS}")
    return Validate(x, y, tuple([(str.__str__(name), metric) for name, metric in metrics.items()]))
