"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

_PART = ".part"


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
    temporary = _temporary(path)
    try:
        _fill(temporary, _mode(path), pieces)
        _rename(temporary, path)
    except BaseException:
        remove(temporary)
        raise
    _sync_folder(path.parent)


def _fill(temporary: Path, mode: int | None, pieces: tuple[bytes | memoryview, ...]) -> None:
    """A new file with these bytes on the disk; of a given mode from before the first byte on."""
    first = 0o666 if mode is None else 0o600
    with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, first)) as file:
        if mode is not None:
            temporary.chmod(mode)
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except FileNotFoundError:
        if temporary.exists() or not path.parent.exists():
            raise
        told = "another process, which removes what is unfinished, writes to this folder too; a folder is for one run"
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
    temporary = _temporary(path)
    temporary.touch()
    temporary.unlink()


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


def sweep(folder: Path, start: str) -> None:
    """Removes what writers that were killed have left of files whose names start so; no writer must be at work."""
    remove(*folder.glob(f".{start}*{_PART}"))


def remove(*paths: Path) -> None:
    """Removes files that nobody needs any more; one that cannot be removed stays."""
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name[:48]}.{os.urandom(6).hex()}{_PART}")


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
