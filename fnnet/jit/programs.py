"""The lines of a compiled epoch, while they are generated, and the numbers that it is called with.

The structure becomes source code; every number (sizes, settings, offsets of parameters) is data of the epoch, so that
one compiled epoch serves networks of every width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from fnnet.jit import steps
from fnnet.jit.sources import linked, module_of
from fnnet.numerics.kernels import add_bias
from fnnet.tree.nodes import Params, restore
from fnnet.tree.structures import structure_of
from fnnet.types import Array

OWN, GIVEN = "theta", "x"
"""Arrays in the dtype of the parameters, and in that of x, which some layers keep."""

Mask = NDArray[np.bool]
"""A choice among all parameters: one truth value per number."""


class Wire(NamedTuple):
    """What flows between two layers: the name of its array and, if something below it is trained, of its gradient; its
    width and dtype; the bias that is still to be added; and, if it consists of columns of x, which ones."""

    name: str
    width: int
    dtype: str
    d: str = ""
    bias: str = ""
    columns: tuple[int, ...] | None = None

    @property
    def is_trained(self) -> bool:
        """Whether something below it is trained, so that its gradient is needed."""
        return bool(self.d)


class Drop(NamedTuple):
    """A dropout: the indices of its key under the batch's key, the width of its input, its rate."""

    indices: tuple[int, ...]
    width: int
    rate: float


@dataclass(slots=True)
class Program:
    """The lines of an epoch, and the numbers that it is called with; filled while a network is traversed.

    The network is a copy whose arrays are views, so that ``places`` knows for each array of a layer which vector it
    lies in, and where: a chain may use it in several layers. ``dtypes`` are what OWN and GIVEN stand for.
    """

    network: Params
    dtypes: dict[str, np.dtype[np.floating]]
    places: dict[int, tuple[str, int]]
    parameters: int
    sizes: list[int] = field(default_factory=list)
    settings: list[float] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    embeddings: list[tuple[Params, tuple[int, ...]]] = field(default_factory=list)
    imports: dict[str, None] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)
    setup: list[str] = field(default_factory=list)
    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    learning: set[int] = field(default_factory=set)
    arrays: int = 0

    # --- numbers -------------------------------------------------------------------------------------------------
    def number(self, value: int) -> str:
        """The name of an integer of this network, which is data."""
        self.sizes.append(value)
        return f"sizes[{len(self.sizes) - 1}]"

    def numbers(self, values: Sequence[int]) -> str:
        """The name of several such integers."""
        self.sizes.extend(values)
        return f"sizes[{len(self.sizes) - len(values)}:{len(self.sizes)}]"

    def reals(self, values: Sequence[float]) -> str:
        """The name of settings of this network, which are data."""
        if not values:
            return "settings"
        at, self.arrays = len(self.settings), self.arrays + 1
        self.settings.extend(values)
        self.setup.append(f"c{self.arrays} = {self.call(steps.vector, 'settings', str(at), str(len(values)))}")
        return f"c{self.arrays}"

    def ranges(self, mask: Mask) -> str:
        """The name of the ranges that some of the parameters occupy in their vector."""
        return self.numbers(np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]))).tolist())

    # --- functions -----------------------------------------------------------------------------------------------
    def kernel(self, function: Callable[..., object]) -> str:
        """The name of a kernel in the epoch."""
        name = function.__name__
        return self.function(module_of(f"{name}.", linked(function, "called")), name, name)

    def function(self, module: ModuleType, name: str, wanted: str) -> str:
        """The name in the epoch of a function of a module: the wanted one, numbered if another function has it."""
        source, called, number = f"from {module.__name__} import {name}", wanted, 1
        while self.functions.setdefault(called, source) != source:
            called, number = f"{wanted}_{number}", number + 1
        self.imports[source if called == name else f"{source} as {called}"] = None
        return called

    def call(self, function: Callable[..., object], *arguments: str) -> str:
        """The line that calls a kernel."""
        return f"{self.kernel(function)}({', '.join(arguments)})"

    def do(self, line: str, *back: str) -> None:
        """Adds a line of the forward pass, and its lines of the backward pass in their order."""
        self.up.append(line)
        self.down[:0] = back

    # --- arrays --------------------------------------------------------------------------------------------------
    def array(self, width: int, dtype: str = OWN) -> str:
        """The name of a new array of so many columns, with one row per row of a batch."""
        self.arrays += 1
        self.setup.append(f"h{self.arrays} = {self.call(steps.rows, 'size', self.number(width), dtype)}")
        return f"h{self.arrays}"

    def wire(self, width: int, is_trained: bool, dtype: str = OWN, bias: str = "") -> Wire:
        """A wire with a new array and, if it is trained, another one for its gradient."""
        name = self.array(width, dtype)
        if is_trained:
            self.setup.append(f"d_{name} = {self.call(steps.rows, 'size', self.number(width), OWN)}")
        return Wire(name, width, dtype, f"d_{name}" if is_trained else "", bias)

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

    def leaf(self, name: str, leaf: Array) -> str:
        """A vector or a matrix of the network's numbers, by this name."""
        return self._view(name, *self.places[id(leaf)], leaf)

    def gradient(self, name: str, leaf: Array) -> str:
        """Its gradient, by this name: only the layer's share if another layer has the leaf too, and an array that is
        never read if the leaf is constant."""
        vector, at = self.places[id(leaf)]
        if vector == "theta" and id(leaf) not in self.learning:
            self.learning.add(id(leaf))
            return self._view(name, "gradient", at, leaf)
        self.setup.append(f"share_{name} = np.empty({self.number(leaf.size)}, theta.dtype)")
        if vector == "theta":
            self.last.append(self.call(steps.accumulate, f"share_{name}", f"gradient[{self.number(at)}:]"))
        return self._view(name, f"share_{name}", 0, leaf)

    def unused(self) -> Mask:
        """The parameters that no layer uses: a chain may leave arrays out."""
        structure = structure_of(self.network)
        found = [np.full(leaf.size, id(leaf) not in self.learning) for leaf in structure.leaves(self.network)]
        return np.concatenate(structure.trained(found))

    def _view(self, name: str, vector: str, at: int, leaf: Array) -> str:
        view, shape = steps.matrix if leaf.ndim == 2 else steps.vector, [self.number(n) for n in (at, *leaf.shape)]
        self.setup.append(f"{name} = {self.call(view, vector, *shape)}")
        return name


def program_for(params: Params, dtype: np.dtype[np.floating], given: np.dtype[np.floating]) -> Program:
    """An empty program for a single network, and for x in the dtype ``given``."""
    structure = structure_of(params)
    views = iter([leaf.view() for leaf in structure.leaves(params)])
    network = cast(Params, restore(params, views))
    places, ends = dict[int, tuple[str, int]](), {"theta": 0, "constants": 0}
    for leaf, can in zip(structure.leaves(network), structure.changes, strict=True):
        vector = "theta" if can else "constants"
        places[id(leaf)] = vector, ends[vector]
        ends[vector] += leaf.size
    return Program(network, {OWN: dtype, GIVEN: given}, places, ends["theta"])
