"""Optimizers with compiled updates: one pass over the numbers, on all cores, without Python's global lock."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

import fnnet.jit.kernels as kernels
from fnnet import checks
from fnnet.core.protocols import Schedule
from fnnet.core.states import OptState
from fnnet.jit.threads import in_threads
from fnnet.jit.updates import update_fresh
from fnnet.optimizers.adadelta import Adadelta
from fnnet.optimizers.adagrad import Adagrad
from fnnet.optimizers.adam import Adam
from fnnet.optimizers.adamax import Adamax
from fnnet.optimizers.amsgrad import Amsgrad
from fnnet.optimizers.elementwise import Elementwise, rate, slots_of
from fnnet.optimizers.lion import Lion
from fnnet.optimizers.nadam import Nadam
from fnnet.optimizers.radam import Radam
from fnnet.optimizers.rmsprop import Rmsprop
from fnnet.optimizers.sgd import Sgd
from fnnet.tree.nodes import Params
from fnnet.tree.numbers import over_numbers
from fnnet.types import Array

P = TypeVar("P", bound=Params)

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What ``jit.sgd``, ``jit.adam`` and their like return: an optimizer whose updates are compiled."""

    optimizer: Elementwise

    def __post_init__(self) -> None:
        compiled_one(self.optimizer)

    def init(self, params: P, /) -> OptState[P]:
        """The state before the first step, that of the optimizer itself."""
        return self.optimizer.init(params)

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step."""
        kind, hyper = rules_of(self.optimizer)
        slots = slots_of("jit", state, self.optimizer.slots)
        scalars = schedule_of(self.optimizer, state, 1)[0]
        rule = partial(_rule, kind, hyper, scalars)
        new, *memory = over_numbers("jit", rule, (params, grads, *slots), 1 + len(slots), sys.maxsize)
        return new, OptState(state.step + 1, tuple(memory), None, state.scale)


def compiled_one(optimizer: object) -> Elementwise:
    """An optimizer that has a compiled update. Raises TypeError for any other, one that is derived from such a one too,
    which may have a rule of its own."""
    if type(optimizer) is Compiled:
        return optimizer.optimizer
    if type(optimizer) in KINDS:
        return cast(Elementwise, optimizer)
    known = ", ".join([kind.__name__.lower() for kind in KINDS])
    raise TypeError(f"jit: optimizer must be one of {known}, got {optimizer!r}; use fnnet.train")


class Known(NamedTuple):
    """An optimizer that is compiled: which update it makes without momentum, its settings that are the same in all
    steps, and those that decide about the update or go into the numbers of each step."""

    kind: int
    same: tuple[str, ...]
    others: tuple[str, ...] = ("lr",)


KINDS: dict[type, Known] = {
    Sgd: Known(kernels.SGD, ("momentum",), ("lr", "nesterov")),
    Adam: Known(kernels.ADAM, ("b1", "b2"), ("lr", "eps", "eps_hat", "weight_decay")),
    Rmsprop: Known(kernels.RMSPROP, ("decay", "eps", "momentum"), ("lr", "centered", "eps_in_sqrt")),
    Adagrad: Known(kernels.ADAGRAD, ("start", "eps")),
    Adadelta: Known(kernels.ADADELTA, ("decay", "eps")),
    Adamax: Known(kernels.ADAMAX, ("b1", "b2", "eps")),
    Amsgrad: Known(kernels.AMSGRAD, ("b1", "b2"), ("lr", "eps", "eps_hat")),
    Nadam: Known(kernels.NADAM, ("b1", "b2"), ("lr", "eps", "eps_hat")),
    Radam: Known(kernels.RADAM, ("b1", "b2"), ("lr", "eps", "eps_hat", "threshold")),
    Lion: Known(kernels.LION, ("b1", "b2"), ("lr", "weight_decay")),
}


def rules_of(optimizer: Elementwise) -> tuple[int, Numbers]:
    """Which update an optimizer makes, and its numbers that are the same in all steps, as ``update`` takes them."""
    kind, names, _ = KINDS[type(optimizer)]
    numbers = [float(getattr(optimizer, name)) for name in names]
    if type(optimizer) is Sgd and optimizer.momentum:
        kind = kernels.NESTEROV if optimizer.nesterov else kernels.MOMENTUM
    if type(optimizer) is Rmsprop:
        plain, centered = (kernels.RMSPROP, kernels.RMSPROP_MOMENTUM), (kernels.CENTERED, kernels.CENTERED_MOMENTUM)
        kind = (centered if optimizer.centered else plain)[bool(optimizer.momentum)]
        numbers[1] = 0.0 if optimizer.eps_in_sqrt else optimizer.eps
    first, second, third = (numbers + [0.0] * 2)[:3]
    return kind, np.array([first, second, third, 1 - first, 1 - second])


def schedule_of(optimizer: Elementwise, state: OptState[P], steps: int) -> Numbers:
    """The numbers of the coming steps, a row a step, the learning rate first."""
    coming = range(state.step, state.step + steps)
    if callable(optimizer.lr):
        rates = [rate("jit", optimizer.lr, OptState(step, (), None, state.scale)) for step in coming]
    else:
        rates = [rate("jit", optimizer.lr, state)] * steps
    if not callable(optimizer.lr) and type(optimizer) not in (Adam, Adamax, Amsgrad, Nadam, Radam):
        return np.tile(_scalars(optimizer, rates[0], 1), (steps, 1))
    return np.array([_scalars(optimizer, lr, step + 1) for lr, step in zip(rates, coming, strict=True)])


def _scalars(optimizer: Elementwise, lr: float, t: int) -> tuple[float, float, float]:
    if type(optimizer) is Adam or type(optimizer) is Amsgrad or type(optimizer) is Nadam or type(optimizer) is Radam:
        return optimizer.corrected(lr, t)
    if type(optimizer) is Adamax:
        return optimizer.corrected(lr, t), 0.0, 0.0
    if type(optimizer) is Rmsprop:
        return lr, optimizer.eps if optimizer.eps_in_sqrt else 0.0, 0.0
    return lr, 1 - lr * optimizer.weight_decay if type(optimizer) is Lion else 0.0, 0.0


def _rule(kind: int, hyper: Numbers, scalars: Numbers, p: Array, g: Array, *slots: Array) -> tuple[Array, ...]:
    new, empty = [np.empty(p.shape, p.dtype) for _ in (p, *slots)], [np.empty(0, p.dtype)] * 3
    old = [*[_flat(a) for a in (p, *slots)], *empty][:4]
    out = [*[a.reshape(-1) for a in new], *empty][:4]
    in_threads(partial(_fresh, kind, hyper, scalars, _flat(g), old, out), p.size)
    return tuple(new)


def _flat(a: Array) -> Array:
    return np.require(a, None, ["C"]).reshape(-1)


def _fresh(
    kind: int, hyper: Numbers, scalars: Numbers, g: Array, old: list[Array], out: list[Array], part: slice
) -> None:
    update_fresh(kind, hyper, scalars, g[part], *[a[part] for a in (*old, *out)])


# --- constructors ------------------------------------------------------------------------------------------------
def sgd_update(params: P, grads: P, lr: float) -> P:
    """``fnnet.sgd_update``, compiled: p' = p - lr g."""
    scalars = np.array([checks.real("jit", "lr", lr), 0.0, 0.0])
    rule = partial(_rule, kernels.SGD, np.zeros(5), scalars)
    (new,) = over_numbers("jit", rule, (params, grads), 1, sys.maxsize)
    return new


