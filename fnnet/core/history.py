"""The records of a run, epoch by epoch: a sequence that grows at constant cost and is stored by columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import index, itemgetter
from typing import TYPE_CHECKING, NoReturn, overload

import numpy as np
from numpy.typing import NDArray

from fnnet.core.columns import column_of, split
from fnnet.core.entries import EPOCH, LOSS, check_names, value_of
from fnnet.core.history_tables import history_html
from fnnet.core.segments import RUNS, Form, Record, Segment, Woven, form_of, in_order, joined, pieces_of, runs_of
from fnnet.errors import TreeError
from fnnet.tree.nodes import Node, read_only

if TYPE_CHECKING:
    import pandas

CHUNK = 128
"""Records per block of columns: appending a record copies at most this many references."""


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Some records, and the same by columns: one piece per form, with places counted from the chunk's first record."""

    records: tuple[Record, ...]
    pieces: tuple[Woven, ...]


class History(Node, Sequence[Record]):
    """The records of a run's epochs, the oldest first: an immutable sequence.

    ``append`` gives a longer history in constant time; the two share their common records, so keeping an epoch costs no
    more late in a run than early. As a tree, and so in a file, a history is ``segments``: one array per column for all
    epochs whose records have the same form, in whatever order the forms come. An index gives the record of an epoch, a
    slice a tuple of records, and a name the values of all epochs. ``History.of(records)`` makes one of records.

    Raises TreeError for segments that are not those of a history.

    >>> import numpy as np
    >>> history = History().append(Record(np.asarray(0.5))).append(Record(np.asarray(0.25)))
    >>> len(history), float(history[-1].loss), history["loss"].tolist()
    (2, 0.25, [0.5, 0.25])
    """

    __slots__ = ("_chunks", "_tail")
    __tree_fields__ = ("segments",)

    _chunks: tuple[_Chunk, ...]
    _tail: tuple[Record, ...]

    def __init__(self, segments: tuple[Segment, ...] | tuple[Woven, ...] = ()) -> None:
        built = _built(in_order(segments))
        _settle(self, built._chunks, built._tail)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a History is never changed, so {name} cannot be set; append gives a longer one")

    @staticmethod
    def of(records: Iterable[Record]) -> History:
        """A history of these records; a history is returned as it is. Raises what ``append`` raises."""
        if isinstance(records, History):
            return records
        return _built(tuple(map(_settled, records)))

    @property
    def segments(self) -> tuple[Segment, ...] | tuple[Woven, ...]:
        """All records by columns: runs of consecutive records of one form, or, where these are many, each form once."""
        woven = self._woven()
        runs = [run for piece in woven for run in runs_of(piece)]
        return woven if len(runs) > RUNS else tuple([segment for _, segment in sorted(runs, key=itemgetter(0))])

    def _woven(self) -> tuple[Woven, ...]:
        """All records by columns, each form once."""
        chunks = [*[chunk.pieces for chunk in self._chunks], pieces_of(self._tail)]
        pieces: dict[Form, list[tuple[int, Woven]]] = {}
        for i, chunk in enumerate(chunks):
            for piece in chunk:
                pieces.setdefault(form_of(piece), []).append((i * CHUNK, piece))
        return tuple(map(joined, pieces.values()))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all values that any epoch has: "loss" first, the others in the order in which they came."""
        pieces = sorted(self._woven(), key=lambda piece: int(piece.places[0]))
        return tuple(dict.fromkeys(chain((LOSS,), *[piece.names for piece in pieces])))

    def to_dict(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """The values of all epochs by name, after their numbers from 1 as "epoch".

        >>> History().append(Record(np.asarray(0.5))).to_dict()
        {'epoch': array([1]), 'loss': array([0.5])}
        """
        return {EPOCH: np.arange(1, len(self) + 1), **{name: self[name] for name in self.names}}

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas DataFrame with one row per epoch, indexed by the epoch's number; K stacked networks have one column
        each, "loss[0]" and so on. Raises ImportError without pandas."""
        try:
            from pandas import DataFrame, RangeIndex
        except ImportError as error:
            raise ImportError("to_pandas needs pandas: pip install pandas") from error
        index = RangeIndex(1, len(self) + 1, name=EPOCH)
        return DataFrame({head: column for name in self.names for head, column in split(name, self[name])}, index)

    def append(self, record: Record) -> History:
        """The history with one more record. Raises TreeError for anything but a Record; ValueError, DtypeError or
        ShapeError for a metric whose name or value cannot be stored in every file format of a history."""
        tail = (*self._tail, _settled(record))
        if len(tail) < CHUNK:
            return _made(self._chunks, tail)
        return _made((*self._chunks, _chunk(tail)), ())

    def without_last(self) -> History:
        """The history without its last record; an empty history stays empty."""
        if self._tail or not self._chunks:
            return _made(self._chunks, self._tail[:-1])
        return _made(self._chunks[:-1], self._chunks[-1].records[:-1])

    def extends(self, before: History) -> bool:
        """Whether this is ``before`` with one more record. Records are compared by identity, without their numbers."""
        if self._tail:
            return self._chunks == before._chunks and self._tail[:-1] == before._tail
        return self._chunks[:-1] == before._chunks and self._chunks[-1].records[:-1] == before._tail if self else False

    def __len__(self) -> int:
        return CHUNK * len(self._chunks) + len(self._tail)

    def __iter__(self) -> Iterator[Record]:
        return chain(*[chunk.records for chunk in self._chunks], self._tail)

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Record, ...]: ...
    @overload
    def __getitem__(self, at: str) -> NDArray[np.float64]: ...
    def __getitem__(self, at: int | slice | str) -> Record | tuple[Record, ...] | NDArray[np.float64]:
        """The record of an epoch, a tuple of records for a slice, or for a name its values in all epochs.

        Shapes: these are float64 (epochs,), or (epochs, K) for K stacked networks, NaN in epochs without the name.
        Raises IndexError, or MetricError for a name that no epoch has.
        """
        if isinstance(at, str):
            return column_of(self._woven(), at, len(self))
        if isinstance(at, slice):
            return tuple([self[i] for i in range(*at.indices(len(self)))])
        chunk, i = divmod(range(len(self))[index(at)], CHUNK)  # the range raises IndexError
        return self._tail[i] if chunk == len(self._chunks) else self._chunks[chunk].records[i]

    def _repr_html_(self) -> str:
        """In a notebook: each column with its first, lowest, highest and last value, and their curves."""
        return history_html(self)

    def __repr__(self) -> str:
        return f"History({len(self)} epochs{f', the last: {self[-1]!r}' if self else ''})"


