"""Layers that work entry by entry, as two loops: y = f(x + b), and dx = dy f'(x)."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast

import numpy as np

from fnnet.core.formulas import ACTIVATIONS
from fnnet.jit.loops import Writer, in_loop, settings_of, traced
from fnnet.jit.sources import module_of
from fnnet.numerics.formulas import Entry, as_entry, entry
from fnnet.tree.nodes import Params


@dataclass(frozen=True, slots=True)
class Loops:
    """The module with ``forward(x, y, kept..., c)`` and ``backward(x, y, kept..., c, dy, dx)``, or after a bias b
    ``forward(x, b, ...)`` and, in place, ``backward(..., d)``; the settings c, how many arrays are kept besides x and
    y, and whether the backward pass needs x."""

    module: ModuleType
    settings: list[float]
    kept: int
    keeps_x: bool


def activation_loops(layer: Params, dtype: np.dtype[np.floating], has_bias: bool) -> Loops:
    """The loops of a layer that has a formula, alone or with the bias of a Linear layer before it.

    With a bias x and y are one array, since nothing else reads x, unless the backward pass needs x. Raises TypeError
    where the formula has no compiled form.
    """
    known, x = ACTIVATIONS[type(layer)], cast(Any, entry("x", dtype))
    made: tuple[Any, dict[Entry, str]] = traced(layer, lambda own: known.formula(own, x), dtype)
    (y, saved), names = made
    kept: tuple[Entry, ...] = () if saved is None else saved if isinstance(saved, tuple) else (saved,)
    own = [a for a in dict.fromkeys(kept) if a is not x and a is not y]
    places: dict[Entry, str] = {y: "y[i, j]", **{a: f"k{i}[i, j]" for i, a in enumerate(own)}}
    again = [entry(f"saved {i}", dtype) for i in range(len(kept))]
    given = None if saved is None else tuple(again) if isinstance(saved, tuple) else again[0]
    slope, _ = traced(layer, lambda own: known.slope(own, given), dtype)
    read = {a: ({x: "x[i, j]"} | places)[b] for a, b in zip(again, kept, strict=True)} | names
    more, keeps_x = "".join([f"k{i}, " for i in range(len(own))]), any(a is x for a in kept)
    module = module_of(
        f"{type(layer).__name__}{' of x + b' if has_bias else ''}, entry by entry.",
        _forward({x: "e"} | names, places, has_bias, keeps_x, more),
        _backward(as_entry(slope, dtype), read, has_bias, more),
    )
    return Loops(module, [*settings_of(layer).values()], len(own), keeps_x)


def _forward(known: dict[Entry, str], places: dict[Entry, str], has_bias: bool, keeps_x: bool, more: str) -> str:
    writer = Writer(known)
    lines, results = writer.write(*places)
    first = [f"e = {'x' if keeps_x or not has_bias else 'y'}[i, j]{' + b[j]' if has_bias else ''}"]
    last = [f"{place} = {result}" for place, result in zip(places.values(), results, strict=True)]
    last += ["x[i, j] = e"] if has_bias and keeps_x else []
    arguments = f"x, {'b, ' if has_bias else ''}y, {more}c"
    return in_loop("forward", arguments, "y", writer.head, [*first, *lines, *last])


def _backward(slope: Entry, read: dict[Entry, str], has_bias: bool, more: str) -> str:
    writer = Writer(read)
    lines, (result,) = writer.write(slope)
    last, arrays = (f"d[i, j] *= {result}", "d") if has_bias else (f"dx[i, j] = dy[i, j] * {result}", "dy, dx")
    return in_loop("backward", f"x, y, {more}c, {arrays}", "y", writer.head, [*lines, last])
