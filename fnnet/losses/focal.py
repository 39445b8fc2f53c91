"""Cross-entropy that focuses on hard rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fnnet.core import Array, Labels, NonNegative, define_loss
from fnnet.losses.links import SoftmaxLoss
from fnnet.losses.reductions import scores, softmax_and_log
from fnnet.numerics import exp, expm1, power
from fnnet.numerics.kernels import Number, softmax_row
from fnnet.numerics.sums import weighed


@dataclass(frozen=True, slots=True)
class Focal(SoftmaxLoss[Labels]):
    """The mean over rows of -(1 - p)^gamma log p with p = softmax(prediction)[label]: cross-entropy in which easy rows
    count little (T.-Y. Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 4).

    The larger ``gamma`` is, the less easy rows count; with gamma 0 it is cross-entropy itself. Shapes and Raises as in
    ``softmax_cross_entropy``; ValueError also for a gamma that is negative or not finite.

    >>> import fnnet as fn, numpy as np
    >>> round(float(fn.focal(2.0)(np.array([[0.0, 0.0]]), np.array([0]))[0]), 4)
    0.1733
    """

    gamma: NonNegative = 2.0

    def rows(self, prediction: Array, target: Labels, /) -> tuple[Array, Array]:
        """-r^γ u with u = log p and r = 1 - p, and its gradient r^γ (γ p u / r - 1) (onehot(label) - softmax)."""
        z, place = scores(self.name, prediction, target)
        softmax, logarithms = softmax_and_log(z)
        u = z[place] - logarithms
        r = -expm1(u)
        ratio = np.divide(u, r, out=np.full_like(u, -1), where=r > 0)  # its limit at r = 0 is -1
        hard = power(r, self.gamma)
        slope = hard * (self.gamma * weighed(exp(u), ratio) - 1)  # p u has the limit 0 at p = 0
        grads = -softmax
        grads[place] += 1
        grads *= slope[:, None]
        return (-hard * u).reshape(prediction.shape[:-1]), grads.reshape(prediction.shape)


def focal_row(z: Array, label: int, d: Array, gamma: float) -> Number:
    """The same for one row; p u / r tends to -1 as p tends to 1, and to 0 as p tends to 0."""
    real = z.dtype.type
    top, logarithm = softmax_row(z, d)
    u = (z[label] - top) - logarithm
    r, sure = -real(math.expm1(u)), real(math.exp(u))
    hard: Number = r ** real(gamma)
    ratio = real(0) if sure == 0 else sure * (u / r if r > 0 else real(-1))
    slope = hard * (real(gamma) * ratio - real(1))
    for j in range(z.size):
        d[j] = ((real(1) if j == label else real(0)) - d[j]) * slope
    value: Number = -hard * u
    return value


define_loss(Focal, row=focal_row, is_labelled=True)


focal = Focal
