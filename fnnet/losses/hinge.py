"""The margin of a support vector machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet.losses._base import RowLoss, scores
from fnnet.types import Array, Labels


@dataclass(frozen=True, slots=True)
class Hinge(RowLoss[Labels]):
    """The mean over rows of max(0, 1 + the largest other score - the label's score) (K. Crammer, Y. Singer, JMLR 2,
    2001, section 3): 0 where the label leads by a margin of 1.

    Shapes: prediction (..., N, classes) of scores of two classes or more, target (..., N) of integers in [0, classes),
    or (N,). Raises ShapeError, DtypeError, ValueError for labels out of range.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.hinge(np.array([[0.5, 1.0, -2.0]]), np.array([0]))
    >>> float(value), grad.tolist()
    (1.5, [[-1.0, 1.0, 0.0]])
    """

    def rows(self, prediction: Array, target: Labels, /) -> tuple[Array, Array]:
        """max(0, 1 + z_rival - z_label), with gradient onehot(rival) - onehot(label) where it is above 0."""
        z, (row, label) = scores("hinge", prediction, target)
        others = z.copy()
        others[row, label] = -np.inf
        rival = np.argmax(others, axis=-1)
        margin = 1 + others[row, rival] - z[row, label]
        grads = np.zeros_like(z)
        missed = (margin > 0).astype(z.dtype)
        grads[row, rival] = missed
        grads[row, label] = -missed
        return np.maximum(margin, 0).reshape(prediction.shape[:-1]), grads.reshape(prediction.shape)


hinge = Hinge()
