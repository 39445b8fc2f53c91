"""A network as a program: its leaf layers, one after another, each with its lines of the forward and backward pass.

A layer is recognized by its exact class: a derived class may have rules of its own. What cannot be compiled is refused
here, by name.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import numpy as np

from fnnet import tree
from fnnet.core.chains import leaf_layers
from fnnet.core.facts import casts
from fnnet.core.formulas import ACTIVATIONS
from fnnet.core.kernels import KERNELS
from fnnet.core.network import forward as forward_of
from fnnet.core.places import path_to
from fnnet.errors import LayerError
from fnnet.jit import steps
from fnnet.jit.activations import activation_loops
from fnnet.jit.loops import check_arguments, settings_of
from fnnet.jit.programs import GIVEN, OWN, Drop, Program, Wire, program_for
from fnnet.jit.sources import linked, module_of
from fnnet.layers.branches import Branches
from fnnet.layers.dropout import Dropout
from fnnet.layers.embedding import Embedding
from fnnet.layers.linear import Linear
from fnnet.layers.residual import Residual
from fnnet.numerics.kernels import batch_sum, product, product_nt, product_tn, set_zero
from fnnet.tree.nodes import Params, is_leaf, layout
from fnnet.tree.structures import structure_of
from fnnet.types import Array

Draws = tuple[int, ...]
"""The indices of a layer's key under that of the network."""

Write = Callable[[Program, Any, Wire, Draws], Wire]
"""Writes a layer into a program, and returns its output."""


def program_of(
    params: Params, n_in: int, dtype: np.dtype[np.floating], given: np.dtype[np.floating]
) -> tuple[Program, Wire]:
    """The program of a network for n_in features of a dtype, and its output. Raises LayerError, naming the layer that
    cannot be compiled."""
    program = program_for(params, dtype, given)
    if not program.parameters:
        raise LayerError(f"jit: a compiled network must have parameters to train, got {params!r}")
    x = program.wire(n_in, False, OWN if casts(params) else GIVEN)._replace(columns=tuple(range(n_in)))
    program.do(program.call(steps.gather, "x", "index", x.name))
    out = program.ready(_written(program, program.network, x, ()), OWN)
    unused = program.unused()
    if unused.any():
        program.last.append(program.call(set_zero, "gradient", program.ranges(unused)))
    return program, out


def _written(program: Program, params: Params, x: Wire, draws: Draws) -> Wire:
    """Writes a network into the program, and returns its output."""
    for layer, own in leaf_layers(params, draws):
        if type(layer) in ACTIVATIONS and not arrays_of(layer):
            x = _activation(program, layer, x)
            continue
        write = _kernels if type(layer) in KERNELS else LAYERS.get(type(layer))
        if write is None:
            known = ", ".join([kind.__name__ for kind in (*LAYERS, *KERNELS, *ACTIVATIONS)])
            raise LayerError(
                f"jit: {_name(program, layer)}, which is not compiled; use fnnet.train, or a network of chains "
                f"(Serial, Mlp, define_chain) of {known}"
            )
        x = write(program, layer, program.ready(x, OWN if casts(layer) and tree.leaves(layer) else ""), own)
    return x  # a layer without arrays does not change the dtype


def _name(program: Program, layer: Params) -> str:
    path, kind = path_to(program.network, layer), type(layer).__name__
    where = path or ("the network" if path == "" else "one of its layers")
    return f"{where} is {'an' if kind[0] in 'AEIOU' else 'a'} {kind}"


def arrays_of(layer: Params) -> list[Array]:
    """A layer's own arrays."""
    return [value for value in layout(type(layer)).values(layer) if is_leaf(value)]


# --- layers with rules of their own ------------------------------------------------------------------------------
def _linear(program: Program, layer: Any, x: Wire, draws: Draws) -> Wire:
    k = program.arrays
    w, b = program.leaf(f"w{k}", layer.w), program.leaf(f"b{k}", layer.b)
    d_w, d_b = program.gradient(f"d_w{k}", layer.w), program.gradient(f"d_b{k}", layer.b)
    y = program.wire(layer.w.shape[1], True, OWN, b)
    back = [program.call(product_tn, x.name, y.d, d_w), program.call(batch_sum, y.d, d_b)]
    if x.is_trained:
        back.append(program.call(product_nt, y.d, w, x.d))
    program.do(program.call(product, x.name, w, y.name), *back)
    return y


