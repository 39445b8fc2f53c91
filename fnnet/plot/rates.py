"""The learning-rate range."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from fnnet.core import TreeError
from fnnet.plot.looks import BLACK, BLUE, GREY, VERMILLION
from fnnet.plot.pictures import canvas
from fnnet.training.rates import RateCurve

WHERE = "plot.rate_curve"


def rate_curve(curve: RateCurve, *, ax: Axes | None = None) -> Axes:
    """The loss at growing learning rates, as ``find_rate`` has measured it, with the suggested rate marked.

    Dots are single batches, the line is their running mean. The axis ends a little above the line, so that single
    batches which diverge do not flatten it. Where the loss never fell there is no suggestion, and the legend says so.
    Raises TreeError for anything but a RateCurve.

    >>> import fnnet as fn, numpy as np
    >>> from fnnet import plot
    >>> rates = np.geomspace(1e-4, 1, 41)
    >>> ax = plot.rate_curve(fn.RateCurve(rates, (np.log10(rates) + 1) ** 2, 0.0))
    >>> ax.get_xscale(), ax.get_legend_handles_labels()[1]
    ('log', ['loss of a batch', 'running mean', 'suggested rate: 0.01'])
    """
    given: object = curve
    if not isinstance(given, RateCurve):
        raise TreeError(f"{WHERE}: curve must be a RateCurve, as find_rate gives it, got {type(given).__name__}")
    ax = canvas(WHERE, ax)
    smoothed = curve.smoothed
    ax.plot(curve.rates, curve.losses, "o", color="0.6", markersize=2.5, label="loss of a batch")
    ax.plot(curve.rates, smoothed, color=BLUE, linewidth=1.8, label="running mean")
    _suggest(ax, curve)
    low, high = float(min(smoothed.min(), curve.losses.min())), float(smoothed.max())
    margin = 0.08 * (high - low) or 0.5 * abs(high) or 0.5
    ax.set_ylim(low - margin, high + margin)
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    ax.legend(framealpha=0.85, edgecolor="none")
    return ax


def _suggest(ax: Axes, curve: RateCurve) -> None:
    """Marks the suggested rate, or says that there is none."""
    try:
        rate = curve.suggestion
    except ValueError:  # what the picture is looked at for
        ax.plot([], [], linestyle="none", label="no suggestion: the loss did not fall")
        return
    loss = float(np.interp(np.log(rate), np.log(curve.rates), curve.smoothed))
    ax.axvline(rate, color=GREY, linestyle=":", linewidth=1, zorder=1)
    label = f"suggested rate: {rate:.2g}"
    ax.plot(
        [rate], [loss], color=VERMILLION, marker="D", markeredgecolor=BLACK, linestyle="none", label=label, zorder=4
    )
