"""The lines of a compiled epoch, while they are written, and the numbers that it is called with.

What a structure is, is written down; all that is a number (sizes, settings, where parameters begin) is data of the
epoch, so that one compiled epoch serves networks of every width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fnnet.jit import steps
from fnnet.jit.sources import linked, module_of
from fnnet.layers.embedding import Embedding
from fnnet.numerics.kernels import add_bias
from fnnet.types import Array

OWN, GIVEN = "theta.dtype", "x.dtype"
"""The dtype of the parameters, and that of x, which some layers take as it comes."""


class Wire(NamedTuple):
    """What flows between two layers: the names of its array and, where something below it is trained, of its gradient,
    its width and dtype, the bias that is still to be added, and which columns of x it has where it has those of x."""

    name: str
    width: int
    dtype: str
    d: str = ""
    bias: str = ""
    columns: tuple[int, ...] | None = None

    @property
    def is_trained(self) -> bool:
        """Whether something below it is trained, so that its gradient is wanted."""
        return bool(self.d)


class Place(NamedTuple):
    """Where a layer is: its path, the indices of its key under that of the network, whether it is in several places."""

    path: str = ""
    indices: tuple[int, ...] = ()
    is_shared: bool = False

    def child(self, name: str, *indices: int) -> Place:
        """That of a layer in it."""
        return Place(f"{self.path}.{name}" if self.path else name, (*self.indices, *indices), self.is_shared)


class Drop(NamedTuple):
    """A dropout: the indices of its key under the batch's key, the width of what it masks, its rate."""

    indices: tuple[int, ...]
    width: int
    rate: float


@dataclass(slots=True)
class Program:
    """The lines of an epoch, and the numbers that it is called with; written while a network is walked through."""

    dtype: np.dtype[np.floating]
    sizes: list[int] = field(default_factory=list)
    settings: list[float] = field(default_factory=list)
    constants: list[Array] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    embeddings: list[tuple[Embedding, tuple[int, ...]]] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    ranges: list[tuple[int, int]] = field(default_factory=list)
    imports: dict[str, None] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    setup: list[str] = field(default_factory=list)
    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    parameters: int = 0
    arrays: int = 0

    def number(self, value: int) -> str:
        """A whole number of this network, as data."""
        self.sizes.append(value)
        return f"sizes[{len(self.sizes) - 1}]"

    def kernel(self, function: Callable[..., object]) -> str:
        """What the epoch calls a kernel."""
        name = function.__name__
        return self.function(module_of(f"{name}.", linked(function)), name, name)

    def function(self, module: ModuleType, name: str, wanted: str) -> str:
        """What the epoch calls a function of a module: as wanted, with a number where another is called so."""
        source, called, number = f"from {module.__name__} import {name}", wanted, 1
        while self.functions.setdefault(called, source) != source:
            called, number = f"{wanted}_{number}", number + 1
        self.imports[source if called == name else f"{source} as {called}"] = None
        return called

    def wire(self, width: int, is_trained: bool, dtype: str = OWN, bias: str = "") -> Wire:
        """A new array of so many columns."""
        size, name = self.number(width), self.array(width, dtype)
        if is_trained:
            self.setup.append(f"d_{name} = np.empty((size, {size}), {OWN})")
        return Wire(name, width, dtype, f"d_{name}" if is_trained else "", bias)

    def array(self, width: int, dtype: str = OWN) -> str:
        """The name of a new array."""
        self.arrays += 1
        self.setup.append(f"h{self.arrays} = np.empty((size, {self.number(width)}), {dtype})")
        return f"h{self.arrays}"

    def ready(self, wire: Wire, dtype: str = "") -> Wire:
        """A wire with its bias added, in a dtype."""
        if wire.bias:
            self.do(self.call(add_bias, wire.name, wire.bias))
            wire = wire._replace(bias="")
        if not dtype or wire.dtype == dtype:
            return wire
        cast = self.wire(wire.width, False, dtype)
        self.do(self.call(steps.copy, wire.name, cast.name))
        return cast

    def parameter(self, name: str, leaf: Array) -> None:
        """A vector or a matrix of the parameters, and its gradient."""
        at = self.number(self.parameters)
        self.parameters += leaf.size
        shape = ", ".join([self.number(n) for n in leaf.shape])
        view = steps.matrix if leaf.ndim == 2 else steps.vector
        self.setup.append(f"{name} = {self.call(view, 'theta', at, shape)}")
        self.setup.append(f"d_{name} = {self.call(view, 'gradient', at, shape)}")

    def constant(self, name: str, leaf: Array) -> None:
        """A vector that training leaves alone."""
        at = self.number(sum([known.size for known in self.constants]))
        self.constants.append(leaf)
        self.setup.append(f"{name} = {self.call(steps.vector, 'constants', at, self.number(leaf.size))}")

    def chosen(self, mask: NDArray[np.bool]) -> str:
        """Some of the parameters, as ranges of their vector."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
        first = self.number(len(self.ranges))
        self.ranges.extend([(int(a), int(b)) for a, b in edges.reshape(-1, 2)])
        return f"ranges[{first}:{self.number(len(self.ranges))}]"

    def do(self, line: str, *back: str) -> None:
        """A line of the way up, and those of the way back in their order."""
        self.up.append(line)
        self.down[:0] = back

    def call(self, function: Callable[..., object], *arguments: str) -> str:
        """The line that calls a kernel."""
        return f"{self.kernel(function)}({', '.join(arguments)})"


Write = Callable[[Program, Any, Wire, Place], Wire]
"""Writes a layer into a program, and gives its output."""
