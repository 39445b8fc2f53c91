"""Learning curves."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from fnnet.core import Array, History
from fnnet.core.entries import LOSS
from fnnet.plot.arguments import HasHistory, column, history_of
from fnnet.plot.looks import BLACK, BLUE, GREY, VERMILLION, Look
from fnnet.plot.pictures import canvas

WHERE = "plot.learning_curves"
VALID = "valid_loss"
LOOKS = (Look(BLUE, "o", "-"), Look(VERMILLION, "s", "--"))
CALLED = {LOSS: "training", VALID: "validation"}


def learning_curves(
    run: History | HasHistory,
    *,
    train: str | None = LOSS,
    valid: str | None = VALID,
    mode: Literal["min", "max"] = "min",
    ax: Axes | None = None,
) -> Axes:
    """The loss of each epoch on the training and on the validation data, with the best epoch marked.

    ``run`` is a History, or has one as its ``history``, as a Fit or a TrainState has. ``train`` and ``valid`` are names
    in the history, or None for a curve that is not wanted; a history without "valid_loss" has the first one only. The
    best epoch is the first with the lowest value, or with mode "max" the highest, of ``valid`` where there is one, else
    of ``train``. Epochs whose value is missing, NaN or infinite are left out. Of K stacked networks the line is their
    mean, which decides which epoch is best, and the band goes from the lowest to the highest.

    A training loss is the mean over an epoch in which the network changes, a validation loss that of the network at its
    end: early in training the first may well be the higher one. Raises TreeError for what has no history, ValueError
    for an empty one and for values none of which is finite, MetricError for a name that it has not.

    >>> import fnnet as fn, numpy as np
    >>> from fnnet import plot
    >>> x = np.linspace(-1, 1, 50)[:, None]
    >>> trained = fn.fit(
    ...     fn.mlp(fn.Key(0), (1, 16, 1)), x, x * x, loss=fn.mse, optimizer=fn.adam(0.01), key=fn.Key(0), epochs=20
    ... )
    >>> ax = plot.learning_curves(trained)
    >>> ax.get_xlabel(), ax.get_ylabel(), [line.get_label() for line in ax.lines][0]
    ('epoch', 'loss', 'training')
    """
    history = history_of(WHERE, run)
    if mode not in ("min", "max"):
        raise ValueError(f"{WHERE}: mode must be 'min' or 'max', got {mode!r}")
    if valid == VALID and VALID not in history.names:
        valid = None
    wanted = [(name, own) for name, own in ((train, LOOKS[0]), (valid, LOOKS[1])) if name is not None]
    if not wanted:
        raise ValueError(f"{WHERE}: train or valid must be a name in the history, got None for both")
    names, curves = [name for name, _ in wanted], [column(history, name) for name, _ in wanted]
    best, value = _best(names[-1], curves[-1], mode)
    ax = canvas(WHERE, ax)
    for (name, own), values in zip(wanted, curves, strict=True):
        _draw(ax, name, values, own)
    ax.axvline(best, color=GREY, linestyle=":", linewidth=1, zorder=1)
    label = f"best: epoch {best}, {value:.4g}"
    ax.plot([best], [value], color=BLACK, marker="*", markersize=11, linestyle="none", label=label, zorder=4)
    ax.set_xlabel("epoch")
    ax.set_ylabel(LOSS if set(names) <= set(CALLED) else ", ".join(names))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    ax.legend(framealpha=0.85, edgecolor="none")
    return ax


def _best(name: str, values: Array, mode: Literal["min", "max"]) -> tuple[int, float]:
    """The number of the best epoch, from 1, and its value."""
    middle = values.mean(axis=-1)
    if not np.isfinite(middle).any():
        raise ValueError(f"{WHERE}: {name!r} must be finite in at least one epoch, got none in {len(middle)}")
    ranked = np.where(np.isfinite(middle), middle if mode == "min" else -middle, np.inf)
    at = int(ranked.argmin())
    return at + 1, float(middle[at])


def _draw(ax: Axes, name: str, values: Array, own: Look) -> None:
    """One curve, with eight markers or so, and the range of stacked networks around it."""
    seen = np.flatnonzero(np.isfinite(values).all(axis=-1))
    shown, networks = values[seen], values.shape[-1]
    label = CALLED.get(name, name) + (f", mean and range of {networks}" if networks > 1 else "")
    gap = max(1, len(seen) // 8)
    ax.plot(seen + 1, shown.mean(axis=-1), **own._asdict(), linewidth=1.6, markersize=4.5, markevery=gap, label=label)
    if networks > 1:
        low, high = shown.min(axis=-1), shown.max(axis=-1)
        ax.fill_between(seen + 1, low, high, color=own.color, alpha=0.2, linewidth=0)
