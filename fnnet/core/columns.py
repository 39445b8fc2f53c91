"""A history's values by name, as arrays over all epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from fnnet.core.entries import LOSS, no_metric
from fnnet.core.segments import Woven
from fnnet.errors import ShapeError
from fnnet.types import Array


def column_of(pieces: Sequence[Woven], name: str, epochs: int) -> NDArray[np.float64]:
    """The value of a name in each epoch, NaN where it has none; one shared by stacked networks is repeated for each.

    Raises MetricError where no epoch has it, ShapeError where two epochs have it for different numbers of networks.
    """
    found = [(piece.places, dict(zip(piece.names, piece.columns, strict=True))) for piece in pieces]
    known = [(places, columns[name]) for places, columns in found if name in columns]
    if not known and (epochs or name != LOSS):
        raise no_metric("history", name, dict.fromkeys(chain.from_iterable([piece.names for piece in pieces])))
    shapes = {column.shape[1:] for _, column in known} - {()}
    if len(shapes) > 1:
        raise ShapeError(f"history: {name!r} must be of as many networks in all epochs, got the shapes {shapes}")
    out = np.full((epochs, *next(iter(shapes), ())), np.nan)
    for places, column in known:
        out[places] = column.reshape(column.shape + (1,) * (out.ndim - column.ndim))
    return out


def split(name: str, column: Array) -> Iterator[tuple[str, Array]]:
    """The columns of stacked networks by name, such as "loss[1]"; a single network has the column itself."""
    for place in np.ndindex(column.shape[1:]):
        yield name + "".join([f"[{i}]" for i in place]), column[:, *place]
