"""The margin of a support vector machine, for many classes and for two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet.core import Array, Labels, define_loss
from fnnet.losses.links import BinaryLoss, ClassLoss
from fnnet.losses.reductions import scores
from fnnet.numerics.kernels import Number


@dataclass(frozen=True, slots=True)
class Hinge(ClassLoss[Labels]):
    """The mean over rows of max(0, 1 + the largest other score - the label's score) (K. Crammer, Y. Singer, JMLR 2,
    2001, section 3): 0 where the label leads by a margin of 1.

    Shapes: prediction (..., N, classes) of scores of two classes or more, target (..., N) of integers in [0, classes),
    or (N,). Raises what ``softmax_cross_entropy`` raises.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.hinge(np.array([[0.5, 1.0, -2.0]]), np.array([0]))
    >>> float(value), grad.tolist()
    (1.5, [[-1.0, 1.0, 0.0]])
    """

    def rows(self, prediction: Array, target: Labels, /) -> tuple[Array, Array]:
        """max(0, 1 + z_rival - z_label), with gradient onehot(rival) - onehot(label) where it is above 0."""
        z, (row, label) = scores(self.name, prediction, target)
        others = prediction.reshape(z.shape).copy()  # as they are: minus their maximum they may be equal
        others[row, label] = -np.inf
        rival = np.argmax(others, axis=-1)
        margin = np.where(rival == label, -np.inf, 1 + z[row, rival] - z[row, label])  # there may be no other class
        grads = np.zeros_like(z)
        missed = (margin > 0).astype(z.dtype)
        grads[row, rival] = missed
        grads[row, label] = -missed
        return np.maximum(margin, 0).reshape(prediction.shape[:-1]), grads.reshape(prediction.shape)


def hinge_row(z: Array, label: int, d: Array) -> Number:
    real, rival = z.dtype.type, -1
    for j in range(z.size):
        d[j] = real(0)
        if j != label and (rival < 0 or z[j] > z[rival] or np.isnan(z[j])):
            rival = j
    if rival < 0:
        return real(0)
    margin: Number = real(1) + (z[rival] - z[label])
    if margin > 0:
        d[rival], d[label] = real(1), real(-1)
    return real(0) if margin <= 0 else margin


define_loss(Hinge, row=hinge_row, is_labelled=True)


@dataclass(frozen=True, slots=True)
class BinaryHinge(BinaryLoss):
    """The mean over rows and columns of max(0, 1 - s z) with the sign s = 2 t - 1 of a target t of 0 or 1 (C. Cortes,
    V. Vapnik, Support-Vector Networks, Machine Learning, 1995); the gradient of an entry is -s where s z < 1, else 0.

    Shapes: prediction z (..., N, F) of scores, target the same, or (N, F) for all replicas, as for
    ``binary_cross_entropy``. Raises ShapeError for other shapes, ValueError for targets other than 0 and 1.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.binary_hinge(np.array([[0.5, 3.0]]), np.array([[0.0, 1.0]]))
    >>> float(value), grad.tolist()
    (0.75, [[0.5, 0.0]])
    """

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """max(0, 1 - s z), and -s where that is above 0."""
        s = 2 * target - 1
        short = np.maximum(1 - s * prediction, 0)
        return short, np.where(short > 0, -s, 0)

    def checked(self, prediction: Array, target: Array, /) -> Array:
        """The target in the prediction's dtype. Raises ShapeError, or ValueError unless it is 0 or 1."""
        t = BinaryLoss.checked(self, prediction, target)
        if not ((t == 0) | (t == 1)).all():
            raise ValueError(
                f"binary_hinge: target must be 0 or 1, got {t.min()} to {t.max()}; of -1 and 1 it is (target + 1) / 2"
            )
        return t


hinge = Hinge()
binary_hinge = BinaryHinge()
