"""What the wrappers have in common: an optimizer inside, whose state is the ``inner`` one of theirs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from fnnet import checks
from fnnet.core.protocols import Optimizer
from fnnet.core.states import OptState
from fnnet.errors import TreeError
from fnnet.optimizers.elementwise import slots_of
from fnnet.tree.nodes import Params
from fnnet.tree.structures import Remembers

P = TypeVar("P", bound=Params)


class Wrapper(Remembers, ABC):
    """A function Optimizer -> Optimizer: what to do before and after an update of the optimizer inside.

    A wrapper that has a slot keeps an average of the parameters in it, for ``averaged`` to find.
    """

    __slots__ = ()
    name: ClassVar[str]

    def __call__(self, optimizer: Optimizer, /) -> Wrapped:
        """The optimizer with this around it."""
        for part in ("init", "update"):
            checks.function(self.name, f"optimizer.{part}", getattr(optimizer, part, None))
        return Wrapped(optimizer, self)

    def begin(self, optimizer: Optimizer, params: P, /) -> OptState[P]:
        """The state before the first step."""
        return OptState(0, (), optimizer.init(params))

    @abstractmethod
    def step(self, optimizer: Optimizer, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What a wrapper makes of an optimizer: an optimizer whose state has that one's as ``inner``."""

    optimizer: Optimizer
    wrapper: Wrapper

    def init(self, params: P, /) -> OptState[P]:
        """The state before the first step."""
        return self.wrapper.begin(self.optimizer, params)

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step."""
        return self.wrapper.step(self.optimizer, params, grads, state)


def inner_of(where: str, state: OptState[P], count: int = 0) -> OptState[P]:
    """The state of the optimizer inside. Raises TreeError where there is none, or another number of slots."""
    slots_of(where, state, count)
    if state.inner is None:
        raise TreeError(f"{where}: state must have an inner one, as its own init makes it, got {state!r}")
    return state.inner


def inside(optimizer: Optimizer, params: P, grads: P, inner: OptState[P], factor: float = 1.0) -> tuple[P, OptState[P]]:
    """One step of the optimizer inside, its learning rate times the factor: the scales of nested states multiply."""
    if factor == 1:
        return optimizer.update(params, grads, inner)
    new, after = optimizer.update(params, grads, _scaled(inner, inner.scale * factor))
    return new, _scaled(after, inner.scale)


def _scaled(state: OptState[P], scale: float) -> OptState[P]:
    return OptState(state.step, state.slots, state.inner, scale)
