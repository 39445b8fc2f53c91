"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import NamedTuple

if sys.platform != "win32":
    import fcntl

_PART = ".part"

SHOWN = 48
"""Letters of a file's name that those of its temporary files begin with."""


def read(path: Path) -> bytes:
    """The bytes of a file. Raises OSError where it cannot be read, or is a device or pipe, which might never end."""
    _check_regular(path)
    return path.read_bytes()


def write(path: Path, *pieces: bytes | memoryview) -> None:
    """Puts a file in its place, durably and in one go: whoever looks finds the old file or the new one, never a part.

    The data go to a temporary file beside it and to the disk, and only then get the name. Where the name is a link, the
    file that it points to is replaced. Who may read a file that was there may read the new one; otherwise the process's
    mask decides. A process that is killed meanwhile leaves the temporary file: see ``sweep``.

    Raises OSError, and leaves what was there, where the disk is full or the folder cannot be written to.
    """
    path = Path(os.path.realpath(path))
    _check_regular(path)
    with _temporary(path, _mode(path)) as (temporary, file):
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
        _let_go(file)
        _rename(temporary, path)
    _sync_folder(path.parent)


@contextmanager
def _temporary(path: Path, mode: int | None) -> Iterator[tuple[Path, BufferedWriter]]:
    """A new file beside a path, of a given mode from before the first byte on; locked, and gone after an error."""
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
    """A new file and the lock on it, which ends with the process at the latest, whatever ends that. A sweep that comes
    between the two has the lock for a moment, and has taken the file away then."""
    while True:
        temporary = path.with_name(f".{path.name[:SHOWN]}.{os.urandom(6).hex()}{_PART}")
        file = open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode))  # noqa: SIM115
        _lock(file.fileno(), waits=True)
        if os.fstat(file.fileno()).st_nlink:
            return temporary, file
        file.close()


def _lock(handle: int, waits: bool) -> bool:
    """Locks an open file for as long as it is open. False where the file system has no locks, and where somebody else
    has the lock and it does not wait."""
    if sys.platform != "win32":
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            return True
    return False


def _let_go(file: BufferedWriter) -> None:
    """Closes a file that is to be renamed or removed, on the system that does neither with open ones, and needs no
    lock for that reason."""
    if sys.platform == "win32":
        file.close()


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except FileNotFoundError:
        if temporary.exists() or not path.parent.exists():
            raise
        told = "something else has removed the unfinished file; a folder is for one run"
        raise OSError(errno.EBUSY, told, str(path)) from None


def _mode(path: Path) -> int | None:
    """Who may do what with a file, as far as reading and writing go; None where there is no file."""
    with suppress(FileNotFoundError):
        return path.stat().st_mode & 0o777
    return None


def check_writable(path: Path) -> None:
    """Raises OSError where ``write`` could not put a file."""
    path = Path(os.path.realpath(path))
    _check_regular(path)
    with _temporary(path, None) as (temporary, file):
        _let_go(file)
        remove(temporary)


class Stamp(NamedTuple):
    """By what a file is known again that nobody has written to since."""

    node: int
    size: int
    time: int


def stamp(path: Path) -> Stamp:
    """The stamp of a file. Raises OSError where there is none."""
    return _stamp(path.stat())


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_ino, found.st_size, found.st_mtime_ns)


def extend(path: Path, known: Stamp, back: int, piece: bytes) -> Stamp | None:
    """Puts more bytes in place of a file's last ``back`` ones, by one write and at a price that does not grow with it.

    None, with nothing done, where the file has another stamp or cannot be opened. Raises OSError where the disk is
    full, and leaves what was there.
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
    """All of the bytes; one call does, unless something is wrong."""
    file.seek(at)
    while piece:
        piece = piece[file.write(piece) :]


def append(path: Path, size: int, piece: bytes) -> int:
    """Adds a piece to a file of so many bytes, durably, and gives how many it has then.

    A power cut may leave a part of the piece. Raises OSError where the file is not of that size, so that something else
    has written to it, and where the disk is full; the file is then as it was.
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
    """Removes what writers of a file that were killed have left beside it, and never what one has under way.

    A writer holds a lock on its temporary file, and the system lets go of it when the process ends: what can be locked
    has no writer. Where there are no locks (Windows, some network file systems) everything stays.
    """
    with suppress(OSError, ValueError):  # a path that cannot be is told by who writes there
        path = Path(os.path.realpath(path))
        sweep_all(path.parent, re.escape(path.name[:SHOWN]))


def sweep_all(folder: Path, names: str) -> None:
    """The same for the files of a folder whose names a pattern tells."""
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
    """Removes files that nobody needs any more; one that cannot be removed stays."""
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _check_regular(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is a folder or device, not a file", str(path))


def _sync_folder(folder: Path) -> None:
    """Brings the name itself to the disk, on the systems that can; on all the file is whole."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
