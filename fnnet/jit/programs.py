"""A network as numbers, which a compiled epoch reads. A layer that is not compiled is refused here, by its name.

A layer is known by its very class: one that is derived from it may have rules of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import fnnet.jit.kernels as kernels
from fnnet.core.rules import check_network, replicas
from fnnet.errors import LayerError
from fnnet.layers.dropout import Dropout
from fnnet.layers.elu import Elu
from fnnet.layers.gelu import Gelu
from fnnet.layers.identity import Identity
from fnnet.layers.layer_norm import LayerNorm
from fnnet.layers.leaky_relu import LeakyRelu
from fnnet.layers.linear import Linear
from fnnet.layers.mlp import Mlp
from fnnet.layers.relu import Relu
from fnnet.layers.residual import Residual
from fnnet.layers.rms_norm import RmsNorm
from fnnet.layers.serial import Serial
from fnnet.layers.sigmoid import Sigmoid
from fnnet.layers.silu import Silu
from fnnet.layers.softmax import Softmax
from fnnet.layers.softplus import Softplus
from fnnet.layers.tanh import Tanh
from fnnet.tree.nodes import Params
from fnnet.types import Array


class Known(NamedTuple):
    """A layer that is compiled: what its operation is, which arrays it has, and its one setting."""

    kind: int
    arrays: tuple[str, ...] = ()
    setting: str | None = None


LAYERS: dict[type, Known] = {
    Linear: Known(kernels.LINEAR, ("w", "b")),
    Dropout: Known(kernels.DROPOUT, (), "rate"),
    LayerNorm: Known(kernels.LAYER_NORM, ("scale", "shift"), "eps"),
    RmsNorm: Known(kernels.RMS_NORM, ("scale",), "eps"),
    Identity: Known(kernels.IDENTITY),
    Relu: Known(kernels.RELU),
    LeakyRelu: Known(kernels.LEAKY_RELU, (), "slope"),
    Elu: Known(kernels.ELU, (), "alpha"),
    Gelu: Known(kernels.GELU),
    Silu: Known(kernels.SILU),
    Softplus: Known(kernels.SOFTPLUS),
    Tanh: Known(kernels.TANH),
    Sigmoid: Known(kernels.SIGMOID),
    Softmax: Known(kernels.SOFTMAX),
}

COMPOSITES: dict[type, tuple[str, ...]] = {Serial: ("layers",), Residual: ("layer",), Mlp: ("layers", "activation")}
"""Layers of layers, and what they are read by."""


class Place(NamedTuple):
    """A dropout: the indices of its key under the batch's key, the width of what it masks, its rate."""

    indices: tuple[int, ...]
    width: int
    rate: float


@dataclass(frozen=True, slots=True)
class Program:
    """A network as numbers: a row an operation and its constant.

    A row is (kind, inputs, outputs, where its parameters begin, one thing more): of a Linear the activation in it, for
    a ReLU behind it is part of its operation; of a Dropout where its mask begins in a row's masks; of the beginning and
    the end of a Residual where the other one stands.
    """

    operations: NDArray[np.int64]
    constants: NDArray[np.float64]
    dropouts: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Compiler:
    """From a network to its program for n_in features, as a value: what it finds of a structure can be remembered."""

    n_in: int

    def __call__(self, params: Params) -> Program:
        """The program. Raises LayerError naming the layer that cannot be compiled."""
        return program_of(params, self.n_in)


