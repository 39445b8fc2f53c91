"""Averages of the parameters over the steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeVar

from fnnet import checks
from fnnet.core.protocols import Optimizer
from fnnet.core.states import OptState, TrainState
from fnnet.errors import TreeError
from fnnet.optimizers.wrapping import Wrapper, inner_of, inside
from fnnet.tree.nodes import Params
from fnnet.tree.numbers import over_numbers
from fnnet.tree.vectors import pack
from fnnet.types import Array

P = TypeVar("P", bound=Params)


def _toward(share: float, p: Array, average: Array) -> tuple[Array]:
    """share p + (1 - share) average, which is p itself where the share is 1."""
    new = average * (1 - share)
    new += p if share == 1 else p * share
    return (new,)


@dataclass(frozen=True, slots=True)
class Ema(Wrapper):
    """What ``ema(...)`` returns."""

    name: ClassVar[str] = "ema"
    decay: float

    def __post_init__(self) -> None:
        checks.settle(self, decay=checks.real(self.name, "decay", self.decay, below=1))

    def begin(self, optimizer: Optimizer, params: P, /) -> OptState[P]:
        """The state before the first step: one slot, the average, which begins as the parameters."""
        return OptState(0, (pack(params),), optimizer.init(params))

    def step(self, optimizer: Optimizer, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step, and its share in the average: (1 - decay) / (1 - decayᵗ) corrects for the start."""
        inner = inner_of(self.name, state, 1)
        params, inner = inside(optimizer, params, grads, inner, state.scale)
        t = state.step + 1
        share = (1 - self.decay) / (1 - self.decay**t)
        (average,) = over_numbers(self.name, partial(_toward, share), (params, *state.slots), 1)
        return params, OptState(t, (average,), inner, state.scale)


def ema(decay: float) -> Ema:
    """Keeps the exponential moving average of the parameters after each step, for ``averaged`` to give (B. T. Polyak,
    A. B. Juditsky, SIAM J. Control Optim. 1992; the weights are those of D. P. Kingma, J. Ba, ICLR 2015, section 3):
    after t steps Σᵢ decayᵗ⁻ⁱ pᵢ / Σᵢ decayᵗ⁻ⁱ, i from 1 to t.

    The division corrects for the start, so the parameters before the first step have no share in it. Training itself
    is not changed. Raises ValueError for a decay outside [0, 1).

    >>> import fnnet as fn
    >>> fn.pipe(fn.adam(1e-3), fn.ema(0.999)).wrapper
    Ema(decay=0.999)
    """
    return Ema(decay)


@dataclass(frozen=True, slots=True)
class Lookahead(Wrapper):
    """What ``lookahead(...)`` returns."""

    name: ClassVar[str] = "lookahead"
    steps: int
    rate: float

    def __post_init__(self) -> None:
        checks.settle(
            self,
            steps=checks.size(self.name, "steps", self.steps),
            rate=checks.positive(self.name, "rate", self.rate),
        )
        if self.rate > 1:
            raise ValueError(f"lookahead: rate must be in (0, 1], got {self.rate!r}")

    def begin(self, optimizer: Optimizer, params: P, /) -> OptState[P]:
        """The state before the first step: one slot, the slow weights, which begin as the parameters."""
        return OptState(0, (pack(params),), optimizer.init(params))

    def step(self, optimizer: Optimizer, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step of the fast weights; the last of each ``steps`` is followed by one of the slow weights."""
        inner = inner_of(self.name, state, 1)
        params, inner = inside(optimizer, params, grads, inner, state.scale)
        t, slow = state.step + 1, state.slots[0]
        if t % self.steps == 0:
            (slow,) = over_numbers(self.name, partial(_toward, self.rate), (params, slow), 1)
            params = slow
        return params, OptState(t, (slow,), inner, state.scale)


def lookahead(steps: int = 5, rate: float = 0.5) -> Lookahead:
    """Lookahead (M. Zhang et al., NeurIPS 2019, algorithm 1): every ``steps`` steps the slow weights s move towards the
    fast ones, s' = s + rate (p - s), and the fast ones go on from there. The inner optimizer's state is kept.

    ``averaged`` gives the slow weights. Raises ValueError for steps below 1 or a rate outside (0, 1].

    >>> import fnnet as fn
    >>> fn.pipe(fn.sgd(0.1), fn.lookahead(5, 0.5)).wrapper
    Lookahead(steps=5, rate=0.5)
    """
    return Lookahead(steps, rate)


def averaged(state: TrainState[P] | OptState[P]) -> P:
    """The averaged weights in a state: those of ``ema`` or the slow ones of ``lookahead``, however deep they are
    nested; the outermost where there are several. Before the first step they are the parameters. Every state with an
    inner one and slots counts: a wrapper of one's own is taken to keep an average in its first slot.

    Raises TreeError where there are none.

    >>> import fnnet as fn
    >>> state = fn.start(fn.linear(fn.Key(0), 4, 2), fn.pipe(fn.sgd(0.1), fn.ema(0.9)), fn.Key(0))
    >>> fn.averaged(state)
    Linear(w=float32[4, 2], b=float32[2])
    """
    found = state.opt_state if isinstance(state, TrainState) else state
    if type(found) is not OptState:
        raise TreeError(f"averaged: state must be a TrainState or an OptState, got {state!r}")
    while found.inner is not None:
        if found.slots:
            return found.slots[0]
        found = found.inner
    raise TreeError("averaged: state must hold averaged weights; wrap the optimizer by ema or lookahead")
