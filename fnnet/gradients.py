"""From a loss to the gradients of a whole network."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from functools import reduce
from typing import Any, Generic, TypeVar, cast

import numpy as np

from fnnet import checks, tree
from fnnet.errors import DtypeError, ShapeError
from fnnet.keys import Key
from fnnet.layers.portable import has_portable
from fnnet.losses._base import RowLoss, checked_rows, nonzero
from fnnet.matching import columns, restore_shared, trained
from fnnet.network import forward, param_gradients
from fnnet.nodes import Params
from fnnet.packing import packed, remembered
from fnnet.pieces import Form, cut, forms, places
from fnnet.portability import portable
from fnnet.records import GradFn, Loss, LossFunction, Part, Penalty
from fnnet.rules import fork, replicas
from fnnet.scope import portably
from fnnet.types import Array, Value

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ValueAndGrad(Generic[T]):
    """What ``value_and_grad(loss)`` returns."""

    loss: Loss[T] | LossFunction[T]
    penalty: Penalty | None = None

    def __call__(self, params: P, batch: tuple[Array, T], key: Key, /) -> tuple[Value, P]:
        """The loss of a batch under a stochastic pass, with the penalty, and the gradients of the parameters."""
        x, target = _pair(batch)
        prediction, cache = forward(params, x, key)
        is_portable = remembered(has_portable, params)
        made = portably(self.loss, prediction, target) if is_portable else self.loss(prediction, target)
        if type(made) is not tuple or len(made) != 2:
            checks.pair("value_and_grad", "what the loss returns, (value, gradient),", made)
        value = np.asarray(made[0])
        if value.shape != prediction.shape[:-2] or value.dtype.kind != "f" or isinstance(made[0], np.ma.MaskedArray):
            _check_value(self.loss, made[0], value, prediction)
        grads = param_gradients(params, cache, made[1])
        return (value, grads) if self.penalty is None else penalized(self.penalty, params, value, grads)

    def part(self, params: P, batch: tuple[Array, T], key: Key, /) -> Part[P]:
        """The batch's share as sums over rows, without the penalty. Raises TypeError for a plain function as loss."""
        if not isinstance(self.loss, Loss):
            raise TypeError(
                f"value_and_grad: {self.loss!r} has no rows and is_sum, so its parts cannot be added up; derive a "
                "class from fnnet.RowLoss and write its rows"
            )
        x, target = _pair(batch)
        prediction, cache = forward(params, x, key)
        loss = portable(self.loss) if has_portable(params) else self.loss
        values, d_prediction = checked_rows(loss, prediction, target)
        value: Value = np.asarray(np.add.reduce(values, axis=-1, dtype=np.float64))
        grads = param_gradients(params, cache, d_prediction)
        rows = values.shape[-1]
        weight = self.loss.weight(prediction, target) if isinstance(self.loss, RowLoss) else rows
        return Part(value, np.asarray(weight, np.float64), grads, self.loss.is_sum)


def _pair(batch: tuple[Array, T]) -> tuple[Array, T]:
    if type(batch) is not tuple or len(batch) != 2:
        checks.pair("value_and_grad", "batch", batch)
    return batch


def _check_value(loss: object, given: object, value: Value, prediction: Array) -> None:
    is_masked = isinstance(given, np.ma.MaskedArray)
    if is_masked or value.dtype.kind not in "fiu":
        what = "a masked one" if is_masked else value.dtype
        raise DtypeError(f"value_and_grad: the value of {loss!r} must be a real number, got {what}")
    if value.shape != prediction.shape[:-2]:
        raise ShapeError(
            f"value_and_grad: the value of {loss!r} must have the prediction's replica axes, {prediction.shape[:-2]}, "
            f"and no other, got {value.shape}"
        )


def penalized(penalty: Penalty, params: P, value: Value, grads: P) -> tuple[Value, P]:
    """A loss and its gradients with the penalty added, in the dtypes that they have; constant fields are passed by.

    Raises ValueError, ShapeError, DtypeError or TreeError where a penalty of the user's is no (value, gradients).
    """
    made = penalty(params)
    if type(made) is not tuple or len(made) != 2:
        checks.pair("value_and_grad", "what penalty returns, (value, gradients),", made)
    more = np.asarray(made[0])
    if more.dtype.kind not in "fiu":
        raise DtypeError(f"value_and_grad: penalty must give a real number, got {more.dtype}")
    if more.shape != value.shape:
        raise ShapeError(f"value_and_grad: penalty must give one number a replica, {value.shape}, got {more.shape}")
    total = np.asarray(value + more.astype(value.dtype if value.dtype.kind == "f" else np.float64))
    mine, theirs = packed(grads), packed(made[1])
    if mine and theirs and mine.structure is theirs.structure:
        return total, mine.structure.tree(grads, mine.vector + theirs.vector)
    (left, right), form = columns("value_and_grad", (grads, made[1]))
    for path, a, b in zip(tree.paths(grads), left, right, strict=True):
        if a.shape != b.shape:
            raise ShapeError(f"value_and_grad: penalty's gradient of {path} must be {a.shape}, got {b.shape}")
        if a.dtype != b.dtype:
            raise DtypeError(f"value_and_grad: penalty's gradient of {path} must be {a.dtype}, got {b.dtype}")
    sums = [a + b if changes else a for a, b, changes in zip(left, right, trained(form), strict=True)]
    return total, cast(P, restore_shared(grads, iter(sums)))


