"""The receipts of runs, made from a stream of epochs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import FunctionType
from typing import TypeVar

from fnnet.core.protocols import Data, Step, StreamFn
from fnnet.core.states import Epoch, TrainState
from fnnet.errors import ReceiptError, TreeError
from fnnet.experiments import configurations
from fnnet.experiments.conditions import conditions
from fnnet.experiments.configurations import check_arguments, configuration_of, is_start
from fnnet.experiments.digest_chains import Chain, link, longer
from fnnet.experiments.receipt_files import Receipt, metrics_of
from fnnet.training.folds import train
from fnnet.training.plateau import Train
from fnnet.tree.nodes import Params

P = TypeVar("P", bound=Params)
T = TypeVar("T")


def begun(step: Step[T], data: Data[T], state: TrainState[P], streams: tuple[StreamFn, ...], run: Train) -> Receipt:
    """The receipt before the first step. Raises ReceiptError for a state that is not the start of a run."""
    if not is_start(state):
        raise ReceiptError(f"receipt: a run's receipt begins with its start, got a state of epoch {state.epoch}")
    configuration = configuration_of(step, data, state, streams, run)
    return Receipt(configuration, ((0, conditions()),), (link("", state),), ())


def after_first_step(
    made: Receipt, step: Step[T], data: Data[T], first: TrainState[P], streams: tuple[StreamFn, ...], run: Train
) -> Receipt:
    """The receipt after the first step: what that step has changed is no setting."""
    movable = configurations.movable(step, data, run, streams)
    network = {configurations.NETWORK: first.params}
    return replace(made, configuration=configurations.settled(made.configuration, movable, network))


def chain_of(receipt: Receipt) -> Chain:
    """The end of a receipt's chain."""
    return Chain(receipt.epochs, receipt.links[-1])


def state_of(item: object) -> TrainState[Params]:
    """The state of an epoch, or an item of a stream of steps itself. Raises TreeError for anything else."""
    state = item.state if isinstance(item, Epoch) else item
    if type(state) is not TrainState:
        raise TreeError(f"receipt: the stream must give epochs, as train does, or states, as steps does, got {item!r}")
    return state


def check_written(state: TrainState[P], streams: tuple[StreamFn, ...], run: Train) -> None:
    """Raises ReceiptError where an epoch has metrics that none of the named functions writes: they could not be
    reproduced."""
    is_ours = isinstance(run, FunctionType) and run.__module__.startswith("fnnet.")  # train, which writes none
    if state.history[-1].metrics and not streams and is_ours:
        names = ", ".join([name for name, _ in state.history[-1].metrics])
        raise ReceiptError(
            f"receipt: the history has {names}, which training does not write; give what does, such as "
            "validate(x, y, metrics), after the state"
        )


def receipt(
    epochs: Iterable[Epoch[P]] | Iterable[TrainState[P]],
    step: Step[T],
    data: Data[T],
    first: TrainState[P],
    *streams: StreamFn,
    run: Train = train,
) -> Receipt:
    """The receipt of a run: its epochs, from the first to the last, what it was made of, and what it ran on.

    ``epochs`` are those of ``train``, or the states of ``steps``, made from ``step``, ``data`` and the start ``first``.
    ``streams`` are the functions between them and ``train`` that write into the history, ``validate`` above all: with
    these ``verify`` can repeat the run. ``run`` is what made the epochs, if it is not ``train`` itself. ``receipt_to``
    writes a receipt while a run is under way. Code of your own is described by what it does and the values that it
    reads, not by the state of packages and the system.

    Raises ReceiptError where an epoch is missing, ``first`` is not a start, or the history has metrics that none of
    ``streams`` writes.

    >>> import fnnet as fn, numpy as np
    >>> optimizer = fn.sgd(0.1)
    >>> step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    >>> data = fn.minibatches(np.eye(4), np.eye(4), batch_size=2)
    >>> first = fn.start(fn.linear(fn.Key(0), 4, 4), optimizer, fn.Key(0))
    >>> made = fn.receipt(fn.take(3)(fn.train(step, data, first)), step, data, first)
    >>> made.epochs, made.configuration["step.optimizer.lr"], made.configuration["data.batch_size"]
    (3, '0.1', '2')
    >>> print(fn.verify(made, step, data, first))
    yes: epochs 1 to 3 gave the recorded bytes
    """
    check_arguments("receipt", step, data, first, streams, run)
    made = begun(step, data, first, streams, run)
    chain, links, history = chain_of(made), list(made.links), []
    for i, state in enumerate(map(state_of, epochs)):
        made = after_first_step(made, step, data, first, streams, run) if i == 0 else made
        if state.batch == 0:
            chain = longer(chain, state)
            check_written(state, streams, run)
            links.append(chain.link)
            history.append(metrics_of(state.history[-1]))
    return replace(made, links=tuple(links), history=tuple(history))
