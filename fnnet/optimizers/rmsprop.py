"""RMSprop, plain and centered."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import cast

import numpy as np

from fnnet.core import Array, Flag, Numbers, Positive, Rate, Share
from fnnet.optimizers.elementwise import Elementwise


@dataclass(frozen=True, slots=True)
class Rmsprop(Elementwise):
    """RMSprop (T. Tieleman, G. Hinton, Neural Networks for Machine Learning, 2012, lecture 6.5): the gradient over the
    root of its running mean square, v' = decay v + (1 - decay) g², p' = p - lr g / (√v' + eps).

    ``lr`` is the learning rate, a number or a schedule. With ``momentum`` the velocity sums up that quotient,
    m' = momentum m + g / (√v' + eps), p' = p - lr m'; this is the velocity of PyTorch, while that of Keras and Optax
    sums up quotients times the rate of their own step, which differs where the rate changes. With ``centered``, v' is
    the running variance, the mean square minus the square of the running mean (A. Graves, arXiv 1308.0850, section
    4.2). ``eps`` is outside the root, as in PyTorch; with ``eps_in_sqrt`` it is inside, √(v' + eps), as in Graves,
    Keras and, by default, Optax.

    Raises ValueError for a learning rate that is negative or not finite, decay or momentum outside [0, 1), eps not
    above 0.

    >>> import fnnet as fn
    >>> fn.rmsprop(1e-3)
    Rmsprop(lr=0.001, decay=0.9, eps=1e-08, momentum=0.0, centered=False, eps_in_sqrt=False)
    """

    lr: Rate
    _: KW_ONLY
    decay: Share = 0.9
    eps: Positive = 1e-8
    momentum: Share = 0.0
    centered: Flag = False
    eps_in_sqrt: Flag = False

    def _slots(self) -> int:
        """The mean square of the gradient or its variance, the velocity with momentum, and the mean of the gradient
        where it is centered."""
        return 1 + bool(self.momentum) + self.centered

    slots = cast(int, property(_slots))  # read as an int, as in the other optimizers

    def rule(self, numbers: Numbers, p: Array, g: Array, v: Array, *others: Array) -> tuple[Array, ...]:
        """With momentum or without, centered or not.

        Centered, v is the mean square minus the square of the mean. Computed as their difference it would lose its
        digits, and its sign, where the gradient hardly changes.
        """
        (lr,), means = numbers, others[bool(self.momentum) :]
        if self.centered:
            d = g - means[0]
            step = (1 - self.decay) * d
            v, means = self.decay * (v + d * step), (means[0] + step,)
        else:
            v = self.decay * v + (1 - self.decay) * (g * g)
        step = g / (np.sqrt(v + self.eps) if self.eps_in_sqrt else np.sqrt(v) + self.eps)
        if self.momentum:
            step = self.momentum * others[0] + step
            return p - lr * step, v, step, *means
        return p - lr * step, v, *means


rmsprop = Rmsprop
