"""Decision regions of networks with two inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from fnnet import checks
from fnnet.core import Array, Labels, Params, ShapeError, forward
from fnnet.plot.arguments import HasParams, finite, labels_of, names_of, network_of, scores_of
from fnnet.plot.looks import BLACK, look, tint
from fnnet.plot.pictures import canvas

WHERE = "plot.decision_regions"
SHARE = 0.28
"""Of a class's colour in that of its region."""
MARGIN = 0.06
"""How far the picture goes beyond the points, as a share of their range."""


def decision_regions(
    network: Params | HasParams,
    x: Array,
    target: Labels | Array | None = None,
    *,
    names: Sequence[str] | None = None,
    inputs: tuple[str, str] = ("x₁", "x₂"),
    resolution: int = 200,
    ax: Axes | None = None,
) -> Axes:
    """Where in the plane a network of two inputs guesses which class, and the points that it is asked about.

    The class is that of the largest score, or of a network with one output, a logit, class 1 where it is above 0. With
    ``target`` the points have the colour and marker of their class; without it they only say how far the picture goes,
    and the regions bear the names. The scores are computed at ``resolution`` by ``resolution`` points; lines are where
    two classes have equal scores. Of K stacked networks each has its lines, and a region is that of the class that most
    of them guess, the first where several are. ``network`` may be a Fit or a TrainState. Shapes: x (N, 2), target (N,)
    of labels, or (N, 1) of 0 and 1 for a network with one output. Raises ShapeError, DtypeError, LayerError, and
    ValueError for points or scores that are not finite.

    >>> import fnnet as fn, numpy as np
    >>> from fnnet import plot
    >>> x = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    >>> ax = plot.decision_regions(fn.mlp(fn.Key(0), (2, 8, 2)), x, np.array([0, 0, 1, 1]), names=["same", "other"])
    >>> ax.get_legend_handles_labels()[1]
    ['same', 'other']
    """
    net = network_of(WHERE, network)
    checks.array(WHERE, "x", x)
    if x.ndim != 2 or x.shape[-1] != 2 or not len(x):
        raise ShapeError(f"{WHERE}: x must be (N, 2), with at least one point of two inputs, got {x.shape}")
    finite(WHERE, "x", x)
    checks.pair(WHERE, "inputs", inputs)
    sides = [_side(x[:, i], checks.size(WHERE, "resolution", resolution, 2)) for i in (0, 1)]
    scores = _scores(net, sides)
    classes = names_of(WHERE, names, scores.shape[-1], "class")
    labels = None if target is None else labels_of(WHERE, np.zeros((len(x), scores.shape[-1])), target)
    ax = canvas(WHERE, ax, 4.6, 3.6)
    whole = _margins(scores[0] if len(scores) == 1 else _votes(scores))
    _fill(ax, sides, scores, whole)
    for i, name in enumerate(classes):
        if labels is None:
            _write(ax, sides, whole[..., i] > 0, name)
        else:
            _points(ax, i, x[labels == i], name)
    ax.set(xlabel=inputs[0], ylabel=inputs[1], xlim=sides[0][[0, -1]], ylim=sides[1][[0, -1]])
    if labels is not None:
        ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), title="class", handletextpad=0.2)
    return ax


def _side(values: Array, n: int) -> Array:
    """n places along one axis, beyond its points at both ends."""
    low, high = float(values.min()), float(values.max())
    room = MARGIN * (high - low) or 1.0
    return np.linspace(low - room, high + room, n)


def _scores(net: Params, sides: list[Array]) -> Array:
    """The scores at all points of a grid, (K, rows, columns, classes)."""
    grid = np.stack(np.meshgrid(*sides), axis=-1)
    y, _ = forward(net, grid.reshape(-1, 2))
    finite(WHERE, "the network's output", y)
    found = scores_of(y.astype(np.float64))
    return found.reshape(-1, *grid.shape[:-1], found.shape[-1])


def _margins(scores: Array) -> Array:
    """By how much each score is above the largest of the others."""
    ranked = np.sort(scores, axis=-1)
    others = np.where(scores == ranked[..., -1:], ranked[..., -2:-1], ranked[..., -1:])
    out: Array = scores - others
    return out


def _votes(scores: Array) -> Array:
    """How many networks guess each class, a little more for the first of several."""
    guess: NDArray[np.int64] = scores.argmax(axis=-1)
    classes = np.arange(scores.shape[-1])
    votes: Array = (guess[..., None] == classes).sum(axis=0) - 1e-3 * classes
    return votes


def _fill(ax: Axes, sides: list[Array], scores: Array, whole: Array) -> None:
    """The regions, where the margin of all networks together is above 0, and the lines between those of each."""
    width = 1.2 if len(scores) == 1 else 0.6
    for i in range(scores.shape[-1]):
        if (whole[..., i] > 0).any():
            ax.contourf(*sides, whole[..., i], levels=[0, np.inf], colors=[tint(look(i).color, SHARE)])
        for network in scores:
            margin = _margins(network)[..., i]
            if margin.min() < 0 < margin.max():
                ax.contour(*sides, margin, levels=[0], colors=[BLACK], linewidths=width)


def _write(ax: Axes, sides: list[Array], region: NDArray[np.bool], name: str) -> None:
    """The name of a class in its region, where there is one: at the place in it that is nearest to its middle."""
    places = np.argwhere(region)
    if len(places):
        row, col = places[((places - places.mean(axis=0)) ** 2).sum(axis=-1).argmin()]
        ax.text(float(sides[0][col]), float(sides[1][row]), name, ha="center", va="center", zorder=3)


def _points(ax: Axes, i: int, x: Array, name: str) -> None:
    """The points of one class, and its line in the legend."""
    own = look(i)
    size = 22 if len(x) <= 300 else 10
    ax.scatter(
        x[:, 0],
        x[:, 1],
        size,
        color=own.color,
        marker=own.marker,
        edgecolor="white",
        linewidth=0.5,
        label=name,
        zorder=3,
    )
