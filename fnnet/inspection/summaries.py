"""A network as a table of its layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fnnet import checks, html, tree
from fnnet.core import Params
from fnnet.core.facts import check_network, children, replicas
from fnnet.inspection.traces import Call, trace
from fnnet.layers.embedding import Embedding
from fnnet.layers.identity import Identity
from fnnet.layers.layer_norm import LayerNorm
from fnnet.layers.linear import Linear
from fnnet.layers.rms_norm import RmsNorm
from fnnet.layers.standardize import Standardize
from fnnet.tree.nodes import is_leaf, named_children

Flops = tuple[int, int] | tuple[None, None]
"""Forward and backward, or unknown."""


@dataclass(frozen=True, slots=True)
class Line:
    """One layer of a summary: its path, its class, the shape of its output, parameters, bytes and FLOPs.

    A composite layer comes before the layers that it holds, which have a greater ``depth``, and counts only parameters
    of its own; a layer that is called again has no parameters the second time. FLOPs are None where they are unknown.
    """

    path: str
    layer: str
    output: tuple[int, ...]
    parameters: int
    bytes: int
    forward_flops: int | None
    backward_flops: int | None
    depth: int = 0
    is_composite: bool = False

    def cells(self) -> tuple[str, ...]:
        """The cells of the line, as they are printed."""
        name = "  " * self.depth + self.layer
        if self.is_composite and not self.bytes:
            return self.path, name, str(self.output), "", "", "", ""
        flops = [f"{n:,}" if n is not None else "-" for n in (self.forward_flops, self.backward_flops)]
        return self.path, name, str(self.output), f"{self.parameters:,}", f"{self.bytes:,}", *flops


@dataclass(frozen=True, slots=True)
class Summary:
    """What ``summary(net)`` returns: one line per layer, and the network's parameters and bytes; a table when printed.

    FLOPs are sums of those that are known.
    """

    lines: tuple[Line, ...]
    parameters: int
    bytes: int

    @property
    def forward_flops(self) -> int:
        """FLOPs of a forward pass."""
        return sum([line.forward_flops or 0 for line in self.lines])

    @property
    def backward_flops(self) -> int:
        """FLOPs of a backward pass."""
        return sum([line.backward_flops or 0 for line in self.lines])

    def _repr_html_(self) -> str:
        """In a notebook: the same table."""
        head, body, foot = self._cells()
        return html.table(head, [*body, foot], range(3, 7))

    def __str__(self) -> str:
        head, body, foot = self._cells()
        widths = [max(map(len, column)) for column in zip(head, *body, foot, strict=True)]
        dashes = "  ".join("-" * width for width in widths)
        shown = [_printed(cells, widths) for cells in (head, *body, foot)]
        return "\n".join([shown[0], dashes, *shown[1:-1], dashes, shown[-1]])

    def _cells(self) -> tuple[tuple[str, ...], list[tuple[str, ...]], tuple[str, ...]]:
        """The cells of the head, of every line and of the foot."""
        head = ("", "layer", "output shape", "parameters", "bytes", "FLOPs forward", "FLOPs backward")
        foot = ("total", "", "", f"{self.parameters:,}", f"{self.bytes:,}", *self._flops())
        return head, [line.cells() for line in self.lines], foot

    def _flops(self) -> tuple[str, str]:
        totals = self.forward_flops, self.backward_flops
        if all(line.forward_flops is not None for line in self.lines):
            return f"{totals[0]:,}", f"{totals[1]:,}"
        return (f"≥ {totals[0]:,}", f"≥ {totals[1]:,}") if any(totals) else ("-", "-")


def _printed(cells: tuple[str, ...], widths: list[int]) -> str:
    """Words to the left, numbers to the right."""
    padded = [c.ljust(w) if i < 3 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
    return "  ".join(padded).rstrip()


def summary(params: Params, batch: int = 1, features: int | None = None) -> Summary:
    """The layers of the network ``params`` with output shapes, trained parameters, bytes and FLOPs, as a table.

    Shapes are those of a deterministic pass over ``batch`` rows of zeros. Constant arrays count in the bytes and not in
    the parameters. ``features`` is the number of input columns; without it, it is inferred from the first layer that
    has arrays, where only one number fits.

    FLOPs: a multiply-add is 2. So a Linear layer takes 2 n_in per output number in the forward pass, and in the
    backward pass as many for the gradient of w, as many for that of x (which training skips for the first layer) and 1
    for that of b; an activation takes 1 per number each way, dropout as in a stochastic pass. The FLOPs of other layers
    with arrays are unknown, a dash in the table; the total is then at least the sum of the others. The work of a
    composite layer besides calling the layers that it holds is not counted.

    Raises ValueError where the number of features cannot be inferred, or batch is below 1.

    >>> import fnnet as fn
    >>> print(fn.summary(fn.mlp(fn.Key(0), (64, 100, 10)), batch=32))
                layer   output shape  parameters   bytes  FLOPs forward  FLOPs backward
    ----------  ------  ------------  ----------  ------  -------------  --------------
    layers.0    Linear  (32, 100)          6,500  26,000        409,600         822,400
    activation  Relu    (32, 100)              0       0          3,200           3,200
    layers.1    Linear  (32, 10)           1,010   4,040         64,000         128,320
    ----------  ------  ------------  ----------  ------  -------------  --------------
    total                                  7,510  30,040        476,800         953,920
    """
    dtype = check_network("summary", params)
    batch = checks.size("summary", "batch", batch)
    width = _features(params, dtype) if features is None else checks.size("summary", "features", features)
    return Summary(_table(params, batch, width, dtype), tree.count(params), _bytes(params))


# --- lines -------------------------------------------------------------------------------------------------------
def _table(params: Params, batch: int, features: int, dtype: np.dtype[np.floating]) -> tuple[Line, ...]:
    """The lines of a pass, without one for the network itself where it does no more than call its layers."""
    whole = trace(params, np.zeros((*replicas(params), batch, features), dtype))
    lines = list(_lines(whole, 0, set()))
    if lines[0].is_composite and not lines[0].bytes and whole.calls[-1].y.shape == whole.y.shape:
        lines = list(_lines(whole, -1, set()))[1:]
    return tuple(lines)


def _lines(call: Call, depth: int, seen: set[str]) -> Iterator[Line]:
    """The line of a call, then those of the calls that it made."""
    parameters, size = (0, 0) if call.path in seen else _own(call)
    seen.add(call.path)
    onward, back = (0, 0) if call.calls else _flops(call)
    name, is_composite = type(call.layer).__name__, bool(call.calls)
    yield Line(call.path, name, call.y.shape, parameters, size, onward, back, depth, is_composite)
    for inner in call.calls:
        yield from _lines(inner, depth + 1, seen)


def _own(call: Call) -> tuple[int, int]:
    """The parameters and bytes that are in no line below."""
    below = {inner.path: inner.layer for inner in call.calls}.values()
    parameters = tree.count(call.layer) - sum([tree.count(layer) for layer in below])
    return parameters, _bytes(call.layer) - sum([_bytes(layer) for layer in below])


def _bytes(params: Params) -> int:
    return sum([int(leaf.nbytes) for leaf in tree.leaves(params)])


PER_ENTRY: dict[type[Params], tuple[int, int]] = {
    Identity: (0, 0),
    LayerNorm: (7, 11),
    RmsNorm: (4, 8),
    Standardize: (2, 1),
    Embedding: (0, 1),
}
"""FLOPs per entry of the output, forward and backward, of layers for which they are not 1 each way."""


def _flops(call: Call) -> Flops:
    """The FLOPs of a layer that calls no others."""
    entries = call.y.size
    if type(call.layer) is Linear:
        products = 2 * entries * call.x[-1]
        return products, 2 * products + entries
    if type(call.layer) in PER_ENTRY:
        onward, back = PER_ENTRY[type(call.layer)]
        return onward * entries, back * entries
    is_ours = type(call.layer).__module__.startswith("fnnet.layers.")
    if not is_ours or children(call.layer) or tree.leaves(call.layer):
        return None, None
    return entries, entries


# --- the inputs --------------------------------------------------------------------------------------------------
def _features(params: Params, dtype: np.dtype[np.floating]) -> int:
    """The number of features that the network accepts, found by trying the numbers in it.

    Where several give the same table it is the lowest. Raises ValueError where none fits, or several give different
    tables.
    """
    tables = {n: table for n in _numbers(params) if (table := _tried(params, n, dtype)) is not None}
    if tables and len(set(tables.values())) == 1:
        return min(tables)
    first = _first_with_arrays(params)
    if not tables and first is not None and first is not params:  # the pass will report an error in later layers
        return _features(first, dtype)
    name = type(params).__name__
    raise ValueError(f"summary: the number of inputs cannot be read off this {name}; give features=")


def _numbers(params: Params) -> list[int]:
    """The lengths of a network's arrays and the whole numbers in its settings, such as columns, and each plus 1."""
    lengths = {int(n) for leaf in tree.leaves(params) for n in leaf.shape[-2:]}
    found = lengths | {n for n in _whole_numbers(params) if n >= 0}
    return sorted((found | {n + 1 for n in found}) - {0})


def _whole_numbers(node: object) -> Iterator[int]:
    if type(node) is int:
        yield node
    for _, child in named_children(node):
        yield from _whole_numbers(child)


def _first_with_arrays(params: Params) -> Params | None:
    if any(is_leaf(value) for _, value in named_children(params)):
        return params
    return next(filter(None, map(_first_with_arrays, children(params))), None)


def _tried(params: Params, features: int, dtype: np.dtype[np.floating]) -> tuple[Line, ...] | None:
    """The lines of a pass of one row with as many features; None where the network raises an error."""
    try:
        return _table(params, 1, features, dtype)
    except Exception:  # whatever a layer may raise for an input that does not fit
        return None
