"""Receipts that are kept in a file while a run is under way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from fnnet import files
from fnnet.core.protocols import Data, Step, StreamFn
from fnnet.core.states import TrainState
from fnnet.descriptions.comparisons import changes
from fnnet.errors import ReceiptError
from fnnet.experiments.conditions import conditions
from fnnet.experiments.configurations import amended, check_arguments, comparable, configuration_of, is_start
from fnnet.experiments.digest_chains import Chain, Link, digest_of, link, longer
from fnnet.experiments.receipt_files import File, Receipt, contents, epoch_line, metrics_of, read_receipt, sealed
from fnnet.experiments.receipts import after_first_step, begun, chain_of, check_written, state_of
from fnnet.stages import passes_all, stage
from fnnet.training.folds import train
from fnnet.training.plateau import Train
from fnnet.tree.nodes import Node, Params

P = TypeVar("P", bound=Params)
T = TypeVar("T")
S = TypeVar("S", bound=Node)


class _Written(NamedTuple):
    """What is in the file: the chain so far, the seal of the last line, and the number of bytes."""

    chain: Chain
    seal: str
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class ReceiptTo(Generic[P, T]):
    """What ``receipt_to(...)`` returns: a stream function; its fields are the arguments of ``receipt_to``."""

    path: Path
    step: Step[T]
    data: Data[T]
    state: TrainState[P]
    streams: tuple[StreamFn, ...]
    run: Train = train
    anyway: bool = False

    @passes_all
    @stage
    def __call__(self, stream: Iterator[S], /) -> Iterator[S]:
        """The stream, unchanged; the end of an epoch is handed on once its line is in the file."""
        begun = self._begun() if is_start(self.state) else self._continued()
        written = None if os.path.exists(self.path) else self._save(begun)
        for i, item in enumerate(stream):
            state = state_of(item)
            if written is None or i == 0:
                written = self._at_first(begun, written, state)
            if state.batch == 0:
                written = self._add(written, state)
            yield item

    def _save(self, begun: Receipt) -> _Written:
        begun.save(self.path)
        text, seal = sealed(contents(begun))
        return _Written(chain_of(begun), seal, len(text.encode()))

    def _at_first(self, begun: Receipt, written: _Written | None, state: TrainState[Any]) -> _Written:
        """Writes the beginning, without what the first step has changed, unless it is already written so."""
        _check_next(begun, state)
        told = begun
        if is_start(self.state):
            told = after_first_step(begun, self.step, self.data, self.state, self.streams, self.run)
        return self._save(told) if written is None or told != begun else written

    def _add(self, written: _Written, state: TrainState[Any]) -> _Written:
        """Appends a line, at a cost that does not depend on how many lines there are."""
        chain = longer(written.chain, state)
        check_written(state, self.streams, self.run)
        line, seal = sealed([epoch_line(chain.epoch, chain.link, metrics_of(state.history[-1]))], written.seal)
        try:
            size = files.append(self.path, written.size, line.encode())
        except OSError as error:
            raise ReceiptError(
                f"receipt_to: epoch {chain.epoch} could not be written to {self.path}, {error}; what was there is as "
                "it was"
            ) from error
        return _Written(chain, seal, size)

    def _begun(self) -> Receipt:
        _check_replaceable(self.path)
        return begun(self.step, self.data, self.state, self.streams, self.run)

    def _continued(self) -> Receipt:
        """The receipt in the file up to the state. Raises ReceiptError where it belongs to another run."""
        found, state = read_receipt(self.path), self.state
        links = found.links[: state.epoch + 1]
        if len(links) <= state.epoch:
            raise ReceiptError(
                f"receipt_to: {self.path} ends before epoch {state.epoch}, where the run is resumed; put receipt_to "
                "before checkpoint_to, and resume from an older checkpoint"
            )
        mine = configuration_of(self.step, self.data, state, self.streams, self.run)
        changed, strange = changes(comparable(found.configuration, state), mine), self._strange(links)
        if strange or (changed and not self.anyway):
            names = ", ".join([*[one.name for one in changed], *strange])
            more = "" if strange else ", or receipt_to(..., anyway=True) to continue nevertheless"
            said = f"{self.path} is the receipt of another run; give this one a file of its own{more}"
            raise ReceiptError(f"receipt_to: {said}; what differs: {names}")
        now = conditions()
        spans = tuple([span for span in found.conditions if span[0] < max(state.epoch, 1)])
        spans = spans if spans[-1][1] == now else (*spans, (state.epoch, now))
        settings = amended(found.configuration, changed, state)
        return Receipt(settings, spans, links, found.history[: state.epoch])

    def _strange(self, links: tuple[Link, ...]) -> list[str]:
        """What shows that the state does not belong to the run of these links. Raises ReceiptError where nothing can
        show it.

        A state at an epoch's end is told by its own link, one in mid-epoch by the history; the first epoch has neither,
        and only the network that the run began with decides.
        """
        state, network = self.state, self.state.origin.network[:16] if self.state.origin else ""
        if not (network or state.epoch or self.anyway):
            raise ReceiptError(
                f"receipt_to: {self.path} may be the receipt of another run, for this state of the first epoch does "
                "not tell the network that its run began with; take the one that resume(folder, like) gives, or begin "
                "the run anew"
            )
        same = {"the network at the start": self.anyway or network in ("", links[0].params)}
        if state.batch:
            same[f"the history up to epoch {state.epoch}"] = digest_of(state.history)[:16] == links[-1].history
        else:
            same[f"the state of epoch {state.epoch}"] = link(links[-2].chain, state) == links[-1]
        return [name for name, is_same in same.items() if not is_same]


def _check_next(begun: Receipt, state: TrainState[Any]) -> None:
    """Raises ReceiptError, before a receipt is replaced, where a stream does not continue from the state that
    ``receipt_to`` was given."""
    if (state.epoch, state.batch) > (begun.epochs + 1, 0):
        raise ReceiptError(f"receipt: epoch {begun.epochs + 1} must come next, got epoch {state.epoch}")


def _check_replaceable(path: Path) -> None:
    """Raises ReceiptError where there is a file other than a receipt, which would be lost."""
    if path.exists():
        try:
            read_receipt(path)
        except ReceiptError as error:
            raise ReceiptError(
                f"receipt_to: {path} exists, is no whole receipt, and is not overwritten; give another name"
            ) from error


def receipt_to(
    path: File,
    step: Step[T],
    data: Data[T],
    state: TrainState[P],
    *streams: StreamFn,
    run: Train = train,
    anyway: bool = False,
) -> ReceiptTo[P, T]:
    """A stream function that keeps the receipt of a run in the file ``path``; every epoch adds one line.

    ``step``, ``data`` and ``state`` are those that ``train``, or ``steps``, begins with; ``streams`` and ``run`` are
    those of ``receipt``. At a run's start the receipt begins anew and replaces an older one. With a resumed state, even
    one in mid-epoch, the receipt in the file is continued and ends like that of a run that never stopped. Place it
    before ``checkpoint_to``, so that every state that can be resumed already has its link. The first epoch of data of
    your own is drawn once more for its digest; like all data they must be a function of the key.

    The file belongs to one run. ``anyway=True`` continues it with other settings, for example a smaller learning rate,
    from a state that the receipt has; those settings are "not covered" from then on.

    Raises ReceiptError, when the first epoch is requested, where the file is missing for a resumed state, belongs to
    another run, is no receipt at all or cannot be written; during training, where something else has written to the
    file; also what ``receipt`` raises.

    >>> import fnnet as fn, numpy as np, tempfile
    >>> optimizer = fn.sgd(0.1)
    >>> step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    >>> data = fn.minibatches(np.eye(4), np.eye(4), batch_size=2)
    >>> first = fn.start(fn.linear(fn.Key(0), 4, 4), optimizer, fn.Key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep = fn.receipt_to(f"{folder}/run.json", step, data, first)
    ...     end = fn.pipe(fn.train(step, data, first), fn.take(3), keep, fn.last)
    ...     print(fn.verify(fn.read_receipt(f"{folder}/run.json"), step, data, first))
    yes: epochs 1 to 3 gave the recorded bytes
    """
    check_arguments("receipt_to", step, data, state, streams, run)
    return ReceiptTo(Path(path).absolute(), step, data, state, streams, run, anyway)
