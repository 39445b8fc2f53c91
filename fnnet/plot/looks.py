"""Colours, markers and dashes."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.colors import to_hex, to_rgb

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, BLACK)
"""Those of Okabe and Ito but the yellow, which is too light for a line on paper."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
DASHES = ("-", "--", "-.", ":")

GREY = "0.35"
"""Of lines that are there to compare with."""


class Look(NamedTuple):
    """How one of several things is drawn: each has another colour, marker and dashes."""

    color: str
    marker: str
    linestyle: str


def look(i: int) -> Look:
    """The look of number i; they begin anew at different numbers, so that 56 pairs of colour and marker differ."""
    return Look(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], DASHES[i % len(DASHES)])


def tint(color: str, share: float) -> str:
    """A colour mixed with white: its share from 0, which is white, to 1."""
    red, green, blue = [1 - share * (1 - part) for part in to_rgb(color)]
    return to_hex((red, green, blue))


def shade(color: str, share: float) -> str:
    """A colour mixed with black: its share from 0, which is black, to 1."""
    red, green, blue = [share * part for part in to_rgb(color)]
    return to_hex((red, green, blue))
