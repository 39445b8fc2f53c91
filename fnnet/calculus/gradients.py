"""From a loss to the gradients of a network."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from fnnet import checks
from fnnet.core import (
    Array,
    DtypeError,
    GradFn,
    Key,
    Loss,
    LossFunction,
    Params,
    Part,
    Penalty,
    ShapeError,
    Value,
    forward,
    param_gradients,
)
from fnnet.core.network import unbuilt_gradients
from fnnet.layers.portable import in_bits_of
from fnnet.losses.reductions import RowLoss, checked_rows
from fnnet.tree.numbers import alike
from fnnet.tree.vectors import Unbuilt, built

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ValueAndGrad(Generic[T]):
    """What ``value_and_grad(loss)`` returns: a function (params, batch, key) -> (value, gradients) of ``loss`` and
    ``penalty``."""

    loss: Loss[T] | LossFunction[T]
    penalty: Penalty | None = None

    def __call__(self, params: P, batch: tuple[Array, T], key: Key, /) -> tuple[Value, P]:
        """The loss of a batch in a stochastic pass, with the penalty, and the gradients of the parameters."""
        value, grads = self.unbuilt(params, batch, key)
        return value, built(grads)

    def unbuilt(self, params: P, batch: tuple[Array, T], key: Key, /) -> tuple[Value, P | Unbuilt[P]]:
        """The same for an optimizer that uses only the numbers of the gradients."""
        x, target = pair_of(batch)
        prediction, cache = forward(params, x, key)
        made = in_bits_of(params, self.loss, prediction, target)
        if type(made) is not tuple or len(made) != 2:
            checks.pair("value_and_grad", "what the loss returns, (value, gradient),", made)
        value = np.asarray(made[0])
        if value.shape != prediction.shape[:-2] or value.dtype.kind != "f" or isinstance(made[0], np.ma.MaskedArray):
            _check_value(self.loss, made[0], value, prediction)
        grads = unbuilt_gradients(params, cache, made[1])
        return (value, grads) if self.penalty is None else penalized(self.penalty, params, value, built(grads))

    def part(self, params: P, batch: tuple[Array, T], key: Key, /) -> Part[P]:
        """Loss and gradients as sums over the batch's rows, without the penalty. Raises TypeError where the loss is a
        plain function."""
        if not isinstance(self.loss, Loss):
            raise TypeError(
                f"value_and_grad: {self.loss!r} has no rows and is_sum, so its parts cannot be added up; derive a "
                "class from fnnet.RowLoss and write its rows"
            )
        x, target = pair_of(batch)
        prediction, cache = forward(params, x, key)
        values, d_prediction = in_bits_of(params, checked_rows, self.loss, prediction, target)
        value: Value = np.asarray(np.add.reduce(values, axis=-1, dtype=np.float64))
        grads = param_gradients(params, cache, d_prediction)
        rows = values.shape[-1]
        weight = self.loss.weight(prediction, target) if isinstance(self.loss, RowLoss) else rows
        return Part(value, np.asarray(weight, np.float64), grads, self.loss.is_sum)


def unbuilt(
    gradient: GradFn[T], params: P, batch: tuple[Array, T], key: Key
) -> tuple[Value, P] | tuple[Value, P | Unbuilt[P]]:
    """The value and the gradients for an optimizer that uses only their numbers."""
    given: object = gradient
    return given.unbuilt(params, batch, key) if type(given) is ValueAndGrad else gradient(params, batch, key)


def pair_of(batch: tuple[Array, T]) -> tuple[Array, T]:
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
    """A loss and its gradients with the penalty added, in their own dtypes; constant fields are left out.

    Raises ValueError, ShapeError, DtypeError or TreeError where the penalty does not return (value, gradients).
    """
    made = penalty(params)
    if type(made) is not tuple or len(made) != 2:
        checks.pair("value_and_grad", "what penalty returns, (value, gradients),", made)
    more = np.asarray(made[0])
    if more.dtype.kind not in "fiu":
        raise DtypeError(f"value_and_grad: penalty must give a real number, got {more.dtype}")
    if more.shape != value.shape:
        raise ShapeError(f"value_and_grad: penalty must give one number per replica, {value.shape}, got {more.shape}")
    total = np.asarray(value + more.astype(value.dtype if value.dtype.kind == "f" else np.float64))
    structure, (left, right) = alike("value_and_grad: penalty's gradient", (grads, made[1]))
    sums: P = structure.build([a + b for a, b in zip(left, right, strict=True)], structure.constants(grads))
    return total, sums


def penalty_of(where: str, gradient: GradFn[T]) -> Penalty | None:
    """The penalty of a gradient function, its attribute ``penalty``.

    Raises TypeError where it has no such attribute but holds a gradient function with a penalty, which would be ignored
    silently.
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
    """A function (params, batch, key) -> (value, gradients), whose ``part`` gives both as sums over the batch's rows.

    A batch is (x, target); ``key`` decides the noise of the pass. The gradients have the type of the parameters; that
    of x is not computed. ``loss`` is a loss of fnnet, a user's own class with ``rows``, or a plain function
    (prediction, target) -> (value, gradient), which has no ``part``. ``penalty``, such as ``l2(1e-4)`` or a function
    params -> (value, gradient), is added once and not divided by the number of rows. Raises TypeError or ValueError for
    a loss or penalty that is not such a function; a call raises ValueError, DtypeError or ShapeError where one of them
    returns anything else.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.Linear(np.ones((2, 1)), np.zeros(1))
    >>> batch = np.array([[1.0, 2.0]]), np.array([[0.0]])
    >>> value, grads = fn.value_and_grad(fn.mse)(net, batch, fn.Key(0))
    >>> float(value), grads.w.tolist()
    (9.0, [[6.0], [12.0]])
    """
    if not callable(loss):
        raise TypeError(f"value_and_grad: loss must be a loss such as fnnet.mse, got {checks.came(loss)}")
    checks.function("value_and_grad", "loss", loss, "prediction", "target")
    if penalty is not None:
        checks.function("value_and_grad", "penalty", penalty, "params")
    return ValueAndGrad(loss, penalty)
