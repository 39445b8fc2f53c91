"""Folders of checkpoints: which files there are, and what a stream has still to write."""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from threading import RLock
from typing import NamedTuple
from weakref import WeakSet

from fnnet import files
from fnnet.core.runs import Run, alive, under_way
from fnnet.core.states import TrainState
from fnnet.errors import CheckpointError
from fnnet.experiments import sealed_files
from fnnet.experiments.run_identity import check_same, completed, run_of, settled, tell_runs
from fnnet.experiments.saving import save_of_run
from fnnet.experiments.sealed_files import File
from fnnet.experiments.tree_json import as_json
from fnnet.tree.nodes import Params

_NAME = re.compile(r"epoch-(\d{8,})-batch-(\d{8,})\.safetensors")


# --- files -----------------------------------------------------------------------------------------------------------
def name(state: TrainState[Params]) -> str:
    """The name of a state's file."""
    return f"epoch-{state.epoch:08}-batch-{state.batch:08}.safetensors"


def epoch_and_batch(path: Path) -> tuple[int, int]:
    """The epoch and the batch of a checkpoint, from its name."""
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def listed(folder: File) -> tuple[Path, ...]:
    """The checkpoints in a folder, the oldest first."""
    found = [path for path in Path(folder).glob("epoch-*.safetensors") if _NAME.fullmatch(path.name)]
    return tuple(sorted(found, key=epoch_and_batch))


def _whole(folder: File) -> Iterator[tuple[Path, bytes]]:
    """The whole checkpoints of a folder and their bytes, the newest first."""
    for path in reversed(listed(folder)):
        with suppress(CheckpointError):
            yield path, sealed_files.read(path)


def _identity(folder: str) -> tuple[int, int]:
    """What tells a folder from another one of its name."""
    try:
        found = os.stat(folder)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


class _Stock(NamedTuple):
    """The files of a folder: the newest ones known to be whole, in the order of their states, and all others."""

    whole: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()


# --- writers ---------------------------------------------------------------------------------------------------------
class Writer:
    """Writes the states of one stream, and keeps the last one until it is written.

    A reader may leave a stream and keep it, in a variable of a module or of a notebook. Its last state is written all
    the same: when somebody looks into the folder (``flush``), or when the program ends.
    """

    def __init__(self, folder: str, every: int, keep: int, anyway: bool) -> None:
        self.folder, self.every, self.keep, self.anyway = folder, every, keep, anyway
        self._count, self._run, self._stock = 0, dict[str, str](), _Stock()
        self._of_run = 0
        self._made_by: Run[object] | None = None
        self._unwritten: TrainState[Params] | None = None
        self._lock = RLock()
        self._folder = _identity(folder)
        _WRITERS.add(self)
        tell_runs()

    def add(self, state: TrainState[Params]) -> None:
        """The next state, which is on the disk after this if it is due."""
        if not self._count:
            flush(self.folder)  # before the lock is taken: other writers of the folder may wait for it
        with self._lock:
            self._count, self._of_run = self._count + 1, self._of_run + 1
            if self._count == 1:
                self._begin(state)
            elif not self._goes_on(state):  # a stream may be made of several runs, one behind another
                self._run, self._of_run = completed(settled(run_of(state), state), self._run), 1
            elif self._of_run == 2:  # once more, for what moves later, or was not foreseen
                self._run = settled(self._run, state)
            self._made_by = under_way(state)
            self._unwritten = state
            if self._count % self.every == 0:
                self._write_due(state)

    def _goes_on(self, state: TrainState[Params]) -> bool:
        """Whether a state is of the same step, data and fold as the one before it."""
        run, before = under_way(state), self._made_by
        if run is None or before is None:
            return run is before
        return run.step is before.step and run.data is before.data and run.train is before.train

    def _write_due(self, state: TrainState[Params]) -> None:
        """Writes a state. What interrupts that, such as Ctrl-C, leaves it to be written; an error does not."""
        try:
            self._write(state)
        except Exception:
            self._unwritten = None
            raise
        self._unwritten = None

    def end(self) -> None:
        """Writes the last state where it is not written yet."""
        with self._lock:
            if self._unwritten is not None:
                self._write_due(self._unwritten)

    def late_end(self) -> None:
        """The same for a stream that its reader has left: a folder that was deleted or made anew meanwhile stays so."""
        with self._lock:
            if self._is_gone():
                self._unwritten = None
        self.end()

    def _is_gone(self) -> bool:
        """Whether the folder is no more the one that the stream has begun with."""
        return _identity(self.folder) != self._folder or not all(path.exists() for path in self._stock.whole[-1:])

    def forget(self) -> None:
        """Leaves the last state to the process that this one was forked from."""
        self._lock, self._unwritten = RLock(), None

    def _begin(self, state: TrainState[Params]) -> None:
        """Finds the settings of the run, and the files in the folder, after those of a killed writer are removed.
        Raises CheckpointError where the folder belongs to another run."""
        as_json(state)  # what no file can hold is refused now, and not when the first state is due
        run, whole = settled(run_of(state), state), _whole(self.folder)
        newest = next(whole, None)
        if newest is not None:
            before = sealed_files.run_of(*newest)
            if not self.anyway:
                check_same("checkpoint_to", self.folder, before, run)
            run = completed(run, before)
            self._check_behind(state, newest[0])
        files.sweep_all(Path(self.folder), _NAME.pattern)
        rest = islice(whole, self.keep - 1)  # the others to keep
        known = [path for path, _ in (newest, *rest)] if newest else []
        others = [path for path in listed(self.folder) if path not in known]
        self._run, self._stock = run, _Stock(tuple(known[::-1]), tuple(others))

    def _check_behind(self, state: TrainState[Params], newest: Path) -> None:
        """Raises CheckpointError where the newest whole state is one that the run has not reached."""
        if epoch_and_batch(newest) >= (state.epoch, state.batch):
            raise CheckpointError(
                f"checkpoint_to: {self.folder} holds {newest.name} already, and this run is only at "
                f"{name(state)}; go on from there by resume, or use another folder"
            )

    def _write(self, state: TrainState[Params]) -> None:
        """Writes a state and removes what is older than the newest whole ones, which are kept."""
        new, stock = Path(self.folder) / name(state), self._stock
        save_of_run(new, state, self._run)
        whole = (*[path for path in stock.whole if path != new], new)[-self.keep :]
        others = [path for path in (*stock.whole, *stock.others) if path not in whole]
        oldest = epoch_and_batch(whole[0]) if len(whole) == self.keep else (0, 0)
        files.remove(*[path for path in others if epoch_and_batch(path) < oldest])
        self._stock = _Stock(whole, tuple([path for path in others if epoch_and_batch(path) >= oldest]))


_WRITERS: WeakSet[Writer] = WeakSet()


def flush(folder: File) -> None:
    """Writes what streams of this process have still to write to a folder."""
    for writer in alive(_WRITERS):
        if os.path.realpath(writer.folder) == os.path.realpath(folder):
            writer.late_end()


@atexit.register
def _end_all() -> None:
    """Writes what is unwritten while Python still can; every writer has its turn, whatever becomes of the others."""
    with ExitStack() as all_of_them:
        for writer in alive(_WRITERS):
            all_of_them.callback(writer.late_end)


def _forget() -> None:
    """Leaves the streams of a process to it, in a child that was forked from it, perhaps while another thread wrote."""
    for writer in alive(_WRITERS):
        writer.forget()
    _WRITERS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
