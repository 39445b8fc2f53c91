"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np

from fnnet.core import Array, Flag, NonNegative, Numbers, Positive, Rate, Share
from fnnet.optimizers.elementwise import Elementwise


@dataclass(frozen=True, slots=True)
class Adam(Elementwise):
    """Adam (D. P. Kingma, J. Ba, ICLR 2015, algorithm 1): p' = p - lr m̂ / (√v̂ + eps), where m̂ and v̂ are the running
    means of the gradient and of its square, corrected for their start at 0.

    ``lr`` is the learning rate, a number or a schedule; ``b1`` and ``b2`` are the decays of the two means;
    ``weight_decay`` is that of ``adamw``. ``eps`` is added to the root of the corrected v̂, as in PyTorch and Optax.
    With ``eps_hat`` it is the paper's ε̂ (the end of section 2), added to the root of v itself, as in Keras,
    scikit-learn and Thinc: p' = p - lrₜ m / (√v + eps) with lrₜ = lr √(1 - b₂ᵗ) / (1 - b₁ᵗ). That is an eps larger by
    1 / √(1 - b₂ᵗ), 32 times in the first step: where gradients are small, the steps differ.

    Raises ValueError for a learning rate or weight decay that is negative or not finite, b1 or b2 outside [0, 1), eps
    not above 0.

    >>> import fnnet as fn
    >>> fn.adam(1e-3)
    Adam(lr=0.001, b1=0.9, b2=0.999, eps=1e-08, weight_decay=0.0, eps_hat=False)
    """

    lr: Rate
    _: KW_ONLY
    b1: Share = 0.9
    b2: Share = 0.999
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.0
    eps_hat: Flag = False

    slots = 2

    def numbers(self, lr: float, t: int) -> Numbers:
        """a₁ lr / √a₂, eps / √a₂ and the factor 1 - lr weight_decay of the t-th step, where the bias-corrected moments
        are m̂ = a₁ m with a₁ = (1 - b₁) / (1 - b₁ᵗ), and v̂ = a₂ v. With ``eps_hat`` the second is eps / √(1 - b₂)."""
        a1, a2 = (1 - self.b1) / (1 - self.b1**t), math.sqrt((1 - self.b2) / (1 - self.b2**t))
        eps = self.eps / (math.sqrt(1 - self.b2) if self.eps_hat else a2)
        return a1 * lr / a2, eps, 1 - lr * self.weight_decay

    def rule(self, numbers: Numbers, p: Array, g: Array, m: Array, v: Array) -> tuple[Array, Array, Array]:
        """m' = b₁ m + g and v' = b₂ v + g², the paper's moments over 1 - b₁ and 1 - b₂; then lr m̂ / (√v̂ + eps) in the
        equal form (a₁ lr / √a₂) m' / (√v' + eps / √a₂), which corrects two numbers and not two arrays."""
        lr, eps, shrink = numbers
        m = self.b1 * m + g
        v = self.b2 * v + g * g
        step = lr * (m / (np.sqrt(v) + eps))
        return (shrink * p if self.weight_decay else p) - step, m, v


adam = Adam


def adamw(
    lr: Rate,
    *,
    weight_decay: float = 0.01,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_hat: bool = False,
) -> Adam:
    """Adam with decoupled weight decay (I. Loshchilov, F. Hutter, ICLR 2019, algorithm 2):
    p' = p - lr (m̂ / (√v̂ + eps) + weight_decay p), on all parameters.

    This is ``adam`` with another default of ``weight_decay``; ``lr``, ``b1``, ``b2``, ``eps`` and ``eps_hat`` are as
    there. Raises ValueError as ``adam`` does.

    >>> import fnnet as fn
    >>> fn.adamw(1e-3).weight_decay
    0.01
    """
    return Adam(lr, b1=b1, b2=b2, eps=eps, weight_decay=weight_decay, eps_hat=eps_hat)
