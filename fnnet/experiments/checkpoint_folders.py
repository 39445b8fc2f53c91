"""Folders of checkpoints: which files they hold, and what a stream still has to write."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import lru_cache
from itertools import islice
from multiprocessing.util import Finalize
from pathlib import Path
from threading import RLock
from typing import NamedTuple
from weakref import WeakValueDictionary, finalize

from fnnet import files
from fnnet.core.runs import Run, under_way
from fnnet.core.states import TrainState
from fnnet.errors import CheckpointError
from fnnet.experiments import sealed_files
from fnnet.experiments.checkpoint_names import NAME, epoch_and_batch, listed, name
from fnnet.experiments.kept_best import BestSoFar
from fnnet.experiments.run_identity import check_same, completed, run_of, settled, tell_runs
from fnnet.experiments.saving import save_of_run
from fnnet.experiments.sealed_files import File
from fnnet.experiments.tree_json import as_json
from fnnet.streams.choice import Best
from fnnet.tree.nodes import Params


# --- files -----------------------------------------------------------------------------------------------------------
def _whole(folder: File) -> Iterator[tuple[Path, bytes]]:
    """The whole checkpoints of a folder and their bytes, the newest first."""
    for path in reversed(listed(folder)):
        with suppress(CheckpointError):
            yield path, sealed_files.read(path)


class _Stock(NamedTuple):
    """The files of a folder: the newest ones known to be whole, ordered by their states, and all others."""

    whole: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()


# --- writers ---------------------------------------------------------------------------------------------------------
class _GoneError(CheckpointError):
    """The folder of a stream no longer exists, or was replaced by another one."""


def _number(folder: str) -> tuple[int, int] | None:
    """What distinguishes a folder from another one of the same name; None where there is no folder."""
    with suppress(OSError):
        found = os.stat(folder)
        return found.st_dev, found.st_ino
    return None


class Writer:
    """Writes the states of one stream, and keeps the last one until it is written.

    A reader may stop reading a stream but keep it in a variable of a module or of a notebook. Its last state is written
    all the same, when the folder is read (``flush``) or when the program ends, but only into the folder that the stream
    began in.
    """

    def __init__(self, folder: str, every: int, keep: int, anyway: bool, keep_best: Best | None) -> None:
        self.folder, self.every, self.keep, self.anyway = folder, every, keep, anyway
        self._best = BestSoFar(keep_best)
        self._count, self._run, self._stock = 0, dict[str, str](), _Stock()
        self._of_run = 0
        self._made_by: Run[object] | None = None
        self._number: tuple[int, int] | None = None
        self._unwritten: TrainState[Params] | None = None
        self._lock = RLock()
        self._process = -1
        self._enter()
        tell_runs()

    def _enter(self) -> None:
        """Makes this process write what is left when it ends; a forked child may continue its parent's stream."""
        if self._process != os.getpid():
            self._process = os.getpid()
            _WRITERS[id(self)] = self
            _end_with(self._process)

    def add(self, state: TrainState[Params]) -> None:
        """Takes the next state; if it is due, it is on disk afterwards."""
        with self._lock:
            self._enter()
            self._count, self._of_run = self._count + 1, self._of_run + 1
            if self._count == 1:
                self._begin(state)
            elif not self._goes_on(state):  # a stream may consist of several runs, one after another
                self._write_best()
                self._run, self._of_run = completed(settled(run_of(state), state), self._run), 1
            elif self._of_run == 2:  # once more, for what changes only later, or was not foreseen
                self._run = settled(self._run, state)
            self._made_by = under_way(state)
            self._best.add(state)
            self._unwritten = state
            if self._count % self.every == 0:
                self.end()

    def _goes_on(self, state: TrainState[Params]) -> bool:
        """Whether a state comes from the same step, data and fold as the one before it."""
        run, before = under_way(state), self._made_by
        if run is None or before is None:
            return run is before
        return run.step is before.step and run.data is before.data and run.train is before.train

    def end(self) -> None:
        """Writes the last state unless it is already written. Raises CheckpointError where its folder is gone."""
        with self._lock:
            if self._unwritten is not None:
                _UNDONE.add(self)
                self._check_there()
                self._write(self._unwritten)
                self._unwritten = None
            _UNDONE.discard(self)

    def end_if_there(self) -> None:
        """``end``, called by another stream or thread: a state whose folder was deleted or emptied is dropped. A writer
        with nothing to write is not waited for: it may be waiting for this one."""
        with suppress(_GoneError):
            if self._unwritten is not None:
                self.end()

    def _check_there(self) -> None:
        """Raises CheckpointError where the folder is not the one that the stream began in, or where the file written
        last is gone: a run that was deleted must not come back."""
        newest = self._stock.whole[-1:]
        if _number(self.folder) != self._number or not all(path.exists() for path in newest):
            self._unwritten = None
            _UNDONE.discard(self)
            raise _GoneError(
                f"checkpoint_to: {self.folder} was deleted, emptied or moved while a run was writing to it; begin the "
                "run anew, with a checkpoint_to of its own"
            )

    def forget(self) -> None:
        """Leaves the last state to the process that this one was forked from."""
        self._lock, self._unwritten = RLock(), None

    def _begin(self, state: TrainState[Params]) -> None:
        """Finds the settings of the run, and the files in the folder after removing those of a killed writer. Raises
        CheckpointError where the folder belongs to another run."""
        flush(self.folder)
        self._number = _number(self.folder)
        with suppress(OSError):  # held open, so that no new folder gets its number; Windows reuses none
            finalize(self, os.close, files.held(self.folder))
        as_json(state)  # what no file can hold is refused now, not when the first state is due
        run, whole = settled(run_of(state), state), _whole(self.folder)
        newest = next(whole, None)
        if newest is not None:
            before = sealed_files.run_of(*newest)
            if not self.anyway:
                check_same("checkpoint_to", self.folder, before, run)
            run = completed(run, before)
            self._check_behind(state, newest[0])
        files.sweep_all(Path(self.folder), NAME.pattern)
        rest = islice(whole, self.keep - 1)  # the others to keep
        known = [path for path, _ in (newest, *rest)] if newest else []
        others = [path for path in listed(self.folder) if path not in known]
        self._run, self._stock = run, _Stock(tuple(known[::-1]), tuple(others))

    def _check_behind(self, state: TrainState[Params], newest: Path) -> None:
        """Raises CheckpointError where the newest whole state is ahead of the run."""
        if epoch_and_batch(newest) >= (state.epoch, state.batch):
            raise CheckpointError(
                f"checkpoint_to: {self.folder} holds {newest.name} already, and this run is only at "
                f"{name(state.epoch, state.batch)}; go on from there by resume, or use another folder"
            )

    def _write(self, state: TrainState[Params]) -> None:
        """Writes a state, after the best one so far where that is another state and not yet on disk."""
        if self._best.unwritten is not state:
            self._write_best()
        self._put(state)
        self._best.unwritten = None

    def _write_best(self) -> None:
        if self._best.unwritten is not None:
            self._check_there()
            self._put(self._best.unwritten)
            self._best.unwritten = None

    def _put(self, state: TrainState[Params]) -> None:
        """Writes a state, and removes the files that are older than the newest whole ones to keep and that hold none
        of their best epochs."""
        new, stock = Path(self.folder) / name(state.epoch, state.batch), self._stock
        save_of_run(new, state, self._run)
        whole = tuple(sorted({*stock.whole, new}, key=epoch_and_batch)[-self.keep :])
        others = [path for path in (*stock.whole, *stock.others) if path not in whole]
        oldest = epoch_and_batch(whole[0]) if len(whole) == self.keep else (0, 0)
        best = self._best.of(whole)
        old = [path for path in others if epoch_and_batch(path) < oldest and path.name not in best]
        files.remove(*old)
        self._stock = _Stock(whole, tuple([path for path in others if path not in old]))


