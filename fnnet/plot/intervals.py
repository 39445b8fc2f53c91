"""Prediction intervals."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from fnnet import checks
from fnnet.core import Array, ShapeError
from fnnet.plot.arguments import finite, in_units
from fnnet.plot.looks import BLACK, BLUE, SKY, VERMILLION, tint
from fnnet.plot.pictures import canvas, legend_above

WHERE = "plot.intervals"


def intervals(
    prediction: Array,
    lower: Array,
    upper: Array,
    target: Array | None = None,
    *,
    x: Array | None = None,
    name: str = "x",
    unit: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Predictions with their intervals, and which targets lie in them; for example of networks that were trained with
    ``quantile(0.5)``, ``quantile(0.05)`` and ``quantile(0.95)``.

    Without ``x`` the rows are in the order of their predictions, each with a line for its interval; with it they lie at
    its values, whose axis is called ``name``, and the intervals are a band. The legend has the share of targets inside,
    lower <= target <= upper, and how many rows have their lower bound above the upper one, if any. Shapes: all of them
    (N,) or (N, 1). ``unit`` is that of the target. Raises ShapeError, DtypeError, ValueError for numbers that are not
    finite.

    >>> import fnnet as fn, numpy as np
    >>> from fnnet import plot
    >>> middle = np.array([1.0, 2.0, 3.0, 4.0])
    >>> ax = plot.intervals(middle, middle - 1, middle + 1, np.array([1.5, 2.5, 0.0, 4.0]))
    >>> ax.get_legend_handles_labels()[1]
    ['interval', 'prediction', '75 % inside', '25 % outside']
    """
    given = {"prediction": prediction, "lower": lower, "upper": upper, "target": target, "x": x}
    found = {key: _numbers(key, value) for key, value in given.items() if value is not None}
    rows = checks.same_length(WHERE, list(found.items()))
    order = np.argsort(found.get("x", found["prediction"]), kind="stable")
    sorted_ = {key: value[order] for key, value in found.items()}
    at = sorted_.get("x", np.arange(1, rows + 1).astype(np.float64))
    ax = canvas(WHERE, ax)
    _draw(ax, at, sorted_)
    ax.set_xlabel("rows, in the order of the prediction" if x is None else name)
    ax.set_ylabel(in_units("prediction" if target is None else "target", unit))
    legend_above(ax)
    return ax


def _numbers(name: str, value: Array) -> Array:
    """A column of numbers, (N,) in float64."""
    checks.array(WHERE, name, value)
    if not value.size or value.shape not in ((len(value),), (len(value), 1)):
        raise ShapeError(
            f"{WHERE}: {name} must be (N,) or (N, 1), with at least one row, got {value.shape}; take a column"
        )
    finite(WHERE, name, value)
    return value.ravel().astype(np.float64)


def _draw(ax: Axes, at: Array, of: dict[str, Array]) -> None:
    """The band, the line in it, the points, and in the legend what they add up to."""
    low, high = of["lower"], of["upper"]
    if "x" in of:
        ax.fill_between(at, low, high, color=tint(SKY, 0.5), linewidth=0, label="interval", zorder=1)
    else:  # neighbours have nothing in common but their prediction
        width = min(max(160 / len(at), 0.3), 4)
        ax.vlines(at, low, high, color=tint(SKY, 0.6), linewidth=width, label="interval", zorder=1)
    ax.plot(at, of["prediction"], color=BLUE, linewidth=1.5, label="prediction", zorder=3)
    if "target" in of:
        inside = (low <= of["target"]) & (of["target"] <= high)
        for name, those, color, marker in (("inside", inside, BLACK, "o"), ("outside", ~inside, VERMILLION, "X")):
            label = f"{those.mean():.0%} {name}".replace("%", " %")
            size = 10 if marker == "o" else 24
            ax.scatter(
                at[those], of["target"][those], size, color=color, marker=marker, linewidth=0, label=label, zorder=4
            )
    if crossed := int((low > high).sum()):
        ax.plot([], [], linestyle="none", label=f"lower above upper: {crossed} of {len(low)} rows")
