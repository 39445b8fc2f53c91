"""RAdam: Adam that waits until it knows the gradient's variance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.optimizers.elementwise import Elementwise, Rule, checked_rate
from fnnet.types import Array


def radam_rule(
    b1: float, b2: float, lr: float, eps: float, is_known: bool, p: Array, g: Array, m: Array, v: Array
) -> tuple[Array, Array, Array]:
    """m' = b₁ m + g, v' = b₂ v + g², p' = p - lr m' / (√v' + eps) where the variance is known, else p' = p - lr m'.

    Everything that is the same for all entries is in lr and eps.
    """
    m = m * b1
    m += g
    new = g * g
    v = v * b2
    v += new
    if is_known:
        np.sqrt(v, out=new)
        new += eps
        np.divide(m, new, out=new)
        new *= -lr
    else:
        np.multiply(m, -lr, out=new)
    new += p
    return new, m, v


@dataclass(frozen=True, slots=True)
class Radam(Elementwise):
    """What ``radam(...)`` returns."""

    lr: float | Schedule
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    threshold: float = 5.0
    eps_hat: bool = False

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checked_rate("radam", self.lr),
            b1=checks.real("radam", "b1", self.b1, below=1),
            b2=checks.real("radam", "b2", self.b2, below=1),
            eps=checks.positive("radam", "eps", self.eps),
            threshold=checks.real("radam", "threshold", self.threshold, 4.0),
            eps_hat=bool(self.eps_hat),
        )

    @property
    def slots(self) -> int:
        """The gradient's first and second moment, over 1 - b₁ and 1 - b₂."""
        return 2

    def rectified(self, t: int) -> float:
        """The paper's r of the t-th step, or 0 where the average has too few degrees of freedom, ρ, for a variance."""
        top = 2 / (1 - self.b2) - 1
        rho = top - 2 * t * self.b2**t / (1 - self.b2**t)
        if rho <= self.threshold:
            return 0.0
        return math.sqrt((rho - 4) * (rho - 2) * top / ((top - 4) * (top - 2) * rho))

    def corrected(self, lr: float, t: int) -> tuple[float, float, bool]:
        """What the step is multiplied by, eps, and whether the variance is known, in the t-th step."""
        now, r = (1 - self.b1) / (1 - self.b1**t), self.rectified(t)
        root = math.sqrt((1 - self.b2) / (1 - self.b2**t))
        eps = self.eps / (math.sqrt(1 - self.b2) if self.eps_hat else root)
        return (r * now * lr / root, eps, True) if r else (now * lr, self.eps, False)

    def rule(self, lr: float, t: int) -> Rule:
        """The t-th step's."""
        return partial(radam_rule, self.b1, self.b2, *self.corrected(lr, t))


def radam(
    lr: float | Schedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    threshold: float = 5.0,
    eps_hat: bool = False,
) -> Radam:
    """RAdam (L. Liu et al., ICLR 2020, algorithm 2): p' = p - lr r m̂ / (√v̂ + eps), where r in (0, 1) makes up for the
    variance that v̂ has while it rests on few gradients; in the first steps p' = p - lr m̂.

    These are the steps with ρ, the degrees of freedom of v̂, not above the threshold: 4 in the paper, 5 in the authors'
    program, PyTorch and Optax. For b2 up to 0.6 it is never passed. eps stands beside the root of the corrected v̂, as
    in Optax; with ``eps_hat`` beside that of v, as in ``adam``, and in the authors' program and PyTorch.

    Raises ValueError for a learning rate that is negative or not finite, b1 or b2 outside [0, 1), eps not above 0, a
    threshold below 4.

    >>> import fnnet as fn
    >>> fn.radam(1e-3)
    Radam(lr=0.001, b1=0.9, b2=0.999, eps=1e-08, threshold=5.0, eps_hat=False)
    """
    return Radam(lr, b1, b2, eps, threshold, eps_hat)
