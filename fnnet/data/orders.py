"""Orders of an epoch's rows that depend on their classes. Each is a function of a key, so it can be reproduced."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.core import DtypeError, Key, Labels, ShapeError
from fnnet.data.sources import Index
from fnnet.keys import permutation, uniform
from fnnet.tree.nodes import Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ByClass(Node, ABC):
    """An order that deals the rows of every class evenly to the batches. ``labels`` (rows,) are the classes."""

    labels: Labels

    @abstractmethod
    def chosen(self, key: Key) -> Index:
        """The rows of the epoch, class by class, in random order within a class."""

    def __call__(self, key: Key, rows: int, batch_size: int, /) -> Index:
        """The row numbers of the epoch, batch after batch."""
        return _dealt(key, self.chosen(key.child(0)), batch_size)


class Stratified(ByClass):
    """What ``stratified(labels)`` returns."""

    __slots__ = ()

    def chosen(self, key: Key) -> Index:
        """Every row once."""
        return class_by_class(key, self.labels)


class Balanced(ByClass):
    """What ``balanced(labels)`` returns."""

    __slots__ = ()

    def chosen(self, key: Key) -> Index:
        """As many rows as in the data, equally many of each class: all of its rows, repeated, then some of them."""
        counts = np.unique(self.labels, return_counts=True)[1]
        share, more = divmod(len(self.labels), len(counts))
        draws = share + (permutation(key.child(0), len(counts)) < more)
        rows = np.split(class_by_class(key.child(1), self.labels), np.cumsum(counts)[:-1])
        return np.concatenate([np.resize(mine, n) for mine, n in zip(rows, draws.tolist(), strict=True)])


def stratified(labels: Labels) -> Stratified:
    """The order of ``minibatches`` in which every batch has the classes in the proportions of the data.

    Every row comes once per epoch. A class with n_c of the n rows has m n_c / n of the m rows of a batch, within one
    row where ``batch_size`` divides n, within two otherwise; which batch gets the extra row is redrawn each epoch, as
    is everything else.

    ``labels`` are the classes of the rows. Shapes: labels (rows,), integers. Raises ShapeError, DtypeError.

    >>> import fnnet as fn, numpy as np
    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> data = fn.minibatches(np.zeros((6, 1)), y, batch_size=3, order=fn.stratified(y))
    >>> [np.sort(labels).tolist() for _, labels in data(fn.Key(0))]
    [[0, 0, 1], [0, 0, 1]]
    """
    return Stratified(_checked("stratified", labels))


def balanced(labels: Labels) -> Balanced:
    """The order of ``minibatches`` that draws all classes equally often.

    An epoch has n rows, as many as the data. Each of the C classes that occur gives n / C of them, rounded up or down,
    and every batch has its share of these, within one row where ``batch_size`` divides n, within two otherwise. A
    class with more rows leaves some out, different ones each epoch; a class with fewer repeats its rows, each equally
    often up to a difference of one. So the loss of the epoch is that of balanced data.

    ``labels`` are the classes of the rows. Shapes: labels (rows,), integers. Raises ShapeError, DtypeError.

    >>> import fnnet as fn, numpy as np
    >>> y = np.array([0, 0, 0, 0, 0, 1])
    >>> data = fn.minibatches(np.zeros((6, 1)), y, batch_size=2, order=fn.balanced(y))
    >>> [np.sort(labels).tolist() for _, labels in data(fn.Key(0))]
    [[0, 1], [0, 1], [0, 1]]
    """
    return Balanced(_checked("balanced", labels))


def class_by_class(key: Key, labels: Labels) -> Index:
    """All rows, sorted by class, in random order within a class."""
    mixed = permutation(key, len(labels))
    return mixed[np.argsort(labels[mixed], kind="stable")]


def _dealt(key: Key, rows: Index, size: int) -> Index:
    """Rows sorted by class, dealt to batches like cards, so that each batch gets its share of every class.

    A smaller last batch takes rows at even distances, and the others get one row each in rotation; where the rotation
    begins, which batch comes first and the order inside a batch are drawn at random.
    """
    n, full, rest = len(rows), len(rows) // size, len(rows) % size
    rows = np.roll(rows, int(n * float(uniform(key.child(1), ()))))
    batch = np.full(n, full)
    is_rest = np.zeros(n, bool)
    is_rest[np.arange(rest) * n // max(rest, 1)] = True
    batch[~is_rest] = permutation(key.child(2), full)[np.arange(n - rest) % full]
    mixed = permutation(key.child(3), n)
    return rows[mixed[np.argsort(batch[mixed], kind="stable")]]


def _checked(where: str, labels: Labels) -> Labels:
    """The labels. Raises DtypeError or ShapeError unless there is one per row."""
    check_labels(where, "labels", labels)
    return labels


def check_labels(where: str, name: str, labels: Labels) -> None:
    """Raises DtypeError or ShapeError unless these are integers, one per row."""
    checks.array(where, name, labels)
    if labels.dtype.kind not in "iu":
        raise DtypeError(f"{where}: {name} must hold class numbers of an integer dtype, got {labels.dtype}")
    if labels.ndim != 1 or not labels.size:
        raise ShapeError(f"{where}: {name} must be (rows,), at least one, got {labels.shape}")
