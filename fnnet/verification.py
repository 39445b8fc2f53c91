"""Doing a run again and comparing it with its receipt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from fnnet.conditions import Conditions, conditions
from fnnet.errors import ReceiptError
from fnnet.functional import pipe
from fnnet.nodes import Params
from fnnet.receipts import Receipt, comparable, configuration_of, differences, link
from fnnet.records import Data, Epoch, Step, StreamFn, TrainState
from fnnet.training import check_run, train

P = TypeVar("P", bound=Params)
T = TypeVar("T")


class Run(Protocol):
    """What makes a stream of epochs: ``train``, or that of ``fnnet.jit``."""

    def __call__(self, step: Step[T], data: Data[T], state: TrainState[P], /) -> Iterator[Epoch[P]]: ...


class Difference(NamedTuple):
    """A setting or a condition that is not as it was."""

    name: str
    recorded: str
    now: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What ``verify(...)`` returns; true where all bytes are the recorded ones and so are the settings and the data.

    ``epoch`` is the first one whose bytes differ, 0 for the start, None where none does. ``settings`` are those that
    differ from the receipt's; ``conditions`` are what else differs of machine and programs, which may be the cause
    where bytes differ and does no harm where they do not.
    """

    first: int
    last: int
    epoch: int | None
    settings: tuple[Difference, ...]
    conditions: tuple[Difference, ...]

    def __bool__(self) -> bool:
        return self.epoch is None and not self.settings

    def __str__(self) -> str:
        lines = [self._verdict()]
        for kind, found in (("setting", self.settings), ("condition", self.conditions)):
            lines += [f"  {kind} {name}: {_short(was)} in the receipt, {_short(now)} now" for name, was, now in found]
        return "\n".join(lines)

    def _verdict(self) -> str:
        if self.epoch is not None:
            return f"no: {f'epoch {self.epoch}' if self.epoch else 'the start'} is the first that differs"
        span = f"epochs {self.first} to {self.last}" if self.last > self.first else f"epoch {self.last}"
        return f"yes: {span} gave the recorded bytes" if self else f"no: {span} gave the recorded bytes, by chance"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def verify(
    receipt: Receipt,
    step: Step[T],
    data: Data[T],
    state: TrainState[P],
    *streams: StreamFn,
    epoch: int | None = None,
    run: Run = train,
) -> Verification:
    """Does a run again and compares it with its receipt, link by link.

    ``state`` is the run's start, or the state at the end of any of its epochs, from a checkpoint, to begin there.
    With ``epoch`` the run ends with that one: given the state before it, one epoch is done again. ``run`` is what made
    the epochs, ``fnnet.jit.train`` for compiled ones.

    Raises ValueError for an epoch that the receipt does not have or that lies before the state, ReceiptError where the
    state stands inside an epoch or the run ends too early.

    >>> import fnnet as fn, numpy as np
    >>> def experiment(lr):
    ...     optimizer = fn.sgd(lr)
    ...     step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    ...     data = fn.minibatches(np.eye(4), np.eye(4), size=2)
    ...     return step, data, fn.start(fn.linear(fn.Key(0), 4, 4), optimizer, fn.Key(0))
    >>> step, data, first = experiment(0.1)
    >>> made = fn.receipt(fn.take(3)(fn.train(step, data, first)), step, data, first)
    >>> print(fn.verify(made, *experiment(0.2)))
    no: epoch 1 is the first that differs
      setting step.optimizer.lr: 0.1 in the receipt, 0.2 now
    """
    check_run(step, data, state)
    if type(receipt) is not Receipt:
        raise ReceiptError(f"verify: receipt must be a Receipt, as read_receipt gives it, got {receipt!r}")
    end = _last(receipt, state, epoch)
    settings = _changed(comparable(receipt.configuration, state), configuration_of(step, data, state, streams))
    found = _first_difference(receipt, state, pipe(run(step, data, state), *streams), end)
    at = end if found is None else found
    then = [conditions for begin, conditions in receipt.conditions if begin < max(at, 1)][-1]
    return Verification(state.epoch + 1, end, found, settings, _conditions(then))


def _last(receipt: Receipt, state: TrainState[P], epoch: int | None) -> int:
    if state.batch or state.epoch >= len(receipt.links):
        raise ReceiptError(
            f"verify: state must be the start or the end of an epoch of the run, at most {receipt.epochs}, "
            f"got epoch {state.epoch}, batch {state.batch}"
        )
    if epoch is not None and not (type(epoch) is int and max(state.epoch, 0) < epoch <= receipt.epochs):
        raise ValueError(f"verify: epoch must be in ({state.epoch}, {receipt.epochs}], got {epoch!r}")
    return receipt.epochs if epoch is None else epoch


def _first_difference(receipt: Receipt, state: TrainState[P], epochs: Iterator[Epoch[P]], end: int) -> int | None:
    """The number of the first link that is another now; each is made of the recorded one before it."""
    links = receipt.links
    if link(links[state.epoch - 1] if state.epoch else "", state) != links[state.epoch]:
        return state.epoch
    for number in range(state.epoch + 1, end + 1):
        found = next(epochs, None)
        if found is None:
            raise ReceiptError(f"verify: the run ended before epoch {number} of {end}; leave out streams that end it")
        if link(links[number - 1], found.state) != links[number]:
            return number
    return None


def _changed(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[Difference, ...]:
    names = [name for name in {**a, **b} if a.get(name) != b.get(name)]
    return tuple([Difference(name, a.get(name, "nothing"), b.get(name, "nothing")) for name in names])


def _conditions(then: Conditions) -> tuple[Difference, ...]:
    return tuple([Difference(*found) for found in differences(then, conditions())])
