"""Resuming after a stop: streams that write their states to a folder, and the newest state in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from fnnet import checks, files
from fnnet.core.runs import origin_of
from fnnet.core.states import Epoch, Moment, TrainState
from fnnet.errors import CheckpointError, TreeError
from fnnet.experiments import sealed_files
from fnnet.experiments.run_identity import Words, check_same, completed, run_of, settled
from fnnet.experiments.saving import decoded_like, save_of_run
from fnnet.experiments.sealed_files import File
from fnnet.tree.nodes import Params

P = TypeVar("P", bound=Params)
S = TypeVar("S", bound=Moment)

_NAME = re.compile(r"epoch-(\d{8,})-batch-(\d{8,})\.safetensors")


@dataclass(frozen=True, slots=True)
class CheckpointTo:
    """What ``checkpoint_to(...)`` returns."""

    folder: str
    every: int = 1
    keep: int = 3
    anyway: bool = False

    def __call__(self, stream: Iterable[S], /) -> Iterator[S]:
        """The stream as it is; a state that is due is on the disk before it is handed on."""
        unwritten: TrainState[Params] | None = None
        run: Words = {}
        stock = _Stock()
        try:
            for i, item in enumerate(stream, start=1):
                state = _state(item)
                if i == 1:
                    run, stock = self._begin(state)
                run = settled(run, state) if i == 2 else run
                is_due = i % self.every == 0
                unwritten = None if is_due else state
                stock = self._written(state, run, stock) if is_due else stock
                yield item
        finally:  # also where the reader of the stream stops, or an error ends it
            if unwritten is not None:
                self._written(unwritten, run, stock)

    def _begin(self, state: TrainState[Params]) -> tuple[Words, _Stock]:
        """The settings of the run, and the files in the folder, after those of a killed writer are removed. Raises
        CheckpointError where the folder belongs to another run."""
        run, whole = run_of(state), _whole(self.folder)
        newest = next(whole, None)
        if newest is not None:
            before = sealed_files.run_of(*newest)
            if not self.anyway:
                check_same("checkpoint_to", self.folder, before, run)
            run = completed(run, before)
            self._check_behind(state, newest[0])
        files.sweep_all(Path(self.folder), _NAME.pattern)
        rest = islice(whole, self.keep - 1)  # the others to keep
        return run, self._stock([path for path, _ in (newest, *rest)] if newest else [])

    def _check_behind(self, state: TrainState[Params], newest: Path) -> None:
        """Raises CheckpointError where the newest whole state is one that the run has not reached."""
        if _epoch_and_batch(newest) >= (state.epoch, state.batch):
            raise CheckpointError(
                f"checkpoint_to: {self.folder} holds {newest.name} already, and this run is only at "
                f"{_name(state)}; go on from there by resume, or use another folder"
            )

    def _stock(self, whole: list[Path]) -> _Stock:
        return _Stock(tuple(whole[::-1]), tuple([path for path in checkpoints_in(self.folder) if path not in whole]))

    def _written(self, state: TrainState[Params], run: Words, stock: _Stock) -> _Stock:
        """The files after a state is written and those are removed that are older than the newest whole ones, which are
        kept."""
        new = Path(self.folder) / _name(state)
        save_of_run(new, state, run)
        whole = (*[path for path in stock.whole if path != new], new)[-self.keep :]
        others = [path for path in (*stock.whole, *stock.others) if path not in whole]
        oldest = _epoch_and_batch(whole[0]) if len(whole) == self.keep else (0, 0)
        files.remove(*[path for path in others if _epoch_and_batch(path) < oldest])
        return _Stock(whole, tuple([path for path in others if _epoch_and_batch(path) >= oldest]))


class _Stock(NamedTuple):
    """The files of a folder: the newest ones known to be whole, in the order of their states, and all others."""

    whole: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()


def checkpoint_to(folder: File, *, every: int = 1, keep: int = 3, anyway: bool = False) -> CheckpointTo:
    """Writes every n-th state of a stream of epochs or of steps, and the last one when the stream ends, for whatever
    reason: exhausted, cut short by a ``take`` after it, or an error. Only a process that is
    killed loses the states since the last one that was due. (Where Python discards the stream, an error of that last
    write is printed and not raised; ``close()`` of the stream raises it, and ``fit`` calls that.)

    A state is written whole or not at all (``save``), before it is handed on; the newest ``keep`` are
    kept, and older ones removed. A file that is found damaged when the stream begins does not count: it is removed when
    ``keep`` whole ones are newer, for it may only have been unreadable at that moment. What writes into the history,
    such as ``validate``, must come before.

    The folder belongs to one run and is made where it is missing. Each file also has the settings of the run: the key,
    the network at the start, the optimizer, the step, the data by a digest, and what makes the epochs. A folder whose
    newest state belongs to a run that differs in one of these is refused; ``anyway=True`` uses it nevertheless, for
    example to continue with a smaller learning rate. For the digest the data are read once, as in an epoch; data of a
    class or function of your own are described by their settings. A state that does not come from ``train`` or
    ``steps`` knows its key only. Code of your own is compared as in a receipt. What it changes itself is no setting;
    where that does not show in the code, it is found at the second state, so a folder whose run ended with its first
    state may be refused to the same run, which ``anyway=True`` continues.

    Raises ValueError for numbers below 1, CheckpointError where the folder cannot be made or written to; and when the
    first state comes for a folder of another run, naming what differs, and for one that holds states which the run has
    not reached: resume from them, or use another folder; ImportError without the extra ``checkpoint``.

    >>> import fnnet as fn, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(fn.checkpoint_to(folder, every=10).every)
    10
    """
    every, keep = checks.size("checkpoint_to", "every", every), checks.size("checkpoint_to", "keep", keep)
    sealed_files.check_installed()  # now, and not when the first state is due
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"checkpoint_to: folder {folder} could not be made, {error}") from error
    return CheckpointTo(str(Path(folder)), every, keep, anyway)


def checkpoints_in(folder: File) -> tuple[Path, ...]:
    """The checkpoints in a folder, the oldest first by epoch and batch; none where there is no such folder.

    >>> checkpoints_in("nowhere")
    ()
    """
    found = [path for path in Path(folder).glob("epoch-*.safetensors") if _NAME.fullmatch(path.name)]
    return tuple(sorted(found, key=_epoch_and_batch))


def _state(item: Moment) -> TrainState[Params]:
    """The state of an item. Raises TreeError for what is neither an epoch nor a state."""
    found = item.state if isinstance(item, Epoch) else item
    if not isinstance(found, TrainState):
        raise TreeError(f"checkpoint_to: the stream must be of epochs or of states, got {item!r}")
    return found


def _name(state: TrainState[Params]) -> str:
    return f"epoch-{state.epoch:08}-batch-{state.batch:08}.safetensors"


def _epoch_and_batch(path: Path) -> tuple[int, int]:
    """The epoch and the batch of a checkpoint, from its name."""
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _whole(folder: File) -> Iterator[tuple[Path, bytes]]:
    """The whole checkpoints of a folder and their bytes, the newest first."""
    for path in reversed(checkpoints_in(folder)):
        with suppress(CheckpointError):
            yield path, sealed_files.read(path)


def resume(folder: File, like: TrainState[P], *, anyway: bool = False) -> TrainState[P]:
    """The newest whole state that ``checkpoint_to`` wrote to a folder.

    ``like`` is the state at the run's start, as ``start`` gives it: its key, network and optimizer must be those of the
    run in the folder; with ``anyway=True`` only their structures must. Step and data are compared by ``checkpoint_to``
    when the run continues. A file that is damaged or cannot be read is skipped for the one before it.

    Raises CheckpointError where there is none, and where the newest is that of another run, naming what differs, or of
    a newer format.

    Resuming from it equals never having stopped, byte for byte:

    >>> import fnnet as fn, numpy as np, tempfile
    >>> x, y = np.eye(4), np.ones((4, 1))
    >>> optimizer = fn.adam(0.1)
    >>> step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, size=2)
    >>> first = fn.start(fn.linear(fn.Key(0), 4, 1), optimizer, fn.Key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     stopped = fn.pipe(fn.steps(step, data, first), fn.checkpoint_to(folder), fn.take(3), fn.last)
    ...     again = fn.resume(folder, first)
    >>> on, through = fn.take(5)(fn.steps(step, data, again)), fn.take(8)(fn.steps(step, data, first))
    >>> fn.tree.equal(fn.last(on), fn.last(through))
    True
    """
    given: object = like
    if type(given) is not TrainState:
        raise TreeError(f"resume: like must be the state at the run's start, as start gives it, got {given!r}")
    damaged, like = list[str](), replace(like, origin=origin_of(like))
    for path in reversed(checkpoints_in(folder)):
        try:
            data = sealed_files.read(path)
        except CheckpointError as error:
            damaged.append(str(error))
            continue
        found = decoded_like(path, data, like)
        if not anyway:
            check_same("resume", folder, sealed_files.run_of(path, data), run_of(like))
        return replace(found, origin=like.origin)
    more = f"; damaged: {'; '.join(damaged)}" if damaged else ""
    raise CheckpointError(f"resume: {folder} holds no whole checkpoint{more}")
