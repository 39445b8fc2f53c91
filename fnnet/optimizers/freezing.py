"""Parts of a network, chosen by their paths, that learn at another rate than the rest, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TypeVar

from fnnet.core import NonNegative, Optimizer, OptState, Params, Settings
from fnnet.optimizers.wrapping import Wrapped, Wrapper, scaled_update
from fnnet.tree.selection import Chosen, Selection, Where, choose, chosen_by, without

P = TypeVar("P", bound=Params)


def _choose_states(where: str, chosen: Chosen, taken: OptState[P], others: OptState[P]) -> OptState[P]:
    """The slots of the chosen leaves from ``taken``, everything else from ``others``, at every depth."""
    slots = [choose(where, chosen, a, b) for a, b in zip(taken.slots, others.slots, strict=True)]
    inner = others.inner
    if taken.inner is not None and inner is not None:
        inner = _choose_states(where, chosen, taken.inner, inner)
    return OptState(others.step, tuple(slots), inner, others.scale)


@dataclass(frozen=True, slots=True)
class Freeze(Wrapper):
    """Keeps some leaves and their slots unchanged, whatever the optimizer inside does.

    ``where`` is a function from the path of a leaf to whether it is frozen. The optimizer inside gets gradients of 0
    for these leaves, so that a norm taken inside is that of the trained leaves.

    Raises ValueError in ``init`` where no path matches.

    >>> import fnnet as fn
    >>> optimizer = fn.pipe(fn.adam(1e-3), fn.freeze(lambda path: path.startswith("layers.0.")))
    >>> net = fn.mlp(fn.Key(0), (4, 8, 2))
    >>> new, state = optimizer.update(net, net, optimizer.init(net))
    >>> bool((new.layers[0].w == net.layers[0].w).all()), bool((new.layers[1].w == net.layers[1].w).all())
    (True, False)
    """

    where: Where

    def begin(self, params: P, /) -> tuple[P, ...]:
        """No slots; the choice of leaves is made here."""
        self._chosen(params)
        return ()

    def inside(
        self, optimizer: Optimizer, params: P, grads: P, inner: OptState[P], scale: float, /
    ) -> tuple[P, OptState[P]]:
        """One step of all other leaves."""
        chosen = self._chosen(params)
        new, after = scaled_update(optimizer, params, without(self.name, chosen, params, grads), inner, scale)
        return choose(self.name, chosen, params, new), _choose_states(self.name, chosen, inner, after)

    def _chosen(self, params: Params) -> Chosen:
        return self.remembered(Selection(self.name, self.where), params)


freeze = Freeze


@dataclass(frozen=True, slots=True)
class RatePart(Settings):
    """Some leaves, and the factor on their learning rate."""

    name = "scale_rate"
    where: Where
    factor: NonNegative


@dataclass(frozen=True, slots=True)
class ScaleRate(Wrapper):
    """What ``scale_rate(...)`` returns. Directly around another ScaleRate, both become one with several parts."""

    parts: tuple[RatePart, ...]

    def __call__(self, optimizer: Optimizer, /) -> Wrapped:
        """The optimizer with this wrapper around it."""
        if isinstance(optimizer, Wrapped) and isinstance(optimizer.wrapper, ScaleRate):
            return Wrapped(optimizer.optimizer, ScaleRate(optimizer.wrapper.parts + self.parts))
        return Wrapper.__call__(self, optimizer)

    def begin(self, params: P, /) -> tuple[P, ...]:
        """No slots; the choice of leaves is made here."""
        self.remembered(_Groups(self.parts), params)
        return ()

    def inside(
        self, optimizer: Optimizer, params: P, grads: P, inner: OptState[P], scale: float, /
    ) -> tuple[P, OptState[P]]:
        """One update per factor; each leaf takes its part of the update with its own factor."""
        (factor, _), *others = self.remembered(_Groups(self.parts), params)
        new, after = scaled_update(optimizer, params, grads, inner, scale * factor)
        for factor, chosen in others:
            found, memory = scaled_update(optimizer, params, grads, inner, scale * factor)
            new, after = choose(self.name, chosen, found, new), _choose_states(self.name, chosen, memory, after)
        return new, after


@dataclass(frozen=True, slots=True)
class _Groups:
    """A function from a network to the factors that occur in it, each with its leaves; its results are remembered."""

    parts: tuple[RatePart, ...]

    def __call__(self, params: Params) -> tuple[tuple[float, Chosen], ...]:
        """At least one factor, whatever the network."""
        flags = [Selection("scale_rate", part.where).flags(params) for part in self.parts]
        factors = list(self._factors(flags))
        groups = dict.fromkeys(factors) or {1.0: None}
        return tuple([(factor, chosen_by(params, [own == factor for own in factors])) for factor in groups])

    def _factors(self, flags: list[list[bool]]) -> Iterator[float]:
        """The factor of each leaf: the product of those of the parts that it belongs to."""
        for of_leaf in zip(*flags, strict=True):
            yield prod([part.factor for part, is_in in zip(self.parts, of_leaf, strict=True) if is_in], start=1.0)


def scale_rate(where: Where, factor: float) -> ScaleRate:
    """Some leaves learn at ``factor`` times the learning rate (and rates of decay) of the optimizer inside.

    ``where`` is a function from the path of a leaf to whether it is one of them. The result is exact for every
    optimizer that uses its state's factor, because each leaf takes its part of an update made at its own rate; each
    further factor costs an update. Several in a row count as one; where they overlap, factors multiply. A factor of 0
    still changes the slots: see ``freeze``.

    Raises ValueError for a factor that is negative or not finite, and in ``init`` where no path matches.

    >>> import fnnet as fn
    >>> optimizer = fn.pipe(fn.adam(1e-3), fn.scale_rate(lambda path: path.startswith("layers.0."), 0.1))
    >>> net = fn.mlp(fn.Key(0), (4, 8, 2), bias_init=fn.constant_fill(1.0))
    >>> new, state = optimizer.update(net, net, optimizer.init(net))
    >>> [round(float((b.b - a.b)[0]), 4) for a, b in zip(new.layers, net.layers, strict=True)]
    [0.0001, 0.001]
    """
    return ScaleRate((RatePart(where, factor),))
