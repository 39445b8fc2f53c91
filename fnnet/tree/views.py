"""Views of one vector, all taken in two calls: the vector is read as one record, and the views are its fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from fnnet.types import Array

Views = Callable[[Array], tuple[Array, ...]]

Place = tuple[int, tuple[int, ...]]
"""Where a view begins, and its shape."""


def views(places: Sequence[Place], length: int, dtype: np.dtype[np.floating]) -> Views:
    """The function from a vector of this length to its views at these places, which may overlap."""
    names = [str(i) for i in range(len(places))]
    kind: np.dtype[np.void] = np.dtype(
        {
            "names": names,
            "formats": [(dtype, shape) for _, shape in places],
            "offsets": [begin * dtype.itemsize for begin, _ in places],
            "itemsize": length * dtype.itemsize,
        }
    )
    if len(names) == 1:
        return lambda vector: (np.ndarray((), kind, vector)["0"],)
    take: Callable[[NDArray[np.void]], tuple[Array, ...]] = itemgetter(*names)
    return lambda vector: take(np.ndarray((), kind, vector))
