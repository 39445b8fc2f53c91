"""Plain data in one line: arrays and other rows by their bytes, lists and dicts of plain values as a whole."""

from __future__ import annotations

import hashlib
import math
import re
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from fnnet.core.protocols import Rows
from fnnet.errors import DtypeError
from fnnet.keys import Key

CHUNK = 1 << 24
"""How many bytes of an array to read at a time: it may be a mapped file larger than memory."""

_LONG = 200
"""Up to how many characters a text is written out."""

_LONG_NUMBER = 10_000
"""Up to how many bits a number is written in decimal, which Python refuses for longer ones."""

PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, type(...), range)
CONTAINERS = (tuple, list, deque, dict, set, frozenset)


# --- rows ------------------------------------------------------------------------------------------------------------
def is_rows(value: object) -> TypeGuard[Rows]:
    """Whether a value is an array, or anything else that returns rows by their indices."""
    if isinstance(value, np.ndarray):
        return True
    has_rows = hasattr(type(value), "__len__") and hasattr(type(value), "__getitem__")
    try:
        shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    except Exception:  # an object without rows may raise anything
        return False
    return has_rows and isinstance(shape, tuple) and isinstance(dtype, np.dtype)


def digest_of_rows(source: Rows | NDArray[np.generic]) -> str:
    """An array, a mapped file or anything else with rows: dtype, shape, and a SHA-256 over its bytes in C order.

    Raises DtypeError for objects, whose bytes are their addresses, and where a source returns anything but arrays for
    its rows.
    """
    shape, dtype = source.shape, source.dtype
    if dtype.hasobject:
        raise DtypeError(f"receipt: an array must hold numbers or text of one length, to have a digest, got {dtype}")
    sha = hashlib.sha256()
    for piece in _in_chunks(source):
        sha.update(piece.tobytes())
    kind = dtype.str if dtype.names is None else str(dtype)
    return f"{kind}{list(shape)} {sha.hexdigest()}"


def gives_arrays(source: Rows) -> bool:
    """Whether a source with a shape and a dtype returns arrays; a sparse matrix, for example, returns sparse rows."""
    if isinstance(source, np.ndarray) or source.dtype.hasobject:
        return not source.dtype.hasobject
    try:
        _rows(source, 0, min(1, source.shape[0]))
    except Exception:  # whatever it raises, it does not return rows by their indices
        return False
    return True


def text_of_rows(source: Rows) -> str:
    """The digest of rows, or why there is none."""
    try:
        return digest_of_rows(source)
    except Exception as error:  # reading a user's rows may raise anything
        return f"not covered: {type(source).__qualname__}, whose rows cannot be read: {type(error).__name__}"


def _in_chunks(source: Rows | NDArray[np.generic]) -> Iterator[NDArray[np.generic]]:
    if not source.shape:
        yield np.asarray(source)
        return
    rows = source.shape[0]
    bytes_a_row = source.dtype.itemsize * math.prod(source.shape[1:])
    step = max(1, CHUNK // max(1, bytes_a_row))
    for start in range(0, rows, step):
        yield _rows(source, start, min(rows, start + step))


def _rows(source: Rows | NDArray[np.generic], start: int, stop: int) -> NDArray[np.generic]:
    if isinstance(source, np.ndarray):
        return source[start:stop]
    found = np.asarray(source[np.arange(start, stop)])
    dtype, shape = source.dtype, (stop - start, *source.shape[1:])
    if found.dtype != dtype or found.shape != shape:
        raise DtypeError(
            f"receipt: rows must be arrays of {dtype} {list(shape)}, as their source says, got {found.dtype} "
            f"{list(found.shape)}"
        )
    return found


# --- plain data ------------------------------------------------------------------------------------------------------
class Line(NamedTuple):
    """Plain data in one line, and how many lines they would take one by one."""

    text: str
    size: int


Known = dict[int, Line | None]
"""What is known about containers, by their ids, which are valid only while the containers live."""


def plain_text(value: object) -> str | None:
    """A plain value or an array in one line; None for anything else, whose text could differ between processes."""
    if isinstance(value, int) and value.bit_length() > _LONG_NUMBER:
        return _short(hex(value)) if type(value) is int else None
    if type(value) in PLAIN or type(value) is Key:
        return None if has_address(value) else _short(repr(value))
    if isinstance(value, (np.generic, np.dtype)):
        dtype = value if isinstance(value, np.dtype) else value.dtype
        return None if dtype.hasobject or dtype.metadata else _short(repr(value))
    if type(value) is slice:
        parts = [plain_text(part) for part in (value.start, value.stop, value.step)]
        return None if None in parts else f"slice({', '.join(map(str, parts))})"
    return digest_of_rows(value) if is_plain_array(value) else None


def is_plain_array(value: object) -> TypeGuard[NDArray[np.generic]]:
    """Whether a value is an array that its dtype, shape and numbers describe completely."""
    if type(value) not in (np.ndarray, np.memmap) or not isinstance(value, np.ndarray):
        return False
    return not (value.dtype.hasobject or value.dtype.metadata)


def has_address(value: object) -> bool:
    """Whether it is the text of an object that is shown by its address, which differs in every process."""
    return type(value) is str and _ADDRESS.search(value) is not None


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def _short(text: str) -> str:
    if len(text) <= _LONG:
        return text
    return f"{text[:20]}... of {len(text)} characters {hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"


def data_digest(value: object, known: Known | None = None) -> Line | None:
    """Plain values, arrays, and tuples, lists, dicts and sets of these in one line, by content; None for anything else.

    What occurs several times is visited once, and may be nested to any depth.
    """
    if type(value) not in CONTAINERS:
        text = plain_text(value)
        return None if text is None else Line(text, 1)
    known = {} if known is None else known
    todo, opened = [value], set[int]()
    while todo:
        top = todo[-1]
        missing = [one for one in _entries(top) if type(one) in CONTAINERS and id(one) not in known]
        if id(top) in known:
            todo.pop()
        elif missing and id(top) not in opened:
            opened.add(id(top))
            todo += missing
        else:  # everything is known, or what is missing holds this container itself
            known[id(top)] = None if missing else _combined(top, known)
            todo.pop()
    return known[id(value)]


def _entries(container: Any) -> list[object]:
    if type(container) is not dict:
        return list(container)
    items = list(container.items())  # at once: another thread may write into it
    return [*[key for key, _ in items], *[value for _, value in items]]


def _combined(container: Any, known: Known) -> Line | None:
    """A container by its content; the order of a set does not count."""
    entries = _entries(container)
    found = [known.get(id(one)) if type(one) in CONTAINERS else data_digest(one) for one in entries]
    known_lines = [one for one in found if one is not None]
    if len(known_lines) < len(entries):
        return None
    texts = [one.text for one in known_lines]
    if type(container) is dict:
        half = len(texts) // 2
        texts = [f"{key}: {text}" for key, text in zip(texts[:half], texts[half:], strict=True)]
    elif type(container) is deque:
        texts = [*texts, f"of at most {container.maxlen}"]
    elif type(container) in (set, frozenset):
        texts = sorted(texts)
    sha = hashlib.sha256()
    for text in texts:
        sha.update(f"{len(text)}:{text};".encode(errors="surrogatepass"))
    return Line(
        f"{type(container).__name__} of {len(container)} {sha.hexdigest()}", 1 + sum([one.size for one in known_lines])
    )
