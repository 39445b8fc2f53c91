"""Cross-entropy on scores, for many classes and for two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.core import Array, Labels, define_loss
from fnnet.losses.links import BinaryLoss, SoftmaxLoss
from fnnet.losses.reductions import scores, softmax_and_log
from fnnet.numerics import exp, log1p, sigmoid
from fnnet.numerics.kernels import Number, softmax_row
from fnnet.numerics.sums import weighed


@dataclass(frozen=True, slots=True)
class SoftmaxCrossEntropy(SoftmaxLoss[Labels]):
    """The mean over rows of -log softmax(prediction)[label] (C. M. Bishop, Pattern Recognition and Machine Learning,
    eq. 4.108); the gradient of a row is softmax(prediction) - onehot(label), divided by the number of rows.

    Shapes: prediction (..., N, classes) of scores, target (..., N) of integers in [0, classes), or (N,). Each row is
    shifted by its own maximum, so no score overflows. Raises ShapeError for other shapes, DtypeError for labels that
    are not integers, ValueError for labels out of range.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.softmax_cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))
    >>> round(float(value), 4), grad.tolist()
    (0.6931, [[0.5, -0.5]])
    """

    def rows(self, prediction: Array, target: Labels, /) -> tuple[Array, Array]:
        """-log p_label = log Σ eᶻ - z_label with p = softmax(z), and its gradient p - onehot(label)."""
        z, place = scores(self.name, prediction, target)
        p, values = softmax_and_log(z)
        values -= z[place]
        p[place] -= 1
        return values.reshape(prediction.shape[:-1]), p.reshape(prediction.shape)


def cross_entropy_row(z: Array, label: int, d: Array) -> Number:
    top, logarithm = softmax_row(z, d)
    d[label] -= z.dtype.type(1)
    value: Number = logarithm - (z[label] - top)
    return value


define_loss(SoftmaxCrossEntropy, row=cross_entropy_row, is_labelled=True)


@dataclass(frozen=True, slots=True)
class BinaryCrossEntropy(BinaryLoss):
    """The mean over rows and columns of log(1 + e^z) - t z, the cross-entropy of σ(z) against t in [0, 1]
    (C. M. Bishop, Pattern Recognition and Machine Learning, eq. 4.90); the gradient of an entry is σ(z) - t.

    With several columns it is the loss of several yes-or-no labels per row. Shapes: prediction z (..., N, F) of logits,
    target the same, or (N, F) for all replicas. Raises ShapeError for other shapes, ValueError for targets outside
    [0, 1].

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.binary_cross_entropy(np.array([[0.0]]), np.array([[1.0]]))
    >>> round(float(value), 4), grad.tolist()
    (0.6931, [[-0.5]])
    """

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """s |z| + log(1 + e^-|z|), where s = |t - [z > 0]| is how wrong the sign of z is, and σ(z) - t."""
        size, wrong = np.abs(prediction), np.abs(target - (prediction > 0))
        return weighed(wrong, size) + log1p(exp(-size)), sigmoid(prediction) - target

    def checked(self, prediction: Array, target: Array, /) -> Array:
        """The target in the prediction's dtype. Raises ShapeError, or ValueError unless it is in [0, 1]."""
        t = BinaryLoss.checked(self, prediction, target)
        checks.between(self.name, "target", t, 0, 1)
        return t

    def probabilities(self, prediction: Array, /) -> Array:
        """Those of class 0 and class 1, (..., rows, 2), for a single column; for several σ(z), the probability of a yes
        in each."""
        if prediction.shape[-1] > 1:
            return sigmoid(prediction)
        return np.concatenate([sigmoid(-prediction), sigmoid(prediction)], axis=-1)


softmax_cross_entropy = SoftmaxCrossEntropy()
binary_cross_entropy = BinaryCrossEntropy()
