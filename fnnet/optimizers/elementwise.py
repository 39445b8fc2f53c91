"""What the optimizers have in common: a rule for each entry, and a learning rate."""

from __future__ import annotations

from abc import ABC
from functools import partial
from typing import Any, ClassVar, TypeVar

import numpy as np

from fnnet import checks
from fnnet.core import Numbers, OptState, Params, Schedule, Settings, TreeError
from fnnet.core.states import slots_in
from fnnet.numerics.programs import Rule, written
from fnnet.tree.making import maker
from fnnet.tree.numbers import new_numbers, zeros_like
from fnnet.tree.vectors import Unbuilt

P = TypeVar("P", bound=Params)

_state = maker(OptState)  # every step makes one


def slots_of(where: str, state: OptState[P], count: int) -> tuple[P | Unbuilt[P], ...]:
    """The slot variables of a state. Raises TreeError unless there are as many as the optimizer's ``init`` makes."""
    if type(state) is not OptState:
        raise TreeError(f"{where}: state must be the OptState that init or the last update gave, got {state!r}")
    slots = slots_in(state)
    if len(slots) != count:
        raise TreeError(
            f"{where}: state must have {count} slots, as its own init makes them, got {len(slots)}; give start the "
            "optimizer that the step has"
        )
    return slots


def rate(where: str, lr: float | Schedule, state: OptState[P], name: str = "lr") -> float:
    """The learning rate of the next step, times the state's factor. Raises ValueError where a schedule gives none."""
    if callable(lr):
        lr = checks.real(where, f"{name}, the schedule's at step {state.step},", lr(state.step))
    return float(lr * state.scale)


class Elementwise(Settings, ABC):
    """An optimizer whose step is one formula for all entries: a frozen dataclass with a learning rate ``lr``, a number
    of ``slots`` and a ``rule``.

    ``rule(numbers, p, g, *slots)`` returns the new parameters and slots, all fresh; the slots start at 0. It branches
    on settings alone, and on entries by ``np.where``: see ``fnnet.numerics.formulas``. ``numbers(lr, t)`` gives what is
    the same for all entries in step t, by default the learning rate. ``update`` raises TypeError where the rule is not
    such a formula.

    >>> import fnnet as fn, numpy as np
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class SignDescent(Elementwise):
    ...     lr: float
    ...     slots = 0
    ...     def rule(self, numbers: Numbers, p: fn.Array, g: fn.Array) -> tuple[fn.Array]:
    ...         (lr,) = numbers
    ...         return (p - lr * np.sign(g),)
    >>> net, optimizer = fn.Linear(np.ones((1, 2)), np.zeros(2)), SignDescent(0.5)
    >>> new, state = optimizer.update(net, net, optimizer.init(net))
    >>> new.w.tolist(), new.b.tolist()
    ([[0.5, 0.5]], [0.0, 0.0])
    """

    __slots__ = ("_program",)
    lr: Any
    """A float or a Schedule, as the optimizer's own field says."""
    slots: int
    """The number of slot variables."""
    rule: ClassVar[Rule]

    def numbers(self, lr: float, t: int) -> Numbers:
        """The numbers that all entries share in the t-th step: by default the learning rate alone."""
        return (lr,)

    def init(self, params: P, /) -> OptState[P]:
        """The state before the first step: all slots 0."""
        return OptState(0, tuple([zeros_like(params) for _ in range(self.slots)]))

    def update(self, params: P, grads: P | Unbuilt[P], state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step."""
        n = self.slots
        slots, t = slots_of(self.name, state, n), state.step + 1
        numbers = self.numbers(rate(self.name, self.lr, state), t)
        rule: Rule | None = getattr(self, "_program", None)
        if rule is None:
            rule = self._written(numbers)
            object.__setattr__(self, "_program", rule)
        made = new_numbers(self.name, partial(rule, *numbers), (params, grads, *slots), 1 + n)
        return made[0].built(), _state(t, tuple(made[1:]), None, state.scale)

    def _written(self, numbers: Numbers) -> Rule:
        """The program of the rule. Raises TypeError where it is not a formula, or returns another number of arrays."""
        try:
            rule = written(self.rule, numbers, 2 + self.slots)
        except TypeError as error:
            raise TypeError(
                f"{self.name}: rule must be a formula that gives fresh arrays, (parameters, *slots): {error}; an "
                "optimizer that is none has an init and an update of its own"
            ) from error
        found = rule(*numbers, *[np.ones(1) for _ in range(2 + self.slots)])
        if len(found) != 1 + self.slots:
            raise TypeError(
                f"{self.name}: rule must give 1 + {self.slots} arrays, (parameters, *slots), got {len(found)}"
            )
        return rule
