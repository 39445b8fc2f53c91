"""What the optimizers have in common: a rule over leaves, and a learning rate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.core.states import OptState
from fnnet.errors import TreeError
from fnnet.tree.matching import columns
from fnnet.tree.nodes import Params
from fnnet.tree.numbers import Rule as Rule
from fnnet.tree.numbers import over_numbers, zeros_like
from fnnet.tree.structures import structure_of

P = TypeVar("P", bound=Params)


def slots_of(where: str, state: OptState[P], count: int) -> tuple[P, ...]:
    """The slot variables of a state. Raises TreeError where they are not as many as the optimizer's ``init`` makes."""
    if type(state) is not OptState:
        raise TreeError(f"{where}: state must be the OptState that init or the last update gave, got {state!r}")
    if len(state.slots) != count:
        raise TreeError(f"{where}: state must have {count} slots, as its own init makes them, got {len(state.slots)}")
    return state.slots


def checked_rate(where: str, lr: float | Schedule, name: str = "lr") -> float | Schedule:
    """A learning rate: a finite number from 0 up, or a function of the steps done."""
    return lr if callable(lr) else checks.real(where, name, lr)


def rate(where: str, lr: float | Schedule, state: OptState[P], name: str = "lr") -> float:
    """The learning rate of the coming step, times the state's factor. Raises ValueError where a schedule gives none."""
    if callable(lr):
        lr = checks.real(where, f"{name}, the schedule's at step {state.step},", lr(state.step))
    return float(lr * state.scale)


def check_gradients(where: str, params: Params, grads: Params) -> None:
    """Raises TreeError naming the path where the gradients are no tree like the parameters."""
    given: object = grads
    if not isinstance(given, Params) or structure_of(params) is not structure_of(given):
        columns(where, (params, grads))


class Elementwise(ABC):
    """An optimizer whose step is one rule for all entries. A subclass has ``lr`` and says how many slots it has and
    what its rule is."""

    __slots__ = ()
    lr: float | Schedule

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many slot variables there are."""

    @abstractmethod
    def rule(self, lr: float, t: int) -> Rule:
        """The rule of the t-th step: from a leaf of the parameters, of the gradients and of each slot to the new leaf
        of the parameters and of each slot, all fresh."""

    def init(self, params: P, /) -> OptState[P]:
        """The state before the first step: all slots 0."""
        return OptState(0, tuple([zeros_like(params) for _ in range(self.slots)]))

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step."""
        where, n = type(self).__name__.lower(), self.slots
        slots, t = slots_of(where, state, n), state.step + 1
        params, *new = over_numbers(where, self.rule(rate(where, self.lr, state), t), (params, grads, *slots), 1 + n)
        return params, OptState(t, tuple(new), None, state.scale)
