"""An optimizer and its wrappers as lines of an epoch; any other optimizer is refused.

A choice of leaves becomes ranges of the vector of all parameters, which are data: frozen leaves are ranges left out,
and leaves with learning rates of their own are updated one group after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple, TypeVar

import numpy as np

from fnnet.calculus.penalties import ElasticNet
from fnnet.core.states import OptState
from fnnet.jit.optimizers import compiled_one
from fnnet.jit.programs import OWN, Mask, Program
from fnnet.jit.updates import Rule, rule_loops, update_loops
from fnnet.numerics.kernels import add_elastic_net, set_zero, shorten
from fnnet.optimizers.averaging import Ema, Lookahead, toward
from fnnet.optimizers.clipping import ClipByGlobalNorm, ClipByValue, clipped_to
from fnnet.optimizers.decay import WeightDecay, shrunk_by
from fnnet.optimizers.elementwise import Elementwise, rate
from fnnet.optimizers.freezing import Freeze, ScaleRate
from fnnet.optimizers.wrapping import Wrapped, Wrapper
from fnnet.tree.nodes import Params
from fnnet.tree.selection import Selection
from fnnet.tree.structures import structure_of
from fnnet.types import Array

P = TypeVar("P", bound=Params)
State = OptState[Any]


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
class Source(NamedTuple):
    """Where some numbers of a step come from: the depth of the state that they are made from, the function that makes
    them, a factor on its rates, and whether they are the same in every step."""

    depth: int
    of: Callable[[State], Sequence[float]]
    factor: float
    is_fixed: bool


def numbers_of(sources: Sequence[Source], state: State, steps: int) -> Array:
    """The numbers of the coming steps, one row per step. The scales of nested states multiply."""
    states, columns = states_of(state), list[Array]()
    scales = np.cumprod([one.scale for one in states]).tolist()
    for depth, of, factor, is_fixed in sources:
        first, scale = states[depth].step, scales[depth] * factor
        rows = [of(OptState(step, (), None, scale)) for step in range(first, first + (1 if is_fixed else steps))]
        made = np.array(rows, np.float64)
        columns.append(made.repeat(steps, axis=0) if is_fixed else made)
    return np.concatenate(columns, axis=1)


# --- lines -------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Step:
    """The lines of a step while they are generated: those of the wrappers, the outermost first, around those of the
    update. ``groups`` are the parameters that are updated, each with the factor on its rates."""

    program: Program
    groups: list[tuple[Mask, float]]
    depth: int = 0
    slot: int = 0
    count: int = 0
    sources: list[Source] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    update: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def numbers(self, n: int, of: Callable[[State], Sequence[float]], is_fixed: bool, factor: float = 1.0) -> str:
        """The name of n numbers of every step."""
        self.sources.append(Source(self.depth, of, factor, is_fixed))
        self.count += n
        return f"numbers[s, {self.count - n}:{self.count}]"

    def rule(self, wrapper: Wrapper, rule: Rule, n: int, arrays: str, into: int, mask: Mask, given: str) -> str:
        """The line of a rule over parts of vectors, which writes into one of them; n is how many numbers it reads."""
        module, c = rule_loops(
            wrapper, lambda own: rule, (0.0,) * n, arrays.count(",") + 1, [into], self.program.dtypes[OWN]
        )
        name = self.program.function(module, "in_ranges", rule.__name__)
        return f"{name}({arrays}, {self.program.ranges(mask)}, {self.program.reals(c)}, {given})"


def step_lines(program: Program, wrappers: list[Wrapper], optimizer: Elementwise) -> tuple[list[str], list[Source]]:
    """The lines of a step after the gradient, and where its numbers come from."""
    step = Step(program, [(np.ones(program.parameters, np.bool), 1.0)])
    for wrapper in wrappers:
        WRAPPERS[type(wrapper)](step, wrapper)
        step.depth, step.slot = step.depth + 1, step.slot + wrapper.slots
    module, settings = update_loops(optimizer, program.dtypes[OWN])
    slots = "".join([f"slots[{i}], " for i in range(step.slot, step.slot + optimizer.slots)])
    name, c = program.function(module, "in_ranges", "update"), program.reals(settings)

    def numbers(state: State) -> Sequence[float]:
        return optimizer.numbers(rate("jit", optimizer.lr, state), state.step + 1)

    is_fixed = type(optimizer).numbers is Elementwise.numbers and not callable(optimizer.lr)
    for mask, factor in step.groups:
        given = step.numbers(len(optimizer.numbers(0.1, 1)), numbers, is_fixed, factor)
        step.update.append(f"{name}(theta, gradient, {slots}{program.ranges(mask)}, {c}, {given})")
    return [*step.before, *step.update, *step.after], step.sources


def _clip_by_value(step: Step, wrapper: Any) -> None:
    given = step.numbers(2, lambda state: (-wrapper.limit, wrapper.limit), True)
    step.before.append(step.rule(wrapper, clipped_to, 2, "gradient", 0, _all(step.groups), given))


def _clip_by_global_norm(step: Step, wrapper: Any) -> None:
    given = step.numbers(1, lambda state: (wrapper.limit,), True)
    step.before.append(step.program.call(shorten, "gradient", f"{given}[0]"))


def _weight_decay(step: Step, wrapper: Any) -> None:
    if "old[:] = theta" not in step.before:
        step.program.setup.append("old = np.empty_like(theta)")
        step.before.append("old[:] = theta")
    taken = _chosen(wrapper.name, wrapper.where, step.program)

    def rates(state: State) -> Sequence[float]:
        return (rate(wrapper.name, wrapper.rate, state, "rate"),)

    for mask, factor in step.groups:
        given = step.numbers(1, rates, not callable(wrapper.rate), factor)
        step.after.insert(0, step.rule(wrapper, shrunk_by, 1, "theta, old", 0, mask & taken, given))


def _ema(step: Step, wrapper: Any) -> None:
    def shares(state: State) -> Sequence[float]:
        share = (1 - wrapper.decay) / (1 - wrapper.decay ** (state.step + 1))
        return share, 1 - share

    given = step.numbers(2, shares, False)
    step.after.insert(0, step.rule(wrapper, toward, 2, f"theta, slots[{step.slot}]", 1, _all(step.groups), given))


def _lookahead(step: Step, wrapper: Any) -> None:
    def shares(state: State) -> Sequence[float]:
        share = 0.0 if (state.step + 1) % wrapper.steps else wrapper.rate
        return share, 1 - share

    given, mask, vectors = step.numbers(2, shares, False), _all(step.groups), f"theta, slots[{step.slot}]"
    lines = [
        step.rule(wrapper, toward, 2, vectors, 1, mask, given),
        step.rule(wrapper, slow, 2, vectors, 0, mask, given),
    ]
    step.after[:0] = [f"if {given}[0] > 0:", *[f"    {line}" for line in lines]]


def slow(numbers: Sequence[float], p: Array, average: Array) -> tuple[Array]:
    """The average itself."""
    return (average,)


def _freeze(step: Step, wrapper: Any) -> None:
    frozen = _chosen(wrapper.name, wrapper.where, step.program)
    step.before.append(step.program.call(set_zero, "gradient", step.program.ranges(frozen)))
    step.groups = [(mask & ~frozen, factor) for mask, factor in step.groups]


def _scale_rate(step: Step, wrapper: Any) -> None:
    factors = np.ones(step.program.parameters)
    for part in wrapper.parts:
        factors[_chosen(wrapper.name, part.where, step.program)] *= part.factor
    split = [(mask & (factors == own), factor, own) for mask, factor in step.groups for own in np.unique(factors[mask])]
    step.groups = [(mask, factor * float(own)) for mask, factor, own in split] or step.groups


WRAPPERS: dict[type, Callable[[Step, Any], None]] = {
    ClipByValue: _clip_by_value,
    ClipByGlobalNorm: _clip_by_global_norm,
    WeightDecay: _weight_decay,
    Ema: _ema,
    Lookahead: _lookahead,
    Freeze: _freeze,
    ScaleRate: _scale_rate,
}
"""What may wrap an optimizer."""


# --- choices -----------------------------------------------------------------------------------------------------
def _all(groups: list[tuple[Mask, float]]) -> Mask:
    found: Mask = np.any([mask for mask, _ in groups], axis=0)
    return found


def _chosen(asking: str, where: Any, program: Program) -> Mask:
    """For each number of the parameters, whether its leaf is chosen."""
    if where is None:
        return np.ones(program.parameters, np.bool)
    structure = structure_of(program.network)
    flags = structure.trained(Selection(asking, where).flags(program.network))
    return np.repeat(np.array(flags, np.bool), [prod(shape) for shape in structure.trained(structure.shapes)])


def penalty_lines(program: Program, penalty: object) -> list[str]:
    """The lines that add a penalty to the loss and its gradient. Raises TypeError where it cannot be compiled."""
    if penalty is None:
        return []
    if type(penalty) is not ElasticNet:
        raise TypeError(f"jit: penalty {penalty!r} is not compiled; use fnnet.train, or l1, l2 and elastic_net")
    taken, c = program.ranges(_chosen("penalty", penalty.where, program)), program.reals([penalty.l1, penalty.l2])
    return [f"value += {program.call(add_elastic_net, 'theta', 'gradient', taken, f'{c}[0]', f'{c}[1]')}"]
