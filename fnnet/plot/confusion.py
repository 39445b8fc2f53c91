"""The confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from fnnet import checks
from fnnet.core import Array, ShapeError
from fnnet.plot.arguments import finite, names_of
from fnnet.plot.looks import BLUE, tint
from fnnet.plot.pictures import canvas

WHERE = "plot.confusion_matrix"
SHADES = LinearSegmentedColormap.from_list("fnnet", [tint(BLUE, 0), tint(BLUE, 0.5), BLUE, "#003C5F"])
"""From white to dark: in grey the order stays."""

LETTER = 0.07
"""The width of a letter in inches."""

FEW, SOME = 6, 20
"""So many classes have shares in the cells, and so many have numbers."""


def confusion_matrix(
    matrix: NDArray[np.int64] | Array, *, names: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """How often each class was guessed as which, from ``metrics.confusion_matrix``: a row is the true class.

    A cell has the number of rows, or the sum of their weights, and below it its share of the class; the shade is that
    share. With more than 6 classes cells have no share, with more than 20 no number. Shapes: matrix (classes, classes),
    names one per class. Raises ShapeError, DtypeError; ValueError for entries that are negative or not finite, and for
    other names.

    >>> import fnnet as fn, numpy as np
    >>> from fnnet import plot
    >>> scores, labels = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]), np.array([1, 1, 0])
    >>> ax = plot.confusion_matrix(fn.metrics.confusion_matrix(scores, labels), names=["healthy", "ill"])
    >>> [text.get_text() for text in ax.get_xticklabels()], ax.texts[0].get_text()
    (['healthy', 'ill'], '0\\n0 %')
    """
    _check(matrix)
    found = matrix.astype(np.float64)
    n = len(found)
    classes = names_of(WHERE, names, n, "class")
    ax, is_turned = _room(ax, classes)
    total = found.sum(axis=1, keepdims=True)
    shares = np.divide(found, total, out=np.zeros_like(found), where=total > 0)
    ax.pcolormesh(shares, cmap=SHADES, vmin=0, vmax=1, edgecolors="0.8", linewidth=0.5)
    _write(ax, found, shares)
    ax.set_xticks(np.arange(n) + 0.5, classes, rotation=90 if is_turned else 0)
    ax.set_yticks(np.arange(n) + 0.5, classes)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="predicted class", ylabel="true class", ylim=(n, 0), aspect="equal")
    return ax


def _room(ax: Axes | None, classes: list[str]) -> tuple[Axes, bool]:
    """An Axes for so many cells and such names, and whether those below are turned, as they are wider than a cell."""
    n, width = len(classes), LETTER * max(map(len, classes))
    cell = 0.75 if n <= FEW else 0.42 if n <= SOME else 0.2
    is_turned = width > cell
    return canvas(WHERE, ax, cell * n + 0.5 + width, cell * n + 0.5 + (width if is_turned else 0.1)), is_turned


def _check(matrix: NDArray[np.int64] | Array) -> None:
    """Raises ShapeError, DtypeError or ValueError unless this is one table of counts or weights."""
    checks.array(WHERE, "matrix", matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        remedy = "of stacked networks take one, matrix[k], or their sum, matrix.sum(axis=0)"
        rule = "matrix must be (classes, classes), as metrics.confusion_matrix gives it"
        raise ShapeError(f"{WHERE}: {rule}, got {matrix.shape}" + (f"; {remedy}" if matrix.ndim > 2 else ""))
    finite(WHERE, "matrix", matrix)
    if matrix.min() < 0:
        raise ValueError(f"{WHERE}: matrix must hold numbers from 0 up, got {matrix.min()}")


def _write(ax: Axes, found: Array, shares: Array) -> None:
    """The numbers in the cells, white where these are dark."""
    n = len(found)
    if n > SOME:
        return
    size = 9 if n <= FEW else 8
    for row, col in np.ndindex(found.shape):
        number, share = found[row, col], shares[row, col]
        text = f"{number:.4g}" if number % 1 else f"{number:.0f}"
        text += f"\n{share:.0%}".replace("%", " %") if n <= FEW else ""
        color = "white" if share > 0.5 else "black"
        ax.text(col + 0.5, row + 0.5, text, ha="center", va="center", color=color, fontsize=size)