_WRITERS: WeakValueDictionary[int, Writer] = WeakValueDictionary()

_UNDONE: set[Writer] = set()
"""Writers that were interrupted in writing their last state, or failed: they are kept alive until it is written."""


def _writers() -> list[Writer]:
    """All writers, even while other threads add more."""
    return [writer for one in _WRITERS.valuerefs() if (writer := one()) is not None]


def flush(folder: File) -> None:
    """Writes what streams of this process still have to write to a folder."""
    for writer in _writers():
        if os.path.realpath(writer.folder) == os.path.realpath(folder):
            writer.end_if_there()


@lru_cache(1)
def _end_with(process: int) -> None:
    """Registers the writing of unwritten states for the end of a process, also of a forked one of ``multiprocessing``,
    which does not run the functions of ``atexit``."""
    atexit.register(_end_all)
    Finalize(None, _end_all, exitpriority=0)


def _end_all() -> None:
    """Writes what is unwritten while Python still can; a writer that fails does not stop the others."""
    with ExitStack() as all_of_them:
        for writer in _writers():
            all_of_them.callback(writer.end_if_there)


def _forget() -> None:
    """Runs in a forked child: leaves the parent's streams to the parent, where a thread may have been writing."""
    for writer in _writers():
        writer.forget()
    _WRITERS.clear()
    _UNDONE.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
