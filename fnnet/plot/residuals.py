"""Residuals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from fnnet import checks
from fnnet.core import Array
from fnnet.plot.arguments import finite, in_units, names_of
from fnnet.plot.looks import GREY, look, shade
from fnnet.plot.pictures import canvas, legend_above

WHERE = "plot.residuals"
BIN = 10
"""At least so many rows in a mean."""


def residuals(
    prediction: Array, target: Array, *, names: Sequence[str] | None = None, unit: str = "", ax: Axes | None = None
) -> Axes:
    """What the prediction falls short of the target by, target - prediction, against the prediction, a point a row.

    The line is the mean in ten groups of rows, ordered by the prediction and equally large; it is left out below 20
    rows. Where it leaves 0 the network is biased, and where the points fan out its errors grow with what it predicts.
    Shapes: prediction (..., N, F) and target the same or (N, F); each of F columns has its colour, marker, line and
    name; of K stacked networks all points are drawn. ``unit`` is that of the target. Raises ShapeError, DtypeError,
    ValueError for numbers that are not finite.

    >>> import fnnet as fn, numpy as np
    >>> from fnnet import plot
    >>> ax = plot.residuals(np.array([[1.0], [2.0]]), np.array([[1.5], [1.0]]), unit="m")
    >>> ax.get_ylabel(), ax.collections[0].get_offsets().tolist()
    ('target − prediction (m)', [[1.0, 0.5], [2.0, -1.0]])
    """
    checks.prediction(WHERE, prediction)
    t = np.broadcast_to(checks.target(WHERE, prediction, target), prediction.shape)
    finite(WHERE, "prediction", prediction)
    finite(WHERE, "target", t)
    columns = prediction.shape[-1]
    called = names_of(WHERE, names, columns, "column")
    ax = canvas(WHERE, ax)
    ax.axhline(0, color=GREY, linestyle="--", linewidth=1, zorder=1)
    for i, name in enumerate(called):
        p = prediction[..., i].ravel().astype(np.float64)
        _draw(ax, i, p, t[..., i].ravel() - p, name if columns > 1 or names else "")
    ax.set_xlabel(in_units("prediction", unit))
    ax.set_ylabel(in_units("target − prediction", unit))
    if ax.get_legend_handles_labels()[1]:
        legend_above(ax)
    return ax


def _draw(ax: Axes, i: int, p: Array, residual: Array, name: str) -> None:
    """The points of a column, and the means of groups of them."""
    own = look(i)
    groups = min(10, len(p) // BIN)
    size, alpha = (14, 0.6) if len(p) <= 500 else (5, 0.25)
    label = name if groups < 2 else ""
    ax.scatter(p, residual, size, color=own.color, marker=own.marker, alpha=alpha, linewidth=0, label=label, zorder=2)
    if groups < 2:
        return
    parts = np.array_split(np.argsort(p, kind="stable"), groups)
    x, y = [p[part].mean() for part in parts], [residual[part].mean() for part in parts]
    dark, label = shade(own.color, 0.6), f"{name}, mean" if name else "mean of neighbours"
    ax.plot(x, y, color=dark, linestyle=own.linestyle, marker=own.marker, mec="white", linewidth=1.8, label=label)
