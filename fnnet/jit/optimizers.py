"""Optimizers with compiled updates: one pass over the numbers, on all cores, without Python's global lock."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

import fnnet.jit.kernels as kernels
from fnnet import checks
from fnnet.jit.updates import update_fresh
from fnnet.nodes import Params
from fnnet.optimizers._base import Elementwise, apply, rate, slots_of
from fnnet.optimizers.adadelta import Adadelta
from fnnet.optimizers.adagrad import Adagrad
from fnnet.optimizers.adam import Adam
from fnnet.optimizers.adamax import Adamax
from fnnet.optimizers.amsgrad import Amsgrad
from fnnet.optimizers.lion import Lion
from fnnet.optimizers.nadam import Nadam
from fnnet.optimizers.radam import Radam
from fnnet.optimizers.rmsprop import Rmsprop
from fnnet.optimizers.sgd import Sgd
from fnnet.records import OptState, Schedule
from fnnet.types import Array

P = TypeVar("P", bound=Params)

SHARED = 1 << 17
"""Leaves of more numbers than this are updated by several threads."""


Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What ``jit.sgd``, ``jit.adam`` and their like return: an optimizer whose updates are compiled."""

    optimizer: Elementwise

    def init(self, params: P, /) -> OptState[P]:
        """The state before the first step, that of the optimizer itself."""
        return self.optimizer.init(params)

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step."""
        kind, hyper = rules_of(self.optimizer)
        slots = slots_of("jit", state, self.optimizer.slots)
        scalars = schedule_of(self.optimizer, state, 1)[0]
        rule = partial(_rule, kind, hyper, scalars)
        new, *memory = apply("jit", rule, (params, grads, *slots), 1 + len(slots), sys.maxsize)
        return new, OptState(state.step + 1, tuple(memory), None, state.scale)


def compiled_one(optimizer: object) -> Elementwise:
    """An optimizer that has a compiled update. Raises TypeError for any other."""
    if isinstance(optimizer, Compiled):
        return optimizer.optimizer
    if isinstance(optimizer, Elementwise) and type(optimizer) in KINDS:
        return optimizer
    known = ", ".join([kind.__name__.lower() for kind in KINDS])
    raise TypeError(f"jit: optimizer must be one of {known}, got {optimizer!r}; use fnnet.train")


KINDS: dict[type, tuple[int, tuple[str, ...]]] = {
    Sgd: (kernels.SGD, ("momentum",)),
    Adam: (kernels.ADAM, ("b1", "b2")),
    Rmsprop: (kernels.RMSPROP, ("decay", "eps", "momentum")),
    Adagrad: (kernels.ADAGRAD, ("start", "eps")),
    Adadelta: (kernels.ADADELTA, ("decay", "eps")),
    Adamax: (kernels.ADAMAX, ("b1", "b2", "eps")),
    Amsgrad: (kernels.AMSGRAD, ("b1", "b2")),
    Nadam: (kernels.NADAM, ("b1", "b2")),
    Radam: (kernels.RADAM, ("b1", "b2")),
    Lion: (kernels.LION, ("b1", "b2")),
}
"""Which update a class makes without momentum, and its settings that are the same in all steps."""


def rules_of(optimizer: Elementwise) -> tuple[int, Numbers]:
    """Which update an optimizer makes, and its numbers that are the same in all steps."""
    kind, settings = KINDS[type(optimizer)]
    numbers = [float(getattr(optimizer, name)) for name in settings]
    if isinstance(optimizer, Sgd) and optimizer.momentum:
        kind = kernels.NESTEROV if optimizer.nesterov else kernels.MOMENTUM
    if isinstance(optimizer, Rmsprop):
        plain, centered = (kernels.RMSPROP, kernels.RMSPROP_MOMENTUM), (kernels.CENTERED, kernels.CENTERED_MOMENTUM)
        kind = (centered if optimizer.centered else plain)[bool(optimizer.momentum)]
        numbers[1] = 0.0 if optimizer.eps_in_sqrt else optimizer.eps
    return kind, np.array((numbers + [0.0] * 3)[:3])


def schedule_of(optimizer: Elementwise, state: OptState[P], steps: int) -> Numbers:
    """The numbers of the coming steps, a row a step, the learning rate first."""
    coming = range(state.step, state.step + steps)
    if callable(optimizer.lr):
        rates = [rate("jit", optimizer.lr, OptState(step, (), None, state.scale)) for step in coming]
    else:
        rates = [rate("jit", optimizer.lr, state)] * steps
    if not callable(optimizer.lr) and not isinstance(optimizer, (Adam, Adamax, Amsgrad, Nadam, Radam)):
        return np.tile(_scalars(optimizer, rates[0], 1), (steps, 1))
    return np.array([_scalars(optimizer, lr, step + 1) for lr, step in zip(rates, coming, strict=True)])


def _scalars(optimizer: Elementwise, lr: float, t: int) -> tuple[float, float, float]:
    if isinstance(optimizer, (Adam, Amsgrad, Nadam, Radam)):
        return optimizer.corrected(lr, t)
    if isinstance(optimizer, Adamax):
        return optimizer.corrected(lr, t), 0.0, 0.0
    if isinstance(optimizer, Rmsprop):
        return lr, optimizer.eps if optimizer.eps_in_sqrt else 0.0, 0.0
    return lr, 1 - lr * optimizer.weight_decay if isinstance(optimizer, Lion) else 0.0, 0.0


def _rule(kind: int, hyper: Numbers, scalars: Numbers, p: Array, g: Array, *slots: Array) -> tuple[Array, ...]:
    new, empty = [np.empty(p.shape, p.dtype) for _ in (p, *slots)], [np.empty(0, p.dtype)] * 3
    old = [*[_flat(a) for a in (p, *slots)], *empty][:4]
    out = [*[a.reshape(-1) for a in new], *empty][:4]
    _in_threads(partial(_fresh, kind, hyper, scalars, _flat(g), old, out), p.size)
    return tuple(new)


def _flat(a: Array) -> Array:
    return np.require(a, None, ["C"]).reshape(-1)


def _fresh(
    kind: int, hyper: Numbers, scalars: Numbers, g: Array, old: list[Array], out: list[Array], part: slice
) -> None:
    update_fresh(kind, hyper, scalars, g[part], *[a[part] for a in (*old, *out)])


def _in_threads(work: Callable[[slice], None], n: int) -> None:
    """The work on n numbers, in as many parts as there are cores where it is worth it."""
    count = (os.cpu_count() or 1) if n > SHARED else 1
    parts = [slice(n * i // count, n * (i + 1) // count) for i in range(count)]
    waiting = [_pool().submit(work, part) for part in parts[1:]]
    work(parts[0])
    for future in waiting:
        future.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="fnnet.jit")


# --- constructors ------------------------------------------------------------------------------------------------
def sgd_update(params: P, grads: P, lr: float) -> P:
    """``fnnet.sgd_update``, compiled: p' = p - lr g."""
    scalars = np.array([checks.real("jit", "lr", lr), 0.0, 0.0])
    rule = partial(_rule, kernels.SGD, np.zeros(3), scalars)
    (new,) = apply("jit", rule, (params, grads), 1, sys.maxsize)
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
