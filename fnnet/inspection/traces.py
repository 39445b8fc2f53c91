"""What happens in a pass: which layer is called by which, on what. No layer has to know of it.

A layer that holds layers is passed with a probe in the place of each, which writes down that it is called. Whatever
composite hands its children to ``forward`` is seen through so, a user's own too; one that reads their fields itself is
not, and is passed as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet.core.network import forward
from fnnet.core.places import path_of
from fnnet.core.rules import Chain, children, define_layer, replicas, rule_of
from fnnet.errors import LayerError
from fnnet.layers.portable import Portable
from fnnet.numerics.bits import portably
from fnnet.tree.nodes import Params, join, parts
from fnnet.types import Array


@dataclass(frozen=True, slots=True)
class Call:
    """A layer's part in a pass: where it stands, its input's shape, its output, and the calls that it made."""

    path: str
    layer: Params
    x: tuple[int, ...]
    y: Array
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Probe(Params):
    """A layer that notes in a list of its maker's when it is called."""

    path: str
    layer: Params
    notes: list[Call]


def probe_forward(p: Probe, x: Array) -> tuple[Array, None]:
    inside: list[Call] = []
    y = _passed(p.path, p.layer, x, inside)
    p.notes.append(Call(p.path, p.layer, x.shape, y, tuple(inside)))
    return y, None


def probe_backward(p: Probe, saved: None, dy: Array) -> tuple[Probe, Array]:
    raise LayerError(f"trace: a pass of probes goes forward only, got a way back at {p.path!r}")


define_layer(Probe, forward=probe_forward, backward=probe_backward, replicas=lambda p: replicas(p.layer))


def trace(params: Params, x: Array) -> Call:
    """The calls of a pass without chance. Raises what ``forward`` raises."""
    notes: list[Call] = []
    with np.errstate(all="ignore"):
        forward(Probe("", params, notes), x)
    return notes[-1]


def _passed(path: str, layer: Params, x: Array, notes: list[Call]) -> Array:
    """The layer's output; the calls that it makes go to ``notes``."""
    rule = rule_of(layer)
    if isinstance(rule, Chain):
        for inside in rule.layers(layer):
            x, _ = forward(Probe(join(path, path_of(layer, inside)), inside, notes), x)
        return x
    if isinstance(layer, Portable):  # which looks at the arrays of what it holds, and a probe is none
        return portably(forward, Probe(join(path, "layer"), layer.layer, notes), x)[0]
    if children(layer):
        try:
            return forward(_with_probes(path, layer, notes), x)[0]
        except Exception:  # the probes' fault, or else it comes again
            notes.clear()
    return forward(layer, x)[0]


def _with_probes(path: str, layer: Params, notes: list[Call]) -> Params:
    return type(layer)(*[_probed(join(path, name), child, notes) for name, child in parts(layer)])


def _probed(path: str, node: object, notes: list[Call]) -> object:
    if isinstance(node, Params):
        return Probe(path, node, notes)
    if type(node) is tuple:
        return tuple([_probed(join(path, str(i)), child, notes) for i, child in enumerate(node)])
    return node
