"""Traces of a pass: which layer calls which, and with what. Layers need no code for it.

In a composite layer each layer that it holds is replaced by a probe, which records its calls. This works for every
composite that calls ``forward`` on its children, a user's own too; one that reads their fields itself is called as it
is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from fnnet import tree
from fnnet.core import Array, LayerError, Params, define_layer, forward
from fnnet.core.facts import children, replicas
from fnnet.core.places import path_of
from fnnet.core.rules import Chain, rule_of
from fnnet.layers.portable import Portable
from fnnet.numerics.bits import portably
from fnnet.tree.nodes import child_path, layout, named_children


@dataclass(frozen=True, slots=True)
class Call:
    """The call of a layer at a path: the shape of its input x, its output y, and the calls that it made in turn."""

    path: str
    layer: Params
    x: tuple[int, ...]
    y: Array
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Probe(Params):
    """A layer that passes x through another one and appends the call to ``notes``."""

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
    """The calls of a deterministic pass of x. Raises what ``forward`` raises."""
    notes: list[Call] = []
    params = tree.map(lambda leaf: leaf, params)  # paths are found by identity, and a layer may stand in two places
    with np.errstate(all="ignore"):
        forward(Probe("", params, notes), x)
    return notes[-1]


def _passed(path: str, layer: Params, x: Array, notes: list[Call]) -> Array:
    """The layer's output; the calls that it makes go to ``notes``."""
    rule = rule_of(layer)
    if isinstance(rule, Chain):
        for i, inside in enumerate(rule.layers(layer)):
            here = child_path(path, path_of(layer, inside) or str(i))  # a layer that the chain builds has no path
            x, _ = forward(Probe(here, inside, notes), x)
        return x
    if type(layer) is Portable:  # which looks at the arrays in its layer, and a probe has none
        return portably(forward, Probe(child_path(path, "layer"), layer.layer, notes), x)[0]
    if children(layer):
        try:
            return forward(_with_probes(path, layer, notes), x)[0]
        except Exception:  # caused by the probes; otherwise the call below raises it again
            notes.clear()
    return forward(layer, x)[0]


def _with_probes(path: str, layer: Params, notes: list[Call]) -> Params:
    fields = [_probed(child_path(path, name), child, notes) for name, child in named_children(layer)]
    return cast(Params, layout(type(layer)).make(*fields))


def _probed(path: str, node: object, notes: list[Call]) -> object:
    if isinstance(node, Params):
        return Probe(path, node, notes)
    if type(node) is tuple:
        return tuple([_probed(child_path(path, str(i)), child, notes) for i, child in enumerate(node)])
    return node
