"""AMSGrad: Adam whose steps cannot grow again."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np

from fnnet.core import Array, Flag, Numbers, Positive, Rate, Share
from fnnet.optimizers.elementwise import Elementwise


@dataclass(frozen=True, slots=True)
class Amsgrad(Elementwise):
    """AMSGrad (S. J. Reddi, S. Kale, S. Kumar, ICLR 2018, algorithm 2): Adam with the maximum of all second moments so
    far in place of the last one.

    ``lr`` is the learning rate, a number or a schedule; ``b1`` and ``b2`` are the decays of the two moments; ``eps`` is
    added to the root of the maximum. The maximum is that of the corrected moments, as in Optax; PyTorch takes that of
    the moments and corrects it afterwards. With ``eps_hat`` it is that of v, without correction, as in Keras.

    Raises ValueError for a learning rate that is negative or not finite, b1 or b2 outside [0, 1), eps not above 0.

    >>> import fnnet as fn
    >>> fn.amsgrad(1e-3)
    Amsgrad(lr=0.001, b1=0.9, b2=0.999, eps=1e-08, eps_hat=False)
    """

    lr: Rate
    _: KW_ONLY
    b1: Share = 0.9
    b2: Share = 0.999
    eps: Positive = 1e-8
    eps_hat: Flag = False

    slots = 3

    def numbers(self, lr: float, t: int) -> Numbers:
        """a₁ lr, eps and a₂ of the t-th step, where the corrected moments are a₁ m and a₂ v; with ``eps_hat`` the first
        number includes the correction of the second moment."""
        first, unseen = lr * (1 - self.b1) / (1 - self.b1**t), 1 - self.b2**t
        if self.eps_hat:
            return first * math.sqrt(unseen), self.eps, 1 - self.b2
        return first, self.eps, (1 - self.b2) / unseen

    def rule(
        self, numbers: Numbers, p: Array, g: Array, m: Array, v: Array, top: Array
    ) -> tuple[Array, Array, Array, Array]:
        """m' = b₁ m + g, v' = b₂ v + g², the moments over 1 - b₁ and 1 - b₂; top' = max(top, a₂ v'), the largest second
        moment so far; p' = p - lr m' / (√top' + eps)."""
        lr, eps, a2 = numbers
        m = self.b1 * m + g
        v = self.b2 * v + g * g
        top = np.maximum(top, a2 * v)
        return p - lr * (m / (np.sqrt(top) + eps)), m, v, top


amsgrad = Amsgrad
