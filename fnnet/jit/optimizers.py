"""Optimizers with compiled updates: one pass over the numbers, on all cores, without Python's global lock."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial, wraps
from types import ModuleType
from typing import ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fnnet.core.states import OptState
from fnnet.jit.threads import in_threads
from fnnet.jit.updates import update_loops
from fnnet.optimizers import adadelta as _adadelta
from fnnet.optimizers import adagrad as _adagrad
from fnnet.optimizers import adam as _adam
from fnnet.optimizers import adamax as _adamax
from fnnet.optimizers import amsgrad as _amsgrad
from fnnet.optimizers import lion as _lion
from fnnet.optimizers import nadam as _nadam
from fnnet.optimizers import radam as _radam
from fnnet.optimizers import rmsprop as _rmsprop
from fnnet.optimizers import sgd as _sgd
from fnnet.optimizers.elementwise import Elementwise, rate, slots_of
from fnnet.tree.nodes import Params
from fnnet.tree.numbers import over_numbers
from fnnet.types import Array

P = TypeVar("P", bound=Params)
Q = ParamSpec("Q")

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What ``jit.sgd``, ``jit.adam`` and the like return: ``optimizer`` with compiled updates.

    Raises TypeError for an optimizer whose step is not its rule, a formula.

    >>> import fnnet as fn, numpy as np
    >>> from fnnet import jit
    >>> net, optimizer = fn.linear(fn.Key(0), 1, 1, init=fn.zeros), jit.sgd(0.1)
    >>> optimizer.update(net, net, optimizer.init(net))[1].step
    1
    """

    optimizer: Elementwise

    def __post_init__(self) -> None:
        compiled_one(self.optimizer)

    def init(self, params: P, /) -> OptState[P]:
        """The optimizer's state before the first step."""
        return self.optimizer.init(params)

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """The parameters and the state after one step along the gradients ``grads``."""
        slots = slots_of("jit", state, self.optimizer.slots)
        rule = partial(_rule, self.optimizer, _numbers(self.optimizer, state))
        new, *memory = over_numbers("jit", rule, (params, grads, *slots), 1 + len(slots), sys.maxsize)
        return new, OptState(state.step + 1, tuple(memory), None, state.scale)


def compiled_one(optimizer: object) -> Elementwise:
    """The optimizer, whose step is its rule, a formula. Raises TypeError for an optimizer with a step of its own."""
    if type(optimizer) is Compiled:
        return optimizer.optimizer
    kind: type = type(optimizer)
    if all(getattr(kind, name, None) is getattr(Elementwise, name) for name in ("init", "update")):
        return cast(Elementwise, optimizer)
    raise TypeError(
        f"jit: optimizer must have a formula for its rule, as what is derived from fnnet's Elementwise has, got "
        f"{optimizer!r}; use fnnet.train"
    )


@lru_cache(64)
def _update(optimizer: Elementwise, dtype: np.dtype[np.floating]) -> tuple[ModuleType, Numbers]:
    module, settings = update_loops(optimizer, dtype)
    return module, np.array(settings, np.float64)


def _numbers(optimizer: Elementwise, state: OptState[P]) -> Numbers:
    return np.array(optimizer.numbers(rate("jit", optimizer.lr, state), state.step + 1), np.float64)


def _rule(optimizer: Elementwise, numbers: Numbers, p: Array, g: Array, *slots: Array) -> tuple[Array, ...]:
    module, settings = _update(optimizer, p.dtype)
    new = tuple([np.empty(p.shape, p.dtype) for _ in (p, *slots)])
    arrays = [*[_flat(a) for a in (p, g, *slots)], *[a.reshape(-1) for a in new]]
    in_threads(lambda part: module.elsewhere(*[a[part] for a in arrays], settings, numbers), p.size)
    return new


def _flat(a: Array) -> Array:
    return np.require(a, None, ["C"]).reshape(-1)


# --- constructors ------------------------------------------------------------------------------------------------
def sgd_update(params: P, grads: P, lr: float) -> P:
    """``fnnet.sgd_update``, compiled: p' = p - lr g.

    ``params`` are the parameters p, ``grads`` their gradients g, ``lr`` is the learning rate. Raises TreeError,
    ShapeError or DtypeError, each naming the path, where the gradients are not like the parameters.

    >>> import fnnet as fn
    >>> from fnnet import jit
    >>> net = fn.linear(fn.Key(0), 1, 1, init=fn.constant_fill(1.0))
    >>> float(jit.sgd_update(net, net, 0.25).w[0, 0])
    0.75
    """
    one = _sgd.Sgd(lr)
    rule = partial(_rule, one, _numbers(one, OptState(0)))
    (new,) = over_numbers("jit", rule, (params, grads), 1, sys.maxsize)
    return new


def _compiling(make: Callable[Q, Elementwise]) -> Callable[Q, Compiled]:
    """The constructor of the same optimizer with compiled updates."""

    @wraps(make)
    def made(*args: Q.args, **settings: Q.kwargs) -> Compiled:
        return Compiled(make(*args, **settings))

    made.__doc__ = f"``fnnet.{make.__name__}`` with compiled updates; the states of the two are interchangeable."
    return made


sgd = _compiling(_sgd.sgd)
adam = _compiling(_adam.adam)
adamw = _compiling(_adam.adamw)
nadam = _compiling(_nadam.nadam)
adamax = _compiling(_adamax.adamax)
amsgrad = _compiling(_amsgrad.amsgrad)
radam = _compiling(_radam.radam)
rmsprop = _compiling(_rmsprop.rmsprop)
adagrad = _compiling(_adagrad.adagrad)
adadelta = _compiling(_adadelta.adadelta)
lion = _compiling(_lion.lion)