def sgd(lr: float | Schedule, *, momentum: float = 0.0, nesterov: bool = False) -> Compiled:
    """``fnnet.sgd`` with compiled updates; the results agree to rounding, the states are interchangeable.

    >>> from fnnet import jit
    >>> jit.sgd(0.1, momentum=0.9)
    Compiled(optimizer=Sgd(lr=0.1, momentum=0.9, nesterov=False))
    """
    return Compiled(Sgd(lr, momentum, nesterov))


def adam(
    lr: float | Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, eps_hat: bool = False
) -> Compiled:
    """``fnnet.adam`` with compiled updates."""
    return Compiled(Adam(lr, b1, b2, eps, eps_hat=eps_hat))


def adamw(
    lr: float | Schedule,
    *,
    weight_decay: float = 0.01,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_hat: bool = False,
) -> Compiled:
    """``fnnet.adamw`` with compiled updates."""
    return Compiled(Adam(lr, b1, b2, eps, weight_decay, eps_hat))


def nadam(
    lr: float | Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, eps_hat: bool = False
) -> Compiled:
    """``fnnet.nadam`` with compiled updates."""
    return Compiled(Nadam(lr, b1, b2, eps, eps_hat))


def adamax(lr: float | Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Compiled:
    """``fnnet.adamax`` with compiled updates."""
    return Compiled(Adamax(lr, b1, b2, eps))


def amsgrad(
    lr: float | Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, eps_hat: bool = False
) -> Compiled:
    """``fnnet.amsgrad`` with compiled updates."""
    return Compiled(Amsgrad(lr, b1, b2, eps, eps_hat))


def radam(
    lr: float | Schedule,
    *,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    threshold: float = 5.0,
    eps_hat: bool = False,
) -> Compiled:
    """``fnnet.radam`` with compiled updates."""
    return Compiled(Radam(lr, b1, b2, eps, threshold, eps_hat))


def rmsprop(
    lr: float | Schedule,
    *,
    decay: float = 0.9,
    eps: float = 1e-8,
    momentum: float = 0.0,
    centered: bool = False,
    eps_in_sqrt: bool = False,
) -> Compiled:
    """``fnnet.rmsprop`` with compiled updates."""
    return Compiled(Rmsprop(lr, decay, eps, momentum, centered, eps_in_sqrt))


def adagrad(lr: float | Schedule, *, start: float = 0.0, eps: float = 1e-10) -> Compiled:
    """``fnnet.adagrad`` with compiled updates."""
    return Compiled(Adagrad(lr, start, eps))


def adadelta(lr: float | Schedule = 1.0, *, decay: float = 0.9, eps: float = 1e-6) -> Compiled:
    """``fnnet.adadelta`` with compiled updates."""
    return Compiled(Adadelta(lr, decay, eps))


def lion(lr: float | Schedule, *, b1: float = 0.9, b2: float = 0.99, weight_decay: float = 0.0) -> Compiled:
    """``fnnet.lion`` with compiled updates."""
    return Compiled(Lion(lr, b1, b2, weight_decay))
