"""Training in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from fnnet import checks
from fnnet.calculus.gradients import value_and_grad
from fnnet.core import Array, Key, Loss, LossFunction, Metric, Optimizer, Params, Penalty, Rows, StreamFn
from fnnet.core.entries import LOSS, check_names
from fnnet.core.facts import check_network
from fnnet.data.batches import minibatches
from fnnet.functional import last
from fnnet.streams import Best, LossMetric, Validate, early_stopping, validate
from fnnet.training.finite import check_data
from fnnet.training.folds import start, train
from fnnet.training.plateau import Train
from fnnet.training.results import Fit, Setup, fitted
from fnnet.training.step import train_step

P = TypeVar("P", bound=Params)
T = TypeVar("T")

VALID = "valid_loss"
"""The name of the loss of the validation data."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """Training in one call: ``fit(params, x, y, loss=..., optimizer=..., key=..., epochs=...)``, where ``jit.fit``
    compiles whole epochs. It is ``start``, ``train`` over ``minibatches`` and ``take(epochs)``.

    ``params`` is the network to begin with, ``key`` decides the order of the rows and all noise, ``epochs`` is how many
    to train, with ``batch_size`` rows per step. ``penalty``, such as ``l2(1e-4)``, is added to the loss. With
    ``valid=(x, y)`` each record has the loss on the validation data as "valid_loss", and each of ``metrics``, such as
    ``{"accuracy": metrics.accuracy}``. With ``patience`` training stops after that many epochs in a row without a lower
    "valid_loss" (without validation data: "loss"), and the best epoch's network is the one that predicts. ``streams``
    are further stream functions; they come last in the pipe, in their order.

    Shapes: x (rows, n_in); y as the loss wants it, such as (rows, n_out), or class numbers (rows,).

    Raises what these functions raise; ValueError for metrics without validation data; NonFiniteError for data that
    contain NaN or infinity, which ``train`` accepts, and where the loss or a parameter becomes NaN or infinite: the
    error names the batch, the first bad tensor and the learning rate, and its ``state`` is the last finite one.

    >>> import fnnet as fn, numpy as np
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> net = fn.mlp(fn.Key(0), (1, 16, 1))
    >>> trained = fn.fit(net, x, x * x, loss=fn.mse, optimizer=fn.adam(0.01), key=fn.Key(0), epochs=200)
    >>> float(trained.history["loss"][-1]) < 0.001
    True
    >>> trained.predict(np.array([[0.5]])).round(1).tolist()
    [[0.20000000298023224]]
    """

    train: Train

    def __call__(
        self,
        params: P,
        x: Rows,
        y: T,
        *,
        loss: Loss[T] | LossFunction[T],
        optimizer: Optimizer,
        key: Key,
        epochs: int,
        batch_size: int = 32,
        penalty: Penalty | None = None,
        valid: tuple[Array, T] | None = None,
        metrics: Mapping[str, Metric[T]] | None = None,
        patience: int | None = None,
        streams: Sequence[StreamFn] = (),
    ) -> Fit[P]:
        """The network after all epochs, or after the best one, and its history."""
        n = checks.size("fit", "epochs", epochs)
        check_network("fit", params)
        step = train_step(value_and_grad(loss, penalty=penalty), optimizer)
        data, first = minibatches(x, y, batch_size=batch_size), start(params, optimizer, key)
        check_data("fit", "x", "x", x)
        check_data("fit", "y", "target", y)
        metric = LOSS if valid is None else VALID
        measures = (*_validation(loss, valid, metrics), *_stopping(patience, metric))
        given = _checked(streams)
        setup = Setup(self.train, step, data, first.origin, measures, given, loss, metric, patience is not None)
        return fitted(setup, first, n)


fit = Fitting(train)


def _validation(
    loss: Loss[T] | LossFunction[T], valid: tuple[Array, T] | None, metrics: Mapping[str, Metric[T]] | None
) -> tuple[Validate[T], ...]:
    """The stream function that measures loss and metrics on the validation data, if there are any."""
    if valid is None:
        if metrics is not None:
            raise ValueError("fit: metrics must be of validation data, got none of them; give valid=(x, y) too")
        return ()
    checks.pair("fit", "valid", valid)
    check_data("fit", "valid[0]", "x", valid[0])
    check_data("fit", "valid[1]", "target", valid[1])
    own = validate(*valid, {VALID: LossMetric(loss)})
    if metrics is None:
        return (own,)
    all_metrics = (*own.metrics, *validate(*valid, metrics).metrics)
    check_names("fit", tuple([name for name, _ in all_metrics]))
    return (replace(own, metrics=all_metrics),)


def _stopping(patience: int | None, metric: str) -> tuple[StreamFn, ...]:
    return () if patience is None else (early_stopping(checks.size("fit", "patience", patience), metric=metric),)


def _checked(streams: Sequence[StreamFn]) -> tuple[StreamFn, ...]:
    """The stream functions. Raises ValueError for anything else."""
    given: object = streams
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ValueError(f"fit: streams must be a list or tuple of stream functions, got {streams!r}; write [it]")
    for i, transform in enumerate(streams):
        checks.function("fit", f"streams[{i}]", transform)
        one: object = transform
        if isinstance(one, Best) or one is last:  # they wait for an end of the stream, which only take sets
            name = "last" if one is last else "best"
            raise ValueError(f"fit: streams must give streams, and {name} gives one epoch; end a pipe of train by it")
    return tuple(streams)
