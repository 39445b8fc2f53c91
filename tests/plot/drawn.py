"""What an Axes has drawn."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from fnnet import Array

Points = list[list[float]]


def xy(line: Line2D) -> Points:
    """The points of a line."""
    found: Points = np.asarray(line.get_xydata()).tolist()
    return found


def lines(ax: Axes) -> dict[str, Points]:
    """The lines with a name in the legend: their points."""
    of = {str(line.get_label()): xy(line) for line in ax.lines}
    return {name: of[name] for name in legend(ax) if name in of}


def legend(ax: Axes) -> list[str]:
    """The names in the legend, each once."""
    names = ax.get_legend_handles_labels()[1]
    assert len(names) == len(set(names))
    return names


def points(ax: Axes) -> dict[str, Points]:
    """Scattered points by their name."""
    found = [it for it in ax.collections if isinstance(it, PathCollection)]
    return {str(it.get_label()): np.asarray(it.get_offsets()).tolist() for it in found}


def bars(ax: Axes) -> Array:
    """Vertical lines: their ends, (lines, 2, 2)."""
    (found,) = [it for it in ax.collections if isinstance(it, LineCollection)]
    return np.asarray(found.get_segments(), np.float64)


def columns(ax: Axes) -> list[float]:
    """The heights of the columns."""
    return [it.get_height() for it in ax.patches if isinstance(it, Rectangle)]


def boundary(ax: Axes) -> Array:
    """The points of all lines between regions."""
    drawn = [
        it for it in ax.collections if not isinstance(it, PathCollection) and not len(np.asarray(it.get_facecolor()))
    ]
    found = [np.asarray(path.vertices) for it in drawn for path in it.get_paths()]
    return np.concatenate([np.zeros((0, 2)), *[one for one in found if one.size]])
