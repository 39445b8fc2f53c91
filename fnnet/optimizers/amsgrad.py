"""AMSGrad: Adam whose steps cannot grow again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.optimizers.elementwise import Elementwise, Rule, checked_rate
from fnnet.types import Array


def amsgrad_rule(
    b1: float, b2: float, lr: float, eps: float, a2: float, p: Array, g: Array, m: Array, v: Array, top: Array
) -> tuple[Array, Array, Array, Array]:
    """m' = b₁ m + g, v' = b₂ v + g², top' = max(top, a₂ v'), p' = p - lr m' / (√top' + eps)."""
    m = m * b1
    m += g
    new = g * g
    v = v * b2
    v += new
    np.multiply(v, a2, out=new)
    top = np.maximum(top, new)
    np.sqrt(top, out=new)
    new += eps
    np.divide(m, new, out=new)
    new *= -lr
    new += p
    return new, m, v, top


@dataclass(frozen=True, slots=True)
class Amsgrad(Elementwise):
    """What ``amsgrad(...)`` returns."""

    lr: float | Schedule
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    eps_hat: bool = False

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checked_rate("amsgrad", self.lr),
            b1=checks.real("amsgrad", "b1", self.b1, below=1),
            b2=checks.real("amsgrad", "b2", self.b2, below=1),
            eps=checks.positive("amsgrad", "eps", self.eps),
            eps_hat=bool(self.eps_hat),
        )

    @property
    def slots(self) -> int:
        """The gradient's moments over 1 - b₁ and 1 - b₂, and the largest second moment so far, corrected or not."""
        return 3

    def corrected(self, lr: float, t: int) -> tuple[float, float, float]:
        """a₁ lr, eps and a₂ of the t-th step, where the corrected moments are a₁ m and a₂ v; with an eps hat the
        correction of the second one is in the first number."""
        first, unseen = lr * (1 - self.b1) / (1 - self.b1**t), 1 - self.b2**t
        if self.eps_hat:
            return first * math.sqrt(unseen), self.eps, 1 - self.b2
        return first, self.eps, (1 - self.b2) / unseen

    def rule(self, lr: float, t: int) -> Rule:
        """The t-th step's."""
        return partial(amsgrad_rule, self.b1, self.b2, *self.corrected(lr, t))


def amsgrad(
    lr: float | Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, eps_hat: bool = False
) -> Amsgrad:
    """AMSGrad (S. J. Reddi, S. Kale, S. Kumar, ICLR 2018, algorithm 2): Adam with the maximum of all second moments so
    far in place of the last one. The maximum is that of the corrected moments, as in Optax; PyTorch takes that of the
    moments and corrects it afterwards. With ``eps_hat``, as in ``adam``, there are no corrected moments: the maximum is
    that of v and eps stands beside its root, as in Keras.

    Raises ValueError for a learning rate that is negative or not finite, b1 or b2 outside [0, 1), eps not above 0.

    >>> import fnnet as fn
    >>> fn.amsgrad(1e-3)
    Amsgrad(lr=0.001, b1=0.9, b2=0.999, eps=1e-08, eps_hat=False)
    """
    return Amsgrad(lr, b1, b2, eps, eps_hat)
