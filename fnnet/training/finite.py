"""Checks for ``fit`` that data, losses and parameters are finite, before and during training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fnnet.core import Data, Epoch, NonFiniteError, Params, Step, TrainState
from fnnet.training.folds import steps
from fnnet.training.guards import StopOnNonfinite
from fnnet.tree import leaves

P = TypeVar("P", bound=Params)
T = TypeVar("T")

CHUNK = 1 << 20
"""How many numbers are checked at a time: a memory-mapped file may be larger than memory."""


def check_data(where: str, name: str, tensor: str, data: object) -> None:
    """Raises NonFiniteError where an array, or one of a tuple, has NaN or infinity. Anything but arrays is skipped."""
    if isinstance(data, tuple):
        for i, child in enumerate(data):
            check_data(where, f"{name}[{i}]", tensor, child)
    elif isinstance(data, np.ndarray) and data.ndim and data.dtype.kind == "f":
        _check(where, name, tensor, data)


def _check(where: str, name: str, tensor: str, array: NDArray[np.floating]) -> None:
    count, first = 0, ""
    rows = max(1, CHUNK // max(1, array[:1].size))
    for start in range(0, len(array), rows):
        piece = array[start : start + rows]
        bad = ~np.isfinite(piece)
        found = int(np.count_nonzero(bad))
        if found and not count:
            at = tuple(np.argwhere(bad)[0].tolist())
            first = f"{piece[at]} in row {start + at[0]}{_columns(at[1:])}"
        count += found
    if count:
        raise NonFiniteError(
            f"{where}: {name} must be finite, got {first}, and {count:,} of its {array.size:,} numbers are NaN or "
            "infinite; leave these rows out or fill in what is missing, or use train, which accepts such data",
            tensor,
            name,
        )


def _columns(at: tuple[int, ...]) -> str:
    return f", column {', '.join(map(str, at))}" if at else ""


def finite_ones(
    where: str, step: Step[T], data: Data[T], first: TrainState[P], epochs: Iterator[Epoch[P]]
) -> Iterator[Epoch[P]]:
    """The epochs of a run that begins at the state ``first``.

    Raises NonFiniteError where an epoch's loss or a parameter is NaN or infinite: that epoch is re-run step by step,
    each step checked, to find where it began. NumPy's warnings are silenced during an epoch, for the error says more.
    """
    before = first
    while True:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            epoch = next(epochs, None)
        if epoch is None:
            return
        if not (np.isfinite(epoch.record.loss).all() and _is_finite(epoch.state.params)):
            again = steps(StopOnNonfinite(step, where), data, before)
            next(state for state in again if state.batch == 0)
            raise _unfound(where, before, epoch)
        yield epoch
        before = epoch.state


def _is_finite(params: Params) -> bool:
    return all(bool(np.isfinite(leaf).all()) for leaf in leaves(params))


def _unfound(where: str, before: TrainState[P], epoch: Epoch[P]) -> NonFiniteError:
    """The error for an epoch that was finite when re-run: compiled steps round differently, and data may change."""
    loss = epoch.record.loss
    tensor, got = ("params", "NaN or infinity") if np.isfinite(loss).all() else ("loss", str(loss))
    known = float(np.mean(before.history[-1].loss)) if before.history else None
    message = (
        f"{where}: {tensor} must be finite, got {got} in epoch {epoch.state.epoch}, whose steps were finite when they "
        "were taken again one by one; go on from this error's state, with a smaller learning rate"
    )
    return NonFiniteError(message, tensor, "", before.opt_state.step, known, before)
