"""Layers that are no composites, as lines of a program: a call on the way up, and calls on the way back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, cast

import numpy as np

from fnnet import tree
from fnnet.core.kernels import KERNELS
from fnnet.errors import LayerError
from fnnet.jit import steps
from fnnet.jit.activations import activation_loops
from fnnet.jit.programs import OWN, Drop, Place, Program, Wire, Write
from fnnet.jit.sources import linked, module_of
from fnnet.layers.dropout import Dropout
from fnnet.layers.embedding import Embedding
from fnnet.layers.linear import Linear
from fnnet.layers.standardize import Standardize
from fnnet.numerics.kernels import batch_sum, product, product_nt, product_tn
from fnnet.tree.nodes import Params, is_leaf, layout
from fnnet.types import Array


def arrays_of(layer: Params) -> list[Array]:
    """The arrays that a layer has itself."""
    values = [getattr(layer, f.name) for f in fields(cast(Any, layer))]
    return [value for value in values if is_leaf(value)]


def _check_width(x: Wire, wanted: int, place: Place) -> None:
    if x.width != wanted:
        raise LayerError(
            f"jit: {place.path or 'the network'} must take the {x.width} features that it is given, it takes {wanted}"
        )


# --- layers with rules of their own ------------------------------------------------------------------------------
def _linear(program: Program, layer: Any, x: Wire, place: Place) -> Wire:
    x = program.ready(x, OWN)
    _check_width(x, layer.w.shape[0], place)
    k = program.arrays
    program.parameter(f"w{k}", layer.w)
    program.parameter(f"b{k}", layer.b)
    y = program.wire(layer.w.shape[1], True, OWN, f"b{k}")
    back = [program.call(product_tn, x.name, y.d, f"d_w{k}"), program.call(batch_sum, y.d, f"d_b{k}")]
    if x.is_trained:
        back.append(program.call(product_nt, y.d, f"w{k}", x.d))
    program.do(program.call(product, x.name, f"w{k}", y.name), *back)
    return y


def _dropout(program: Program, layer: Any, x: Wire, place: Place) -> Wire:
    x = program.ready(x)
    at = program.number(sum([drop.width for drop in program.drops]))
    program.drops.append(Drop(place.indices, x.width, layer.rate))
    program.settings.append(layer.rate)
    y = program.wire(x.width, x.is_trained, x.dtype)
    given = f"masks[s][{at} * size:]", f"settings[{len(program.settings) - 1}]"
    back = [program.call(steps.drop, y.d, *given, x.d)] if x.is_trained else []
    program.do(program.call(steps.drop, x.name, *given, y.name), *back)
    return y


def _standardize(program: Program, layer: Any, x: Wire, place: Place) -> Wire:
    x = program.ready(x)
    _check_width(x, layer.mean.size, place)
    k = program.arrays
    program.constant(f"mean{k}", layer.mean)
    program.constant(f"scale{k}", layer.scale)
    y = program.wire(x.width, x.is_trained)
    back = [program.call(steps.over_scale, y.d, f"scale{k}", x.d)] if x.is_trained else []
    program.do(program.call(steps.standardize, x.name, f"mean{k}", f"scale{k}", y.name), *back)
    return y


def _embedding(program: Program, layer: Any, x: Wire, place: Place) -> Wire:
    if x.columns is None:
        raise LayerError(
            f"jit: {place.path} is an Embedding, which is not compiled where it does not meet columns of x; use "
            "fnnet.train"
        )
    program.embeddings.append((layer, x.columns))
    k = program.arrays
    program.parameter(f"w{k}", layer.w)
    y = program.wire(x.width * layer.w.shape[1], True)
    back = program.call(steps.embed_back, x.name, y.d, f"d_w{k}")
    program.do(program.call(steps.embed, x.name, f"w{k}", y.name), back)
    return y


# --- layers with a formula or with kernels -----------------------------------------------------------------------
def write_activation(program: Program, layer: Params, x: Wire, place: Place) -> Wire:
    """A layer that has a formula, together with the bias in front of it."""
    has_bias = bool(x.bias)
    try:
        loops = activation_loops(layer, program.dtype, has_bias)
    except (TypeError, AttributeError) as error:
        name = f"{place.path or 'the network'} is a {type(layer).__name__}, whose formula"
        raise LayerError(f"jit: {name} is not compiled: {error}; use fnnet.train") from error
    first = len(program.settings)
    program.settings.extend(loops.settings)
    kept = [program.array(x.width, x.dtype) for _ in range(loops.kept)]
    if has_bias:
        y = x._replace(bias="", name=program.array(x.width) if loops.keeps_x else x.name)
    else:
        y = program.wire(x.width, x.is_trained, x.dtype)
    up, down = [program.function(loops.module, name, _called(layer, name)) for name in WAYS]
    c = f"settings[{first}:{len(program.settings)}]"
    arrays = f"{x.name}, {{}}{y.name}, {', '.join([*kept, c])}"
    back = [f"{down}({arrays.format('')}, {y.d if has_bias else f'{y.d}, {x.d}'})"] if x.is_trained else []
    program.do(f"{up}({arrays.format(f'{x.bias}, ' if has_bias else '')})", *back)
    return y


def write_kernels(program: Program, layer: Params, x: Wire, place: Place) -> Wire:
    """A layer of whole rows; its arrays, one number a feature, are the rows of one matrix."""
    arrays = arrays_of(layer)
    forward, backward = _kernels(program, layer, place)
    x = program.ready(x, OWN if arrays else "")
    for leaf in arrays:
        _check_width(x, leaf.size, place)
    first, k = len(program.settings), program.arrays
    values = [getattr(layer, f.name) for f in fields(cast(Any, layer))]
    program.settings.extend([value for value in values if type(value) is float])
    given = "".join([f", settings[{i}]" for i in range(first, len(program.settings))])
    program.parameter(f"w{k}", np.empty((len(arrays), x.width), program.dtype))
    is_trained = x.is_trained or bool(arrays)
    y = program.wire(x.width, is_trained, x.dtype)
    dx = x.d or (program.array(x.width) if is_trained else "")
    back = [f"{backward}({x.name}, w{k}, {y.name}, {y.d}, d_w{k}, {dx}{given})"] if is_trained else []
    program.do(f"{forward}({x.name}, w{k}, {y.name}{given})", *back)
    return y


def _kernels(program: Program, layer: Params, place: Place) -> list[str]:
    """What the epoch calls the two kernels of a layer. Raises LayerError where they are not compiled."""
    arrays, name = arrays_of(layer), f"{place.path or 'the network'} is a {type(layer).__name__}"
    if layout(type(layer)).constant or any(leaf.ndim != 1 for leaf in arrays) or len(tree.leaves(layer)) > len(arrays):
        raise LayerError(f"jit: {name}, which is compiled with vectors to train and no other arrays; use fnnet.train")
    try:
        return [
            program.function(module_of(f"{f.__name__}.", linked(f)), f.__name__, _called(layer, way))
            for f, way in zip(KERNELS[type(layer)], WAYS, strict=True)
        ]
    except TypeError as error:
        raise LayerError(f"jit: {name}, whose kernels are not compiled: {error}; use fnnet.train") from error


WAYS = ("forward", "backward")


def _called(layer: Params, way: str) -> str:
    """What the epoch calls a function of a layer."""
    return f"{type(layer).__name__.lower()}_{way}"


LAYERS: dict[type, Write] = {
    Linear: _linear,
    Dropout: _dropout,
    Standardize: _standardize,
    Embedding: _embedding,
}
"""Layers that are written by hand: the products, and those that only move numbers."""
