"""Files: what stays of one that is replaced, and what is said where two runs meet."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fnnet as fn
from fnnet import CheckpointError, Key, files
from tests.test_architecture import FILES, name_of

OPTIMIZER = fn.sgd(0.1)
STEP: fn.Step[fn.Array] = fn.train_step(fn.value_and_grad(fn.mse), OPTIMIZER)
DATA = fn.minibatches(np.eye(4), np.eye(4), size=2)
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
def test_a_second_run_in_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its start sweeps up what the first is writing."""
    stream = fn.checkpoint_to(tmp_path)(fn.steps(STEP, DATA, FIRST))
    next(stream)
    sync = os.fsync

    def other(handle: int) -> None:
        sync(handle)
        files.sweep(tmp_path, "epoch-")

    monkeypatch.setattr(os, "fsync", other)
    with pytest.raises(CheckpointError, match=r"another process, .* writes to this folder too; a folder is for one"):
        next(stream)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-00000000-batch-00000001.safetensors"]


def test_a_folder_that_is_gone_is_not_another_run(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    stream = fn.checkpoint_to(folder)(fn.steps(STEP, DATA, FIRST))
    folder.rmdir()
    with pytest.raises(CheckpointError, match=r"could not be written, .*No such file or directory"):
        next(stream)
