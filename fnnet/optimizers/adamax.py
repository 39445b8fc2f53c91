"""Adamax: Adam with the maximum norm."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from fnnet.core import Array, Numbers, Positive, Rate, Share
from fnnet.optimizers.elementwise import Elementwise


@dataclass(frozen=True, slots=True)
class Adamax(Elementwise):
    """Adamax (D. P. Kingma, J. Ba, ICLR 2015, algorithm 2): p' = p - lr m̂ / u, where m̂ is the corrected running mean of
    the gradient and u = max(b₂ u, |g| + eps) its decaying maximum.

    ``lr`` is the learning rate, a number or a schedule; ``b1`` and ``b2`` are the decays of the mean and the maximum.
    ``eps`` is not in the paper; it is added where PyTorch and Optax add it.

    Raises ValueError for a learning rate that is negative or not finite, b1 or b2 outside [0, 1), eps not above 0.

    >>> import fnnet as fn
    >>> fn.adamax(2e-3)
    Adamax(lr=0.002, b1=0.9, b2=0.999, eps=1e-08)
    """

    lr: Rate
    _: KW_ONLY
    b1: Share = 0.9
    b2: Share = 0.999
    eps: Positive = 1e-8

    slots = 2

    def numbers(self, lr: float, t: int) -> Numbers:
        """The learning rate of the t-th step, including the correction of the first moment."""
        return (lr * (1 - self.b1) / (1 - self.b1**t),)

    def rule(self, numbers: Numbers, p: Array, g: Array, m: Array, u: Array) -> tuple[Array, Array, Array]:
        """m' = b₁ m + g, the moment over 1 - b₁; u' = max(b₂ u, |g| + eps), p' = p - lr m' / u'."""
        (lr,) = numbers
        m = self.b1 * m + g
        u = np.maximum(self.b2 * u, abs(g) + self.eps)
        return p - lr * (m / u), m, u


adamax = Adamax
