"""Files that exist whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import NamedTuple

if sys.platform != "win32":
    import fcntl

_PART = ".part"

SHOWN = 48
"""With how many characters of a file's name the names of its temporary files begin."""


def read(path: Path) -> bytes:
    """The bytes of a file. Raises OSError where it cannot be read, or is a device or pipe, which might never end."""
    _check_regular(path)
    return path.read_bytes()


def write(path: Path, *pieces: bytes | memoryview) -> None:
    """Writes ``pieces``, one after another, to a file, durably and atomically: a reader finds the old file or the new
    one, never a part of either.

    The data are written to a temporary file beside it and synced to disk; only then is that file renamed. If the path
    is a link, the file that it points to is replaced. An existing file keeps its permissions; a new one gets the
    process's default. A process that is killed meanwhile leaves the temporary file behind: see ``sweep``.

    Raises OSError, and leaves what was there, where the disk is full or the folder cannot be written to.
    """
    path = Path(os.path.realpath(path))
    _check_regular(path)
    with _temporary(path, _mode(path)) as (temporary, file):
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
        _close_on_windows(file)
        _rename(temporary, path)
    _sync_folder(path.parent)


@contextmanager
def _temporary(path: Path, mode: int | None) -> Generator[tuple[Path, BufferedWriter], None, None]:
    """A new, locked file beside a path, whose mode is set before the first byte is written; removed after an error."""
    temporary, file = _locked(path, 0o666 if mode is None else 0o600)
    try:
        with file:
            if mode is not None:
                temporary.chmod(mode)
            yield temporary, file
    except BaseException:
        remove(temporary)
        raise


def _locked(path: Path, mode: int) -> tuple[Path, BufferedWriter]:
    """A new file with a lock on it, which the system releases when the process ends. If a sweep has removed the file
    before it was locked, another one is made."""
    while True:
        temporary = path.with_name(f".{path.name[:SHOWN]}.{os.urandom(6).hex()}{_PART}")
        file = open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode))  # noqa: SIM115
        _lock(file.fileno(), waits=True)
        if os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()


def _lock(handle: int, waits: bool) -> bool:
    """Locks a file until it is closed. False where the file system has no locks or, without waiting, where another
    process has locked the file."""
    if sys.platform != "win32":
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            return True
    return False


def _close_on_windows(file: BufferedWriter) -> None:
    """Closes a file before it is renamed or removed: Windows does neither with open files, and so needs no lock."""
    if sys.platform == "win32":
        file.close()


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except FileNotFoundError:
        if temporary.exists() or not path.parent.exists():
            raise
        reason = "something else has removed the unfinished file; a folder is for one run"
        raise OSError(errno.EBUSY, reason, str(path)) from None


def _mode(path: Path) -> int | None:
    """The permissions of a file; None if there is no file."""
    with suppress(FileNotFoundError):
        return path.stat().st_mode & 0o777
    return None


def check_writable(path: Path) -> None:
    """Raises OSError where ``write`` could not write a file."""
    path = Path(os.path.realpath(path))
    _check_regular(path)
    with _temporary(path, None) as (temporary, file):
        _close_on_windows(file)
        remove(temporary)


class Stamp(NamedTuple):
    """What stays the same in a file as long as nobody writes to it: inode, size in bytes, modification time in ns."""

    node: int
    size: int
    time: int


def stamp(path: Path) -> Stamp:
    """The stamp of a file. Raises OSError where there is none."""
    return _stamp(path.stat())


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_ino, found.st_size, found.st_mtime_ns)


def extend(path: Path, known: Stamp, back: int, piece: bytes) -> Stamp | None:
    """Replaces a file's last ``back`` bytes by ``piece``, in one write, at a cost that does not grow with the file.

    Returns the new stamp, or None, with nothing done, if the file's stamp is not ``known`` or it cannot be opened.
    Raises OSError where the disk is full, and leaves what was there.
    """
    try:
        file = path.open("r+b", buffering=0)
    except OSError:
        return None
    with file:
        if _stamp(os.fstat(file.fileno())) != known:
            return None
        file.seek(-back, os.SEEK_END)
        end = file.read(back)
        try:
            _put(file, known.size - back, piece)
        except BaseException:
            _put(file, known.size - back, end)
            file.truncate(known.size)
            raise
        return _stamp(os.fstat(file.fileno()))


def _put(file: FileIO, at: int, piece: bytes) -> None:
    """Writes all of the bytes; one call suffices, unless something is wrong."""
    file.seek(at)
    while piece:
        piece = piece[file.write(piece) :]


def append(path: Path, size: int, piece: bytes) -> int:
    """Appends a piece to a file of ``size`` bytes, durably, and returns its new size.

    A power cut may leave a part of the piece. Raises OSError, and leaves the file as it was, where the file has another
    size because something else has written to it, and where the disk is full.
    """
    _check_regular(path)
    with path.open("r+b", buffering=0) as file:
        if file.seek(0, os.SEEK_END) != size:
            raise OSError(errno.EBUSY, "something else has written to the file meanwhile", str(path))
        try:
            _put(file, size, piece)
            os.fsync(file.fileno())
        except BaseException:
            with suppress(OSError):
                file.truncate(size)
            raise
    return size + len(piece)


def sweep(path: Path) -> None:
    """Removes the temporary files that killed writers of a file have left beside it, never one that is being written.

    A writer locks its temporary file, and the system releases the lock when the process ends, so a file that can be
    locked has no writer. Where there are no locks (Windows, some network file systems) nothing is removed.
    """
    with suppress(OSError, ValueError):  # whoever writes to an impossible path reports it
        path = Path(os.path.realpath(path))
        sweep_all(path.parent, re.escape(path.name[:SHOWN]))


def sweep_all(folder: Path, names: str) -> None:
    """``sweep`` for all files in a folder whose names match the pattern ``names``."""
    pattern = re.compile(rf"\.{names}\.[0-9a-f]{{12}}{re.escape(_PART)}")
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            if entry.name.endswith(_PART) and pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_left(Path(entry.path))


def _remove_left(path: Path) -> None:
    """Removes a temporary file whose writer is dead."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            if _lock(handle, waits=False):
                path.unlink()
        finally:
            os.close(handle)


def remove(*paths: Path) -> None:
    """Removes files that are no longer needed; one that cannot be removed stays."""
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _check_regular(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is a folder or device, not a file", str(path))


def _sync_folder(folder: Path) -> None:
    """Syncs the file's name to disk on the systems that can; the file is whole on all of them."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def held(folder: str) -> int:
    """The descriptor of a folder that is held open, so that no new one gets its number. Raises OSError on Windows."""
    return os.open(folder, os.O_RDONLY)
