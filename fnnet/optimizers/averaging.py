"""Averages of the parameters over the steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar

from fnnet import checks
from fnnet.core import Array, Numbers, OptState, Params, Share, Size, TrainState, TreeError
from fnnet.numerics.programs import program
from fnnet.optimizers.wrapping import Wrapper
from fnnet.tree.numbers import over_numbers
from fnnet.tree.vectors import pack

P = TypeVar("P", bound=Params)


def toward(numbers: Numbers, p: Array, average: Array) -> tuple[Array]:
    """share p + (1 - share) average."""
    share, rest = numbers
    return (share * p + rest * average,)


class Averaging(Wrapper):
    """A wrapper with one slot, an average of the parameters, which starts as the parameters themselves."""

    __slots__ = ()
    slots = 1

    def begin(self, params: P, /) -> tuple[P, ...]:
        """The average before the first step."""
        return (pack(params),)

    def mixed(self, share: float, new: P, average: P) -> P:
        """share new + (1 - share) average."""
        (mixed,) = over_numbers(self.name, partial(program(toward, 2, 2), share, 1 - share), (new, average), 1)
        return mixed


@dataclass(frozen=True, slots=True)
class Ema(Averaging):
    """Keeps an exponential moving average of the parameters, which ``averaged`` returns (B. T. Polyak, A. B. Juditsky,
    SIAM J. Control Optim. 1992; the weights are those of D. P. Kingma, J. Ba, ICLR 2015, section 3): after t steps
    Σᵢ decayᵗ⁻ⁱ pᵢ / Σᵢ decayᵗ⁻ⁱ, i from 1 to t.

    ``decay`` is the weight of a step relative to the next one. The division corrects for the start: the parameters
    before the first step are not in the average. Training itself is not changed. Raises ValueError for a decay outside
    [0, 1).

    >>> import fnnet as fn
    >>> fn.pipe(fn.adam(1e-3), fn.ema(0.999)).wrapper
    Ema(decay=0.999)
    """

    decay: Share

    def after(self, params: P, new: P, state: OptState[P], /) -> tuple[P, tuple[P, ...]]:
        """The new parameters as they are, and the new average, in which they have the share (1 - decay) /
        (1 - decayᵗ)."""
        share = (1 - self.decay) / (1 - self.decay ** (state.step + 1))
        return new, (self.mixed(share, new, *state.slots),)


ema = Ema


def _up_to_1(where: str, name: str, value: object) -> float:
    rate = checks.positive(where, name, value)
    if rate > 1:
        raise ValueError(f"{where}: {name} must be in (0, 1], got {rate!r}")
    return rate


@dataclass(frozen=True, slots=True)
class Lookahead(Averaging):
    """Lookahead (M. Zhang et al., NeurIPS 2019, algorithm 1): every ``steps`` steps the slow weights s move towards the
    fast ones, s' = s + rate (p - s), and the fast ones continue from there.

    ``rate`` is the share of the way that they move. The state of the inner optimizer is kept. ``averaged`` returns the
    slow weights. Raises ValueError for steps below 1 or a rate outside (0, 1].

    >>> import fnnet as fn
    >>> fn.pipe(fn.sgd(0.1), fn.lookahead(5, 0.5)).wrapper
    Lookahead(steps=5, rate=0.5)
    """

    steps: Size = 5
    rate: Annotated[float, _up_to_1] = 0.5

    def after(self, params: P, new: P, state: OptState[P], /) -> tuple[P, tuple[P, ...]]:
        """After every ``steps`` fast steps the moved slow weights, as parameters and slot; otherwise no change."""
        if (state.step + 1) % self.steps:
            return new, state.slots
        slow = self.mixed(self.rate, new, *state.slots)
        return slow, (slow,)


lookahead = Lookahead


def averaged(state: TrainState[P] | OptState[P]) -> P:
    """The averaged weights in a state: those of ``ema``, or the slow ones of ``lookahead``.

    ``state`` is a TrainState or an OptState. The averages may be nested at any depth; of several the outermost are
    returned. Before the first step they are the parameters. The first slot of any wrapper that has slots counts as an
    average, a user's own wrapper included. Raises TreeError where there are none.

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
