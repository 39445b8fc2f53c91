"""The Axes that a picture is drawn into, and how it comes into a notebook or a file."""

from __future__ import annotations

from io import BytesIO
from os import PathLike, fspath
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fnnet import files

SHOWN = 200
"""Dots per inch in a notebook: twice what a screen of 100 shows, for those that have more."""


class Picture(Axes):
    """The Axes of a figure of its own, which Jupyter shows as a picture without ``pyplot``."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The whole figure, and how large it is on a page."""
        figure = figure_of("plot", self)
        width, height = figure.get_size_inches()
        return _written(figure, "png", SHOWN), {"width": round(100 * width), "height": round(100 * height)}


def canvas(where: str, ax: Axes | None, width: float = 4.8, height: float = 3.3) -> Axes:
    """The Axes that was given, or one of a new figure of this size in inches. Raises ValueError for what is no Axes."""
    given: object = ax
    if isinstance(given, Axes):
        return given
    if given is not None:
        remedy = "a figure gives one by figure.add_subplot()"
        raise ValueError(f"{where}: ax must be an Axes of Matplotlib, got {type(given).__name__}; {remedy}")
    own = Figure(figsize=(width, height), layout="constrained").add_subplot(axes_class=Picture)
    own.spines[["top", "right"]].set_visible(False)
    own.set_axisbelow(True)
    return own


def figure_of(where: str, ax: Axes) -> Figure:
    """The whole figure that an Axes is in. Raises ValueError where there is none."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError(f"{where}: ax must be in a figure, got one that was removed from its own; draw it again")
    return figure


def legend_above(ax: Axes, room: float = 0.09) -> None:
    """A legend above what is drawn: the vertical axis grows by so large a share for each of its lines, of two entries
    each."""
    lines = (len(ax.get_legend_handles_labels()[1]) + 1) // 2
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + room * lines * (high - low))
    ax.legend(loc="upper left", ncols=2, frameon=False, columnspacing=1.2, borderaxespad=0.1)


def save(ax: Axes, path: str | PathLike[str]) -> None:
    """Writes the figure that an Axes is in, in the format of the path's ending: .pdf or .svg for print, .png otherwise.

    The file is there whole or not at all, and no date is written into it: the same picture has the same bytes in PDF
    and PNG. Raises ValueError for what is no Axes and for an unknown format, OSError where it cannot be written.

    >>> import fnnet as fn, numpy as np, tempfile
    >>> from fnnet import plot
    >>> ax = plot.confusion_matrix(np.array([[8, 2], [1, 9]]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plot.save(ax, f"{folder}/confusion.pdf")
    """
    given: object = ax
    if not isinstance(given, Axes):
        raise ValueError(f"plot.save: ax must be an Axes, as the pictures give them, got {type(given).__name__}")
    figure = figure_of("plot.save", given)
    known = sorted(figure.canvas.get_supported_filetypes())
    file = Path(fspath(path))
    ending = file.suffix.removeprefix(".").lower()
    if ending not in known:
        raise ValueError(
            f"plot.save: path must end with one of {', '.join(known)}, got {file.name!r}; .pdf is for print"
        )
    files.write(file, _written(figure, ending, 300))


DATES = {"pdf": "CreationDate", "svg": "Date", "svgz": "Date"}
"""The name that the time of writing has in a format."""


def _written(figure: Figure, ending: str, dpi: int) -> bytes:
    buffer = BytesIO()
    metadata = {DATES[ending]: None} if ending in DATES else None
    figure.savefig(buffer, format=ending, dpi=dpi, metadata=metadata)
    return buffer.getvalue()
