"""Rows of histograms, one behind another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from fnnet.core import Array
from fnnet.plot.looks import BLUE, tint
from fnnet.plot.pictures import canvas

HEIGHT, DEPTH = 0.52, 0.36
"""Of a histogram, and from the last one of a row to the first, as shares of the row."""


class Row(NamedTuple):
    """The entries of one array in each epoch, the edges of their bins, and what is written at the end of the row."""

    name: str
    entries: list[Array]
    edges: Array
    note: str


def draw(where: str, ax: Axes | None, rows: list[Row], epochs: list[int], label: str, is_log: bool) -> Axes:
    """The rows from top to bottom, the epochs of each from the back to the front."""
    ax = canvas(where, ax, 5.2, 0.9 + 0.55 * len(rows))
    shades = [tint(BLUE, share) for share in np.linspace(0.25 if len(epochs) > 1 else 1, 1, len(epochs))]
    for i, row in enumerate(rows):
        _draw_row(ax, row, len(rows) - 1 - i, shades)
    if is_log:
        ax.set_xscale("log")
    ax.set_xlabel(label)
    ax.set_yticks(range(len(rows) - 1, -1, -1), [row.name for row in rows])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.1, len(rows))
    handles = [Patch(facecolor=shade, label=str(epoch)) for epoch, shade in zip(epochs, shades, strict=True)]
    ax.legend(handles=_few(handles), title="epoch", frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def _draw_row(ax: Axes, row: Row, base: int, shades: list[str]) -> None:
    ax.axhline(base, color="0.85", linewidth=0.6, zorder=0)
    steps = np.linspace(DEPTH, 0, len(shades)) if len(shades) > 1 else np.zeros(1)
    for i, (entries, shade, back) in enumerate(zip(row.entries, shades, steps, strict=True)):
        counts, _ = np.histogram(entries, row.edges)
        if counts.any():
            bottom = base + float(back)
            height = bottom + HEIGHT * counts / counts.max()
            ax.stairs(
                height, row.edges, baseline=bottom, fill=True, facecolor=shade, edgecolor="white", linewidth=0.5,
                zorder=10 * (10_000 - base) + i,
            )  # fmt: skip
    ax.text(1, base + 0.12, row.note, transform=ax.get_yaxis_transform(), ha="right", fontsize="small", zorder=1e6)


def _few(handles: list[Patch]) -> list[Patch]:
    """At most six of them, with the first and the last one."""
    chosen = np.unique(np.linspace(0, len(handles) - 1, 6).round().astype(int))
    return [handles[i] for i in chosen]
