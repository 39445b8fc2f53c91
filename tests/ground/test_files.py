"""Files: what stays of one that is replaced, and what is said where two runs meet."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import fnnet as fn
from fnnet import CheckpointError, Key, files
from tests.house.test_architecture import FILES, name_of

OPTIMIZER = fn.sgd(0.1)
STEP: fn.Step[fn.Array] = fn.train_step(fn.value_and_grad(fn.mse), OPTIMIZER)
DATA = fn.minibatches(np.eye(4), np.eye(4), batch_size=2)
FIRST = fn.start(fn.linear(Key(0), 4, 4), OPTIMIZER, Key(0))


def _record(path: Path) -> None:
    fn.pipe(fn.train(STEP, DATA, FIRST), fn.record(path), fn.take(3), fn.last)


def _receipt(path: Path) -> None:
    fn.pipe(fn.train(STEP, DATA, FIRST), fn.receipt_to(path, STEP, DATA, FIRST), fn.take(2), fn.last)


WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "save": ("net.safetensors", lambda path: fn.save(path, FIRST)),
    "record JSON": ("run.json", _record),
    "record CSV": ("run.csv", _record),
    "receipt_to": ("receipt.json", _receipt),
}
"""Whatever writes a file of a name that is given."""


@pytest.mark.parametrize("kind", WRITERS)
def test_a_link_stays_a_link(kind: str, tmp_path: Path) -> None:
    name, write = WRITERS[kind]
    (tmp_path / "folder").mkdir()
    (tmp_path / name).symlink_to(Path("folder") / "target")
    for _ in range(2):  # at first the link points to nothing
        write(tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "folder" / "target").stat().st_size > 10
        assert os.listdir(tmp_path / "folder") == ["target"]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o666])
def test_rights_stay_and_those_of_a_new_file_are_the_masks(kind: str, mode: int, tmp_path: Path) -> None:
    name, write = WRITERS[kind]
    before = os.umask(0o027)
    try:
        write(tmp_path / name)
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o640
        (tmp_path / name).chmod(mode)
        write(tmp_path / name)
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode
    finally:
        os.umask(before)


def test_a_private_file_is_private_from_its_first_byte_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "private", list[int]()
    path.touch(0o600)
    sync = os.fsync

    def looked(handle: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(handle).st_mode))
        sync(handle)

    monkeypatch.setattr(os, "fsync", looked)
    files.write(path, b"secret")
    assert seen[0] == 0o600


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_one_module_writes_files(path: Path) -> None:
    words = ("write_text", "write_bytes", ".touch(", ".unlink(", "os.replace", "tofile", "np.save", " open(", ".open(")
    assert name_of(path) == "files" or not [word for word in words if word in path.read_text()]


# --- two writers -------------------------------------------------------------------------------------------------
def _folder(path: Path) -> None:
    fn.pipe(fn.steps(STEP, DATA, FIRST), fn.checkpoint_to(path.parent), fn.take(2), fn.last)


ALL = {**WRITERS, "checkpoint_to": ("epoch-00000000-batch-00000001.safetensors", _folder)}

KILLED = """
import os, sys, time
from pathlib import Path
from tests.ground.test_files import ALL

def held(handle):
    print("writing", flush=True)
    time.sleep(1000)

os.fsync = held
ALL[sys.argv[1]][1](Path(sys.argv[2]))
"""


@contextmanager
def writing(kind: str, path: Path) -> Generator[None, None, None]:
    """While this lasts another process is in the midst of writing; in the end it is killed."""
    command = [sys.executable, "-c", KILLED, kind, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "writing\n"
            yield
        finally:
            process.kill()


def _left(folder: Path) -> set[str]:
    return {path.name for path in folder.glob(".*.part")}


@pytest.mark.parametrize("kind", ALL)
def test_a_new_run_sweeps_up_after_dead_writers_and_never_after_a_live_one(kind: str, tmp_path: Path) -> None:
    name, write = ALL[kind]
    others = {".mine.part", f".{name}.part", f".{name}.notes.part", f".a-{name}.0123456789ab.part"}
    for other in others:
        (tmp_path / other).write_text("somebody else's")
    os.mkfifo(tmp_path / f".{name}.0123456789ab.part")
    (tmp_path / f".{name}.ba9876543210.part").mkdir()
    others |= _left(tmp_path)
    with writing(kind, tmp_path / name):
        (live,) = _left(tmp_path) - others
        write(tmp_path / name)
        assert _left(tmp_path) - others == {live}
        for path in tmp_path.glob("epoch-*"):
            path.unlink()  # a run that begins anew is refused in the folder of another
    assert _left(tmp_path) - others == {live}
    write(tmp_path / name)
    assert _left(tmp_path) == others


def test_a_sweep_of_the_same_program_leaves_what_it_is_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, sync, seen = tmp_path / "file", os.fsync, list[set[str]]()

    def swept(handle: int) -> None:
        files.sweep(path)
        seen.append(_left(tmp_path))
        sync(handle)

    monkeypatch.setattr(os, "fsync", swept)
    files.write(path, b"whole")
    assert (len(seen[0]), _left(tmp_path), path.read_bytes()) == (1, set(), b"whole")


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_sweep_between_a_file_and_its_lock(is_slow: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer sees that its file is gone, and takes another; also where the sweep is under way when it comes."""
    path, lock, sweeps = tmp_path / "file", files._lock, list[threading.Thread]()
    is_locked, unlink = threading.Event(), Path.unlink

    def locking(handle: int, waits: bool) -> bool:
        if waits and not sweeps:
            sweeps.append(threading.Thread(target=files.sweep, args=(path,)))
            sweeps[0].start()
            is_locked.wait() if is_slow else sweeps[0].join()
        return lock(handle, waits)

    def unlinking(path: Path) -> None:
        is_locked.set()
        time.sleep(0.05 * is_slow)  # while the writer asks for the lock
        unlink(path)

    monkeypatch.setattr(files, "_lock", locking)
    monkeypatch.setattr(Path, "unlink", unlinking)
    monkeypatch.setattr(os, "fsync", lambda handle: sweeps[0].join())  # nobody writes faster than it sweeps
    files.write(path, b"whole")
    files.check_writable(path)
    assert (_left(tmp_path), path.read_bytes()) == (set(), b"whole")


def test_where_there_are_no_locks_everything_is_written_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / ".file.0123456789ab.part"
    left.touch()
    monkeypatch.setattr(files, "_lock", lambda handle, waits: False)
    files.sweep(tmp_path / "file")
    files.write(tmp_path / "file", b"whole")
    assert (left.exists(), (tmp_path / "file").read_bytes()) == (True, b"whole")


def test_a_file_that_somebody_removes_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = fn.checkpoint_to(tmp_path)(fn.steps(STEP, DATA, FIRST))
    next(stream)
    sync = os.fsync

    def other(handle: int) -> None:
        sync(handle)
        for path in tmp_path.glob(".*.part"):
            path.unlink()

    monkeypatch.setattr(os, "fsync", other)
    with pytest.raises(CheckpointError, match=r"something else has removed the unfinished file; a folder is for one"):
        next(stream)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-00000000-batch-00000001.safetensors"]


def test_a_folder_that_is_gone_is_not_another_run(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    stream = fn.checkpoint_to(folder)(fn.steps(STEP, DATA, FIRST))
    folder.rmdir()
    with pytest.raises(CheckpointError, match=r"could not be written, .*No such file or directory"):
        next(stream)
