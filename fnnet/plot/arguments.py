"""What pictures are given: histories, networks, names, columns of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from fnnet import checks
from fnnet.core import Array, Epoch, History, Labels, LayerError, Params, TreeError

Numbers = Labels | Array


class HasHistory(Protocol):
    """What ``fit`` gives, a state of training, and whatever else has a history."""

    @property
    def history(self) -> History: ...


class HasParams(Protocol):
    """What ``fit`` gives, a state of training, and whatever else has a network."""

    @property
    def params(self) -> Params: ...


def history_of(where: str, run: object) -> History:
    """The history of a run. Raises TreeError where it has none, ValueError where it is empty."""
    found = run if isinstance(run, History) else getattr(run, "history", None)
    if not isinstance(found, History):
        remedy = "; write epoch.state" if isinstance(run, Epoch) else ""
        raise TreeError(
            f"{where}: run must be a History, or have one as its history, as a Fit or a TrainState has, got "
            f"{type(run).__name__}{remedy}"
        )
    if not found:
        raise ValueError(f"{where}: the history must have at least one epoch, got none; train first")
    return found


def column(history: History, name: str) -> Array:
    """The values of a name in all epochs, NaN where an epoch has none, (epochs, K) with K = 1 for a single network.

    Raises what the history raises where it has no such name.
    """
    return history[name].reshape(len(history), -1)


def network_of(where: str, network: object) -> Params:
    """A network, or that of a fit or a state. Raises LayerError where it is none."""
    found = network if isinstance(network, Params) else getattr(network, "params", None)
    if not isinstance(found, Params):
        remedy = "; write epoch.state" if isinstance(network, Epoch) else ""
        raise LayerError(
            f"{where}: network must be a network, or have one as its params, as a Fit has, got "
            f"{type(network).__name__}{remedy}"
        )
    return found


def names_of(where: str, names: Sequence[str] | None, count: int, what: str) -> list[str]:
    """The names of classes or columns, by default their numbers. Raises ValueError unless there is one for each."""
    if names is None:
        return [str(i) for i in range(count)]
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f"{where}: names must be a list of texts, one per {what}, got {names!r}")
    found = [str(name) for name in names]
    if len(found) != count:
        raise ValueError(f"{where}: names must have one entry per {what}, {count}, got {len(found)}: {found}")
    return found


def scores_of(prediction: Array) -> Array:
    """The scores of classes: those of a network with several outputs, (0, z) of one with a single logit z."""
    if prediction.shape[-1] > 1:
        return prediction
    return np.concatenate([np.zeros_like(prediction), prediction], axis=-1)


def labels_of(where: str, scores: Array, target: Numbers) -> NDArray[np.int64]:
    """The class of each row: a target of labels, or the column of 0 and 1 that one logit is trained with. Raises
    what ``checks.labels`` raises, ValueError for a column of other numbers."""
    checks.array(where, "target", target)
    if target.ndim == scores.ndim and target.shape[-1] == 1 and scores.shape[-1] == 2:
        if not np.isin(target, (0, 1)).all():
            raise ValueError(f"{where}: target must be 0 or 1 in its one column, got {target.min()} to {target.max()}")
        target = target[..., 0].astype(np.int64)
    labels = cast("Labels", target.astype(np.int64) if target.dtype.kind == "b" else target)
    checks.labels(where, scores, labels)
    return labels.astype(np.int64)


def finite(where: str, name: str, value: Numbers) -> None:
    """Raises ValueError unless all numbers are finite."""
    if not np.isfinite(value).all():
        bad = value.size - np.count_nonzero(np.isfinite(value))
        raise ValueError(
            f"{where}: {name} must be finite to be drawn, got {bad} of {value.size} that are NaN or infinite"
        )


def in_units(text: str, unit: str) -> str:
    """The label of an axis: "price (1000 $)", or without a unit "price"."""
    return f"{text} ({unit})" if unit else text
