"""RMSprop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fnnet import checks
from fnnet.optimizers._base import Elementwise, Rule, checked_rate
from fnnet.records import Schedule
from fnnet.types import Array


def scaled(decay: float, eps: float, g: Array, v: Array) -> tuple[Array, Array]:
    """v' = decay v + (1 - decay) g², and g / (√v' + eps)."""
    square = g * g
    square *= 1 - decay
    v = v * decay
    v += square
    np.sqrt(v, out=square)
    square += eps
    return np.divide(g, square, out=square), v


def rmsprop_rule(decay: float, eps: float, lr: float, p: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """p' = p - lr g / (√v' + eps)."""
    new, v = scaled(decay, eps, g, v)
    new *= -lr
    new += p
    return new, v


def momentum_rule(
    decay: float, eps: float, momentum: float, lr: float, p: Array, g: Array, v: Array, m: Array
) -> tuple[Array, Array, Array]:
    """m' = momentum m + g / (√v' + eps), p' = p - lr m'."""
    new, v = scaled(decay, eps, g, v)
    m = m * momentum
    m += new
    np.multiply(m, -lr, out=new)
    new += p
    return new, v, m


@dataclass(frozen=True, slots=True)
class Rmsprop(Elementwise):
    """What ``rmsprop(...)`` returns."""

    lr: float | Schedule
    decay: float = 0.9
    eps: float = 1e-8
    momentum: float = 0.0

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checked_rate("rmsprop", self.lr),
            decay=checks.real("rmsprop", "decay", self.decay, below=1),
            eps=checks.positive("rmsprop", "eps", self.eps),
            momentum=checks.real("rmsprop", "momentum", self.momentum, below=1),
        )

    @property
    def slots(self) -> int:
        """The mean square of the gradient, and the velocity where there is momentum."""
        return 2 if self.momentum else 1

    def rule(self, lr: float, t: int) -> Rule:
        """With momentum or without."""
        if self.momentum:
            return partial(momentum_rule, self.decay, self.eps, self.momentum, lr)
        return partial(rmsprop_rule, self.decay, self.eps, lr)


def rmsprop(lr: float | Schedule, *, decay: float = 0.9, eps: float = 1e-8, momentum: float = 0.0) -> Rmsprop:
    """RMSprop (T. Tieleman, G. Hinton, Neural Networks for Machine Learning, 2012, lecture 6.5): the gradient over the
    root of its running mean square, v' = decay v + (1 - decay) g², p' = p - lr g / (√v' + eps). With momentum the
    velocity collects that quotient. eps stands outside the root, as in PyTorch.

    Raises ValueError for a learning rate that is negative or not finite, decay or momentum outside [0, 1), eps not
    above 0.

    >>> import fnnet as fn
    >>> fn.rmsprop(1e-3)
    Rmsprop(lr=0.001, decay=0.9, eps=1e-08, momentum=0.0)
    """
    return Rmsprop(lr, decay, eps, momentum)
