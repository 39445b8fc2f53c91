"""Penalties, and what stands around an optimizer, as lines before and after its update; anything else is refused.

A choice of leaves is ranges of the vector of all parameters, which are data: frozen leaves are ranges left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fnnet.calculus.penalties import ElasticNet
from fnnet.core.states import OptState
from fnnet.jit.loops import Writer, indented
from fnnet.jit.optimizers import compiled_one
from fnnet.jit.programs import Program
from fnnet.jit.sources import module_of
from fnnet.numerics.formulas import as_entry, entry
from fnnet.numerics.kernels import add_elastic_net, set_zero, shorten
from fnnet.optimizers.averaging import Ema, toward
from fnnet.optimizers.clipping import ClipByGlobalNorm, ClipByValue, clipped_to
from fnnet.optimizers.decay import WeightDecay, shrunk_by
from fnnet.optimizers.elementwise import Elementwise, rate
from fnnet.optimizers.freezing import Freeze
from fnnet.optimizers.wrapping import Wrapped, Wrapper
from fnnet.tree.nodes import Params
from fnnet.tree.selection import Selection
from fnnet.tree.structures import structure_of
from fnnet.types import Array

P = TypeVar("P", bound=Params)
Mask = NDArray[np.bool]

WRAPPERS: dict[type, tuple[str, ...]] = {
    ClipByValue: ("limit",),
    ClipByGlobalNorm: ("limit",),
    WeightDecay: ("rate", "where"),
    Ema: ("decay",),
    Freeze: ("where",),
}
"""What may stand around an optimizer, and what of it is read."""


def chain_of(optimizer: object) -> tuple[list[Wrapper], Elementwise]:
    """The wrappers of an optimizer, the outermost first, and what is inside. Raises TypeError for any other."""
    wrappers: list[Wrapper] = []
    inside = optimizer
    while type(inside) is Wrapped and type(inside.wrapper) in WRAPPERS:
        wrappers.append(inside.wrapper)
        inside = inside.optimizer
    if type(inside) is Wrapped:
        known = ", ".join([kind.__name__ for kind in WRAPPERS])
        raise TypeError(f"jit: around an optimizer may be {known}, got {inside.wrapper!r}; use fnnet.train")
    return wrappers, compiled_one(inside)


def states_of(state: OptState[P]) -> list[OptState[P]]:
    """The states of the wrappers, the outermost first, and that of the optimizer inside."""
    found = [state]
    while found[-1].inner is not None:
        found.append(found[-1].inner)
    return found


# --- numbers -----------------------------------------------------------------------------------------------------
def numbers_of(wrappers: Sequence[Wrapper], optimizer: Elementwise, state: OptState[P], steps: int) -> Array:
    """The numbers of the coming steps, a row a step: the optimizer's, then those of each wrapper. The scales of nested
    states multiply."""
    *outer, own = states_of(state)
    scales = np.cumprod([*[one.scale for one in outer], own.scale]).tolist()
    rates = _rates(optimizer, OptState(own.step, (), None, scales[-1]), steps)
    if type(optimizer).numbers is Elementwise.numbers:  # nothing but the rate
        columns = [np.array(rates)[:, None]]
    else:
        coming = range(own.step + 1, own.step + 1 + steps)
        columns = [np.array([optimizer.numbers(lr, t) for lr, t in zip(rates, coming, strict=True)], np.float64)]
    for wrapper, one, scale in zip(wrappers, outer, scales[:-1], strict=True):
        rows = [_numbers(wrapper, OptState(step, (), None, scale)) for step in range(one.step, one.step + steps)]
        columns.append(np.array(rows, np.float64).reshape(steps, -1))
    return np.concatenate(columns, axis=1) if len(columns) > 1 else columns[0]


def _rates(optimizer: Elementwise, state: OptState[P], steps: int) -> list[float]:
    if not callable(optimizer.lr):
        return [rate("jit", optimizer.lr, state)] * steps
    coming = range(state.step, state.step + steps)
    return [rate("jit", optimizer.lr, OptState(step, (), None, state.scale)) for step in coming]


def _numbers(wrapper: Wrapper, state: OptState[P]) -> tuple[float, ...]:
    if type(wrapper) is WeightDecay:
        return (rate(wrapper.name, wrapper.rate, state, "rate"),)
    if type(wrapper) is Ema:
        share = (1 - wrapper.decay) / (1 - wrapper.decay ** (state.step + 1))
        return share, 1 - share
    if type(wrapper) is ClipByValue:
        return -wrapper.limit, wrapper.limit
    return (wrapper.limit,) if type(wrapper) is ClipByGlobalNorm else ()


# --- lines -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Around:
    """The lines before and after the update, and the ranges that it changes, "" for all."""

    before: list[str]
    after: list[str]
    ranges: str


def lines_around(program: Program, wrappers: list[Wrapper], params: Params, first: int) -> Around:
    """The lines of the wrappers; their numbers begin at ``first``, their slots are the first ones."""
    open_ones: Mask = np.ones(program.parameters, np.bool)
    slot, before, after = 0, list[str](), list[str]()
    for wrapper in wrappers:
        count = len(_numbers(wrapper, OptState(0)))
        given, first = f"numbers[s, {first}:{first + count}]", first + count
        if type(wrapper) is ClipByValue:
            name = _formula(program, clipped_to, 2, 1)
            before.append(f"{name}(gradient, {program.chosen(open_ones)}, {given})")
        elif type(wrapper) is ClipByGlobalNorm:
            before.append(f"{program.kernel(shorten)}(gradient, {given}[0])")
        elif type(wrapper) is Freeze:
            frozen = _mask(wrapper, wrapper.where, params)
            before.append(f"{program.kernel(set_zero)}(gradient, {program.chosen(frozen)})")
            open_ones = open_ones & ~frozen
        elif type(wrapper) is WeightDecay:
            taken = open_ones if wrapper.where is None else open_ones & _mask(wrapper, wrapper.where, params)
            program.setup.append("old = np.empty_like(theta)")
            before.insert(0, "old[:] = theta")
            after.insert(0, f"{_formula(program, shrunk_by, 1, 2)}(theta, old, {program.chosen(taken)}, {given})")
        elif type(wrapper) is Ema:
            name = _formula(program, toward, 2, 2, into=1)
            after.insert(0, f"{name}(theta, slots[{slot}], {program.chosen(open_ones)}, {given})")
        slot += wrapper.slots
    return Around(before, after, "" if open_ones.all() else program.chosen(open_ones))


def _mask(wrapper: Any, where: Any, params: Params) -> Mask:
    """For each number of the parameters whether its leaf is taken."""
    structure = structure_of(params)
    flags = structure.trained(Selection(getattr(wrapper, "name", "penalty"), where).flags(params))
    return np.repeat(np.array(flags, np.bool), [prod(shape) for shape in structure.trained(structure.shapes)])


def _formula(program: Program, rule: Callable[..., Any], numbers: int, arrays: int, into: int = 0) -> str:
    """The name of a formula as a loop over ranges of vectors, its result in one of them."""
    settings = [entry(f"n{i}", program.dtype, is_setting=True) for i in range(numbers)]
    inputs = [entry(f"x{i}", program.dtype) for i in range(arrays)]
    writer = Writer({a: f"c[{i}]" for i, a in enumerate(settings)} | {a: f"a{i}[i]" for i, a in enumerate(inputs)})
    lines, (result,) = writer.write(as_entry(rule(tuple(settings), *inputs)[0], program.dtype))
    name = rule.__name__
    text = [
        "@compiled",
        f"def {name}({', '.join([f'a{i}' for i in range(arrays)])}, ranges, c):",
        "    real = a0.dtype.type",
        *indented(writer.head, 1),
        "    for r in range(ranges.shape[0]):",
        "        for i in range(ranges[r, 0], ranges[r, 1]):",
        *indented([*lines, f"a{into}[i] = {result}"], 3),
    ]
    program.imports[f"from {module_of(f'{name}.', chr(10).join(text)).__name__} import {name}"] = None
    return name


def penalty_lines(program: Program, penalty: object, params: Params) -> list[str]:
    """The lines that add a penalty to the loss and its gradient. Raises TypeError where it is not compiled."""
    if penalty is None:
        return []
    if type(penalty) is not ElasticNet:
        raise TypeError(f"jit: penalty {penalty!r} is not compiled; use fnnet.train, or l1, l2 and elastic_net")
    every: Mask = np.ones(program.parameters, np.bool)
    taken = program.chosen(every if penalty.where is None else _mask(penalty, penalty.where, params))
    first = len(program.settings)
    program.settings.extend([penalty.l1, penalty.l2])
    settings = f"settings[{first}], settings[{first + 1}]"
    return [f"value += {program.kernel(add_elastic_net)}(theta, gradient, {taken}, {settings})"]
