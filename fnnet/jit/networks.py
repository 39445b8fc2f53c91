"""A network as a program: composites hand their input on from layer to layer, and every layer writes itself.

A layer is known by its very class: one that is derived from it may have rules of its own. What is not compiled is
refused here, by its name.
"""

from __future__ import annotations

from typing import Any

from fnnet.core.formulas import ACTIVATIONS
from fnnet.core.kernels import KERNELS
from fnnet.core.rules import casts, check_network, replicas
from fnnet.errors import LayerError
from fnnet.jit import steps
from fnnet.jit.leaves import LAYERS, arrays_of, write_activation, write_kernels
from fnnet.jit.programs import GIVEN, OWN, Place, Program, Wire, Write
from fnnet.layers.branches import Branches
from fnnet.layers.mlp import Mlp
from fnnet.layers.residual import Residual
from fnnet.layers.serial import Serial
from fnnet.tree.nodes import Params


def program_of(params: Params, n_in: int) -> tuple[Program, Wire]:
    """The program of a network for n_in features, and its output. Raises LayerError naming the layer that cannot be
    compiled."""
    dtype = check_network("jit", params)
    if replicas(params):
        raise LayerError(
            f"jit: stacked networks are not compiled, got replica axes {replicas(params)}; use fnnet.train"
        )
    program = Program(dtype)
    size = program.number(n_in)
    given = OWN if casts(params) else GIVEN
    program.setup.append(f"h0 = np.empty((size, {size}), {given})")
    x = Wire("h0", n_in, given, columns=tuple(range(n_in)))
    program.do(program.call(steps.gather, "x", "index", "h0"))
    out = program.ready(written(program, params, x, Place()), OWN)
    if not program.parameters:
        raise LayerError(f"jit: a compiled network must have parameters to train, got {params!r}")
    return program, out


def written(program: Program, layer: Params, x: Wire, place: Place) -> Wire:
    """Writes a layer into the program, and gives its output."""
    kind: type = type(layer)
    write = COMPOSITES.get(kind) or LAYERS.get(kind)
    if kind in ACTIVATIONS and not arrays_of(layer):
        write = write_activation
    elif kind in KERNELS:
        write = write_kernels
    is_single = write is None or (place.is_shared and (arrays_of(layer) or kind is Mlp))
    if write is None or is_single:
        raise LayerError(
            f"jit: {place.path or 'the network'} is a {kind.__name__}, which is not compiled"
            f"{' where it stands in several places' if write else ''}; use fnnet.train, or a network of "
            f"{', '.join([known.__name__ for known in (*COMPOSITES, *LAYERS, *KERNELS, *ACTIVATIONS)])}"
        )
    return write(program, layer, x, place)


# --- composites --------------------------------------------------------------------------------------------------
def _serial(program: Program, layer: Any, x: Wire, place: Place) -> Wire:
    for i, child in enumerate(layer.layers):
        x = written(program, child, x, place.child(f"layers.{i}", i))
    return x


def _mlp(program: Program, layer: Any, x: Wire, place: Place) -> Wire:
    last = len(layer.layers) - 1
    for i, linear in enumerate(layer.layers):
        x = written(program, linear, x, place.child(f"layers.{i}"))
        if i < last:
            x = written(program, layer.activation, x, place.child("activation", i)._replace(is_shared=True))
    return x


def _residual(program: Program, layer: Any, x: Wire, place: Place) -> Wire:
    x, below = program.ready(x), len(program.down)
    inside = program.ready(written(program, layer.layer, x, place.child("layer", 0)))
    if inside.width != x.width:
        raise LayerError(
            f"jit: {place.path or 'the network'} must give as many features as it takes, {x.width}, got {inside.width}"
        )
    y = program.wire(x.width, inside.is_trained, inside.dtype)
    if x.is_trained:
        program.down.insert(len(program.down) - below, program.call(steps.add_to, y.d, x.d))
    back = [program.call(steps.copy, y.d, inside.d)] if inside.is_trained else []
    program.do(program.call(steps.add, inside.name, program.ready(x, inside.dtype).name, y.name), *back)
    return y


def _branches(program: Program, layer: Any, x: Wire, place: Place) -> Wire:
    x, below = program.ready(x), len(program.down)
    picked = [_picked(program, x, columns) for columns in layer.columns]
    outs = [
        program.ready(written(program, child, some, place.child(f"layers.{i}", i)))
        for i, (child, (some, _)) in enumerate(zip(layer.layers, picked, strict=True))
    ]
    if x.is_trained:
        back = [program.call(steps.pick_back, some.d, columns, x.d) for some, columns in picked]
        at = len(program.down) - below
        program.down[at:at] = [program.call(steps.zero, x.d), *back]
    dtype = GIVEN if all(out.dtype == GIVEN for out in outs) else OWN
    y = program.wire(sum([out.width for out in outs]), any(out.is_trained for out in outs), dtype)
    begin = 0
    for out in outs:
        at_column = program.number(begin)
        back = [program.call(steps.take, y.d, at_column, out.d)] if out.is_trained else []
        program.do(program.call(steps.put, out.name, at_column, y.name), *back)
        begin += out.width
    return y


def _picked(program: Program, x: Wire, columns: tuple[int, ...]) -> tuple[Wire, str]:
    """Some columns of a wire, and what their numbers are called."""
    first, last = program.number(len(program.columns)), program.number(len(program.columns) + len(columns))
    program.columns.extend(columns)
    some, given = program.wire(len(columns), x.is_trained, x.dtype), f"columns[{first}:{last}]"
    program.do(program.call(steps.pick, x.name, given, some.name))
    own = None if x.columns is None else tuple([x.columns[i] for i in columns])
    return some._replace(columns=own), given


COMPOSITES: dict[type, Write] = {Serial: _serial, Mlp: _mlp, Residual: _residual, Branches: _branches}
"""Layers of layers."""
