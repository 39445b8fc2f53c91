"""Weight decay around an optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from fnnet.core import Array, Numbers, OptState, Params, Rate
from fnnet.numerics.programs import program
from fnnet.optimizers.elementwise import rate as rate_of
from fnnet.optimizers.wrapping import Wrapper
from fnnet.tree.numbers import over_numbers
from fnnet.tree.selection import Selection, Where, choose

P = TypeVar("P", bound=Params)


def shrunk_by(numbers: Numbers, new: Array, p: Array) -> tuple[Array]:
    """p' - rate p."""
    (rate,) = numbers
    return (new - rate * p,)


@dataclass(frozen=True, slots=True)
class WeightDecay(Wrapper):
    """Decoupled weight decay around any optimizer: p' = update(p) - rate p (I. Loshchilov, F. Hutter, ICLR 2019,
    section 2).

    ``rate`` is the decay per step, a number or a schedule. It is not multiplied by the optimizer's lr, which a wrapper
    cannot know, but by the state's factor, as lr is. So ``weight_decay(1e-5)`` around ``adam(1e-3)`` is
    ``adamw(1e-3, weight_decay=0.01)``; where lr follows a schedule, give a schedule of the same form. ``where`` is a
    function from the path of a leaf, such as "layers.0.w", to whether it decays; without it all leaves do.

    Raises ValueError for a rate that is negative or not finite, and in ``init`` for a ``where`` that matches nothing.

    >>> import fnnet as fn
    >>> optimizer = fn.pipe(fn.adam(1e-3), fn.weight_decay(1e-5, where=lambda path: path.endswith("w")))
    >>> optimizer.wrapper.rate
    1e-05
    """

    rate: Rate
    where: Where | None = None

    def begin(self, params: P, /) -> tuple[P, ...]:
        """No slots; the choice of leaves is made here."""
        if self.where is not None:
            self.remembered(Selection(self.name, self.where), params)
        return ()

    def after(self, params: P, new: P, state: OptState[P], /) -> tuple[P, tuple[P, ...]]:
        """The new parameters minus rate p."""
        rate = rate_of(self.name, self.rate, state, "rate")
        (shrunk,) = over_numbers(self.name, partial(program(shrunk_by, 1, 2), rate), (new, params), 1)
        if self.where is not None:
            shrunk = choose(self.name, self.remembered(Selection(self.name, self.where), params), shrunk, new)
        return shrunk, ()


weight_decay = WeightDecay
