"""The result of ``fit``: the trained network, its run, and how to continue it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, ClassVar, Generic, TypeVar

import fnnet
from fnnet import checks, html
from fnnet.core import Array, Data, Epoch, History, Labels, Loss, LossFunction, Params, Step, StreamFn, TrainState
from fnnet.core.history_tables import history_html
from fnnet.core.states import Origin
from fnnet.functional import take
from fnnet.layers.portable import in_bits_of
from fnnet.losses.links import labels_of, probabilities_of
from fnnet.stages import close
from fnnet.streams.display import described
from fnnet.streams.measures import check_epoch, is_better
from fnnet.training.finite import finite_ones
from fnnet.training.plateau import Train
from fnnet.training.prediction import predict

P = TypeVar("P", bound=Params)
T = TypeVar("T")

WIDTH = 100
"""How many characters of a network are shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Setup(Generic[T]):
    """All that ``fit`` needs to run and to continue.

    ``train`` makes the epochs from ``step`` and ``data``; ``origin`` says what the run began with. ``measures`` are the
    stream functions that ``fit`` adds itself, ``streams`` those that it was given. ``loss`` turns outputs into
    probabilities, ``metric`` decides which epoch is the best, and ``keeps_best`` whether that one predicts.
    """

    train: Train
    step: Step[T]
    data: Data[T]
    origin: Origin | None
    measures: tuple[StreamFn, ...]
    streams: tuple[StreamFn, ...]
    loss: Loss[T] | LossFunction[T]
    metric: str
    keeps_best: bool

    def stages(self, state: TrainState[P]) -> list[Iterator[Epoch[P]]]:
        """The stream of the epochs after a state, and the stream after each of the stream functions."""
        begin = replace(state, origin=self.origin)  # to checkpoints and receipts, a continued run is the same run
        found = [finite_ones("fit", self.step, self.data, begin, self.train(self.step, self.data, begin))]
        for i, transform in enumerate((*self.measures, *self.streams), start=-len(self.measures)):
            made: object = transform(found[-1])
            if not isinstance(made, Iterable):
                raise ValueError(f"fit: streams[{i}] must give a stream of epochs, got {made!r}")
            found.append(iter(made))
        return found

    def value(self, epoch: Epoch[P]) -> float:
        """The value that is lowest in the best epoch; the mean over stacked networks."""
        found = epoch.record[self.metric]
        return float(found.mean() if found.ndim else found)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fit(Generic[P]):
    """A trained network and its run: the result of ``fit``.

    ``last`` is the last epoch. ``best`` is the first one with the lowest "valid_loss", or without validation data the
    lowest "loss"; NaN is never lower than a number, and for stacked networks the mean of their losses counts. Only
    epochs that pass all streams count. ``stopped_early`` says whether the streams ended before all epochs were done.
    ``setup`` is what ``continue_`` needs, the training data among it; ``params`` alone does not hold the data.

    >>> import fnnet as fn, numpy as np
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> net = fn.mlp(fn.Key(0), (1, 16, 2))
    >>> trained = fn.fit(
    ...     net, x, (x[:, 0] > 0).astype(int), loss=fn.softmax_cross_entropy, optimizer=fn.adam(0.01), key=fn.Key(0),
    ...     epochs=50,
    ... )
    >>> trained.predict_labels(np.array([[-0.5], [0.5]])).tolist()
    [0, 1]
    >>> trained.history["loss"].shape, trained.continue_(10).state.epoch
    ((50,), 60)
    """

    __no_tree__: ClassVar[bool] = True

    last: Epoch[P]
    best: Epoch[P]
    stopped_early: bool
    setup: Setup[Any]

    @property
    def params(self) -> P:
        """The network that predicts: that of ``best`` where ``fit`` was given patience, else that of ``last``."""
        return (self.best if self.setup.keeps_best else self.last).state.params

    @property
    def state(self) -> TrainState[P]:
        """The state after the last epoch."""
        return self.last.state

    @property
    def history(self) -> History:
        """The records of all epochs: ``history["loss"]`` is an array."""
        return self.last.state.history

    def predict(self, x: Array, batch_size: int | None = None) -> Array:
        """``predict(params, x, batch_size)``: the network's output, (..., rows, n_out)."""
        return predict(self.params, x, batch_size)

    def predict_proba(self, x: Array, batch_size: int | None = None) -> Array:
        """The probabilities of the classes, (..., rows, classes).

        The loss decides how: by the softmax of the output, or by the sigmoid of logits. A single logit gives two
        columns, for class 0 and class 1; several logits give one independent probability each.

        Raises TypeError for a loss without probabilities, such as ``mse``; what ``predict`` raises.
        """
        return in_bits_of(self.params, probabilities_of, self.setup.loss, self.predict(x, batch_size))

    def predict_labels(self, x: Array, batch_size: int | None = None) -> Labels:
        """The class number of each row, (..., rows); for several logits 0 or 1 each, (..., rows, columns).

        Raises TypeError for a loss that has no classes, ValueError where the output is NaN, and what ``predict``
        raises.
        """
        return labels_of(self.setup.loss, self.predict(x, batch_size))

    def continue_(self, epochs: int) -> Fit[P]:
        """Trains for ``epochs`` more epochs with the same settings, data and streams: byte for byte one longer fit.

        The stream functions start afresh after the last epoch and decide by the history, as all of fnnet's do; one that
        is bound to the start of its run, such as ``receipt_to``, raises an error. A run that was stopped early by its
        history stays as it is. Raises what ``fit`` raises.
        """
        return fitted(self.setup, self.state, checks.size("continue_", "epochs", epochs), self)

    def save(self, path: str | PathLike[str]) -> None:
        """``fnnet.save(path, params)``: the network that predicts, for ``fnnet.load``."""
        fnnet.save(path, self.params)  # the public name, for files are built on top of this package

    def _repr_html_(self) -> str:
        """In a notebook: the last and the best epoch, the curves of the history, and the network that predicts."""
        names = ("last", "best, which predicts" if self.setup.keeps_best else "best")
        rows = [(name, _line(epoch)) for name, epoch in zip(names, (self.last, self.best), strict=True)]
        title = f"Fit of {self.state.epoch} epochs, {self._end()}"
        network = self.params._repr_html_()  # pyright: ignore[reportPrivateUsage]  (the name is that of notebooks)
        return html.block(title, html.table(("", ""), rows)) + history_html(self.history) + network

    def _end(self) -> str:
        return "stopped early" if self.stopped_early else "all that were asked for"

    def __repr__(self) -> str:
        network = repr(self.params)
        shown = network if len(network) <= WIDTH else network[: WIDTH - 3] + "..."
        return (
            f"Fit({self.state.epoch} epochs, {self._end()}\n"
            f"    last: {_line(self.last)}\n"
            f"    best: {_line(self.best)}{', which predicts' if self.setup.keeps_best else ''}\n"
            f"    params: {shown})"
        )


def _line(epoch: Epoch[P]) -> str:
    return f"epoch {epoch.state.epoch}, {described(epoch.record)}"


def fitted(setup: Setup[T], state: TrainState[P], n: int, before: Fit[P] | None = None) -> Fit[P]:
    """The fit of n epochs after a state, which continues an earlier fit. Raises ValueError where no epoch passes."""
    stages, result, missing = setup.stages(state), before, n
    for epoch in take(n)(stages[-1]):
        result, missing = _longer(setup, result, epoch), missing - 1
    for stage in reversed(stages):  # what a stream function does at its end, such as writing, may raise
        close(stage)
    if result is None:
        raise ValueError("fit: streams must let at least one epoch pass, got none")
    return replace(result, stopped_early=missing > 0)


def _longer(setup: Setup[T], before: Fit[P] | None, epoch: Epoch[P]) -> Fit[P]:
    """The fit with one more epoch. Raises TreeError where the streams give something else."""
    check_epoch("fit", epoch)
    is_best = before is None or is_better(setup.value(epoch), setup.value(before.best), "min")
    return Fit(epoch, epoch if before is None or is_best else before.best, False, setup)
