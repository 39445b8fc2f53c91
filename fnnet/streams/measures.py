"""What the stream functions have in common: how a metric is found in a record, and what is better."""

from __future__ import annotations

import math
from typing import Literal

from fnnet.core import Record, Value
from fnnet.core.entries import LOSS

Mode = Literal["min", "max"]


def checked(where: str, metric: object, mode: object) -> None:
    """Raises ValueError unless these are the name of a metric and "min" or "max"."""
    if not isinstance(metric, str):
        raise ValueError(f"{where}: metric must be a name such as 'loss' or 'valid_loss', got {metric!r}")
    if mode not in ("min", "max"):
        raise ValueError(f"{where}: mode must be 'min' or 'max', got {mode!r}")


def values(record: Record) -> dict[str, Value]:
    """The loss and the metrics of a record by name."""
    return {LOSS: record.loss, **dict(record.metrics)}


def number(where: str, metric: str, record: Record) -> float:
    """The metric of an epoch. Raises ValueError where it has none of that name, or one per stacked network."""
    known = values(record)
    if metric not in known:
        raise ValueError(
            f"{where}: metric must be one of {', '.join(map(repr, known))}, which this epoch has, got {metric!r}; "
            "what adds it, such as validate, must come before"
        )
    value = known[metric]
    if value.size != 1:
        raise ValueError(
            f"{where}: metric {metric!r} has one value for each of {value.size} stacked networks, and there is one "
            "decision for all; give validate a metric of one number, such as the mean of theirs, and name that"
        )
    return float(value.item())


def is_better(value: float, other: float, mode: Mode, by: float = 0.0) -> bool:
    """Whether a value is better than another, by more than this. NaN never is, and any number is better than NaN."""
    if math.isnan(other):
        return not math.isnan(value)
    return value < other - by if mode == "min" else value > other + by
