"""Sealed files: arrays by name in the safetensors format, the structure they belong to, and a SHA-256 over all of it.

The metadata have one entry, ``fnnet``: JSON of the seal, the version of this format, the structure of the tree, and for
the state of a run the settings of that run. The seal is the SHA-256 of the file with zeros in its place, and is checked
before anything else is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

from fnnet import files
from fnnet.errors import CheckpointError, CheckpointNotFoundError, TreeError
from fnnet.types import Array

File = str | PathLike[str]

VERSION = 2
_READ = (1, 2)

_START = rb'"fnnet":"{\"sha256\":\"'
"""What precedes the seal and appears nowhere else in the file: within any text the quotes would be escaped."""

_BLANK = b"0" * 64

_RESERVED = "__metadata__"
"""The name under which a safetensors file has its texts, next to its arrays."""


# --- out -------------------------------------------------------------------------------------------------------------
def encoded(
    arrays: Mapping[str, Array], structure: object, run: Mapping[str, str] | None = None
) -> tuple[bytes | memoryview, ...]:
    """A file's bytes, in pieces; the same content gives the same bytes. The arrays must be in C order: version
    0.8 of the package writes others in their memory order. Raises TreeError for what the format cannot hold."""
    if _RESERVED in arrays:
        raise TreeError(f"save: a field must not be called {_RESERVED}, which the format needs for itself; rename it")
    content = {"sha256": _BLANK.decode(), "version": VERSION, "told": structure, **({"run": dict(run)} if run else {})}
    package = _package()  # first: where there is none, its error stands alone
    try:
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
        data: bytes = package.save(arrays, {"fnnet": text})  # one entry: several would have no fixed order
    except (ValueError, RecursionError, _package_error()) as error:
        raise TreeError(f"save: the tree does not fit a file: {error}") from error
    at = _seal(data)
    return memoryview(data)[:at], hashlib.sha256(data).hexdigest().encode(), memoryview(data)[at + 64 :]


def write(path: File, arrays: Mapping[str, Array], structure: object, run: Mapping[str, str] | None = None) -> None:
    """Writes a sealed file, whole or not at all. Raises CheckpointError where it cannot be written."""
    pieces = encoded(arrays, structure, run)
    try:
        files.write(Path(path), *pieces)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"save: {path} could not be written, {error}; what was there is as it was") from error


# --- in --------------------------------------------------------------------------------------------------------------
def read(path: File) -> bytes:
    """The bytes of a file whose seal is intact. Raises CheckpointError for any other."""
    data = read_any("load", path)
    at = _seal(data)
    if at < 0:
        raise CheckpointError(f"load: {path} is no checkpoint of fnnet; weights of PyTorch are read by load_torch")
    digest = hashlib.sha256(memoryview(data)[:at])
    digest.update(_BLANK)
    digest.update(memoryview(data)[at + 64 :])
    if digest.hexdigest().encode() != data[at : at + 64]:
        raise CheckpointError(f"load: {path} is damaged: its bytes are not those that were written")
    return data


def read_any(where: str, path: File) -> bytes:
    """The bytes of a file. Raises CheckpointError, for a missing file CheckpointNotFoundError."""
    try:
        return files.read(Path(path))
    except (OSError, ValueError) as error:
        kind = CheckpointNotFoundError if isinstance(error, FileNotFoundError) else CheckpointError
        raise kind(f"{where}: {path} could not be read, {error}") from None


def decoded(path: File, data: bytes) -> tuple[dict[str, Array], object]:
    """The arrays of a sealed file, and the structure. Raises CheckpointError for a newer format, and for content that
    only a forger would seal."""
    content = _content(path, data)
    if content.get("version") not in _READ:
        had, reads = content.get("version"), " and ".join(map(str, _READ))
        raise CheckpointError(f"load: {path} has format version {had}, this fnnet reads {reads}; use a newer one")
    return tensors("load", path, data), content.get("told")


def run_of(path: File, data: bytes) -> dict[str, str]:
    """The settings of the run that a sealed file's state belongs to; empty where the file has none. Raises
    CheckpointError for content that only a forger would seal."""
    found = _content(path, data).get("run", {})
    if not (isinstance(found, dict) and all(type(text) is str for text in found.values())):
        raise CheckpointError(f"load: {path} is no whole checkpoint: the settings of its run are not texts by name")
    return found


def _content(path: File, data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return dict(json.loads(header["__metadata__"]["fnnet"]))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"load: {path} is no whole checkpoint: its header cannot be read, {error}") from error


def tensors(where: str, path: File, data: bytes) -> dict[str, Array]:
    """The arrays of a safetensors file from any program. Raises CheckpointError where it is not one."""
    package = _package()
    try:
        found: dict[str, Array] = package.load(data)
    except (ValueError, TypeError, KeyError, OverflowError, _package_error()) as error:
        raise CheckpointError(f"{where}: {path} is no whole safetensors file: {error!r}") from error
    return found


def _seal(data: bytes) -> int:
    """The position of the seal; -1 where there is none."""
    end = 8 + int.from_bytes(data[:8], "little")
    at = data.find(_START, 8, end)
    return -1 if at < 0 or data.find(_START, at + 1, end) >= 0 else at + len(_START)


# --- the package -----------------------------------------------------------------------------------------------------
def _package() -> Any:
    try:
        return import_module("safetensors.numpy")
    except ImportError:
        raise ImportError("checkpoints need safetensors: pip install safetensors") from None


def check_installed() -> None:
    """Raises ImportError without the extra ``checkpoint``."""
    _package()


def _package_error() -> type[Exception]:
    found: type[Exception] = import_module("safetensors").SafetensorError
    return found
