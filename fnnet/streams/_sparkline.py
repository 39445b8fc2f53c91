"""A curve in a few characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fnnet.core import Record

LEVELS = "▁▂▃▄▅▆▇█"
WIDTH = 12
"""The most characters of a curve, whatever the length of the run."""


def sparkline(history: Sequence[Record]) -> str:
    """The training loss from the first epoch to the last, from the lowest block to the highest.

    The scale is logarithmic where all losses are positive, which shows whether they still fall. A long history is
    sampled at evenly spaced epochs, and stacked networks are shown by their mean; a dot stands for NaN and infinity.
    The result is empty for fewer than two epochs.
    """
    n = len(history)
    if n < 2:
        return ""
    epochs = [round(i) for i in np.linspace(0, n - 1, min(n, WIDTH)).tolist()]
    return drawn([float(np.mean(history[epoch].loss)) for epoch in epochs])


def drawn(values: Sequence[float]) -> str:
    """Numbers as blocks.

    >>> drawn([8.0, 4.0, 2.0, float("nan"), 1.0])
    '█▆▃·▁'
    """
    numbers = np.array(values, np.float64) / 4  # so the difference of any two is finite
    numbers[~np.isfinite(numbers)] = np.nan
    known = numbers[~np.isnan(numbers)]
    if not known.size:
        return "·" * len(values)
    if known.min() > 0:
        numbers, known = np.log(numbers), np.log(known)
    low, span = known.min(), np.ptp(known) or 1.0
    places = (numbers - low) / span * (len(LEVELS) - 1)
    return "".join(["·" if np.isnan(place) else LEVELS[round(place)] for place in places.tolist()])
