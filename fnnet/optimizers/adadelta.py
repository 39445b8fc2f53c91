"""Adadelta."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from fnnet.core import Array, Numbers, Positive, Rate, Share
from fnnet.optimizers.elementwise import Elementwise


@dataclass(frozen=True, slots=True)
class Adadelta(Elementwise):
    """Adadelta (M. D. Zeiler, arXiv 1212.5701, algorithm 1): steps in the units of the parameters, the gradient times
    the root mean square of past steps over that of past gradients.

    ``lr`` is a factor on the steps, a number or a schedule. ``decay`` is that of both running means of squares, and
    ``eps`` is added to both inside the root.

    Raises ValueError for a learning rate that is negative or not finite, a decay outside [0, 1), eps not above 0.

    >>> import fnnet as fn
    >>> fn.adadelta()
    Adadelta(lr=1.0, decay=0.9, eps=1e-06)
    """

    lr: Rate = 1.0
    _: KW_ONLY
    decay: Share = 0.9
    eps: Positive = 1e-6

    slots = 2

    def rule(self, numbers: Numbers, p: Array, g: Array, v: Array, u: Array) -> tuple[Array, Array, Array]:
        """v' = decay v + (1 - decay) g², d = g √(u + eps) / √(v' + eps), u' = decay u + (1 - decay) d², p' = p - lr d.

        The slots are the mean squares of the gradient and of the steps.
        """
        (lr,) = numbers
        v = self.decay * v + (1 - self.decay) * (g * g)
        d = g * np.sqrt((u + self.eps) / (v + self.eps))
        u = self.decay * u + (1 - self.decay) * (d * d)
        return p - lr * d, v, u


adadelta = Adadelta
