"""Training and prediction in one call each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from fnnet import checks
from fnnet.calculus.gradients import value_and_grad
from fnnet.core import (
    Array,
    Data,
    Epoch,
    History,
    Key,
    Loss,
    LossFunction,
    Optimizer,
    Params,
    Rows,
    Step,
    StreamFn,
    TrainState,
    forward,
)
from fnnet.data.batches import minibatches
from fnnet.functional import last, take
from fnnet.streams import Best, LossMetric, validate
from fnnet.training.finite import check_data, finite_ones
from fnnet.training.folds import start, train
from fnnet.training.step import train_step

P = TypeVar("P", bound=Params)
T = TypeVar("T")


class Fit(NamedTuple, Generic[P]):
    """What ``fit`` gives: the last state, in which the trained network is ``state.params``, and its history."""

    state: TrainState[P]
    history: History


def fit(
    params: P,
    x: Rows,
    y: T,
    *,
    loss: Loss[T] | LossFunction[T],
    optimizer: Optimizer,
    key: Key,
    epochs: int,
    batch_size: int = 32,
    valid: tuple[Array, T] | None = None,
    streams: Sequence[StreamFn] = (),
) -> Fit[P]:
    """Training in one call: ``start``, ``train`` over ``minibatches`` of ``batch_size``, ``take(epochs)``, ``last``.

    With ``valid=(x, y)`` each record has the loss of the validation data as "valid_loss". The streams come after that
    and before ``take``, in their order.

    Raises what these functions raise, and NonFiniteError for x, y or validation data that contain NaN or infinity, and
    where the loss or a parameter is not finite after an epoch; its ``state`` is the one before. ``train`` accepts such
    data and continues.

    >>> import fnnet as fn, numpy as np
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> net = fn.mlp(fn.Key(0), (1, 16, 1))
    >>> trained = fn.fit(net, x, x * x, loss=fn.mse, optimizer=fn.adam(0.01), key=fn.Key(0), epochs=200)
    >>> float(trained.history[-1].loss) < 0.001
    True
    """
    return fit_by(train, params, x, y, loss, optimizer, key, epochs, batch_size, valid, streams)


def fit_by(
    run: Callable[[Step[T], Data[T], TrainState[P]], Iterator[Epoch[P]]],
    params: P,
    x: Rows,
    y: T,
    loss: Loss[T] | LossFunction[T],
    optimizer: Optimizer,
    key: Key,
    epochs: int,
    batch_size: int,
    valid: tuple[Array, T] | None,
    streams: Sequence[StreamFn],
) -> Fit[P]:
    """``fit`` with another function than ``train`` to make the stream of epochs."""
    epochs = checks.size("fit", "epochs", epochs)
    step = train_step(value_and_grad(loss), optimizer)
    data, first = minibatches(x, y, batch_size=batch_size), start(params, optimizer, key)
    check_data("fit", "x", "x", x)
    check_data("fit", "y", "target", y)
    stream = finite_ones("fit", first, run(step, data, first))
    stages = [stream]
    if valid is not None:
        checks.pair("fit", "valid", valid)
        check_data("fit", "valid[0]", "x", valid[0])
        check_data("fit", "valid[1]", "target", valid[1])
        stream = validate(*valid, {"valid_loss": LossMetric(loss)})(stream)
        stages.append(stream)
    if not isinstance(streams, Sequence):
        raise ValueError(f"fit: streams must be a list or tuple of stream functions, got {streams!r}; write [it]")
    for i, transform in enumerate(streams):
        checks.function("fit", f"streams[{i}]", transform)
        given: object = transform
        if isinstance(given, Best) or given is last:  # they wait for the end of the stream, which only take brings
            raise ValueError(
                f"fit: streams must give streams, and {'last' if given is last else 'best'} gives one epoch; end a "
                "pipe of train by it"
            )
        stream = transform(stream)
        if not isinstance(stream, Iterable):
            raise ValueError(f"fit: streams[{i}] must give a stream of epochs, got {stream!r}")
        stages.append(stream)
    state = last(take(epochs)(stream)).state
    for stage in reversed(stages):  # what a stream function does at its end, such as writing, may raise
        if isinstance(stage, Generator):
            stage.close()
    return Fit(state, state.history)


def predict(params: P, x: Array, batch_size: int | None = None) -> Array:
    """The network's output for all rows of x, without a cache; with ``batch_size``, so many rows at a time.

    Shapes: x (..., rows, n_in), result (..., rows, n_out). Raises what ``forward`` raises, ValueError for a
    batch size below 1.

    >>> import fnnet as fn, numpy as np
    >>> fn.predict(fn.linear(fn.Key(0), 4, 2), np.ones((3, 4)), batch_size=2).shape
    (3, 2)
    """
    if batch_size is None:
        y, _ = forward(params, x)
        return y if y.flags.writeable else y.copy()
    size = checks.size("predict", "batch_size", batch_size)
    checks.inputs("predict", x)
    pieces = [forward(params, x[..., i : i + size, :])[0] for i in range(0, x.shape[-2], size)]
    return np.concatenate(pieces, axis=-2)
