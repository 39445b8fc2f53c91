"""Training as a fold over batches and epochs, seen as a lazy stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum
from functools import partial
from itertools import chain, islice
from typing import TypeVar

import numpy as np

from fnnet import checks, keys, tree
from fnnet.core import (
    Array,
    Data,
    DtypeError,
    Epoch,
    History,
    Key,
    Optimizer,
    OptState,
    Params,
    Record,
    Step,
    TrainState,
    TreeError,
)
from fnnet.core.facts import check_network, fork
from fnnet.core.limits import epochs_from
from fnnet.core.protocols import Startable
from fnnet.core.runs import Run, nothing, run_from, within
from fnnet.core.states import Origin
from fnnet.core.watching import told
from fnnet.functional import scan
from fnnet.keys import NOISE, ORDER
from fnnet.optimizers.wrapping import kinds_of
from fnnet.stages import Endless
from fnnet.training.step import TrainStep
from fnnet.tree.vectors import frozen, pack

P = TypeVar("P", bound=Params)
T = TypeVar("T")


def start(params: P, optimizer: Startable, key: Key) -> TrainState[P]:
    """The state before the first step, with read-only copies of the arrays that the caller could write to.

    ``params`` is the network to train. ``optimizer`` has an ``init``: it is an optimizer, or a step that needs none,
    such as ``lbfgs``. ``key`` decides all randomness of the run, the order of the rows and the noise of each batch.

    Raises LayerError, TreeError or DtypeError where ``params`` is not a network (a class that is not a layer, a list or
    dict, two dtypes), ValueError where ``key`` is not a Key.

    >>> import fnnet as fn
    >>> state = fn.start(fn.linear(fn.Key(0), 4, 2), fn.sgd(0.1), fn.Key(0))
    >>> state.epoch, state.batch, len(state.history)
    (0, 0, 0)
    """
    check_network("start", params)
    keys.check("start", key)
    checks.method("start", "optimizer", optimizer, "init", "adam(1e-3)")
    params = pack(params)
    _keep_freed_memory()
    origin = Origin(tree.digest(params), optimizer, nothing, kinds_of(optimizer))
    return TrainState(params, frozen(optimizer.init(params)), key, origin=origin)


def _keep_freed_memory() -> None:
    """Lets the memory of dead states be reused, which saves a fifth of a step with a million parameters.

    The C library of Linux returns large freed blocks to the system, which zeroes them anew at every step, until a
    larger block has been freed: its thresholds grow to that block's size, at most 32 MiB. This block is never touched.
    """
    np.empty((32 << 20) - (1 << 16), np.uint8)


# --- the fold ----------------------------------------------------------------------------------------------------
class _Mark(Enum):
    """What follows a batch in the stream that training folds."""

    MORE = "another batch of the epoch follows"
    END = "it was the epoch's last"


def _marked(data: Data[T], state: TrainState[P], epoch: int) -> Iterator[tuple[Array, T] | _Mark]:
    """The remaining batches of an epoch, with a mark after each. Raises ValueError where the data end earlier.

    A batch is yielded before the next one is requested, so data may reuse one buffer. Where the request raises, the
    epoch is not over. It may turn out to be over when the run is resumed, which then ends it without another batch.
    """
    done = state.batch if epoch == state.epoch else 0
    made = data(state.key.child(ORDER, epoch))
    if not isinstance(made, Iterable):
        raise ValueError(f"train: data must give the batches of an epoch, got {made!r}")
    batches = iter(made)
    skipped, batch = sum([1 for _ in islice(batches, done)]), next(batches, _Mark.END)
    if skipped < done or (batch is _Mark.END and not (done and state.rows)):
        raise ValueError(f"train: data must give more than {done} batches in epoch {epoch}, got no more")
    if batch is _Mark.END:
        yield from (_Mark.MORE, _Mark.END)
    while batch is not _Mark.END:
        yield batch
        try:
            batch = next(batches, _Mark.END)
        except Exception:
            yield _Mark.MORE
            raise
        yield _Mark.END if batch is _Mark.END else _Mark.MORE


def _advance(run: Run[T], state: TrainState[P], item: tuple[Array, T] | _Mark) -> TrainState[P]:
    """The fold's function: a batch is trained on, and an epoch ended at its mark."""
    if isinstance(item, _Mark):
        return state if item is _Mark.MORE else _ended(state)
    key = fork(state.params, state.key).child(NOISE, state.epoch, state.batch)
    made: object = run.step(state, item, key)
    if not isinstance(made, tuple) or len(made) != 2 or type(made[0]) is not TrainState:
        raise TreeError(f"train: the step must give (state, loss), got {made!r}")
    after, value = made[0], np.asarray(made[1])
    if value.dtype.kind not in "fiub" or isinstance(made[1], np.ma.MaskedArray):
        raise DtypeError(f"train: the loss that a step gives must be a real number, got {made[1]!r}")
    n = item[0].shape[-2]
    mean = value.astype(np.float64) if value.ndim else value.item()
    rows, total = state.rows + n, state.total + mean * n
    if value.ndim:
        total.setflags(write=False)
    progress = state.epoch, state.batch + 1, total, rows, after.history
    return TrainState(after.params, after.opt_state, state.key, *progress, state.origin)


