"""Tables of packages such as pandas and polars: described by their labels and the numbers in each column."""

from __future__ import annotations

from typing import Any

import numpy as np

from fnnet.descriptions.code_digests import is_library, named
from fnnet.descriptions.edges import Edge

NUMBERS = "biufcmM"


def is_table(value: object) -> bool:
    """Whether a value is a data frame of a package, by the protocol that these have in common."""
    return is_library(type(value)) and hasattr(type(value), "__dataframe__")


def is_column(value: object) -> bool:
    """Whether a value is a column or an index of such a frame and not an array itself."""
    kind = type(value)
    return is_library(kind) and all(hasattr(kind, name) for name in ("__array__", "to_numpy", "dtype", "__len__"))


def table(value: object) -> tuple[str, list[Edge]]:
    """A frame: its columns one by one, their names, and the labels of its rows if it has any."""
    frame: Any = value
    columns = [column for _, column in frame.items()] if hasattr(frame, "items") else list(frame.iter_columns())
    edges = [Edge(f"column {i}", one) for i, one in enumerate(columns)]
    return named(type(value)), [Edge("columns", _entries(frame.columns)), *_labels(frame), *edges]


def column(value: object) -> tuple[str, list[Edge]]:
    """A column: its dtype, its entries, and the labels of its rows if it has any."""
    dtype: object = getattr(value, "dtype", None)
    return f"{named(type(value))} of {dtype}", [Edge("entries", _entries(value)), *_labels(value)]


def _labels(value: Any) -> list[Edge]:
    index = getattr(value, "index", None)
    return [] if index is None or callable(index) else [Edge("index", _entries(index))]


def _entries(value: Any) -> object:
    """An array of numbers, or a list of anything else."""
    array = np.asarray(value)
    return array if array.dtype.kind in NUMBERS else array.tolist()
