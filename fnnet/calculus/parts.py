"""Parts of a batch whose sums add up to those of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

import numpy as np

from fnnet import checks, tree
from fnnet.calculus.gradients import pair_of, penalized, penalty_of
from fnnet.calculus.pieces import Form, cut, forms, spans
from fnnet.core import Array, GradFn, Key, Params, Part, Penalty, ShapeError, Value
from fnnet.core.facts import fork, replicas
from fnnet.losses.reductions import nonzero
from fnnet.tree.structures import structure_of
from fnnet.tree.vectors import blocks

P = TypeVar("P", bound=Params)
T = TypeVar("T")


def add(a: Part[P], b: Part[P]) -> Part[P]:
    """The sum of two parts of one batch."""
    grads = tree.map(np.add, a.grads, b.grads)
    return Part(np.asarray(a.value + b.value), np.asarray(a.weight + b.weight), grads, a.is_sum)


def finish(part: Part[P]) -> tuple[Value, P]:
    """The loss and the gradients of a whole batch: one division by the weight, none where the loss is a sum."""
    if part.is_sum:
        return part.value, part.grads
    weight = nonzero(part.weight)
    structure = structure_of(part.grads)
    found = tree.trainable(part.grads) if weight.ndim else blocks(part.grads)
    divided = [_divided(weight, g) for g in found]
    grads: P = structure.build(structure.joined(divided), structure.constants(part.grads))
    return np.asarray(part.value / weight), grads


def _divided(weight: Value, g: Array) -> Array:
    """A gradient divided by the weight, that of each replica by its own."""
    return g / weight.reshape(weight.shape + (1,) * (g.ndim - weight.ndim)).astype(g.dtype)


@dataclass(frozen=True, slots=True)
class Accumulate(Generic[T]):
    """What ``accumulate(gradient, n)`` returns: ``gradient`` computed from ``n`` pieces of a batch."""

    gradient: GradFn[T]
    n: int

    def __call__(self, params: P, batch: tuple[Array, T], key: Key, /) -> tuple[Value, P]:
        """The loss and gradients of the whole batch, with the penalty of the gradient inside."""
        penalty = self.penalty
        value, grads = finish(self.part(params, batch, key))
        return (value, grads) if penalty is None else penalized(penalty, params, value, grads)

    @property
    def penalty(self) -> Penalty | None:
        """The penalty of the gradient inside, if any."""
        return penalty_of("accumulate", self.gradient)

    def part(self, params: P, batch: tuple[Array, T], key: Key, /) -> Part[P]:
        """The sum of the parts of all pieces, added from the first to the last."""
        key = fork(params, key)
        x, target = pair_of(batch)
        checks.inputs("accumulate", x)
        axes = (*(x.shape[:-2] or replicas(params)), x.shape[-2])
        whole = spans("accumulate", axes[-1], self.n)
        found = forms("accumulate", target, axes)
        form = found[0] if len(found) == 1 or self.n == 1 else self._fitting(found, params, batch, key, axes, whole[0])
        pieces = enumerate([cut(batch, form, axes, span) for span in whole])
        return reduce(add, [self.gradient.part(params, piece, key.child(i)) for i, piece in pieces])

    def _fitting(
        self, found: list[Form], params: Params, batch: tuple[Array, T], key: Key, axes: tuple[int, ...], first: slice
    ) -> Form:
        """The form of a target whose shape allows several: the one in which the loss accepts the first piece.

        Raises ShapeError where the loss accepts more than one, and its own error where it accepts none.
        """
        taken, errors = [], []
        for form in found:
            try:
                self.gradient.part(params, cut(batch, form, axes, first), key.child(0))
            except (ValueError, TypeError, IndexError) as error:
                errors.append(error)
            else:
                taken.append(form)
        if not taken:
            raise next((error for error in errors if not isinstance(error, ShapeError)), errors[0])
        if len(taken) > 1:
            raise ShapeError(
                f"accumulate: the loss takes the target for {axes[0]} stacked networks and {axes[-1]} rows as one for "
                "all and as one per network; give it all its axes, or batches of another size"
            )
        return taken[0]


def accumulate(gradient: GradFn[T], n: int) -> Accumulate[T]:
    """The gradient of a batch from ``n`` pieces of it, one after another, with an n-th of the memory for activations.

    ``gradient`` is a function as ``value_and_grad`` returns it. The parts are sums, which are added and divided once,
    so the result is that of the whole batch up to rounding, however the pieces differ in length or weight. In a
    stochastic pass piece i draws from ``key.child(i)``. The sums must not overflow: divide extreme weights by their
    sum.

    A batch of K rows for K stacked networks may have one target for all networks or one per network: the loss decides,
    by which of them it accepts. Raises ShapeError where it accepts both, ValueError where n is below 1 or above the
    rows of a batch and for a gradient without ``part``, TypeError for a gradient that holds another with a penalty and
    has no attribute ``penalty`` to pass it on.

    >>> import fnnet as fn
    >>> fn.accumulate(fn.value_and_grad(fn.mse), 4).n
    4
    """
    checks.method("accumulate", "gradient", gradient, "part")
    penalty_of("accumulate", gradient)
    return Accumulate(gradient, checks.size("accumulate", "n", n))
