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
        self._unwritten: TrainState[Params] | None = None
        self._lock = RLock()
        _WRITERS.add(self)
        tell_runs()

    def add(self, state: TrainState[Params]) -> None:
        """The next state, which is on the disk after this if it is due."""
        with self._lock:
            self._count += 1
            if self._count == 1:
                self._begin(state)
            elif self._count == 2:  # once more, for what moves later, or was not foreseen
                self._run = settled(self._run, state)
            self._unwritten = state
            if self._count % self.every == 0:
                self._unwritten = None
                self._write(state)

    def end(self) -> None:
        """Writes the last state where it is not written yet."""
        with self._lock:
            if self._unwritten is not None:
                self._write(self._unwritten)
                self._unwritten = None

    def forget(self) -> None:
        """Leaves the last state to the process that this one was forked from."""
        self._lock, self._unwritten = RLock(), None

    def _begin(self, state: TrainState[Params]) -> None:
        """Finds the settings of the run, and the files in the folder, after those of a killed writer are removed.
        Raises CheckpointError where the folder belongs to another run."""
        flush(self.folder)
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


_WRITERS = WeakSet[Writer]()


def flush(folder: File) -> None:
    """Writes what streams of this process have still to write to a folder."""
    for writer in list(_WRITERS):
        if os.path.realpath(writer.folder) == os.path.realpath(folder):
            writer.end()


@atexit.register
def _end_all() -> None:
    """Writes what is unwritten while Python still can; every writer has its turn, whatever becomes of the others."""
    with ExitStack() as all_of_them:
        for writer in list(_WRITERS):
            all_of_them.callback(writer.end)


def _forget() -> None:
    """Leaves the streams of a process to it, in a child that was forked from it, perhaps while another thread wrote."""
    for writer in list(_WRITERS):
        writer.forget()
    _WRITERS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
