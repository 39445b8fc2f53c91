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
from fnnet.nodes import Params
from fnnet.optimizers import adam as _adam
from fnnet.optimizers import sgd as _sgd
from fnnet.optimizers._base import apply, rate, slots_of
from fnnet.optimizers.adam import Adam
from fnnet.optimizers.sgd import Sgd
from fnnet.records import OptState, Schedule
from fnnet.types import Array

P = TypeVar("P", bound=Params)

SHARED = 1 << 17
"""Leaves of more numbers than this are updated by several threads."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What ``jit.sgd``, ``jit.adam`` and ``jit.adamw`` return: an optimizer whose updates are compiled."""

    optimizer: Sgd | Adam

    def init(self, params: P, /) -> OptState[P]:
        """The state before the first step, that of the optimizer itself."""
        return self.optimizer.init(params)

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step."""
        kind, hyper = rules_of(self.optimizer)
        slots = slots_of("jit", state, SLOTS[kind])
        scalars = schedule_of(self.optimizer, state, 1)[0]
        rule = partial(_rule, kind, hyper, scalars)
        new, *memory = apply("jit", rule, (params, grads, *slots), 1 + len(slots), sys.maxsize)
        return new, OptState(state.step + 1, tuple(memory), None, state.scale)


SLOTS = {kernels.SGD: 0, kernels.MOMENTUM: 1, kernels.NESTEROV: 1, kernels.ADAM: 2}
"""How many slot variables an update has."""


def compiled_one(optimizer: object) -> Sgd | Adam:
    """An optimizer that has a compiled update. Raises TypeError for any other."""
    if isinstance(optimizer, Compiled):
        return optimizer.optimizer
    if isinstance(optimizer, (Sgd, Adam)):
        return optimizer
    raise TypeError(f"jit: optimizer must be sgd, adam or adamw, got {optimizer!r}; use fnnet.train")


def rules_of(optimizer: Sgd | Adam) -> tuple[int, NDArray[np.float64]]:
    """Which update an optimizer makes, and its numbers that are the same in all steps."""
    if isinstance(optimizer, Adam):
        return kernels.ADAM, np.array([optimizer.b1, optimizer.b2])
    moving = kernels.NESTEROV if optimizer.nesterov else kernels.MOMENTUM
    return moving if optimizer.momentum else kernels.SGD, np.array([optimizer.momentum, 0.0])


def schedule_of(optimizer: Sgd | Adam, state: OptState[P], steps: int) -> NDArray[np.float64]:
    """The learning rate, eps and the shrinking factor of the coming steps, a row a step."""
    coming = range(state.step, state.step + steps)
    if callable(optimizer.lr):
        rates = [rate("jit", optimizer.lr, OptState(step, (), None, state.scale)) for step in coming]
    else:
        rates = [rate("jit", optimizer.lr, state)] * steps
    if isinstance(optimizer, Sgd):
        return np.array([rates, [0.0] * steps, [1.0] * steps]).T.copy()
    return np.array([optimizer.corrected(lr, step + 1) for lr, step in zip(rates, coming, strict=True)])


def _rule(
    kind: int, hyper: NDArray[np.float64], scalars: NDArray[np.float64], p: Array, g: Array, m: Array | None = None,
    v: Array | None = None,
) -> tuple[Array, ...]:  # fmt: skip
    given = [p, *[slot for slot in (m, v) if slot is not None]]
    new = [np.empty(p.shape, p.dtype) for _ in given]
    empty = np.empty(0, p.dtype)
    old = [*[_flat(a) for a in given], empty, empty][:3]
    out = [*[a.reshape(-1) for a in new], empty, empty][:3]
    _in_threads(partial(_fresh, kind, hyper, scalars, _flat(g), old, out), p.size)
    return tuple(new)


def _flat(a: Array) -> Array:
    return np.require(a, None, ["C"]).reshape(-1)


def _fresh(
    kind: int,
    hyper: NDArray[np.float64],
    scalars: NDArray[np.float64],
    g: Array,
    old: list[Array],
    out: list[Array],
    part: slice,
) -> None:
    fresh = [a[part] for a in (*old, *out)]
    p, m, v, new_p, new_m, new_v = fresh
    kernels.update_fresh(kind, hyper, scalars[0], scalars[1], scalars[2], g[part], p, m, v, new_p, new_m, new_v)


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
    scalars = np.array([checks.real("jit", "lr", lr), 0.0, 1.0])
    rule = partial(_rule, kernels.SGD, np.zeros(4), scalars)
    (new,) = apply("jit", rule, (params, grads), 1, sys.maxsize)
    return new


def sgd(lr: float | Schedule, *, momentum: float = 0.0, nesterov: bool = False) -> Compiled:
    """``fnnet.sgd`` with compiled updates; the results agree to rounding, the states are interchangeable.

    >>> from fnnet import jit
    >>> jit.sgd(0.1, momentum=0.9)
    Compiled(optimizer=Sgd(lr=0.1, momentum=0.9, nesterov=False))
    """
    return Compiled(_sgd.sgd(lr, momentum=momentum, nesterov=nesterov))


def adam(lr: float | Schedule, *, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Compiled:
    """``fnnet.adam`` with compiled updates."""
    return Compiled(_adam.adam(lr, b1=b1, b2=b2, eps=eps))


def adamw(
    lr: float | Schedule, *, weight_decay: float = 0.01, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> Compiled:
    """``fnnet.adamw`` with compiled updates."""
    return Compiled(_adam.adamw(lr, weight_decay=weight_decay, b1=b1, b2=b2, eps=eps))
