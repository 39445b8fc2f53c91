"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.optimizers.elementwise import Elementwise, Rule, checked_rate
from fnnet.types import Array


def moments(b1: float, b2: float, g: Array, m: Array, v: Array) -> tuple[Array, Array, Array]:
    """m' = b₁ m + g and v' = b₂ v + g², and an array to write to.

    The paper's moments are (1 - b₁) m and (1 - b₂) v: what does not depend on the entry is multiplied once a step.
    """
    m = m * b1
    m += g
    v = v * b2
    square = g * g
    v += square
    return m, v, square


def adam_rule(
    b1: float, b2: float, lr: float, eps: float, shrink: float, p: Array, g: Array, m: Array, v: Array
) -> tuple[Array, Array, Array]:
    """p' = shrink p - lr m' / (√v' + eps), with everything that is the same for all entries in lr and eps."""
    m, v, new = moments(b1, b2, g, m, v)
    np.sqrt(v, out=new)
    new += eps
    np.divide(m, new, out=new)
    new *= -lr
    new += p if shrink == 1 else shrink * p
    return new, m, v


@dataclass(frozen=True, slots=True)
class Adam(Elementwise):
    """What ``adam(...)`` and ``adamw(...)`` return."""

    lr: float | Schedule
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    eps_hat: bool = False

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checked_rate("adam", self.lr),
            b1=checks.real("adam", "b1", self.b1, below=1),
            b2=checks.real("adam", "b2", self.b2, below=1),
            eps=checks.positive("adam", "eps", self.eps),
            weight_decay=checks.real("adam", "weight_decay", self.weight_decay),
            eps_hat=bool(self.eps_hat),
        )

    @property
    def slots(self) -> int:
        """The gradient's first and second moment, over 1 - b₁ and 1 - b₂."""
        return 2

    def corrected(self, lr: float, t: int) -> tuple[float, float, float]:
        """a₁ lr / √a₂, eps / √a₂ and the factor 1 - lr weight_decay of the t-th step, where the bias-corrected moments
        are m̂ = a₁ m with a₁ = (1 - b₁) / (1 - b₁ᵗ), and v̂ = a₂ v. An eps hat is over √(1 - b₂) in all steps."""
        a1, a2 = (1 - self.b1) / (1 - self.b1**t), math.sqrt((1 - self.b2) / (1 - self.b2**t))
        eps = self.eps / (math.sqrt(1 - self.b2) if self.eps_hat else a2)
        return a1 * lr / a2, eps, 1 - lr * self.weight_decay

    def rule(self, lr: float, t: int) -> Rule:
        """The paper's lr m̂ / (√v̂ + eps) in the equal form (a₁ lr / √a₂) m / (√v + eps / √a₂), which corrects two
        numbers and not two arrays."""
        return partial(adam_rule, self.b1, self.b2, *self.corrected(lr, t))


def adam(lr: float | Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, eps_hat: bool = False) -> Adam:
    """Adam (D. P. Kingma, J. Ba, ICLR 2015, algorithm 1): p' = p - lr m̂ / (√v̂ + eps), where m̂ and v̂ are the running
    means of the gradient and of its square, corrected for their start at 0.

    eps stands beside the root of the corrected v̂, as in PyTorch and Optax. With ``eps_hat`` it is the paper's other one
    (the end of section 2), beside the root of v itself, as in Keras, scikit-learn, Thinc: p' = p - lrₜ m / (√v + eps)
    with lrₜ = lr √(1 - b₂ᵗ) / (1 - b₁ᵗ). That is an eps larger by 1 / √(1 - b₂ᵗ), 32 times in the first step: where
    gradients are small, the steps differ.

    Raises ValueError for a learning rate that is negative or not finite, b1 or b2 outside [0, 1), eps not above 0.

    >>> import fnnet as fn
    >>> fn.adam(1e-3)
    Adam(lr=0.001, b1=0.9, b2=0.999, eps=1e-08, weight_decay=0.0, eps_hat=False)
    """
    return Adam(lr, b1, b2, eps, eps_hat=eps_hat)


def adamw(
    lr: float | Schedule,
    *,
    weight_decay: float = 0.01,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_hat: bool = False,
) -> Adam:
    """Adam with decoupled weight decay (I. Loshchilov, F. Hutter, ICLR 2019, algorithm 2):
    p' = p - lr (m̂ / (√v̂ + eps) + weight_decay p), on all parameters; ``eps_hat`` as in ``adam``.

    Raises ValueError as ``adam`` does, and for a weight decay that is negative or not finite.

    >>> import fnnet as fn
    >>> fn.adamw(1e-3).weight_decay
    0.01
    """
    return Adam(lr, b1, b2, eps, weight_decay, eps_hat)
