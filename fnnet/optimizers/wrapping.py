"""What the wrappers have in common: an optimizer inside, whose state is the ``inner`` state of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast

from fnnet import checks
from fnnet.core import Optimizer, OptState, Params, Schedule, Settings, TreeError
from fnnet.optimizers.elementwise import rate, slots_of
from fnnet.tree.structures import Remembers

P = TypeVar("P", bound=Params)


class Wrapper(Settings, Remembers):
    """A function Optimizer -> Optimizer: what to do before and after each update of the optimizer inside.

    A wrapper that has a slot keeps an average of the parameters in it, for ``averaged`` to find.
    """

    __slots__ = ()
    slots: ClassVar[int] = 0

    def __call__(self, optimizer: Optimizer, /) -> Wrapped:
        """The optimizer with this wrapper around it. Raises ValueError unless it has ``init`` and ``update``."""
        for part in ("init", "update"):
            checks.method(self.name, "optimizer", optimizer, part, "adam(1e-3)")
        return Wrapped(optimizer, self)

    def begin(self, params: P, /) -> tuple[P, ...]:
        """The slots before the first step. Raises ValueError where the settings do not fit the parameters."""
        return ()

    def before(self, params: P, grads: P, state: OptState[P], /) -> P:
        """The gradients that the optimizer inside gets."""
        return grads

    def inside(
        self, optimizer: Optimizer, params: P, grads: P, inner: OptState[P], scale: float, /
    ) -> tuple[P, OptState[P]]:
        """The update itself, with its learning rates multiplied by ``scale``."""
        return scaled_update(optimizer, params, grads, inner, scale)

    def after(self, params: P, new: P, state: OptState[P], /) -> tuple[P, tuple[P, ...]]:
        """The new parameters and slots; ``state`` is the one before the step."""
        return new, state.slots


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What a wrapper makes of an optimizer: an optimizer whose state holds that of the wrapped one as ``inner``."""

    optimizer: Optimizer
    wrapper: Wrapper

    def init(self, params: P, /) -> OptState[P]:
        """The state before the first step."""
        return OptState(0, self.wrapper.begin(params), self.optimizer.init(params))

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step."""
        wrapper = self.wrapper
        slots_of(wrapper.name, state, wrapper.slots)
        if state.inner is None:
            raise TreeError(f"{wrapper.name}: state must have an inner one, as its own init makes it, got {state!r}")
        grads = wrapper.before(params, grads, state)
        new, inner = wrapper.inside(self.optimizer, params, grads, state.inner, state.scale)
        new, slots = wrapper.after(params, new, state)
        return new, OptState(state.step + 1, slots, inner, state.scale)


def kinds_of(optimizer: object) -> tuple[str, ...]:
    """The names of the classes of an optimizer, the outermost first; a compiled one has those of its source."""
    inner = getattr(optimizer, "optimizer", None)
    if isinstance(optimizer, Wrapped):
        return (type(optimizer.wrapper).__qualname__, *kinds_of(inner))
    return (type(optimizer).__qualname__,) if inner is None else kinds_of(inner)


def rate_of(optimizer: object, state: OptState[P]) -> float | None:
    """The learning rate of the next step, all factors included; None where a user's own optimizer has none."""
    scale, inner = 1.0, getattr(optimizer, "optimizer", None)
    while inner is not None:
        if isinstance(optimizer, Wrapped) and state.inner is not None:
            scale, state = scale * state.scale, state.inner
        optimizer, inner = inner, getattr(inner, "optimizer", None)
    lr: Any = getattr(optimizer, "lr", None)
    is_rate = callable(lr) or isinstance(lr, (int, float))
    return scale * rate("optimizer", cast("float | Schedule", lr), state) if is_rate else None


def scaled_update(optimizer: Optimizer, params: P, grads: P, state: OptState[P], scale: float) -> tuple[P, OptState[P]]:
    """One update with its learning rates multiplied by ``scale``; the scales of nested states multiply."""
    if scale == 1:
        return optimizer.update(params, grads, state)
    new, after = optimizer.update(params, grads, _scaled(state, state.scale * scale))
    return new, _scaled(after, state.scale)


def _scaled(state: OptState[P], scale: float) -> OptState[P]:
    return OptState(state.step, state.slots, state.inner, scale)
