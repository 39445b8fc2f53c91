"""The records of a history by columns: the form of a history as a tree, and so on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fnnet.core.entries import LOSS, no_metric
from fnnet.errors import TreeError
from fnnet.tree.nodes import Node, is_leaf
from fnnet.types import Array, Value

A = TypeVar("A", bound=NDArray[np.generic])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Record(Node):
    """The history's entry for one finished epoch: ``record["loss"]``, ``record["valid_loss"]``.

    ``loss`` is the mean of the losses of its batches, weighted by their rows; ``metrics`` are pairs of a name and a
    value. Shapes: each value (), or (K,) for K stacked networks.

    >>> record = Record(np.asarray(0.5), (("auc", np.asarray(0.75)),))
    >>> record.names, float(record["auc"]), "r2" in record
    (('loss', 'auc'), 0.75, False)
    """

    loss: Value
    metrics: tuple[tuple[str, Value], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its values: "loss", then those of its metrics."""
        return (LOSS, *[name for name, _ in self.metrics])

    def __getitem__(self, name: str) -> Value:
        """The value with this name. Raises MetricError where there is none."""
        for known, value in ((LOSS, self.loss), *self.metrics):
            if known == name:
                return value
        raise no_metric("record", name, self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Segment(Node):
    """Consecutive records of one form, by columns.

    Shapes: the column of a name is (n,), or (n, K) for K stacked networks. The first name is "loss". Raises TreeError
    for anything else.
    """

    names: tuple[str, ...]
    columns: tuple[Array, ...]

    def __post_init__(self) -> None:
        _check_columns(self.names, self.columns)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Woven(Node):
    """Records of one form that are interleaved with others, by columns, and the numbers of their epochs from 0.

    Shapes: places (n,) of int64, columns as in a Segment. Raises TreeError for anything else.
    """

    names: tuple[str, ...]
    columns: tuple[Array, ...]
    places: NDArray[np.int64]

    def __post_init__(self) -> None:
        _check_columns(self.names, self.columns)
        if not is_leaf(self.places) or self.places.dtype != np.int64 or self.places.shape != self.columns[0].shape[:1]:
            raise TreeError("a Woven must have a place of int64 for each row of its columns")


def _check_columns(names: object, columns: object) -> None:
    is_named = isinstance(names, tuple) and names[:1] == (LOSS,) and all(type(name) is str for name in names)
    is_array = isinstance(columns, tuple) and all(is_leaf(column) and column.ndim > 0 for column in columns)
    is_right = isinstance(names, tuple) and isinstance(columns, tuple) and len(names) == len(columns)
    if not (is_named and is_array and is_right and len({len(one) for one in cast(Columns, columns)}) == 1):
        raise TreeError("a history must have names, the first of them 'loss', and for each a column of one length")


Columns = tuple[Array, ...]

RUNS = 16
"""The most runs of consecutive records of one form that are stored as segments. Where there are more, as when every
second epoch has a metric, each form is stored once, with the places of its records."""


def _values(record: Record) -> tuple[Value, ...]:
    return (record.loss, *[value for _, value in record.metrics])


Form = tuple[tuple[str, ...], tuple[tuple[np.dtype[np.floating], tuple[int, ...]], ...]]
"""The names of a record's values, and the dtype and shape of each."""


def _form(record: Record) -> Form:
    return record.names, tuple([(value.dtype, value.shape) for value in _values(record)])


def form_of(piece: Woven) -> Form:
    """The form of the records of a piece."""
    return piece.names, tuple([(column.dtype, column.shape[1:]) for column in piece.columns])


def pieces_of(records: tuple[Record, ...]) -> tuple[Woven, ...]:
    """Records by columns, each form once."""
    alike: dict[Form, list[int]] = {}
    for place, record in enumerate(records):
        alike.setdefault(_form(record), []).append(place)
    found = []
    for (names, _), places in alike.items():
        columns = zip(*[_values(records[place]) for place in places], strict=True)
        found.append(
            Woven(names, tuple([_read_only(np.stack(c)) for c in columns]), _read_only(np.array(places, np.int64)))
        )
    return tuple(found)


def joined(pieces: list[tuple[int, Woven]]) -> Woven:
    """Pieces of one form as one, each with the number of its chunk's first record."""
    places = _read_only(np.concatenate([begin + piece.places for begin, piece in pieces]))
    columns = zip(*[piece.columns for _, piece in pieces], strict=True)
    return Woven(pieces[0][1].names, tuple([_read_only(np.concatenate(column)) for column in columns]), places)


def runs_of(piece: Woven) -> list[tuple[int, Segment]]:
    """The runs of consecutive records in a piece, each with its first place; at most one more than ``RUNS``."""
    breaks = (np.flatnonzero(np.diff(piece.places) != 1) + 1).tolist()[:RUNS]
    ends = pairwise([0, *breaks, len(piece.places)])
    return [(int(piece.places[a]), Segment(piece.names, tuple([c[a:b] for c in piece.columns]))) for a, b in ends]


def _read_only(fresh: A) -> A:
    fresh.setflags(write=False)
    return fresh


def in_order(segments: tuple[Segment, ...] | tuple[Woven, ...]) -> tuple[Record, ...]:
    """The records in the order of their epochs. Raises TreeError unless the places of woven ones are 0 to n - 1."""
    records = list(chain.from_iterable(map(_records, segments)))
    if not any(isinstance(segment, Woven) for segment in segments):
        return tuple(records)
    places = [segment.places for segment in segments if isinstance(segment, Woven)]
    order = np.argsort(np.concatenate(places), kind="stable")
    if len(places) < len(segments) or not np.array_equal(np.concatenate(places)[order], np.arange(len(records))):
        raise TreeError("a history must have a record for each place from 0 up, and each once")
    return tuple([records[i] for i in order])


def _records(segment: Segment | Woven) -> Iterator[Record]:
    """The records of a segment; their values are views of its columns."""
    for values in zip(*[[column[i, ...] for i in range(len(column))] for column in segment.columns], strict=True):
        yield Record(values[0], tuple(zip(segment.names[1:], values[1:], strict=True)))
