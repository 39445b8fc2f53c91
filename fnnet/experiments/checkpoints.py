"""Resuming after a stop: streams that write their states to a folder, and the newest state in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from fnnet import checks
from fnnet.core.runs import nothing, origin_of
from fnnet.core.states import Epoch, Moment, Origin, TrainState
from fnnet.errors import CheckpointError, TreeError
from fnnet.experiments import sealed_files
from fnnet.experiments.checkpoint_folders import Writer, flush
from fnnet.experiments.checkpoint_names import listed
from fnnet.experiments.kept_best import Stored
from fnnet.experiments.run_identity import check_same, run_of
from fnnet.experiments.saving import decoded_like
from fnnet.experiments.sealed_files import File
from fnnet.stages import passes_all, stage
from fnnet.streams.choice import Best
from fnnet.tree.nodes import Params

P = TypeVar("P", bound=Params)
S = TypeVar("S", bound=Moment)


@dataclass(frozen=True, slots=True)
class CheckpointTo:
    """What ``checkpoint_to(...)`` returns: a stream function; its fields are the arguments of ``checkpoint_to``."""

    folder: str
    every: int = 1
    keep: int = 3
    anyway: bool = False
    keep_best: Best | None = None

    @passes_all
    @stage
    def __call__(self, stream: Iterator[S], /) -> Iterator[S]:
        """The stream, unchanged; a state that is due is on disk before it is handed on."""
        writer = Writer(self.folder, self.every, self.keep, self.anyway, self.keep_best)
        try:
            for item in stream:
                writer.add(_state(item))
                yield item
        finally:  # also when the reader of the stream stops, or an error ends it
            writer.end()


def checkpoint_to(
    folder: File, *, every: int = 1, keep: int = 3, anyway: bool = False, keep_best: str | Best | None = None
) -> CheckpointTo:
    """Writes every n-th state of a stream of epochs or steps to a folder, and the last state when the stream ends.

    ``every`` is n. The last state is written however the stream ends: exhausted, cut short by a ``take`` after it, or
    by an error. If its reader stops but keeps the stream, the state is written when ``resume`` or another stream opens
    the folder, or when the program ends, unless the folder was deleted, emptied or moved meanwhile. Only a process that
    is killed loses the states since the last one that was due. (Where Python discards the stream, an error of that last
    write is printed and not raised; ``close()`` of the stream raises it, and ``fit`` calls that.)

    A state is written whole or not at all (``save``), before it is handed on. The newest ``keep`` states are kept, and
    older ones are removed. A file that is damaged when the stream begins does not count; it is removed only once
    ``keep`` whole ones are newer, since it may have been unreadable at that moment only. What writes into the history,
    such as ``validate``, must come before ``checkpoint_to``.

    ``keep_best`` is the name of a metric such as "valid_loss", whose lowest value is best, or ``best("r2", "max")``.
    The best epoch so far is then on disk before each state that is due, and stays there while it is the best one of a
    newer state that is kept. So ``best`` at the end of the pipe finds it after any stop: pass ``keep_best`` from the
    first epoch to the last. It is a checkpoint like the others, and the run can be resumed from it too.

    The folder belongs to one run and is created where it is missing. Each file also holds the settings of the run: the
    key, the network at the start, your own layers, the optimizer, the step, a digest of the data, and what makes the
    epochs. A folder whose newest state belongs to a run that differs in one of these is refused; ``anyway=True`` uses
    it nevertheless, for example to continue with a smaller learning rate. For the digest the data are read once, as in
    an epoch; data of a class or function of your own are described by their settings. A state that does not come from
    ``train`` or ``steps`` knows only its key. Code of your own is compared as in a receipt; what it changes before the
    run's second state is no setting, whether its code shows that or not; nor is what cannot be compared, such as the
    memory of an object written in C: a receipt lists it as "not covered". A stream may consist of several runs, one
    after another. The settings are those of the run that a state belongs to, so a stream that was stopped exactly
    between two runs needs ``anyway=True``.

    Raises ValueError for numbers below 1, for what is no path or no metric, and for an epoch without the metric;
    CheckpointError where the folder cannot be created or written to, or was deleted meanwhile, and at the first state
    where the folder belongs to another run, naming what differs, or holds states that the run has not reached (resume
    from them, or use another folder); ImportError without the extra ``checkpoint``.

    >>> import fnnet as fn, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(fn.checkpoint_to(folder, every=10).every)
    10
    """
    every, keep = checks.size("checkpoint_to", "every", every), checks.size("checkpoint_to", "keep", keep)
    given: object = folder
    if not isinstance(given, (str, os.PathLike)):
        raise ValueError(f"checkpoint_to: folder must be a path, got {checks.came(folder)}")
    sealed_files.check_installed()  # now, not when the first state is due
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"checkpoint_to: folder {folder} could not be made, {error}") from error
    return CheckpointTo(str(Path(folder).absolute()), every, keep, anyway, _best(keep_best))


def _best(given: object) -> Best | None:
    """The rule for the best epoch. Raises ValueError for anything but a ``best`` or the name of a metric."""
    if given is None or isinstance(given, Best):
        return given
    if not isinstance(given, str):
        raise ValueError(
            f"checkpoint_to: keep_best must be the name of a metric such as 'valid_loss', or best('r2', 'max'), got "
            f"{given!r}"
        )
    return Best(given)


def checkpoints_in(folder: File) -> tuple[Path, ...]:
    """The paths of the checkpoints in ``folder``, the oldest first by epoch and batch; none if there is no such folder.

    If there are none yet, a state that a stream of this process still has to write is written first.

    >>> checkpoints_in("nowhere")
    ()
    """
    found = listed(folder)
    if not found:
        flush(folder)
    return found or listed(folder)


def _state(item: Moment) -> TrainState[Params]:
    """The state of an item. Raises TreeError for what is neither an epoch nor a state."""
    found = item.state if isinstance(item, Epoch) else item
    if not isinstance(found, TrainState):
        raise TreeError(f"checkpoint_to: the stream must be of epochs or of states, got {item!r}")
    return found


def resume(folder: File, like: TrainState[P], *, anyway: bool = False, missing_ok: bool = False) -> TrainState[P]:
    """The newest whole state that ``checkpoint_to`` wrote to ``folder``.

    ``like`` is the state at the run's start, as ``start`` gives it: its key, its network, the code of your own layers
    and the optimizer must be those of the run in the folder; with ``anyway=True`` only their structures must agree.
    Step and data are compared by ``checkpoint_to`` when the run continues. A file that is damaged or cannot be read is
    skipped in favour of the one before it. With ``missing_ok=True`` a folder that is missing or has no checkpoint gives
    ``like``, so that the same program begins the run and resumes it; if all checkpoints are damaged, that is still an
    error.

    ``best`` at the end of the pipe may be an epoch before the stop: it reads that epoch from the folder, see
    ``checkpoint_to``.

    Raises CheckpointError where there is no state, and where the newest belongs to another run, naming what differs, or
    has a newer format.

    A resumed run equals one that never stopped, byte for byte:

    >>> import fnnet as fn, numpy as np, tempfile
    >>> x, y = np.eye(4), np.ones((4, 1))
    >>> optimizer = fn.adam(0.1)
    >>> step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=2)
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
    damaged, first, like = list[str](), like, replace(like, origin=origin_of(like))
    flush(folder)
    for path in reversed(listed(folder)):
        try:
            data = sealed_files.read(path)
        except CheckpointError as error:
            damaged.append(str(error))
            continue
        found = decoded_like(path, data, like)
        if not anyway:
            check_same("resume", folder, sealed_files.run_of(path, data), run_of(like))
        return replace(found, origin=_origin(like, folder))
    if missing_ok and not damaged:
        return first
    more = f"; damaged: {'; '.join(damaged)}" if damaged else ""
    raise CheckpointError(f"resume: {folder} holds no whole checkpoint{more}")


def _origin(like: TrainState[P], folder: File) -> Origin:
    """Where the states of a resumed run come from, with the folder that holds earlier ones."""
    return replace(like.origin or Origin("", None, nothing), earlier=Stored(str(Path(folder).absolute())))
