"""The learning-rate range finder."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Generic, TypeVar

import numpy as np

from fnnet import checks
from fnnet.core import Array, Data, History, Key, NonFiniteError, Params, Record, ShapeError, Step, TrainState, Value
from fnnet.core.facts import replicas
from fnnet.training.folds import check_run
from fnnet.training.folds import steps as states
from fnnet.tree.nodes import Node, read_only

P = TypeVar("P", bound=Params)
T = TypeVar("T")

DIVERGED = 3.0
"""Training has diverged once the smoothed loss exceeds its lowest value by this many times the size of that value."""


RATE = "fnnet.rate"
"""The name under which a step's rate is recorded while rates are tried."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RateCurve(Node):
    """The result of ``find_rate(...)``: the learning rates and the loss of the batch on which each was tried.

    Shapes: ``rates`` and ``losses`` (steps,). ``smoothing`` is the share of the old value in the running mean.

    >>> RateCurve(np.array([0.1, 1.0, 10.0]), np.array([4.0, 2.0, 8.0]), 0.0).suggestion
    0.1
    """

    rates: Array
    losses: Array
    smoothing: float

    @property
    def smoothed(self) -> Array:
        """The running mean of the losses, corrected for its start: Σᵢ sᵗ⁻ⁱ lossᵢ / Σᵢ sᵗ⁻ⁱ with s = ``smoothing``."""
        found, total, weight = [], 0.0, 0.0
        for loss in self.losses.tolist():
            total, weight = total * self.smoothing + loss, weight * self.smoothing + 1
            found.append(total / weight)
        return np.array(found)

    @property
    def suggestion(self) -> float:
        """A tenth of the rate at which the smoothed loss is lowest: well below where training diverges.

        The first 1 / (1 - smoothing) steps, or half of all steps where that is fewer, are left out: there the running
        mean covers only a few batches. Raises ValueError where the loss did not fall after them.
        """
        first = min(_settled(self.smoothing), len(self.rates) // 2)
        lowest = first - 1 + int(self.smoothed[first - 1 :].argmin())
        if lowest < first:
            raise ValueError(
                f"find_rate: the loss must fall somewhere between the rates {self.rates[0]:g} and {self.rates[-1]:g}, "
                f"and did not in {len(self.rates)} steps; begin at a lower rate, or take more steps"
            )
        return float(self.rates[lowest]) / 10


@dataclass(frozen=True, slots=True)
class _Growing(Generic[T]):
    """A step that records its rate and its loss in the history, and sets a larger rate for the next step."""

    step: Step[T]
    ratio: float

    def __call__(self, state: TrainState[P], batch: tuple[Array, T], key: Key, /) -> tuple[TrainState[P], Value]:
        rate = state.opt_state.scale
        after, value = self.step(state, batch, key)
        record = Record(np.asarray(value, np.float64), ((RATE, np.asarray(rate)),))
        grown = replace(after.opt_state, scale=rate * self.ratio)
        return replace(after, opt_state=grown, history=History.of(after.history).append(record)), value


def _measured(stream: Iterator[TrainState[P]], n: int) -> Iterator[tuple[float, float]]:
    """Rates and losses, up to the first loss that is not finite or a step that raises NonFiniteError."""
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            for state in islice(stream, n):
                record = next(r for r in reversed(state.history) if r.metrics and r.metrics[0][0] == RATE)
                if not np.isfinite(record.loss):
                    return
                yield float(record.metrics[0][1]), float(record.loss)
        except NonFiniteError:
            return


def find_rate(
    step: Step[T],
    data: Data[T],
    state: TrainState[P],
    *,
    low: float = 1e-6,
    high: float = 10.0,
    n: int = 100,
    smoothing: float = 0.9,
) -> RateCurve:
    """The learning-rate range test (L. N. Smith, WACV 2017, section 3.3): n steps from the state, on the batches that
    training would use, while the rate grows from ``low`` to ``high`` by a fixed factor.

    ``step``, ``data`` and ``state`` are those of ``train``; ``state`` is not changed. The rate is the factor
    ``OptState.scale`` on the optimizer's own: build the optimizer with ``lr=1.0`` to read learning rates. The losses
    are smoothed by a running mean that keeps the share ``smoothing`` of its old value. The test stops early where the
    loss is not finite or where, after 1 / (1 - smoothing) steps, the smoothed loss exceeds four times its lowest value.

    Raises ValueError unless 0 < low < high, n is at least 2, smoothing is in [0, 1) and the first loss is finite;
    ShapeError for stacked networks.

    >>> import fnnet as fn, numpy as np
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> optimizer = fn.sgd(1.0)
    >>> state = fn.start(fn.mlp(fn.Key(0), (1, 16, 1)), optimizer, fn.Key(0))
    >>> step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    >>> curve = fn.find_rate(step, fn.minibatches(x, x * x, batch_size=10), state)
    >>> 0.01 < curve.suggestion < 0.2
    True
    """
    low, high = checks.positive("find_rate", "low", low), checks.positive("find_rate", "high", high)
    if low >= high:
        raise ValueError(f"find_rate: low must be below high, {high:g}, got {low:g}")
    n, smoothing = checks.size("find_rate", "n", n, 2), checks.real("find_rate", "smoothing", smoothing, below=1)
    check_run(step, data, state)
    if replicas(state.params):
        raise ShapeError(
            "find_rate: params must be one network, for one rate is not all networks' best, got replica axes "
            f"{replicas(state.params)}; find the rate of one of them"
        )
    begin = replace(state, opt_state=replace(state.opt_state, scale=low), history=History())
    growing = _Growing(step, (high / low) ** (1 / (n - 1)))
    found = list(_until_diverged(_measured(states(growing, data, begin), n), smoothing))
    if not found:
        raise ValueError(f"find_rate: the loss must be finite at the lowest rate, {low:g}, where it is not")
    return read_only(RateCurve(*_columns(found), smoothing))


def _until_diverged(pairs: Iterable[tuple[float, float]], smoothing: float) -> Iterator[tuple[float, float]]:
    """Rates and losses up to the first whose smoothed loss is far above the lowest."""
    total, weight, lowest = 0.0, 0.0, math.inf
    for i, (rate, loss) in enumerate(pairs, start=1):
        yield rate, loss
        total, weight = total * smoothing + loss, weight * smoothing + 1  # as RateCurve.smoothed
        last = total / weight
        lowest = min(lowest, last) if i > _settled(smoothing) else last
        if last > lowest + DIVERGED * abs(lowest):
            return


def _settled(smoothing: float) -> int:
    """How many steps a running mean covers; before that it is the mean of only a few batches."""
    return round(1 / (1 - smoothing))


def _columns(found: list[tuple[float, float]]) -> tuple[Array, Array]:
    table: Array = np.array(found)
    return table[:, 0], table[:, 1]
