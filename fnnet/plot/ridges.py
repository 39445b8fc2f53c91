"""Rows of histograms, one behind another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from fnnet.core import Array
from fnnet.plot.looks import BLUE, shade, tint
from fnnet.plot.pictures import canvas

EDGE = shade(BLUE, 0.45)
HEIGHT, DEPTH = 0.52, 0.36
"""Of a histogram, and from the last one of a row to the first, as shares of the row."""


class Row(NamedTuple):
    """The entries of one array in each epoch, the edges of their bins, and what is written under its name."""

    name: str
    entries: list[Array]
    edges: Array
    note: str


def draw(where: str, ax: Axes | None, rows: list[Row], epochs: list[int], label: str, is_log: bool) -> Axes:
    """The rows from top to bottom, the epochs of each from the back to the front."""
    ax = canvas(where, ax, 5.2, 0.9 + 0.55 * len(rows))
    colors = [tint(BLUE, share) for share in np.linspace(0.25 if len(epochs) > 1 else 1, 1, len(epochs))]
    for i, row in enumerate(rows):
        _draw_row(ax, row, len(rows) - 1 - i, colors)
    if is_log:
        ax.set_xscale("log")
    ax.set_xlabel(label)
    ax.set_yticks(range(len(rows) - 1, -1, -1), [f"{row.name}\n{row.note}".strip() for row in rows], va="bottom")
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.1, len(rows))
    handles = [Patch(facecolor=color, label=str(epoch)) for epoch, color in zip(epochs, colors, strict=True)]
    ax.legend(handles=_few(handles), title="epoch", frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def _draw_row(ax: Axes, row: Row, base: int, colors: list[str]) -> None:
    ax.axhline(base, color="0.85", linewidth=0.6, zorder=0)
    steps = np.linspace(DEPTH, 0, len(colors)) if len(colors) > 1 else np.zeros(1)
    for i, (entries, color, back) in enumerate(zip(row.entries, colors, steps, strict=True)):
        counts, _ = np.histogram(entries, row.edges)
        if counts.any():
            seen = slice(np.flatnonzero(counts)[0], np.flatnonzero(counts)[-1] + 1)
            bottom, order = base + float(back), 1 + i / len(colors)
            top, edges = bottom + HEIGHT * counts[seen] / counts.max(), row.edges[seen.start : seen.stop + 1]
            ax.stairs(top, edges, baseline=bottom, fill=True, fc=color, ec=EDGE, linewidth=0.4, zorder=order)


def _few(handles: list[Patch]) -> list[Patch]:
    """At most six of them, with the first and the last one."""
    chosen = np.unique(np.linspace(0, len(handles) - 1, 6).round().astype(int))
    return [handles[i] for i in chosen]
