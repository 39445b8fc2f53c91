"""Gradient descent, plain and with momentum."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import TypeVar, cast

from fnnet import checks
from fnnet.core import Array, Flag, Numbers, Params, Rate, Settings, Share
from fnnet.numerics.programs import program
from fnnet.optimizers.elementwise import Elementwise
from fnnet.tree.numbers import over_numbers

P = TypeVar("P", bound=Params)


def descend(numbers: Numbers, p: Array, step: Array) -> tuple[Array]:
    """p' = p - lr step."""
    (lr,) = numbers
    return (p - lr * step,)


@dataclass(frozen=True, slots=True)
class Sgd(Elementwise):
    """Gradient descent: p' = p - lr g, or with momentum v' = momentum v + g and p' = p - lr v' (B. T. Polyak, 1964),
    or with Nesterov's look-ahead p' = p - lr (g + momentum v') (I. Sutskever et al., ICML 2013, section 2).

    ``lr`` is the learning rate, a number or a schedule; ``momentum`` is the decay of the velocity v; ``nesterov``
    chooses the third form.

    Raises ValueError for a learning rate that is negative or not finite, a momentum outside [0, 1), or Nesterov's form
    without momentum.

    >>> import fnnet as fn
    >>> fn.sgd(0.1, momentum=0.9)
    Sgd(lr=0.1, momentum=0.9, nesterov=False)
    """

    lr: Rate
    _: KW_ONLY
    momentum: Share = 0.0
    nesterov: Flag = False

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if self.nesterov and not self.momentum:
            raise ValueError("sgd: nesterov needs a momentum above 0, such as momentum=0.9, got 0")

    def _slots(self) -> int:
        """The velocity, where there is momentum."""
        return 1 if self.momentum else 0

    slots = cast(int, property(_slots))  # read as an int, as in the other optimizers

    def rule(self, numbers: Numbers, p: Array, g: Array, *velocity: Array) -> tuple[Array, ...]:
        """The rule of plain descent, of the heavy ball or of Nesterov."""
        if not self.momentum:
            return descend(numbers, p, g)
        v = self.momentum * velocity[0] + g
        return *descend(numbers, p, self.momentum * v + g if self.nesterov else v), v


sgd = Sgd


def sgd_update(params: P, grads: P, lr: float) -> P:
    """New parameters one step down the gradient: p' = p - lr g.

    ``grads`` are gradients of the same type as ``params``, ``lr`` is the learning rate. The result has the type of
    ``params`` and read-only arrays. Raises ValueError for a learning rate that is negative or not finite, TreeError,
    ShapeError or DtypeError, naming the path, where the gradients do not match the parameters.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.Linear(np.ones((1, 1)), np.zeros(1))
    >>> fn.sgd_update(net, fn.Linear(np.ones((1, 1)), np.ones(1)), lr=0.1).w.tolist()
    [[0.9]]
    """
    rule = partial(program(descend, 1, 2), checks.real("sgd_update", "lr", lr))
    (new,) = over_numbers("sgd_update", rule, (params, grads), 1)
    return new
