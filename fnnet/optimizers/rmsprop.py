"""RMSprop, plain and centered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.optimizers.elementwise import Elementwise, Rule, checked_rate
from fnnet.types import Array


def mean_square(decay: float, g: Array, v: Array) -> tuple[Array, Array]:
    """v' = decay v + (1 - decay) g², and an array to write to."""
    square = g * g
    square *= 1 - decay
    v = v * decay
    v += square
    return v, square


def variance(decay: float, g: Array, v: Array, mean: Array) -> tuple[Array, Array, Array]:
    """v' = decay (v + (1 - decay) d²), mean' = mean + (1 - decay) d where d = g - mean, and an array to write to.

    This v is the running mean of g² less the square of that of g. Taken as their difference it would lose its digits,
    and its sign, where the gradient hardly changes.
    """
    d = g - mean
    step = d * (1 - decay)
    mean = mean + step
    d *= step
    d += v
    d *= decay
    return d, mean, step


def over_root(eps: float, eps_in_sqrt: bool, g: Array, v: Array, into: Array) -> Array:
    """g / (√v + eps), or g / √(v + eps)."""
    if eps_in_sqrt:
        np.add(v, eps, out=into)
        np.sqrt(into, out=into)
    else:
        np.sqrt(v, out=into)
        into += eps
    return np.divide(g, into, out=into)


def rmsprop_rule(
    decay: float, eps: float, eps_in_sqrt: bool, lr: float, p: Array, g: Array, v: Array
) -> tuple[Array, Array]:
    """p' = p - lr g / (√v' + eps)."""
    v, new = mean_square(decay, g, v)
    new = over_root(eps, eps_in_sqrt, g, v, new)
    new *= -lr
    new += p
    return new, v


def centered_rule(
    decay: float, eps: float, eps_in_sqrt: bool, lr: float, p: Array, g: Array, v: Array, mean: Array
) -> tuple[Array, Array, Array]:
    """The same with the variance."""
    v, mean, new = variance(decay, g, v, mean)
    new = over_root(eps, eps_in_sqrt, g, v, new)
    new *= -lr
    new += p
    return new, v, mean


def collect(momentum: float, lr: float, p: Array, step: Array, m: Array) -> tuple[Array, Array]:
    """m' = momentum m + step, p' = p - lr m'; step is written to."""
    m = m * momentum
    m += step
    np.multiply(m, -lr, out=step)
    step += p
    return step, m


def momentum_rule(
    decay: float, eps: float, eps_in_sqrt: bool, momentum: float, lr: float, p: Array, g: Array, v: Array, m: Array
) -> tuple[Array, Array, Array]:
    """m' = momentum m + g / (√v' + eps), p' = p - lr m'."""
    v, new = mean_square(decay, g, v)
    new, m = collect(momentum, lr, p, over_root(eps, eps_in_sqrt, g, v, new), m)
    return new, v, m


def centered_momentum_rule(
    decay: float, eps: float, eps_in_sqrt: bool, momentum: float, lr: float,
    p: Array, g: Array, v: Array, m: Array, mean: Array,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """The same with the variance."""
    v, mean, new = variance(decay, g, v, mean)
    new, m = collect(momentum, lr, p, over_root(eps, eps_in_sqrt, g, v, new), m)
    return new, v, m, mean


@dataclass(frozen=True, slots=True)
class Rmsprop(Elementwise):
    """What ``rmsprop(...)`` returns."""

    lr: float | Schedule
    decay: float = 0.9
    eps: float = 1e-8
    momentum: float = 0.0
    centered: bool = False
    eps_in_sqrt: bool = False

    def __post_init__(self) -> None:
        checks.settle(
            self,
            lr=checked_rate("rmsprop", self.lr),
            decay=checks.real("rmsprop", "decay", self.decay, below=1),
            eps=checks.positive("rmsprop", "eps", self.eps),
            momentum=checks.real("rmsprop", "momentum", self.momentum, below=1),
            centered=bool(self.centered),
            eps_in_sqrt=bool(self.eps_in_sqrt),
        )

    @property
    def slots(self) -> int:
        """The mean square of the gradient or its variance, the velocity where there is momentum, and the mean of the
        gradient where it is centered."""
        return 1 + bool(self.momentum) + self.centered

    def rule(self, lr: float, t: int) -> Rule:
        """With momentum or without, centered or not."""
        settings = (self.decay, self.eps, self.eps_in_sqrt)
        if self.momentum:
            return partial(centered_momentum_rule if self.centered else momentum_rule, *settings, self.momentum, lr)
        return partial(centered_rule if self.centered else rmsprop_rule, *settings, lr)


def rmsprop(
    lr: float | Schedule,
    *,
    decay: float = 0.9,
    eps: float = 1e-8,
    momentum: float = 0.0,
    centered: bool = False,
    eps_in_sqrt: bool = False,
) -> Rmsprop:
    """RMSprop (T. Tieleman, G. Hinton, Neural Networks for Machine Learning, 2012, lecture 6.5): the gradient over the
    root of its running mean square, v' = decay v + (1 - decay) g², p' = p - lr g / (√v' + eps). With momentum the
    velocity collects that quotient, m' = momentum m + g / (√v' + eps), p' = p - lr m'. Centered, v' is the running
    variance, that mean square less the square of the running mean (A. Graves, arXiv 1308.0850, section 4.2).

    eps stands outside the root, as in PyTorch; with ``eps_in_sqrt`` it is √(v' + eps), as in Graves, Keras and, unless
    told otherwise, Optax. The velocity is PyTorch's: that of Keras and Optax collects quotients times the rate of their
    own step, which differs where the rate changes.

    Raises ValueError for a learning rate that is negative or not finite, decay or momentum outside [0, 1), eps not
    above 0.

    >>> import fnnet as fn
    >>> fn.rmsprop(1e-3)
    Rmsprop(lr=0.001, decay=0.9, eps=1e-08, momentum=0.0, centered=False, eps_in_sqrt=False)
    """
    return Rmsprop(lr, decay, eps, momentum, centered, eps_in_sqrt)
