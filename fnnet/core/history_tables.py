"""A history in a notebook: a few lines, however long it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from fnnet import html
from fnnet.core.entries import LOSS
from fnnet.core.segments import Record

Column = NDArray[np.float64]
"""(epochs,), or (epochs, K) for K stacked networks; NaN where an epoch has no such value."""


def history_html(records: Iterable[Record]) -> str:
    """Curves and columns of records as HTML."""
    rows = [{LOSS: record.loss, **dict(record.metrics)} for record in records]
    return columns_html(f"History of {len(rows)} epochs", rows)


def columns_html(title: str, rows: Iterable[Mapping[str, object]]) -> str:
    """Curves and columns of the values of epochs, given by name, as HTML.

    A curve is drawn for "loss" and for every name that ends with it, such as "valid_loss"; stacked networks have one
    curve, for their mean.
    """
    columns = _columns(list(rows))
    losses = {name: _mean(column).tolist() for name, column in columns.items() if name.endswith(LOSS)}
    head = ("", "first", "lowest", "in epoch", "highest", "in epoch", "last")
    lines = [(name, *_cells(column)) for name, column in columns.items()]
    return html.block(title, html.curves(losses), html.table(head, lines, range(1, 7)))


def _columns(rows: list[Mapping[str, object]]) -> dict[str, Column]:
    """The values by name, in the order in which the names come."""
    found: dict[str, Column] = {}
    for name in dict.fromkeys([name for row in rows for name in row]):
        values = [np.asarray(row.get(name, np.nan), np.float64) for row in rows]
        shape = max([value.shape for value in values], key=len)
        found[name] = np.stack([np.broadcast_to(value, shape) for value in values])
    return found


def _mean(column: Column) -> Column:
    with np.errstate(over="ignore", invalid="ignore"):
        mean: Column = column.reshape(len(column), -1).mean(axis=1)
    return mean


def _cells(column: Column) -> tuple[str, ...]:
    """First, lowest and highest with their epochs, and last; for stacked networks the lowest and highest of all."""
    flat = column.reshape(len(column), -1)
    first, last = _between(flat[0]), _between(flat[-1])
    if np.isnan(flat).all():
        return first, "", "", "", "", last
    low, high = divmod(int(np.nanargmin(flat)), flat.shape[1]), divmod(int(np.nanargmax(flat)), flat.shape[1])
    return first, f"{flat[low]:.4g}", str(low[0] + 1), f"{flat[high]:.4g}", str(high[0] + 1), last


def _between(values: Column) -> str:
    low, high = f"{values.min():.4g}", f"{values.max():.4g}"
    return low if values.size == 1 else f"{low} to {high}"
