"""What the stream functions share: how a metric is found in a record, and which value is better."""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias, TypeVar

from fnnet import checks
from fnnet.core import Epoch, Params, Record, TreeError, Value
from fnnet.core.entries import LOSS

P = TypeVar("P", bound=Params)


def metric_name(where: str, name: str, value: object) -> str:
    """The name of a metric."""
    if not isinstance(value, str):
        raise ValueError(f"{where}: {name} must be a name such as 'loss' or 'valid_loss', got {checks.came(value)}")
    return value


def which(where: str, name: str, value: object) -> object:
    """Which values are better: "min", the lower ones, or "max", the higher ones."""
    if value not in ("min", "max"):
        raise ValueError(f"{where}: {name} must be 'min' or 'max', got {value!r}")
    return value


MetricName: TypeAlias = Annotated[str, metric_name]
Mode: TypeAlias = Annotated[Literal["min", "max"], which]


def check_epoch(where: str, item: object) -> None:
    """Raises TreeError for anything but an epoch, such as a state of ``steps``."""
    if not isinstance(item, Epoch):
        raise TreeError(
            f"{where}: the stream must be of epochs, as train gives them, got a {type(item).__name__}; of steps only "
            "checkpoint_to, receipt_to, stop_on_signal, take and last can make something"
        )


def values(record: Record) -> dict[str, Value]:
    """The loss and the metrics of a record by name."""
    return {LOSS: record.loss, **dict(record.metrics)}


def number(where: str, metric: str, record: Record) -> float:
    """The metric of an epoch. Raises ValueError where it has no metric of that name, or one per stacked network."""
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


def check_known(where: str, metric: str, epoch: Epoch[P]) -> None:
    """Raises ValueError where none of the epochs before a resume has the metric.

    It was then added after they were written, so the resumed run would know less than the uninterrupted one.
    """
    state = epoch.state
    before = state.history[:-1] if state.origin and state.origin.earlier else ()
    if before and not any(metric in values(record) for record in before):
        raise ValueError(
            f"{where}: metric must be one that the {len(before)} epochs before this one have, which resume has read, "
            f"got {metric!r}; what adds it, such as validate, must come before checkpoint_to; or begin with what "
            "load gives, and only the epochs from here on count"
        )


def is_better(value: float, other: float, mode: Mode, by: float = 0.0) -> bool:
    """Whether a value is better than another by more than ``by``. NaN never is, and any number is better than NaN."""
    if math.isnan(other):
        return not math.isnan(value)
    return value < other - by if mode == "min" else value > other + by
