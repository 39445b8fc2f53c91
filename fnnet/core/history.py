"""What a run has recorded, epoch by epoch: a sequence that grows at a constant price and is kept by columns on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import index
from typing import NoReturn, overload

import numpy as np

from fnnet.core.entries import LOSS, check_names, value_of
from fnnet.errors import TreeError
from fnnet.tree.nodes import Node, is_leaf, read_only
from fnnet.types import Array, Value

CHUNK = 128
"""Records that are put together into columns: an appended record costs at most a copy of so many references."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Record(Node):
    """What one finished epoch leaves in the history: the mean of its batches' losses, a batch counted by its rows, and
    metrics by name."""

    loss: Value
    metrics: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Segment(Node):
    """Records of one form, one after another, by columns.

    Shapes: the column of a name is (n,), or (n, K) of K stacked networks. The first name is "loss". Raises TreeError
    for anything else.
    """

    names: tuple[str, ...]
    columns: tuple[Array, ...]

    def __post_init__(self) -> None:
        names, columns = self.names, self.columns
        is_named = type(names) is tuple and names[:1] == (LOSS,) and all(type(name) is str for name in names)
        is_array = type(columns) is tuple and all(is_leaf(column) and column.ndim > 0 for column in columns)
        if not (is_named and is_array and len(names) == len(columns) and len({len(one) for one in columns}) == 1):
            raise TreeError("a Segment must have names, the first of them 'loss', and for each a column of one length")


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Some records, and the same by columns."""

    records: tuple[Record, ...]
    segments: tuple[Segment, ...]


class History(Node, Sequence[Record]):
    """The records of a run's epochs, the oldest first: a sequence that is never changed.

    ``append`` gives a longer one in constant time; the two share what they have in common, so that an epoch which
    somebody keeps costs no more late in a run than early. As a tree, and so in a file, it is ``segments``: one array a
    column for all epochs whose records have one form. A slice is a tuple of records.

    >>> history = History().append(Record(np.asarray(0.5))).append(Record(np.asarray(0.25)))
    >>> len(history), float(history[-1].loss), history.segments[0].columns[0].tolist()
    (2, 0.25, [0.5, 0.25])
    """

    __slots__ = ("_chunks", "_tail")
    __tree_fields__ = ("segments",)

    _chunks: tuple[_Chunk, ...]
    _tail: tuple[Record, ...]

    def __init__(self, segments: tuple[Segment, ...] = ()) -> None:
        records = tuple(chain.from_iterable(map(_records, segments)))
        whole = len(records) - len(records) % CHUNK
        chunks = [_chunk(records[at : at + CHUNK]) for at in range(0, whole, CHUNK)]
        _settle(self, tuple(chunks), records[whole:])

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a History is never changed, so {name} cannot be set; append gives a longer one")

    @staticmethod
    def of(records: Iterable[Record]) -> History:
        """A history of these records; one that is a history already is given as it is."""
        if isinstance(records, History):
            return records
        return History(tuple(_segments(map(_settled, records))))

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All records by columns, as few pieces as their forms allow."""
        pieces = chain(*[chunk.segments for chunk in self._chunks], _segments(self._tail))
        return tuple([_joined(list(alike)) for _, alike in groupby(pieces, _form_of_segment)])

    def append(self, record: Record) -> History:
        """The history with one record more. Raises TreeError for what is none; ValueError, DtypeError or ShapeError for
        a metric whose name or value not every file of a history can hold."""
        tail = (*self._tail, _settled(record))
        if len(tail) < CHUNK:
            return _made(self._chunks, tail)
        return _made((*self._chunks, _chunk(tail)), ())

    def without_last(self) -> History:
        """The history before its last record; an empty one is none the shorter."""
        if self._tail or not self._chunks:
            return _made(self._chunks, self._tail[:-1])
        return _made(self._chunks[:-1], self._chunks[-1].records[:-1])

    def extends(self, before: History) -> bool:
        """Whether this is that history with one record more, known without a look at the numbers: the records are the
        same objects."""
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
    def __getitem__(self, at: int | slice) -> Record | tuple[Record, ...]:
        if isinstance(at, slice):
            return tuple([self[i] for i in range(*at.indices(len(self)))])
        chunk, i = divmod(range(len(self))[index(at)], CHUNK)  # the range raises IndexError
        return self._tail[i] if chunk == len(self._chunks) else self._chunks[chunk].records[i]

    def __repr__(self) -> str:
        return f"History({len(self)} epochs{f', the last: {self[-1]!r}' if self else ''})"


def _made(chunks: tuple[_Chunk, ...], tail: tuple[Record, ...]) -> History:
    made: History = object.__new__(History)
    _settle(made, chunks, tail)
    return made


def _settle(history: History, chunks: tuple[_Chunk, ...], tail: tuple[Record, ...]) -> None:
    object.__setattr__(history, "_chunks", chunks)
    object.__setattr__(history, "_tail", tail)


# --- records and columns ---------------------------------------------------------------------------------------------
def _settled(record: Record) -> Record:
    """A record whose values are read-only arrays. Raises TreeError for what is no record, ValueError, DtypeError or
    ShapeError for a name or a value that not every file can hold."""
    if type(record) is not Record:
        raise TreeError(f"history: its entries must be Records, got {record!r}")
    check_names("history", tuple([name for name, _ in record.metrics]))
    metrics = tuple([(str.__str__(name), value_of(name, value)) for name, value in record.metrics])
    return read_only(Record(value_of(LOSS, record.loss), metrics))


def _values(record: Record) -> tuple[Value, ...]:
    return (record.loss, *[value for _, value in record.metrics])


Form = tuple[tuple[str, ...], tuple[tuple[np.dtype[np.floating], tuple[int, ...]], ...]]
"""The names of a record's values, and the dtype and shape of each."""


def _form(record: Record) -> Form:
    kinds = tuple([(value.dtype, value.shape) for value in _values(record)])
    return (LOSS, *[name for name, _ in record.metrics]), kinds


def _form_of_segment(segment: Segment) -> Form:
    return segment.names, tuple([(column.dtype, column.shape[1:]) for column in segment.columns])


def _segments(records: Iterable[Record]) -> Iterator[Segment]:
    """Records by columns, a segment for each run of records that have one form."""
    for (names, _), alike in groupby(records, _form):
        columns = zip(*map(_values, alike), strict=True)
        yield Segment(names, tuple([_locked(np.stack(column)) for column in columns]))


def _joined(segments: list[Segment]) -> Segment:
    """Segments of one form as one."""
    if len(segments) == 1:
        return segments[0]
    columns = zip(*[segment.columns for segment in segments], strict=True)
    return Segment(segments[0].names, tuple([_locked(np.concatenate(column)) for column in columns]))


def _locked(fresh: Array) -> Array:
    fresh.setflags(write=False)
    return fresh


def _records(segment: Segment) -> Iterator[Record]:
    """The records of a segment; their values are views of its columns."""
    for values in zip(*[[column[i, ...] for i in range(len(column))] for column in segment.columns], strict=True):
        yield Record(values[0], tuple(zip(segment.names[1:], values[1:], strict=True)))


def _chunk(records: tuple[Record, ...]) -> _Chunk:
    return _Chunk(records, tuple(_segments(records)))
