"""One batch: gradients, then the optimizer's update."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from fnnet import checks, tree
from fnnet.calculus.gradients import unbuilt
from fnnet.core import Array, DtypeError, GradFn, Key, Loss, Optimizer, OptState, Params, ShapeError, TrainState, Value
from fnnet.optimizers.elementwise import Elementwise
from fnnet.optimizers.wrapping import Wrapped
from fnnet.tree.making import maker
from fnnet.tree.matching import columns
from fnnet.tree.vectors import frozen, vector_behind

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TrainStep(Generic[T]):
    """What ``train_step(gradient, optimizer)`` returns."""

    gradient: GradFn[T]
    optimizer: Optimizer

    def __call__(self, state: TrainState[P], batch: tuple[Array, T], key: Key, /) -> tuple[TrainState[P], Value]:
        """The state after one batch, and the batch's loss before the step."""
        optimizer = self.optimizer
        if isinstance(optimizer, Elementwise) and _is_plain(type(optimizer)):  # its result is read-only and fits
            value, grads = unbuilt(self.gradient, state.params, batch, key)
            return with_update(state, *optimizer.update(state.params, grads, state.opt_state)), value
        value, gradients = self.gradient(state.params, batch, key)
        made = optimizer.update(state.params, gradients, state.opt_state)
        if type(made) is not tuple or len(made) != 2:
            checks.pair("train_step", "what the optimizer's update gives, (params, state),", made)
        params, opt_state = made
        if not _is_ours(optimizer) or vector_behind(params) is None:
            _check_alike(state.params, params)
            params, opt_state = frozen(params), frozen(opt_state)
        return with_update(state, params, opt_state), value


@lru_cache(256)
def _is_plain(kind: type) -> bool:
    """Whether optimizers of a class update by a formula, whose result is read-only and fits the parameters."""
    return issubclass(kind, Elementwise) and kind.update is Elementwise.update


def _is_ours(optimizer: Optimizer) -> bool:
    """Whether an optimizer, and every optimizer that it wraps, is one of fnnet's."""
    while type(optimizer) is Wrapped and type(optimizer.wrapper).__module__.startswith("fnnet.optimizers."):
        optimizer = optimizer.optimizer
    return _is_plain(type(optimizer))


def _check_alike(before: Params, after: Params) -> None:
    """Raises TreeError, ShapeError or DtypeError where an optimizer gives parameters of another form."""
    (mine, theirs), _ = columns("train_step", (before, after))
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        if a.shape != b.shape:
            raise ShapeError(
                f"train_step: the optimizer must keep the shape of {tree.paths(before)[i]}, {a.shape}, got {b.shape}"
            )
        if a.dtype != b.dtype:
            raise DtypeError(
                f"train_step: the optimizer must keep the dtype of {tree.paths(before)[i]}, {a.dtype}, got {b.dtype}; "
                "a setting that is a NumPy number promotes it, float() of it does not"
            )


_state = maker(TrainState)  # every batch makes one


def with_update(state: TrainState[P], params: P, opt_state: OptState[P]) -> TrainState[P]:
    """The state after one more batch."""
    s = state
    return _state(params, opt_state, s.key, s.epoch, s.batch + 1, s.total, s.rows, s.history, s.origin)


def train_step(gradient: GradFn[T], optimizer: Optimizer) -> TrainStep[T]:
    """A function (state, batch, key) -> (state, loss): gradients, then the optimizer's update.

    ``gradient`` is a function (params, batch, key) -> (loss, gradients), such as ``value_and_grad(loss)``;
    ``optimizer`` turns the gradients into new parameters, such as ``adam(1e-3)``. The loss is that before the update.

    Raises ValueError for a loss in place of its gradient, and for an optimizer without ``update``.

    >>> import fnnet as fn
    >>> fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1)).optimizer
    Sgd(lr=0.1, momentum=0.0, nesterov=False)
    """
    check_gradient("train_step", gradient)
    checks.method("train_step", "optimizer", optimizer, "update", "adam(1e-3)")
    return TrainStep(gradient, optimizer)


def check_gradient(where: str, gradient: object) -> None:
    """Raises ValueError for what cannot be called as a gradient, in particular for a loss."""
    if isinstance(gradient, Loss):
        rule = "gradient must be a function (params, batch, key)"
        raise ValueError(f"{where}: {rule}, got the loss {checks.came(gradient)}; write value_and_grad(loss)")
    checks.function(where, "gradient", gradient, "params", "batch", "key")
