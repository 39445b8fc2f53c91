"""NAdam: Adam with the look-ahead of Nesterov."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np

from fnnet.core import Array, Flag, Numbers, Positive, Rate, Share
from fnnet.optimizers.elementwise import Elementwise


@dataclass(frozen=True, slots=True)
class Nadam(Elementwise):
    """NAdam (T. Dozat, ICLR workshop 2016, algorithm 2, with constant b1): p' = p - lr m̄ / (√v̂ + eps), where
    m̄ = b₁ m̂ₜ₊₁ + (1 - b₁) g / (1 - b₁ᵗ) is the moment that the next step would see.

    ``lr`` is the learning rate, a number or a schedule; ``b1`` and ``b2`` are the decays of the two moments. b1 is
    constant in Optax too; PyTorch and Keras let it grow towards its value over the steps. ``eps`` is added to the root
    of the corrected v̂, as in all three; with ``eps_hat`` to that of v, as in ``adam``.

    Raises ValueError for a learning rate that is negative or not finite, b1 or b2 outside [0, 1), eps not above 0.

    >>> import fnnet as fn
    >>> fn.nadam(1e-3)
    Nadam(lr=0.001, b1=0.9, b2=0.999, eps=1e-08, eps_hat=False)
    """

    lr: Rate
    _: KW_ONLY
    b1: Share = 0.9
    b2: Share = 0.999
    eps: Positive = 1e-8
    eps_hat: Flag = False

    slots = 2

    def numbers(self, lr: float, t: int) -> Numbers:
        """The factor of the step, eps, and the weight of the moment relative to the gradient, in the t-th step."""
        now, root = (1 - self.b1) / (1 - self.b1**t), math.sqrt((1 - self.b2) / (1 - self.b2**t))
        ahead = self.b1 * (1 - self.b1) / (1 - self.b1 ** (t + 1))
        eps = self.eps / (math.sqrt(1 - self.b2) if self.eps_hat else root)
        return now * lr / root, eps, ahead / now

    def rule(self, numbers: Numbers, p: Array, g: Array, m: Array, v: Array) -> tuple[Array, Array, Array]:
        """m' = b₁ m + g, v' = b₂ v + g² as in ``adam``; p' = p - lr (ahead m' + g) / (√v' + eps)."""
        lr, eps, ahead = numbers
        m = self.b1 * m + g
        v = self.b2 * v + g * g
        return p - lr * ((ahead * m + g) / (np.sqrt(v) + eps)), m, v


nadam = Nadam
