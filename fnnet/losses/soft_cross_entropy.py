"""Cross-entropy on scores against a distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.core import Array, define_loss
from fnnet.losses.links import SoftmaxLoss
from fnnet.numerics import exp, log, row_max, row_sum
from fnnet.numerics.kernels import Number, half_above, softmax_row
from fnnet.numerics.sums import weighed

TOLERANCE = 1e-3
"""How far the sum of a distribution may be from 1: what rounding to float16 causes, and no more."""


@dataclass(frozen=True, slots=True)
class SoftCrossEntropy(SoftmaxLoss[Array]):
    """The mean over rows of -Σ_j t_j log softmax(prediction)_j for one distribution t per row, such as the softmax of
    another network (G. Hinton et al., Distilling the Knowledge in a Neural Network, arXiv 1503.02531, section 2); the
    gradient of a row is softmax(prediction) - t, divided by the number of rows.

    It exceeds the divergence KL(t | softmax) by the entropy of t; the gradients are the same. No score overflows; a
    score of -inf masks its class, and costs nothing where the target is 0. Shapes: prediction (..., N, classes) of
    scores, target the same, or (N, classes) for all replicas. Raises ShapeError for other shapes, ValueError for
    targets outside [0, 1] and for rows whose sum differs from 1 by more than 0.001.

    >>> import fnnet as fn, numpy as np
    >>> value, grad = fn.soft_cross_entropy(np.array([[0.0, 0.0]]), np.array([[0.25, 0.75]]))
    >>> round(float(value), 4), grad.tolist()
    (0.6931, [[0.25, -0.25]])
    """

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """(Σ_j t_j) log Σ eᶻ - Σ_j t_j z_j, where 0 times -inf is 0, and its gradient (Σ_j t_j) softmax(z) - t."""
        checks.prediction(self.name, prediction)
        prediction, t = checks.gapless(prediction), checks.target(self.name, prediction, target)
        checks.between(self.name, "target", t, 0, 1)
        total = row_sum(t)
        if not np.abs(total - 1).max() <= TOLERANCE:
            came = f"{total.min()} to {total.max()}"
            raise ValueError(f"soft_cross_entropy: target must be a distribution, of sum 1 in each row, got {came}")
        half = prediction / 2 - row_max(prediction) / 2  # z itself may overflow
        e = exp(half + half)
        sums = row_sum(e)
        values: Array = (total * log(sums))[..., 0] - 2 * np.add.reduce(weighed(t, half), axis=-1)
        e *= total / sums
        return values, e - t


def soft_cross_entropy_row(z: Array, t: Array, d: Array) -> Number:
    real = z.dtype.type
    half, total = 0.0, 0.0
    top, logarithm = softmax_row(z, d)
    for j in range(z.size):
        if t[j] != 0:
            half += t[j] * half_above(z, j, top)
        total += t[j]
    for j in range(z.size):
        d[j] = real(total) * d[j] - t[j]
    value: Number = real(total * logarithm - 2 * half)
    return value


define_loss(SoftCrossEntropy, row=soft_cross_entropy_row, is_labelled=False)


soft_cross_entropy = SoftCrossEntropy()
