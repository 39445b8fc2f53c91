"""What ``fit`` gives: the trained network, the run that it is of, and how to go on."""

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
"""How many letters of a network are shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Setup(Generic[T]):
    """What ``fit`` makes a run of: the function that folds it, step and data, and what began it; its own stream
    functions, then those that it was given; the loss; the metric by which an epoch is the best; and whether the best
    one is what predicts."""

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
        """The stream of the epochs after a state, and what it becomes behind each stream function."""
        begin = replace(state, origin=self.origin)  # a run that goes on is the same one to checkpoints and receipts
        found = [finite_ones("fit", self.step, self.data, begin, self.train(self.step, self.data, begin))]
        for i, transform in enumerate((*self.measures, *self.streams), start=-len(self.measures)):
            made: object = transform(found[-1])
            if not isinstance(made, Iterable):
                raise ValueError(f"fit: streams[{i}] must give a stream of epochs, got {made!r}")
            found.append(iter(made))
        return found

    def value(self, epoch: Epoch[P]) -> float:
        """What is lowest in the best epoch; of stacked networks the mean of theirs."""
        found = epoch.record[self.metric]
        return float(found.mean() if found.ndim else found)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fit(Generic[P]):
    """A trained network and its run: what ``fit`` gives.

    ``last`` is the last epoch. ``best`` is the first one with the lowest "valid_loss", or without validation data the
    lowest "loss"; NaN is never lower than a number, and of stacked networks the mean of their losses counts. Both are
    of the epochs that came out of the streams. ``stopped_early`` says whether they ended before all epochs were done.
    It holds the training data, so that it can go on; ``params`` alone does not.

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
        """The probabilities of the classes, (..., rows, classes): what the loss says that the output stands for, its
        softmax, or of logits their sigmoid. Of a single logit the columns are those of class 0 and class 1; of several
        logits each column is by itself.

        Raises TypeError for a loss without probabilities, such as ``mse``; what ``predict`` raises.
        """
        return in_bits_of(self.params, probabilities_of, self.setup.loss, self.predict(x, batch_size))

    def predict_labels(self, x: Array, batch_size: int | None = None) -> Labels:
        """The number of each row's class, (..., rows); of several logits 0 or 1 each, (..., rows, columns).

        Raises TypeError for a loss that is not one of classes, ValueError where the output is NaN; what ``predict``
        raises.
        """
        return labels_of(self.setup.loss, self.predict(x, batch_size))

    def continue_(self, epochs: int) -> Fit[P]:
        """So many epochs more, with the same settings, data and streams: the very bytes of one longer fit.

        The stream functions begin anew at the last epoch, and decide by the history, as those of fnnet do; one that is
        bound to the start of its run, as ``receipt_to`` is, refuses to. A run that has stopped early by its history
        remains as it is. Raises what ``fit`` raises.
        """
        return fitted(self.setup, self.state, checks.size("continue_", "epochs", epochs), self)

    def save(self, path: str | PathLike[str]) -> None:
        """``fnnet.save(path, params)``: the network that predicts, for ``fnnet.load``."""
        fnnet.save(path, self.params)  # by the public door, for files are a room above this one

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
    """The fit of n epochs after a state, which continues the one before. Raises ValueError where there is neither."""
    stages, result, missing = setup.stages(state), before, n
    for epoch in take(n)(stages[-1]):
        result, missing = _longer(setup, result, epoch), missing - 1
    for stage in reversed(stages):  # what a stream function does at its end, such as writing, may raise
        close(stage)
    if result is None:
        raise ValueError("fit: streams must let at least one epoch pass, got none")
    return replace(result, stopped_early=missing > 0)


def _longer(setup: Setup[T], before: Fit[P] | None, epoch: Epoch[P]) -> Fit[P]:
    """The fit with one epoch more. Raises TreeError where the streams give something else."""
    check_epoch("fit", epoch)
    is_best = before is None or is_better(setup.value(epoch), setup.value(before.best), "min")
    return Fit(epoch, epoch if before is None or is_best else before.best, False, setup)
