"""Two optimizers: a formula for each entry, and one with an ``init`` and an ``update`` of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

import fnnet as fn
from fnnet import Array, OptState

P = TypeVar("P", bound=fn.Params)


@dataclass(frozen=True)
class SignDescent(fn.Elementwise):
    """v' = β v + (1 - β) g, p' = p - lr sign(v')."""

    lr: float
    beta: float = 0.9
    slots = 1

    def rule(self, numbers: tuple[float, ...], p: Array, g: Array, v: Array) -> tuple[Array, Array]:
        """The new parameters and the new mean of the gradients."""
        (lr,) = numbers
        new = self.beta * v + (1 - self.beta) * g
        return p - lr * np.sign(new), new


@dataclass(frozen=True, slots=True)
class Descent:
    """p' = p - lr g."""

    lr: float

    def init(self, params: P, /) -> OptState[P]:
        """No slots."""
        return OptState(0)

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step."""
        return fn.sgd_update(params, grads, lr=self.lr), OptState(state.step + 1)
