"""Repeating a run and comparing it with its receipt."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice, takewhile
from typing import NamedTuple, TypeVar

from fnnet import html
from fnnet.core.protocols import Data, Step, StreamFn
from fnnet.core.states import Epoch, TrainState
from fnnet.descriptions.comparisons import NOTHING, Difference, changes, not_covered
from fnnet.errors import ReceiptError
from fnnet.experiments.conditions import Conditions, conditions
from fnnet.experiments.configurations import check_arguments, comparable, configuration_of
from fnnet.experiments.digest_chains import Link, link
from fnnet.experiments.receipt_files import Receipt, metrics_of
from fnnet.functional import pipe
from fnnet.training.folds import train
from fnnet.training.plateau import Train
from fnnet.tree.nodes import Params

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verification:
    """What ``verify(...)`` returns; true if all bytes, the settings and the data are the recorded ones.

    ``first`` to ``last`` are the epochs that were repeated. ``epoch`` is the first one whose bytes differ: one less
    than ``first`` if the given state itself differs, None if none does. ``differs_in`` says in what: "params",
    "opt_state" and "history", or "key or counters" if these agree, or "metrics" if only the receipt's own line differs.
    ``settings`` are those that differ from the receipt's; ``conditions`` are differences in machine and software: the
    likely cause if bytes differ, irrelevant if they agree. ``metrics`` are those that the receipt states wrongly or not
    at all. ``not_covered`` names what the settings cannot vouch for, and why: what the user's own code changes while it
    runs, what it reads that Python does not show, what was changed where a receipt was continued ``anyway``, and the
    first epochs if the receipt has no metrics for them, as in format version 1. State that packages, Python and the
    system keep to themselves is in none of these. For an example see ``verify``.
    """

    first: int
    last: int
    epoch: int | None
    differs_in: tuple[str, ...]
    settings: tuple[Difference, ...]
    conditions: tuple[Difference, ...]
    metrics: tuple[Difference, ...] = ()
    not_covered: Mapping[str, str] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.first, self.last, self.epoch, self.differs_in, self.settings, self.conditions, self.metrics))

    def __bool__(self) -> bool:
        return self.epoch is None and not self.settings

    def __str__(self) -> str:
        lines = [self._verdict()]
        kinds = ("metric", self.metrics), ("setting", self.settings), ("condition", self.conditions)
        for kind, found in kinds:
            lines += [f"  {kind} {name}: {_short(was)} in the receipt, {_short(now)} now" for name, was, now in found]
        return "\n".join([*lines, *[f"  not covered: {name}, {why}" for name, why in self.not_covered.items()]])

    def _repr_html_(self) -> str:
        """In a notebook: the verdict, what differs and what is not covered."""
        kinds = ("metric", self.metrics), ("setting", self.settings), ("condition", self.conditions)
        rows = [(kind, *difference) for kind, found in kinds for difference in found]
        uncovered = html.table(("not covered", "why"), list(self.not_covered.items()))
        return html.block(self._verdict(), html.table(("", "name", "in the receipt", "now"), rows), uncovered)

    def _verdict(self) -> str:
        if self.epoch is not None:
            where = f"epoch {self.epoch}" if self.epoch else "the start"
            given = ", as it was given," if self.epoch < self.first else ""
            return f"no: {where}{given} is the first that differs, in {', '.join(self.differs_in)}"
        span = f"epochs {self.first} to {self.last}" if self.last > self.first else f"epoch {self.last}"
        where = f"of {span}'s end" if self.last else "before the first epoch"
        same = f"{span} gave the recorded bytes" if self.last >= self.first else f"the state is that {where}"
        return f"yes: {same}" if self else f"no: {same}, but not all that they were made of is as it was"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def verify(
    receipt: Receipt,
    step: Step[T],
    data: Data[T],
    state: TrainState[P],
    *streams: StreamFn,
    epoch: int | None = None,
    run: Train = train,
) -> Verification:
    """Re-runs a run and compares it with its receipt, link by link.

    ``step``, ``data``, ``streams`` and ``run`` are those that ``receipt`` was given; ``run`` is ``fnnet.jit.train`` for
    compiled epochs. ``state`` is the run's start, or the state at the end of any of its epochs, from a checkpoint, to
    begin there. ``epoch`` is the last epoch to repeat: given the state before it, that one epoch is repeated. A user's
    own class in the network is identified by its module too: define it in a module that both programs import.

    Raises ValueError for an epoch that the receipt does not have or that does not come after the state, ReceiptError
    where the state is inside an epoch or the run ends too early. Whatever the run raises carries a note of the settings
    that differ.

    >>> import fnnet as fn, numpy as np
    >>> def experiment(lr):
    ...     optimizer = fn.sgd(lr)
    ...     step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    ...     data = fn.minibatches(np.eye(4), np.eye(4), batch_size=2)
    ...     return step, data, fn.start(fn.linear(fn.Key(0), 4, 4), optimizer, fn.Key(0))
    >>> step, data, first = experiment(0.1)
    >>> made = fn.receipt(fn.take(3)(fn.train(step, data, first)), step, data, first)
    >>> print(fn.verify(made, *experiment(0.2)))
    no: epoch 1 is the first that differs, in params, history
      setting step.optimizer.lr: 0.1 in the receipt, 0.2 now
    """
    if type(receipt) is not Receipt:
        raise ReceiptError(f"verify: receipt must be a Receipt, as read_receipt gives it, got {receipt!r}")
    check_arguments("verify", step, data, state, streams, run)
    end = _last(receipt, state, epoch)
    now = configuration_of(step, data, state, streams, run)
    then = comparable(receipt.configuration, state)
    settings = changes(then, now)
    try:
        found = _first_difference(receipt, state, pipe(run(step, data, state), *streams), end)
    except Exception as error:
        for name, was, is_now in settings:
            error.add_note(f"verify: setting {name}: {_short(was)} in the receipt, {_short(is_now)} now")
        raise
    if settings and found.epoch is None:  # what the run itself changes, not visible in its code, is no setting
        moved = {change.name for change in changes(now, configuration_of(step, data, state, streams, run))}
        settings = tuple([change for change in settings if change.name not in moved])
        now |= dict.fromkeys(sorted(moved), "not covered: it changed while the run was done again")
    at = max(end if found.epoch is None else found.epoch, 1)
    span = [conditions for begin, conditions in receipt.conditions if begin < at][-1]
    uncovered = {**_without_metrics(receipt, state.epoch + 1, end), **not_covered(then), **not_covered(now)}
    return Verification(state.epoch + 1, end, *found[:2], settings, _conditions(span), found.metrics, uncovered)


def _last(receipt: Receipt, state: TrainState[P], epoch: int | None) -> int:
    if state.batch or state.epoch >= len(receipt.links):
        raise ReceiptError(
            f"verify: state must be the start or the end of an epoch of the run, at most {receipt.epochs}, "
            f"got epoch {state.epoch}, batch {state.batch}"
        )
    if epoch is not None and not (type(epoch) is int and state.epoch < epoch <= receipt.epochs):
        raise ValueError(f"verify: epoch must be in ({state.epoch}, {receipt.epochs}], got {epoch!r}")
    return receipt.epochs if epoch is None else epoch


class _Found(NamedTuple):
    """The first epoch that differs, in what it differs, and the metrics that do."""

    epoch: int | None = None
    differs_in: tuple[str, ...] = ()
    metrics: tuple[Difference, ...] = ()


def _first_difference(receipt: Receipt, state: TrainState[P], epochs: Iterator[Epoch[P]], end: int) -> _Found:
    """The number of the first link that differs, and in what; each link is made from the recorded one before it."""
    for number in range(state.epoch, end + 1):
        if number > state.epoch:
            epoch = next(epochs, None)
            if epoch is None:
                raise ReceiptError(
                    f"verify: the run ended before epoch {number} of {end}; leave out streams that end it"
                )
            state = epoch.state
        found = link(receipt.links[number - 1].chain if number else "", state)
        if found.chain != receipt.links[number].chain:
            return _Found(number, _differing(receipt.links[number], found))
        invented = _invented(receipt, number, state)
        if invented or found != receipt.links[number]:
            differs_in = _differing(receipt.links[number], found) if found != receipt.links[number] else ("metrics",)
            return _Found(number, differs_in, invented)
    return _Found()


def _differing(then: Link, now: Link) -> tuple[str, ...]:
    names = [name for name in Link._fields[1:] if getattr(then, name) != getattr(now, name)]
    return tuple(names) or ("key or counters",)


def _invented(receipt: Receipt, number: int, state: TrainState[P]) -> tuple[Difference, ...]:
    """The metrics of an epoch that the receipt states wrongly or not at all, once one of its epochs has metrics."""
    if not any(islice(receipt.history, number)):
        return ()
    recorded, real = receipt.history[number - 1], metrics_of(state.history[-1])
    then, now = [{name: json.dumps(value) for name, value in one.items()} for one in (recorded, real)]
    pairs = [Difference(name, then.get(name, NOTHING), now.get(name, NOTHING)) for name in {**then, **now}]
    return tuple([pair for pair in pairs if pair.recorded != pair.now])


def _without_metrics(receipt: Receipt, first: int, last: int) -> dict[str, str]:
    """The epochs before the first one with metrics, as not covered: version 1 of the format left metrics out, and a
    forger may do so too."""
    last = min(last, sum([1 for _ in takewhile(lambda metrics: not metrics, receipt.history)]))
    why = "the receipt tells none; those of a run are in the links all the same"
    return {f"the metrics of epochs {first} to {last}": why} if first <= last else {}


def _conditions(then: Conditions) -> tuple[Difference, ...]:
    was, now = asdict(then), asdict(conditions())
    return tuple([Difference(name, was[name], now[name]) for name in was if was[name] != now[name]])
