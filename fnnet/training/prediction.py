"""Predictions for new rows."""

from __future__ import annotations

import numpy as np

from fnnet import checks
from fnnet.core import Array, Params, forward


def predict(params: Params, x: Array, batch_size: int | None = None) -> Array:
    """The output of the network ``params`` for all rows of x, without a cache.

    With ``batch_size``, that many rows are computed at a time, which bounds the memory needed.

    Shapes: x (..., rows, n_in), result (..., rows, n_out); there may be no rows. Raises what ``forward`` raises,
    ValueError for a batch size below 1.

    >>> import fnnet as fn, numpy as np
    >>> fn.predict(fn.linear(fn.Key(0), 4, 2), np.ones((3, 4)), batch_size=2).shape
    (3, 2)
    """
    given: object = x
    if isinstance(given, np.ndarray) and given.ndim > 1 and not given.shape[-2]:  # one row tells the columns
        return predict(params, np.zeros((*x.shape[:-2], 1, x.shape[-1]), x.dtype))[..., :0, :]
    if batch_size is None:
        y, _ = forward(params, x)
        return y if y.flags.writeable else y.copy()
    size = checks.size("predict", "batch_size", batch_size)
    checks.inputs("predict", x)
    pieces = [forward(params, x[..., i : i + size, :])[0] for i in range(0, x.shape[-2], size)]
    return np.concatenate(pieces, axis=-2)