def penalty_of(where: str, gradient: GradFn[T]) -> Penalty | None:
    """The penalty of a gradient, which is its attribute ``penalty``.

    Raises TypeError where it has no such attribute and holds a gradient with a penalty, which would be off in silence.
    """
    unknown = object()
    own: Any = getattr(gradient, "penalty", unknown)
    if own is not unknown:
        penalty: Penalty | None = own
        return penalty
    holder: Any = gradient
    names = [f.name for f in fields(holder)] if is_dataclass(holder) else [*getattr(holder, "__dict__", ())]
    if any(getattr(getattr(holder, name), "penalty", None) is not None for name in names):
        kind = type(gradient).__name__
        raise TypeError(
            f"{where}: {kind} holds a gradient with a penalty and has no attribute penalty itself, so that the penalty "
            f"would be off in silence; give {kind} a property penalty that hands it on"
        )
    return None


def value_and_grad(loss: Loss[T] | LossFunction[T], *, penalty: Penalty | None = None) -> ValueAndGrad[T]:
    """A function (params, batch, key) -> (loss, gradients), whose ``part`` gives both as sums over the batch's rows.

    A batch is (x, target). The gradients have the type of the parameters. x's own gradient is not computed. ``loss``
    is a loss of fnnet, a class of the user's with ``rows``, or a plain function (prediction, target) -> (value,
    gradient), which has no ``part``. ``penalty``, such as ``l2(1e-4)`` or a function params -> (value, gradient), is
    added once, and not divided by the number of rows.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.Linear(np.ones((2, 1)), np.zeros(1))
    >>> batch = np.array([[1.0, 2.0]]), np.array([[0.0]])
    >>> value, grads = fn.value_and_grad(fn.mse)(net, batch, fn.Key(0))
    >>> float(value), grads.w.tolist()
    (9.0, [[6.0], [12.0]])
    """
    if not callable(loss):
        raise TypeError(f"value_and_grad: loss must be a loss such as fnnet.mse, got {loss!r}")
    if penalty is not None:
        checks.function("value_and_grad", "penalty", penalty)
    return ValueAndGrad(loss, penalty)


def add(a: Part[P], b: Part[P]) -> Part[P]:
    """Two parts of one batch together."""
    grads = tree.map(np.add, a.grads, b.grads)
    return Part(np.asarray(a.value + b.value), np.asarray(a.weight + b.weight), grads, a.is_sum)


def finish(part: Part[P]) -> tuple[Value, P]:
    """The loss and the gradients of a whole batch: one division by the weight, none where the loss is a sum."""
    if part.is_sum:
        return part.value, part.grads
    weight = nonzero(part.weight)
    (found,), form = columns("value_and_grad", (part.grads,))
    divided = [_divided(weight, g) if changes else g for g, changes in zip(found, trained(form), strict=True)]
    grads = cast(P, restore_shared(part.grads, iter(divided)))
    return np.asarray(part.value / weight), grads


def _divided(weight: Value, g: Array) -> Array:
    """A gradient over the weight, each replica's over its own."""
    return g / weight.reshape(weight.shape + (1,) * (g.ndim - weight.ndim)).astype(g.dtype)


@dataclass(frozen=True, slots=True)
class Accumulate(Generic[T]):
    """What ``accumulate(gradient, n)`` returns."""

    gradient: GradFn[T]
    n: int

    def __call__(self, params: P, batch: tuple[Array, T], key: Key, /) -> tuple[Value, P]:
        """The loss and gradients of the whole batch, with the penalty of the gradient inside."""
        penalty = self.penalty
        value, grads = finish(self.part(params, batch, key))
        return (value, grads) if penalty is None else penalized(penalty, params, value, grads)

    @property
    def penalty(self) -> Penalty | None:
        """That of the gradient inside, where it has one."""
        return penalty_of("accumulate", self.gradient)

    def part(self, params: P, batch: tuple[Array, T], key: Key, /) -> Part[P]:
        """The sums of the pieces' sums, from the first to the last."""
        key = fork(params, key)
        x, target = _pair(batch)
        checks.rows("accumulate", x)
        axes = (*(x.shape[:-2] or replicas(params)), x.shape[-2])
        whole = places("accumulate", axes[-1], self.n)
        found = forms("accumulate", target, axes)
        form = found[0] if len(found) == 1 or self.n == 1 else self._fitting(found, params, batch, key, axes, whole[0])
        pieces = enumerate([cut(batch, form, axes, place) for place in whole])
        return reduce(add, [self.gradient.part(params, piece, key.child(i)) for i, piece in pieces])

    def _fitting(
        self, found: list[Form], params: P, batch: tuple[Array, T], key: Key, axes: tuple[int, ...], first: slice
    ) -> Form:
        """The form of a target that by its shape has several: the one in which the loss takes its first piece.

        Raises ShapeError where it takes more, and the loss's own error where it takes none.
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
                "all and as one a network; give it all its axes, or batches of another size"
            )
        return taken[0]


def accumulate(gradient: GradFn[T], n: int) -> Accumulate[T]:
    """The gradient of a batch from n pieces of it, one after another, which takes an n-th of the activations' memory.

    The parts are sums, added and divided once, so that the result is the batch's own to rounding, however the pieces
    differ in length or weight. In a stochastic pass piece i draws from ``key.child(i)``. The sums have to be floats
    themselves: of weights near the ends of the dtype take shares, w / Σw.

    Of a target that could be one for all of K stacked networks or one a network, because a batch has K rows, it is
    found out which of them the loss takes. Raises ShapeError where that is both, ValueError where n is below 1 or above
    the rows of a batch, TypeError for a gradient that holds another one
    with a penalty and has no attribute ``penalty`` that hands it on.

    >>> import fnnet as fn
    >>> fn.accumulate(fn.value_and_grad(fn.mse), 4).n
    4
    """
    penalty_of("accumulate", gradient)
    return Accumulate(gradient, checks.size("accumulate", "n", n))
