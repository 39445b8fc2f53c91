"""NAdam: Adam with the look-ahead of Nesterov."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.optimizers.elementwise import Elementwise, Rule, checked_rate
from fnnet.types import Array


def nadam_rule(
    b1: float, b2: float, lr: float, eps: float, ahead: float, p: Array, g: Array, m: Array, v: Array
) -> tuple[Array, Array, Array]:
    """m' = b₁ m + g, v' = b₂ v + g², p' = p - lr (ahead m' + g) / (√v' + eps), with everything that is the same for all
    entries in lr and eps."""
    m = m * b1
    m += g
    new = g * g
    v = v * b2
    v += new
    np.sqrt(v, out=new)
    new += eps
    step = m * ahead
    step += g
    step /= new
    step *= -lr
    step += p
    return step, m, v


@dataclass(frozen=True, slots=True)
class Nadam(Elementwise):
    """What ``nadam(...)`` returns."""

    lr: float | Schedule
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    eps_hat: bool = False

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checked_rate("nadam", self.lr),
            b1=checks.real("nadam", "b1", self.b1, below=1),
            b2=checks.real("nadam", "b2", self.b2, below=1),
            eps=checks.positive("nadam", "eps", self.eps),
            eps_hat=bool(self.eps_hat),
        )

    @property
    def slots(self) -> int:
        """The gradient's first and second moment, over 1 - b₁ and 1 - b₂."""
        return 2

    def corrected(self, lr: float, t: int) -> tuple[float, float, float]:
        """What the step is multiplied by, eps, and the weight of the moment beside the gradient, in the t-th step."""
        now, root = (1 - self.b1) / (1 - self.b1**t), math.sqrt((1 - self.b2) / (1 - self.b2**t))
        ahead = self.b1 * (1 - self.b1) / (1 - self.b1 ** (t + 1))
        eps = self.eps / (math.sqrt(1 - self.b2) if self.eps_hat else root)
        return now * lr / root, eps, ahead / now

    def rule(self, lr: float, t: int) -> Rule:
        """The t-th step's."""
        return partial(nadam_rule, self.b1, self.b2, *self.corrected(lr, t))


def nadam(
    lr: float | Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, eps_hat: bool = False
) -> Nadam:
    """NAdam (T. Dozat, ICLR workshop 2016, algorithm 2, with constant b1): p' = p - lr m̄ / (√v̂ + eps), where
    m̄ = b₁ m̂ₜ₊₁ + (1 - b₁) g / (1 - b₁ᵗ) is the moment that the next step would see. b1 is constant in Optax too;
    PyTorch and Keras let it grow towards its value over the steps. eps stands beside the root of the corrected v̂, as in
    all three; with ``eps_hat`` beside that of v, as in ``adam``.

    Raises ValueError for a learning rate that is negative or not finite, b1 or b2 outside [0, 1), eps not above 0.

    >>> import fnnet as fn
    >>> fn.nadam(1e-3)
    Nadam(lr=0.001, b1=0.9, b2=0.999, eps=1e-08, eps_hat=False)
    """
    return Nadam(lr, b1, b2, eps, eps_hat)