def _dropout(program: Program, layer: Any, x: Wire, draws: Draws) -> Wire:
    at = program.number(sum([drop.width for drop in program.drops]))
    program.drops.append(Drop(draws, x.width, layer.rate))
    y, given = program.wire(x.width, x.is_trained, x.dtype), f"masks[s][{at} * size:], {program.reals([layer.rate])}[0]"
    back = [program.call(steps.drop, y.d, given, x.d)] if x.is_trained else []
    program.do(program.call(steps.drop, x.name, given, y.name), *back)
    return y


def _embedding(program: Program, layer: Any, x: Wire, draws: Draws) -> Wire:
    if x.columns is None:
        raise LayerError(
            f"jit: {_name(program, layer)}, which is not compiled where it does not meet columns of x: its categories "
            "are checked once, in the data; use fnnet.train"
        )
    program.embeddings.append((layer, x.columns))
    w, d_w = program.leaf(f"w{program.arrays}", layer.w), program.gradient(f"d_w{program.arrays}", layer.w)
    y = program.wire(x.width * layer.w.shape[1], True)
    back = program.call(steps.embed_back, x.name, y.d, d_w)
    program.do(program.call(steps.embed, x.name, w, y.name), back)
    return y


# --- layers of layers --------------------------------------------------------------------------------------------
def _residual(program: Program, layer: Any, x: Wire, draws: Draws) -> Wire:
    below = len(program.down)
    inside = program.ready(_written(program, layer.layer, x, (*draws, 0)))
    y = program.wire(x.width, inside.is_trained, inside.dtype)
    if x.is_trained:
        program.down.insert(len(program.down) - below, program.call(steps.add_to, y.d, x.d))
    back = [program.call(steps.copy, y.d, inside.d)] if inside.is_trained else []
    program.do(program.call(steps.add, inside.name, program.ready(x, inside.dtype).name, y.name), *back)
    return y


def _branches(program: Program, layer: Any, x: Wire, draws: Draws) -> Wire:
    below = len(program.down)
    picked = [_picked(program, x, columns) for columns in layer.columns]
    outs = [
        program.ready(_written(program, child, some, (*draws, i)))
        for i, (child, (some, _)) in enumerate(zip(layer.layers, picked, strict=True))
    ]
    dtype = x.dtype if all(out.dtype == x.dtype for out in outs) else OWN
    outs = [program.ready(out, dtype) for out in outs]
    if x.is_trained:
        back = [program.call(steps.spread, some.d, columns, x.d) for some, columns in picked]
        at = len(program.down) - below
        program.down[at:at] = [program.call(steps.zero, x.d), *back]
    y = program.wire(sum([out.width for out in outs]), any(out.is_trained for out in outs), dtype)
    program.do(program.call(steps.zero, y.name))
    for end, out in zip(accumulate([out.width for out in outs]), outs, strict=True):
        columns = program.numbers(range(end - out.width, end))
        back = [program.call(steps.pick, y.d, columns, out.d)] if out.is_trained else []
        program.do(program.call(steps.spread, out.name, columns, y.name), *back)
    return y


def _picked(program: Program, x: Wire, columns: tuple[int, ...]) -> tuple[Wire, str]:
    """Some columns of a wire, and the name of their indices."""
    some, given = program.wire(len(columns), x.is_trained, x.dtype), program.numbers(columns)
    program.do(program.call(steps.pick, x.name, given, some.name))
    own = None if x.columns is None else tuple([x.columns[i] for i in columns])
    return some._replace(columns=own), given


