"""Lion."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from fnnet.core import Array, NonNegative, Numbers, Rate, Share
from fnnet.optimizers.elementwise import Elementwise


@dataclass(frozen=True, slots=True)
class Lion(Elementwise):
    """Lion (X. Chen et al., NeurIPS 2023, algorithm 2): p' = p - lr (sign(b₁ m + (1 - b₁) g) + weight_decay p),
    m' = b₂ m + (1 - b₂) g.

    ``lr`` is the learning rate, a number or a schedule; ``b1`` weighs m against g in a step, ``b2`` in m itself;
    ``weight_decay`` is decoupled, as in ``adamw``.

    Raises ValueError for a learning rate or weight decay that is negative or not finite, b1 or b2 outside [0, 1).

    >>> import fnnet as fn
    >>> fn.lion(1e-4)
    Lion(lr=0.0001, b1=0.9, b2=0.99, weight_decay=0.0)
    """

    lr: Rate
    _: KW_ONLY
    b1: Share = 0.9
    b2: Share = 0.99
    weight_decay: NonNegative = 0.0

    slots = 1

    def numbers(self, lr: float, t: int) -> Numbers:
        """The learning rate, and the factor 1 - lr weight_decay."""
        return lr, 1 - lr * self.weight_decay

    def rule(self, numbers: Numbers, p: Array, g: Array, m: Array) -> tuple[Array, Array]:
        """p' = shrink p - lr sign(b₁ m + (1 - b₁) g), m' = b₂ m + (1 - b₂) g, the running mean of the gradient."""
        lr, shrink = numbers
        step = lr * np.sign(self.b1 * m + (1 - self.b1) * g)
        return (shrink * p if self.weight_decay else p) - step, self.b2 * m + (1 - self.b2) * g


lion = Lion
