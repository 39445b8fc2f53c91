"""What a network is, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fnnet import checks, tree
from fnnet.layers.linear import Linear
from fnnet.layers.serial import Serial
from fnnet.models import Mlp
from fnnet.network import forward
from fnnet.nodes import Params
from fnnet.rules import check_network, children, replicas
from fnnet.types import Array


@dataclass(frozen=True, slots=True)
class Row:
    """One layer of a summary."""

    path: str
    layer: str
    output: tuple[int, ...]
    parameters: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What ``summary(net)`` returns: its rows, and a table when printed."""

    rows: tuple[Row, ...]
    parameters: int
    bytes: int

    def __str__(self) -> str:
        head = ("", "layer", "output shape", "parameters", "bytes")
        body = [(r.path, r.layer, str(r.output), f"{r.parameters:,}", f"{r.bytes:,}") for r in self.rows]
        foot = ("total", "", "", f"{self.parameters:,}", f"{self.bytes:,}")
        widths = [max(map(len, column)) for column in zip(head, *body, foot, strict=True)]
        rule = "  ".join("-" * width for width in widths)
        return "\n".join([_line(head, widths), rule, *[_line(row, widths) for row in body], rule, _line(foot, widths)])


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Words to the left, numbers to the right."""
    padded = [c.ljust(w) if i < 3 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
    return "  ".join(padded).rstrip()


def summary(params: Params, batch: int = 1, features: int | None = None) -> Summary:
    """The layers of a network with their output shapes, trained parameters and bytes, as a table to print.

    Shapes are those of a pass over ``batch`` rows of zeros. Constant arrays count in the bytes and not in the
    parameters. The inputs' number of ``features`` is read off the first Linear layer; a network that does not begin
    with one, behind layers without parameters, has to be told.

    Raises ValueError where the number of features cannot be read off, or batch is below 1.

    >>> import fnnet as fn
    >>> print(fn.summary(fn.mlp(fn.Key(0), (64, 100, 10)), batch=32))
                layer   output shape  parameters   bytes
    ----------  ------  ------------  ----------  ------
    layers.0    Linear  (32, 100)          6,500  26,000
    activation  Relu    (32, 100)              0       0
    layers.1    Linear  (32, 10)           1,010   4,040
    ----------  ------  ------------  ----------  ------
    total                                  7,510  30,040
    """
    dtype = check_network("summary", params)
    width = _features(params) if features is None else checks.size("summary", "features", features)
    shape = checks.size("summary", "batch", batch), width
    x = np.zeros(replicas(params) + shape, dtype)
    rows = tuple([_row(path, layer, y) for path, layer, y in outputs("", params, x)])
    return Summary(rows, tree.count(params), _bytes(params))


def _features(params: Params) -> int:
    found = _first_linear(params)
    if found is None:
        name = type(params).__name__
        raise ValueError(f"summary: {name} does not begin with a Linear layer; tell its inputs by features=")
    return int(found.w.shape[-2])


def _first_linear(params: Params) -> Linear | None:
    """The Linear layer that x meets first, as far as all before it have no parameters."""
    if isinstance(params, Linear):
        return params
    for child in children(params) if isinstance(params, (Serial, Mlp)) else ():
        if tree.leaves(child):
            return _first_linear(child)
    return None


def outputs(path: str, params: Params, x: Array) -> Iterator[tuple[str, Params | str, Array]]:
    """Each layer with its path and output, in the order of the pass; a layer of unknown build is one row.

    An Mlp's activation stands in several places: after the first one it comes by its name, for it counts once.
    """
    if isinstance(params, Serial):
        for i, layer in enumerate(params.layers):
            y = x
            for found in outputs(f"{path}layers.{i}.", layer, x):
                yield found
                y = found[2]
            x = y
    elif isinstance(params, Mlp):
        for i, layer in enumerate(params.layers):
            x, _ = forward(layer, x)
            yield f"{path}layers.{i}", layer, x
            if i < len(params.layers) - 1:
                x, _ = forward(params.activation, x)
                yield f"{path}activation", type(params.activation).__name__ if i else params.activation, x
    else:
        yield path[:-1], params, forward(params, x)[0]


def _row(path: str, layer: Params | str, y: Array) -> Row:
    if isinstance(layer, str):
        return Row(path, layer, y.shape, 0, 0)
    return Row(path, type(layer).__name__, y.shape, tree.count(layer), _bytes(layer))


def _bytes(params: Params) -> int:
    return sum([int(leaf.nbytes) for leaf in tree.leaves(params)])
