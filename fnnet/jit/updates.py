"""The rule of an elementwise optimizer as one loop over all numbers, in place."""

from __future__ import annotations

from types import ModuleType
from typing import Any, cast

import numpy as np

from fnnet.jit.loops import Writer, indented, settings_of, traced
from fnnet.jit.sources import module_of
from fnnet.numerics.formulas import Entry, as_entry, entry
from fnnet.optimizers.elementwise import Elementwise


def update_loop(optimizer: Elementwise, dtype: np.dtype[np.floating]) -> tuple[ModuleType, list[float]]:
    """The module with ``update(p, g, slots..., c, numbers)``, and the settings c that it is called with."""
    count = optimizer.slots
    p, g = entry("p", dtype), entry("g", dtype)
    slots = [entry(f"slot {i}", dtype) for i in range(count)]
    numbers = optimizer.numbers(0.1, 1)
    given = [entry(f"number {i}", dtype, is_setting=True) for i in range(len(numbers))]
    found, names = traced(optimizer, lambda own: own.rule(_like(numbers, given), p, g, *slots), dtype)
    known = {p: "p", g: "g"} | {a: f"v{i}" for i, a in enumerate(slots)} | names
    known |= {a: f"numbers[{i}]" for i, a in enumerate(given)}
    text = _written(known, cast(tuple[Entry, ...], found), count)
    return module_of(f"A step of {type(optimizer).__name__}.", text), [*settings_of(optimizer).values()]


def _like(numbers: Any, entries: list[Entry]) -> Any:
    return type(numbers)(*entries) if hasattr(numbers, "_fields") else tuple(entries)


def _written(known: dict[Entry, str], made: tuple[Entry, ...], slots: int) -> str:
    writer = Writer(known)
    lines, results = writer.write(*[as_entry(result, made[0].dtype) for result in made])
    arrays = [f"a{i}" for i in range(slots)]
    body = [
        "p, g = theta[i], gradient[i]",
        *[f"v{i} = a{i}[i]" for i in range(slots)],
        *lines,
        *[f"{name}[i] = {result}" for name, result in zip(["theta", *arrays], results, strict=True)],
    ]
    text = [
        "@compiled",
        f"def update({', '.join(['theta', 'gradient', *arrays])}, c, numbers):",
        "    real = theta.dtype.type",
        *indented(writer.head, 1),
        "    for i in range(theta.size):",
        *indented(body, 2),
    ]
    return "\n".join(text) + "\n\n\n" + _fresh(arrays)


def _fresh(arrays: list[str]) -> str:
    """The same into other vectors, a chunk at a time: copied into the cache, then updated there."""
    old, new = ["theta", *arrays], ["new_theta", *[f"new_{name}" for name in arrays]]
    copies = [f"{b}[start:stop] = {a}[start:stop]" for a, b in zip(old, new, strict=True)]
    first, *rest = [f"{name}[start:stop]" for name in new]
    text = [
        "@compiled",
        f"def update_fresh({', '.join(['gradient', *old, *new])}, c, numbers):",
        "    for start in range(0, theta.size, 4096):",
        "        stop = min(start + 4096, theta.size)",
        *indented(copies, 2),
        f"        update({', '.join([first, 'gradient[start:stop]', *rest])}, c, numbers)",
    ]
    return "\n".join(text)