def program_of(params: Params, n_in: int) -> Program:
    """The program of a network for n_in features. Raises LayerError naming the layer that cannot be compiled."""
    check_network("jit", params)
    if replicas(params):
        raise LayerError(
            f"jit: stacked networks are not compiled, got replica axes {replicas(params)}; use fnnet.train"
        )
    rows: list[Row] = []
    constants: list[float] = []
    dropouts: list[Place] = []
    open_ones: list[int] = []
    width, begin = n_in, 0
    for kind, layer, path, indices in _flat(params, "", (), False):
        n_out, size = _sizes(layer, path, width)
        if kind == kernels.RELU and rows and rows[-1][0] == kernels.LINEAR:
            rows[-1] = (*rows[-1][:4], kernels.RELU)
            continue
        other = kernels.IDENTITY if kind == kernels.LINEAR else 0
        if type(layer) is Dropout:
            other = sum([place.width for place in dropouts])
            dropouts.append(Place(indices, width, layer.rate))
        elif kind == kernels.BEGIN:
            open_ones.append(len(rows))
        elif kind == kernels.END:
            other = _closed(rows, open_ones.pop(), path, width)
        rows.append((kind, width, n_out, begin, other))
        constants.append(_constant(layer))
        width, begin = n_out, begin + size
    if not begin:
        raise LayerError(f"jit: a compiled network must have parameters to train, got {params!r}")
    return Program(np.array(rows, np.int64), np.array(constants), tuple(dropouts))


Row = tuple[int, int, int, int, int]


def _sizes(layer: Params, path: str, width: int) -> tuple[int, int]:
    """How many features a layer makes of ``width``, and how many parameters it has."""
    arrays = _arrays(layer)
    wanted, n_out = arrays[0].shape if type(layer) is Linear else [arrays[0].size if arrays else width] * 2
    if wanted != width:
        raise LayerError(
            f"jit: {path or 'the network'} must take the {width} features that it is given, it takes {wanted}"
        )
    return n_out, sum([leaf.size for leaf in arrays])


def _arrays(layer: Params) -> list[Array]:
    return [getattr(layer, name) for name in LAYERS[type(layer)].arrays]


def _closed(rows: list[Row], begin: int, path: str, width: int) -> int:
    """Tells the beginning of a Residual where its end stands, and gives where it stands itself."""
    if rows[begin][1] != width:
        raise LayerError(f"jit: {path} must give as many features as it takes, {rows[begin][1]}, got {width}")
    rows[begin] = (*rows[begin][:4], len(rows))
    return begin


def _constant(layer: Params) -> float:
    """The one setting of a layer; of a Dropout what is kept is multiplied by."""
    if type(layer) is Dropout:
        return 1 / (1 - layer.rate)
    setting = LAYERS[type(layer)].setting
    return 0.0 if setting is None else float(getattr(layer, setting))


Step = tuple[int, Params, str, tuple[int, ...]]
"""What an operation is, its layer, the layer's path, and the indices of its key under that of the network."""


def _flat(layer: Params, path: str, indices: tuple[int, ...], is_shared: bool) -> Iterator[Step]:
    """The operations of a network in their order. What stands in several places may have no parameters."""
    kind = type(layer)
    if type(layer) is Serial:
        for i, child in enumerate(layer.layers):
            yield from _flat(child, f"{path}layers.{i}.", (*indices, i), is_shared)
    elif type(layer) is Mlp and not is_shared:
        for i, linear in enumerate(layer.layers):
            yield from _flat(linear, f"{path}layers.{i}.", (), False)
            if i < len(layer.layers) - 1:
                yield from _flat(layer.activation, f"{path}activation.", (*indices, i), True)
    elif type(layer) is Residual:
        yield kernels.BEGIN, Identity(), path[:-1], ()
        yield from _flat(layer.layer, f"{path}layer.", (*indices, 0), is_shared)
        yield kernels.END, Identity(), path[:-1], ()
    elif kind in LAYERS and not (is_shared and _arrays(layer)):
        yield LAYERS[kind].kind, layer, path[:-1], indices
    else:
        raise LayerError(
            f"jit: {path[:-1] or 'the network'} is a {kind.__name__}, which is not compiled"
            f"{' where it stands in several places' if kind in LAYERS or kind is Mlp else ''}; use fnnet.train, or a "
            f"network of {', '.join([known.__name__ for known in (*LAYERS, *COMPOSITES)])}"
        )
