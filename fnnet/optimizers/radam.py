"""RAdam: Adam that waits until it knows the gradient's variance."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Annotated

import numpy as np

from fnnet import checks
from fnnet.core import Array, Flag, Numbers, Positive, Rate, Share
from fnnet.optimizers.elementwise import Elementwise


@dataclass(frozen=True, slots=True)
class Radam(Elementwise):
    """RAdam (L. Liu et al., ICLR 2020, algorithm 2): p' = p - lr r m̂ / (√v̂ + eps), where r in (0, 1) corrects for the
    variance that v̂ has while it rests on few gradients; in the first steps p' = p - lr m̂.

    ``lr`` is the learning rate, a number or a schedule; ``b1`` and ``b2`` are the decays of the two moments. The first
    steps are those in which ρ, the degrees of freedom of v̂, is not above the ``threshold``: 4 in the paper, 5 in the
    authors' program, PyTorch and Optax. With b2 up to 0.6 ρ never exceeds it. ``eps`` is added to the root of the
    corrected v̂, as in Optax; with ``eps_hat`` to that of v, as in the authors' program and PyTorch.

    Raises ValueError for a learning rate that is negative or not finite, b1 or b2 outside [0, 1), eps not above 0, a
    threshold below 4.

    >>> import fnnet as fn
    >>> fn.radam(1e-3)
    Radam(lr=0.001, b1=0.9, b2=0.999, eps=1e-08, threshold=5.0, eps_hat=False)
    """

    lr: Rate
    _: KW_ONLY
    b1: Share = 0.9
    b2: Share = 0.999
    eps: Positive = 1e-8
    threshold: Annotated[float, partial(checks.real, low=4.0)] = 5.0
    eps_hat: Flag = False

    slots = 2

    def rectified(self, t: int) -> float:
        """The paper's r of the t-th step, or 0 where the average has too few degrees of freedom, ρ, for a variance."""
        top = 2 / (1 - self.b2) - 1
        rho = top - 2 * t * self.b2**t / (1 - self.b2**t)
        if rho <= self.threshold:
            return 0.0
        return math.sqrt((rho - 4) * (rho - 2) * top / ((top - 4) * (top - 2) * rho))

    def numbers(self, lr: float, t: int) -> Numbers:
        """The factor of the step, eps, and whether the variance is known, in the t-th step."""
        now, r = (1 - self.b1) / (1 - self.b1**t), self.rectified(t)
        root = math.sqrt((1 - self.b2) / (1 - self.b2**t))
        eps = self.eps / (math.sqrt(1 - self.b2) if self.eps_hat else root)
        return (r * now * lr / root, eps, True) if r else (now * lr, self.eps, False)

    def rule(self, numbers: Numbers, p: Array, g: Array, m: Array, v: Array) -> tuple[Array, Array, Array]:
        """m' = b₁ m + g, v' = b₂ v + g², the moments over 1 - b₁ and 1 - b₂; p' = p - lr m' / (√v' + eps) where the
        variance is known, else p' = p - lr m'."""
        lr, eps, is_known = numbers
        m = self.b1 * m + g
        v = self.b2 * v + g * g
        return p - lr * np.where(is_known, m / (np.sqrt(v) + eps), m), m, v


radam = Radam