def _ended(state: TrainState[P]) -> TrainState[P]:
    """The state at the end of an epoch, from that after its last batch: the epoch's record is in the history, and the
    next one is at batch 0."""
    history = History.of(state.history).append(Record(np.asarray(state.total / state.rows)))
    return TrainState(state.params, state.opt_state, state.key, state.epoch + 1, 0, 0.0, 0, history, state.origin)


def check_run(step: Step[T], data: Data[T], state: TrainState[P]) -> None:
    """Raises ValueError or TreeError unless these are a step, data and a state whose optimizer fits the step's."""
    checks.function("train", "step", step)
    checks.function("train", "data", data)
    if type(state) is not TrainState:
        came = checks.came(state, TrainState)
        raise TreeError(f"train: state must be a TrainState, as start(params, optimizer, key) makes it, got {came}")
    given: object = step
    if isinstance(given, TrainStep):
        _check_optimizer(given.optimizer, state)


def _check_optimizer(optimizer: Optimizer, state: TrainState[P]) -> None:
    """Raises TreeError where a state has the slots of another kind of optimizer, which have another meaning."""
    known, kinds = state.origin.kinds if state.origin else (), kinds_of(optimizer)
    has_slots = type(state.opt_state) is OptState and bool(state.opt_state.slots or state.opt_state.inner)
    if known and has_slots and kinds != known:
        raise TreeError(
            f"train: state must be that of the step's optimizer, {' of '.join(kinds)}, got one of "
            f"{' of '.join(known)}; begin with start(state.params, optimizer, key)"
        )


def steps(step: Step[T], data: Data[T], state: TrainState[P]) -> Iterator[TrainState[P]]:
    """The endless lazy stream of states, one per batch, that starts at ``state``.

    ``step`` makes each state from the one before and a batch; ``data`` gives the batches of an epoch. An epoch's last
    state has the record in its history and is at batch 0 of the next epoch. Where the data raise an error, the state
    before it comes first.

    Raises ValueError or TreeError for what is no step, data or state, or for a state of another optimizer.

    >>> import fnnet as fn, numpy as np
    >>> x, y = np.eye(4), np.ones((4, 1))
    >>> optimizer = fn.sgd(0.1)
    >>> state = fn.start(fn.linear(fn.Key(0), 4, 1), optimizer, fn.Key(0))
    >>> step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    >>> stream = fn.steps(step, fn.minibatches(x, y, batch_size=2), state)
    >>> [(s.epoch, s.batch) for s in fn.take(3)(stream)]
    [(0, 1), (1, 0), (1, 1)]
    """
    check_run(step, data, state)
    run = run_from(state, step, data, train)
    epochs = (_marked(data, state, epoch) for epoch in epochs_from(state.epoch))
    own = replace(state, params=pack(state.params), opt_state=frozen(state.opt_state))  # as start makes them
    states = scan(partial(_advance, run), chain.from_iterable(epochs), within(run, own))
    return Endless(islice(states, 1, None, 2))  # one per mark


def train(step: Step[T], data: Data[T], state: TrainState[P]) -> Iterator[Epoch[P]]:
    """The endless lazy stream of epochs: ``steps``, the fold over batches, seen at the ends of epochs.

    ``step``, such as ``train_step(gradient, optimizer)``, does the work of one batch; ``data``, such as
    ``minibatches(x, y, batch_size=32)``, gives the batches of an epoch. The stream starts at ``state`` and computes an
    epoch when it is requested. An epoch stays valid forever, so keeping the best one means keeping a reference.

    The order of epoch e is drawn from ``state.key.child(ORDER, e)``, the noise of its batch b from
    ``state.key.child(NOISE, e, b)``, so a resumed run equals an uninterrupted one, byte for byte.

    Raises what ``steps`` raises.

    >>> import fnnet as fn, numpy as np
    >>> x, y = np.eye(4), np.ones((4, 1))
    >>> optimizer = fn.sgd(0.5)
    >>> state = fn.start(fn.linear(fn.Key(0), 4, 1, init=fn.zeros), optimizer, fn.Key(0))
    >>> step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    >>> epochs = fn.train(step, fn.minibatches(x, y, batch_size=4), state)
    >>> [round(float(e.record.loss), 3) for e in fn.take(3)(epochs)]
    [1.0, 0.062, 0.004]
    """
    return Endless(Epoch(after) for after in steps(step, data, state) if told(after).batch == 0)
