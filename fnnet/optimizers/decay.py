"""Weight decay beside the optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeVar

from fnnet import checks
from fnnet.core.protocols import Optimizer, Schedule
from fnnet.core.states import OptState
from fnnet.optimizers.elementwise import checked_rate
from fnnet.optimizers.elementwise import rate as rate_of
from fnnet.optimizers.wrapping import Wrapper, inner_of, inside
from fnnet.tree.nodes import Params
from fnnet.tree.numbers import over_numbers
from fnnet.tree.selection import Selection, Where, checked_where, choose
from fnnet.types import Array

P = TypeVar("P", bound=Params)


def _shrink(rate: float, new: Array, p: Array) -> tuple[Array]:
    """p' - rate p."""
    shrunk = p * -rate
    shrunk += new
    return (shrunk,)


@dataclass(frozen=True, slots=True)
class WeightDecay(Wrapper):
    """What ``weight_decay(...)`` returns."""

    name: ClassVar[str] = "weight_decay"
    rate: float | Schedule
    where: Where | None = None

    def __post_init__(self) -> None:
        checks.settle(self, rate=checked_rate(self.name, self.rate, "rate"))
        if self.where is not None:
            checked_where(self.name, self.where)

    def begin(self, optimizer: Optimizer, params: P, /) -> OptState[P]:
        """The state before the first step."""
        if self.where is not None:
            self.remembered(Selection(self.name, self.where), params)
        return OptState(0, (), optimizer.init(params))

    def step(self, optimizer: Optimizer, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step, and rate p less."""
        inner = inner_of(self.name, state)
        rate = rate_of(self.name, self.rate, state, "rate")
        new, inner = inside(optimizer, params, grads, inner, state.scale)
        (shrunk,) = over_numbers(self.name, partial(_shrink, rate), (new, params), 1)
        if self.where is not None:
            shrunk = choose(self.name, self.remembered(Selection(self.name, self.where), params), shrunk, new)
        return shrunk, OptState(state.step + 1, (), inner, state.scale)


def weight_decay(rate: float | Schedule, where: Where | None = None) -> WeightDecay:
    """Decoupled weight decay around any optimizer: p' = update(p) - rate p (I. Loshchilov, F. Hutter, ICLR 2019,
    section 2), of the leaves whose path ``where`` takes, or of all.

    The rate is that of a step: it is not multiplied by the optimizer's lr, which a wrapper cannot know, but by the
    state's factor, as lr is. So ``weight_decay(1e-5)`` around ``adam(1e-3)`` is ``adamw(1e-3, weight_decay=0.01)``;
    where lr follows a schedule, give a schedule of the same form.

    Raises ValueError for a rate that is negative or not finite, and in ``init`` for a ``where`` that matches nothing.

    >>> import fnnet as fn
    >>> optimizer = fn.pipe(fn.adam(1e-3), fn.weight_decay(1e-5, where=lambda path: path.endswith("w")))
    >>> optimizer.wrapper.rate
    1e-05
    """
    return WeightDecay(rate, where)
