"""Data, losses and parameters that are not finite: what ``fit`` refuses to start from, or to continue with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fnnet.core import Epoch, NonFiniteError, Params, TrainState
from fnnet.tree import leaves

P = TypeVar("P", bound=Params)

CHUNK = 1 << 20
"""How many numbers are checked at a time: a mapped file may be larger than memory."""


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


def finite_ones(where: str, first: TrainState[P], epochs: Iterable[Epoch[P]]) -> Iterator[Epoch[P]]:
    """The epochs of a run that begins with a state. Raises NonFiniteError, which has the state before, where the loss
    or a parameter of one is NaN or infinite."""
    before = first
    for epoch in epochs:
        loss, params = epoch.record.loss, epoch.state.params
        if not (np.isfinite(loss).all() and _is_finite(params)):
            raise _error(where, before, epoch)
        yield epoch
        before = epoch.state


def _is_finite(params: Params) -> bool:
    return all(bool(np.isfinite(leaf).all()) for leaf in leaves(params))


def _error(where: str, before: TrainState[P], epoch: Epoch[P]) -> NonFiniteError:
    loss = epoch.record.loss
    is_loss = not np.isfinite(loss).all()
    tensor, got = ("loss", str(loss)) if is_loss else ("params", "NaN or infinity")
    known = before.history[-1].loss if before.history else None
    is_sound = _is_finite(before.params)
    remedy = "take a smaller learning rate, or clip the gradients" if is_sound else "begin with finite parameters"
    return NonFiniteError(
        f"{where}: the {tensor} must be finite, got {got} in epoch {epoch.state.epoch}; {remedy}; this error's state "
        f"is that after epoch {before.epoch}",
        tensor,
        "",
        before.opt_state.step,
        None if known is None else float(np.mean(known)),
        before if is_sound else None,
    )