# --- layers with a formula or with kernels -----------------------------------------------------------------------
def _activation(program: Program, layer: Params, x: Wire) -> Wire:
    """Writes a layer that has a formula, together with the bias before it."""
    has_bias = bool(x.bias)
    try:
        loops = activation_loops(layer, program.dtypes[x.dtype], has_bias)
    except (TypeError, AttributeError) as error:
        name = f"{_name(program, layer)}, whose formula"
        raise LayerError(f"jit: {name} is not compiled: {error}; use fnnet.train") from error
    kept, c = [program.array(x.width, x.dtype) for _ in range(loops.kept)], program.reals(loops.settings)
    if has_bias:
        y = x._replace(bias="", name=program.array(x.width) if loops.keeps_x else x.name)
    else:
        y = program.wire(x.width, x.is_trained, x.dtype)
    up, down = [program.function(loops.module, way, _called(layer, way)) for way in WAYS]
    arrays = f"{x.name}, {{}}{y.name}, {', '.join([*kept, c])}"
    back = [f"{down}({arrays.format('')}, {y.d if has_bias else f'{y.d}, {x.d}'})"] if x.is_trained else []
    program.do(f"{up}({arrays.format(f'{x.bias}, ' if has_bias else '')})", *back)
    return y


def _kernels(program: Program, layer: Params, x: Wire, draws: Draws) -> Wire:
    """Writes a layer of whole rows; its arrays, with one number per feature, are the rows of one matrix."""
    forward, backward = _kernels_of(program, layer, x.width)
    leaves, changes, k = arrays_of(layer), structure_of(layer).changes, program.arrays
    dtype = OWN if leaves else x.dtype
    given = [f"{program.reals([value])}[0]" for value in settings_of(layer).values()]
    for name in (f"w{k}", f"d_w{k}"):
        line = program.call(steps.rows, str(len(leaves)), program.number(x.width), dtype)
        program.setup.append(f"{name} = {line}")
    is_trained = x.is_trained or any(changes)
    y, dx = program.wire(x.width, is_trained, dtype), x.d or (program.array(x.width) if is_trained else "")
    back = [f"{backward}({', '.join([x.name, f'w{k}', y.name, y.d, f'd_w{k}', dx, *given])})"] if is_trained else []
    for i, (leaf, can) in enumerate(zip(leaves, changes, strict=True)):
        program.up.append(program.call(steps.move, program.leaf(f"w{k}_{i}", leaf), f"w{k}[{i}]"))
        if can:
            back.append(program.call(steps.move, f"d_w{k}[{i}]", program.gradient(f"d_w{k}_{i}", leaf)))
    program.do(f"{forward}({', '.join([x.name, f'w{k}', y.name, *given])})", *back)
    return y


def _kernels_of(program: Program, layer: Params, width: int) -> list[str]:
    """The names in the epoch of the two kernels of a layer of so many features. Raises LayerError where they cannot be
    compiled."""
    arrays, name = arrays_of(layer), _name(program, layer)
    if any(leaf.shape != (width,) for leaf in arrays) or len(tree.leaves(layer)) > len(arrays):
        raise LayerError(
            f"jit: {name}, which is compiled with vectors of its {width} features and no other arrays, got "
            f"{', '.join([str(leaf.shape) for leaf in tree.leaves(layer)])}; use fnnet.train"
        )
    outputs = forward_of(layer, np.ones((1, width), program.dtypes[OWN]))[0].shape[-1]
    if outputs != width:
        raise LayerError(
            f"jit: {name}, which is compiled with as many outputs as inputs, {width}, got {outputs}; use fnnet.train"
        )
    try:
        for kernel, count in zip(KERNELS[type(layer)], (3, 6), strict=True):
            check_arguments(kernel, count, settings_of(layer))
        return [
            program.function(module_of(f"{f.__name__}.", linked(f, "called")), f.__name__, _called(layer, way))
            for f, way in zip(KERNELS[type(layer)], WAYS, strict=True)
        ]
    except TypeError as error:
        raise LayerError(f"jit: {name}, whose kernels are not compiled: {error}; use fnnet.train") from error


WAYS = ("forward", "backward")


def _called(layer: Params, way: str) -> str:
    """The name in the epoch of a function of a layer."""
    return f"{type(layer).__name__.lower()}_{way}"


LAYERS: dict[type, Write] = {
    Linear: _linear,
    Dropout: _dropout,
    Embedding: _embedding,
    Residual: _residual,
    Branches: _branches,
}
"""Layers whose lines are written by hand: products, layers that only move numbers, and layers of layers."""
