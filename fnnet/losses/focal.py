"""Cross-entropy that looks at what is hard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks
from fnnet.losses.reductions import RowLoss, scores
from fnnet.numerics import exp, expm1, log, power, row_sum
from fnnet.numerics.sums import weighed
from fnnet.types import Array, Labels


@dataclass(frozen=True, slots=True)
class Focal(RowLoss[Labels]):
    """The mean over rows of -(1 - p)^gamma log p with p = softmax(prediction)[label]: cross-entropy whose easy rows
    count little (T.-Y. Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 4). With gamma 0 it is
    cross-entropy itself.

    Shapes: prediction (..., N, classes) of scores, target (..., N) of integers in [0, classes), or (N,). Raises
    ValueError for a gamma that is negative or not finite and for labels out of range, ShapeError, DtypeError.

    >>> import fnnet as fn, numpy as np
    >>> round(float(fn.focal(2.0)(np.array([[0.0, 0.0]]), np.array([0]))[0]), 4)
    0.1733
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        checks.settle(self, gamma=checks.real("focal", "gamma", self.gamma))

    def rows(self, prediction: Array, target: Labels, /) -> tuple[Array, Array]:
        """-r^γ u with u = log p and r = 1 - p, and its gradient r^γ (γ p u / r - 1) (onehot(label) - softmax)."""
        z, place = scores("focal", prediction, target)
        e = exp(z)
        total = row_sum(e)
        u = z[place] - log(total).reshape(-1)
        r, softmax = -expm1(u), e / total
        ratio = np.divide(u, r, out=np.full_like(u, -1), where=r > 0)  # whose limit at r = 0 is -1
        hard = power(r, self.gamma)
        slope = hard * (self.gamma * weighed(exp(u), ratio) - 1)  # p u has the limit 0 at p = 0
        grads = -softmax
        grads[place] += 1
        grads *= slope[:, None]
        return (-hard * u).reshape(prediction.shape[:-1]), grads.reshape(prediction.shape)


def focal(gamma: float = 2.0) -> Focal:
    """Cross-entropy whose easy rows count little: see ``Focal``."""
    return Focal(gamma)
