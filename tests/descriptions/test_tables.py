"""Frames of pandas in what a user's code holds: every number and label of them counts."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fnnet.descriptions import described
from fnnet.descriptions.comparisons import changes


def frame() -> Any:
    """Numbers, texts, dates, categories, and what is missing."""
    return pd.DataFrame(
        {
            "a": [1.0, np.nan, 3.0],
            "n": [1, 2, 3],
            "text": ["x", None, "z"],
            "day": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03"]),
            "kind": pd.Categorical(["u", "v", "u"]),
            "maybe": pd.array([1, None, 3], dtype="Int64"),
            "is": [True, False, True],
        }
    )


@dataclass
class Source:
    """A user's data."""

    table: Any


def _set(row: int, name: str, value: object) -> Callable[[Any], Any]:
    def changed(table: Any) -> Any:
        table.loc[row, name] = value
        return table

    return changed


OTHERS: dict[str, Callable[[Any], Any]] = {
    "a number": _set(2, "a", 4.0),
    "a whole number": _set(2, "n", 4),
    "a text": _set(0, "text", "y"),
    "a date": _set(0, "day", pd.Timestamp("2026-02-01")),
    "a category": _set(0, "kind", "v"),
    "a number that may be missing": _set(0, "maybe", 2),
    "what is missing": _set(1, "a", 0.0),
    "a truth": _set(0, "is", False),
    "the name of a column": lambda table: table.rename(columns={"a": "b"}),
    "the order of columns": lambda table: table[["n", "a", *table.columns[2:]]],
    "the labels of rows": lambda table: table.set_index(pd.Index([5, 6, 7])),
    "the order of rows": lambda table: table.iloc[::-1],
    "a column less": lambda table: table.drop(columns="is"),
    "the dtype of a column": lambda table: table.astype({"n": "int32"}),
    "a column of it": lambda table: table["text"],
    "several indices": lambda table: table.set_index(["n", "text"]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_differs_in_a_frame_is_found(name: str) -> None:
    told = described("data", Source(frame()))
    assert not [text for text in told.values() if text.startswith("not covered")]
    other = described("data", Source(OTHERS[name](frame())))
    assert changes(told, other)
    again = OTHERS[name](frame())
    for same in (again, copy.deepcopy(again), pickle.loads(pickle.dumps(again))):
        assert described("data", Source(same)) == other


def test_a_column_of_texts_is_told_by_its_entries_and_labels() -> None:
    one = frame()["text"]
    told = described("data", one)
    assert changes(told, described("data", one.replace("x", "y")))
    assert changes(told, described("data", one.iloc[::-1]))
    assert not changes(told, described("data", pickle.loads(pickle.dumps(one))))