def _made(chunks: tuple[_Chunk, ...], tail: tuple[Record, ...]) -> History:
    made: History = object.__new__(History)
    _settle(made, chunks, tail)
    return made


def _settle(history: History, chunks: tuple[_Chunk, ...], tail: tuple[Record, ...]) -> None:
    object.__setattr__(history, "_chunks", chunks)
    object.__setattr__(history, "_tail", tail)


# --- records and chunks ----------------------------------------------------------------------------------------------
def _settled(record: Record) -> Record:
    """A record whose values are read-only arrays. Raises TreeError for anything but a record, ValueError, DtypeError or
    ShapeError for a name or a value that cannot be stored in every file format."""
    if type(record) is not Record:
        raise TreeError(f"history: its entries must be Records, got {record!r}")
    check_names("history", tuple([name for name, _ in record.metrics]))
    metrics = tuple([(str.__str__(name), value_of(name, value)) for name, value in record.metrics])
    return read_only(Record(value_of(LOSS, record.loss), metrics))


def _chunk(records: tuple[Record, ...]) -> _Chunk:
    return _Chunk(records, pieces_of(records))


def _built(records: tuple[Record, ...]) -> History:
    """The history of settled records."""
    whole = len(records) - len(records) % CHUNK
    chunks = [_chunk(records[at : at + CHUNK]) for at in range(0, whole, CHUNK)]
    return _made(tuple(chunks), records[whole:])
