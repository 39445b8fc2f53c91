"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

_PART = ".part"


def read(path: Path) -> bytes:
    """The bytes of a file. Raises OSError where it cannot be read, or is a device or pipe, which might never end."""
    _check_regular(path)
    return path.read_bytes()


def write(path: Path, *pieces: bytes | memoryview) -> None:
    """Puts a file in its place, durably and in one go: whoever looks finds the old file or the new one, never a part.

    The data go to a temporary file beside it and to the disk, and only then get the name. Where the name is a link, the
    file that it points to is replaced. A process that is killed meanwhile leaves the temporary file: see ``sweep``.

    Raises OSError, and leaves what was there, where the disk is full or the folder cannot be written to.
    """
    path = Path(os.path.realpath(path))
    _check_regular(path)
    temporary = path.with_name(f".{path.name[:48]}.{os.urandom(6).hex()}{_PART}")
    try:
        with temporary.open("xb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


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
            written = 0
            while written < len(piece):
                written += file.write(piece[written:])
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
