"""Gradient descent, plain and with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.optimizers.elementwise import Elementwise, Rule, checked_rate
from fnnet.tree.nodes import Params
from fnnet.tree.numbers import over_numbers
from fnnet.types import Array

P = TypeVar("P", bound=Params)


def descend(lr: float, p: Array, g: Array) -> tuple[Array]:
    """p - lr g."""
    new = g * -lr
    new += p
    return (new,)


def heavy_ball(lr: float, momentum: float, p: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """v' = momentum v + g, p' = p - lr v'."""
    v = v * momentum
    v += g
    return *descend(lr, p, v), v


def nesterov(lr: float, momentum: float, p: Array, g: Array, v: Array) -> tuple[Array, Array]:
    """v' = momentum v + g, p' = p - lr (g + momentum v')."""
    v = v * momentum
    v += g
    ahead = v * momentum
    ahead += g
    return *descend(lr, p, ahead), v


def sgd_update(params: P, grads: P, lr: float) -> P:
    """New parameters one step down the gradient: p' = p - lr g.

    The result has the type of ``params`` and read-only arrays. Raises ValueError for a learning rate that is negative
    or not finite, TreeError, ShapeError or DtypeError, naming the path, for gradients unlike the parameters.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.Linear(np.ones((1, 1)), np.zeros(1))
    >>> fn.sgd_update(net, fn.Linear(np.ones((1, 1)), np.ones(1)), lr=0.1).w.tolist()
    [[0.9]]
    """
    (new,) = over_numbers("sgd_update", partial(descend, checks.real("sgd_update", "lr", lr)), (params, grads), 1)
    return new


@dataclass(frozen=True, slots=True)
class Sgd(Elementwise):
    """What ``sgd(...)`` returns."""

    lr: float | Schedule
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        momentum = checks.real("sgd", "momentum", self.momentum, below=1)
        checks.settle(self, lr=checked_rate("sgd", self.lr), momentum=momentum, nesterov=bool(self.nesterov))
        if self.nesterov and not self.momentum:
            raise ValueError("sgd: nesterov needs a momentum above 0, such as momentum=0.9, got 0")

    @property
    def slots(self) -> int:
        """The velocity, where there is momentum."""
        return 1 if self.momentum else 0

    def rule(self, lr: float, t: int) -> Rule:
        """That of plain descent, of the heavy ball or of Nesterov."""
        if not self.momentum:
            return partial(descend, lr)
        return partial(nesterov if self.nesterov else heavy_ball, lr, self.momentum)


def sgd(lr: float | Schedule, *, momentum: float = 0.0, nesterov: bool = False) -> Sgd:
    """Gradient descent: p' = p - lr g, or with momentum v' = momentum v + g and p' = p - lr v' (B. T. Polyak, 1964),
    or with Nesterov's look-ahead p' = p - lr (g + momentum v') (I. Sutskever et al., ICML 2013, section 2).

    Raises ValueError for a learning rate that is negative or not finite, a momentum outside [0, 1), or Nesterov's form
    without momentum.

    >>> import fnnet as fn
    >>> fn.sgd(0.1, momentum=0.9)
    Sgd(lr=0.1, momentum=0.9, nesterov=False)
    """
    return Sgd(lr, momentum, nesterov)
