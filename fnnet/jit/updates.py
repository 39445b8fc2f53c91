"""Rules on the numbers of vectors as loops: the rules of optimizers and of their wrappers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from fnnet.jit.loops import Writer, indented, settings_of, traced
from fnnet.jit.sources import module_of
from fnnet.numerics.formulas import as_entry, entry
from fnnet.numerics.programs import Numbers, like
from fnnet.optimizers.elementwise import Elementwise

P = TypeVar("P")
Rule = Callable[..., tuple[Any, ...]]
"""``rule(numbers, *entries)`` gives the new values for one number of each of several vectors."""


def update_loops(optimizer: Elementwise, dtype: np.dtype[np.floating]) -> tuple[ModuleType, list[float]]:
    """The loops of a step over the parameters, the gradients and the slots; see ``rule_loops``."""
    into = [0, *range(2, 2 + optimizer.slots)]
    return rule_loops(optimizer, lambda own: own.rule, optimizer.numbers(0.1, 1), 2 + optimizer.slots, into, dtype)


def rule_loops(
    thing: P,
    rule_of: Callable[[P], Rule],
    numbers: Numbers,
    count: int,
    into: Sequence[int],
    dtype: np.dtype[np.floating],
) -> tuple[ModuleType, list[float]]:
    """The loops of a thing's rule over ``count`` vectors, and the settings c that they are called with.

    ``everywhere(vectors..., c, numbers)`` writes what the rule gives into the vectors ``into``, ``in_ranges(vectors...,
    ranges, c, numbers)`` into parts of them, ``elsewhere(vectors..., new vectors..., c, numbers)`` into new ones.
    """
    arrays = [entry(f"array {i}", dtype) for i in range(count)]
    given = [entry(f"number {i}", dtype, is_setting=True) for i in range(len(numbers))]
    found, names = traced(thing, lambda own: rule_of(own)(like(numbers, given), *arrays), dtype)
    known = {a: f"x{i}" for i, a in enumerate(arrays)} | {a: f"numbers[{i}]" for i, a in enumerate(given)} | names
    writer = Writer(known)
    lines, results = writer.write(*[as_entry(result, dtype) for result in found])
    read = [f"x{i} = a{i}[i]" for i in range(count)]
    written = [f"a{i}[i] = {result}" for i, result in zip(into, results, strict=True)]
    everywhere = ["real = a0.dtype.type", *writer.head, "for i in range(a0.size):"]
    everywhere += indented([*read, *lines, *written], 1)
    a = [f"a{i}" for i in range(count)]
    return module_of(
        f"A rule of {type(thing).__name__}.",
        _function("everywhere", "called", [*a], everywhere),
        _function("in_ranges", "called", [*a, "ranges"], _in_ranges(a)),
        _function("elsewhere", "compiled", [*a, *[f"new_a{i}" for i in into]], _elsewhere(a, into)),
    ), [*settings_of(thing).values()]


def _function(name: str, by: str, arguments: list[str], lines: list[str]) -> str:
    return "\n".join([f"@{by}", f"def {name}({', '.join(arguments)}, c, numbers):", *indented(lines, 1)])


def _in_ranges(a: list[str]) -> list[str]:
    return [
        "for r in range(0, ranges.size, 2):",
        "    start, stop = ranges[r], ranges[r + 1]",
        f"    everywhere({', '.join([f'{one}[start:stop]' for one in a])}, c, numbers)",
    ]


def _elsewhere(a: list[str], into: Sequence[int]) -> list[str]:
    """The lines of ``elsewhere``: one chunk at a time is copied into the cache and changed there."""
    taken = [f"new_{one}[start:stop]" if i in into else f"{one}[start:stop]" for i, one in enumerate(a)]
    return [
        "for start in range(0, a0.size, 4096):",
        "    stop = min(start + 4096, a0.size)",
        *[f"    new_a{i}[start:stop] = a{i}[start:stop]" for i in into],
        f"    everywhere({', '.join(taken)}, c, numbers)",
    ]
