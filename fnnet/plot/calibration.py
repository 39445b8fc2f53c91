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


def calibration(prediction: Array, target: Labels | Array, *, bins: int = 15, ax: Axes | None = None) -> Axes:
    """How often a classifier is right where it is so sure: accuracy against confidence, the probability of the guess,
    in bins of equal width (A. Niculescu-Mizil, R. Caruana, Predicting Good Probabilities, ICML 2005, section 4).

    Points below the diagonal are too sure. The bars are the shares of the rows that lie in the bins: where they are
    low, a point means little. The bins are those of ``metrics.ExpectedCalibrationError(bins)``, whose value is in the
    legend. Shapes: prediction (..., N, classes) of scores and target (..., N) or (N,) of labels; or prediction
    (..., N, 1) of logits and target (..., N, 1) or (N, 1) of 0 and 1. Each of K stacked networks has a line; bars and
    the value in the legend are their means. Raises ShapeError, DtypeError, ValueError as the metric does, and
    ValueError for a prediction that is not finite.

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
    found = metric.reliability(scores, labels)
    ax = canvas(WHERE, ax, 3.9, 3.6)
    shares = found.share.reshape(-1, bins).mean(axis=0)
    ax.bar(
        (np.arange(bins) + 0.5) / bins, shares, 0.92 / bins, color=tint(SKY, 0.45), label="share of all rows", zorder=1
    )
    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="perfect", zorder=2)
    lines = zip(found.confidence.reshape(-1, bins), found.accuracy.reshape(-1, bins), strict=True)
    networks = len(found.share.reshape(-1, bins))
    name = "network" if networks == 1 else f"{networks} networks, mean"
    label = f"{name}, ECE {float(metric(scores, labels).mean()):.3f}".replace("mean, ECE", "mean ECE")
    width, size = (1.6, 4.5) if networks == 1 else (0.8, 2.5)
    for i, (confidence, accuracy) in enumerate(lines):
        seen = ~np.isnan(accuracy)
        ax.plot(
            confidence[seen],
            accuracy[seen],
            "o-",
            color=BLUE,
            linewidth=width,
            markersize=size,
            label="" if i else label,
            zorder=3,
        )
    ax.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
    ax.legend(frameon=False, loc="upper left")
    return ax
