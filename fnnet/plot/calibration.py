"""The reliability diagram."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from fnnet import checks
from fnnet.core import Array, Labels
from fnnet.metrics import ExpectedCalibrationError
from fnnet.plot.arguments import finite, labels_of, scores_of
from fnnet.plot.looks import BLUE, GREY, SKY, tint
from fnnet.plot.pictures import canvas

WHERE = "plot.calibration"
Z = 1.96
"""How many standard deviations from the mean 95 % of a normal distribution lie."""


def calibration(prediction: Array, target: Labels | Array, *, bins: int = 15, ax: Axes | None = None) -> Axes:
    """How often a classifier is right where it is so sure: accuracy against confidence, the probability of the guess,
    in bins of equal width (A. Niculescu-Mizil, R. Caruana, Predicting Good Probabilities, ICML 2005, section 4).

    Points below the diagonal are too sure. The bars are the shares of the rows that lie in the bins, and a point has
    the 95 % interval of so many rows (E. B. Wilson, Journal of the American Statistical Association 22, 1927). The bins
    are those of ``metrics.ExpectedCalibrationError(bins)``, whose value is in the legend. Shapes: prediction (..., N,
    classes) of scores and target (..., N) or (N,) of labels; or prediction (..., N, 1) of logits and target (..., N, 1)
    or (N, 1) of 0 and 1. Each of K stacked networks has a line, without intervals; bars and the value in the legend are
    their means. Raises ShapeError, DtypeError, ValueError as the metric does, and ValueError for a prediction that is
    not finite.

    >>> import fnnet as fn, numpy as np
    >>> from fnnet import plot
    >>> scores = np.log([[0.1, 0.9], [0.25, 0.75], [0.7, 0.3]])
    >>> ax = plot.calibration(scores, np.array([1, 1, 1]), bins=5)
    >>> ax.get_legend_handles_labels()[1][1]
    'network, ECE 0.183'
    """
    metric = ExpectedCalibrationError(checks.size(WHERE, "bins", bins))
    checks.prediction(WHERE, prediction)
    finite(WHERE, "prediction", prediction)
    scores = scores_of(prediction)
    labels = labels_of(WHERE, scores, target)
    share, sure, right = [of.reshape(-1, bins) for of in metric.reliability(scores, labels)]
    ax = canvas(WHERE, ax, 3.6, 4.1)
    places, color = (np.arange(bins) + 0.5) / bins, tint(SKY, 0.45)
    ax.bar(places, share.mean(axis=0), 0.92 / bins, color=color, label="share of all rows", zorder=1)
    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="perfectly calibrated", zorder=2)
    _lines(ax, sure, right, f"ECE {float(metric(scores, labels).mean()):.3f}")
    if len(share) == 1:
        _bars(ax, sure[0], right[0], share[0] * scores.shape[-2])
    ticks = np.linspace(0, 1, 6)
    ax.set(
        xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.36), aspect="equal", xticks=ticks, yticks=ticks
    )
    if not ax.spines["top"].get_visible():
        ax.spines["left"].set_bounds(0, 1)  # above it there is the legend
    ax.legend(frameon=False, loc="upper left", borderaxespad=0.1)
    return ax


def _lines(ax: Axes, sure: Array, right: Array, error: str) -> None:
    """The points of each network, thinner where there are several."""
    networks = len(sure)
    width, size = (1.6, 4.5) if networks == 1 else (0.8, 2.5)
    label = f"network, {error}" if networks == 1 else f"{networks} networks, mean {error}"
    for i in range(networks):
        seen = ~np.isnan(right[i])
        name = "" if i else label
        shown = ax.plot(sure[i, seen], right[i, seen], "o-", color=BLUE, linewidth=width, markersize=size, label=name)
        shown[0].set(zorder=3, clip_on=False)


def _bars(ax: Axes, sure: Array, right: Array, rows: Array) -> None:
    """Where the accuracy of a bin may lie, from so many rows: Wilson's interval, of 95 %."""
    seen = rows > 0
    p, n = right[seen], rows[seen]
    centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * np.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    ax.vlines(sure[seen], centre - half, centre + half, color=BLUE, linewidth=0.8, zorder=2)
