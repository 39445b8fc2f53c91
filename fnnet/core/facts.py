"""Properties of a network as a whole that follow from the rules of its layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import numpy as np

from fnnet import checks
from fnnet.core.rules import Chain, Rule, check_params, known_rule, rule_of
from fnnet.errors import DtypeError, LayerError
from fnnet.keys import Key
from fnnet.tree.nodes import Params, child_path, is_leaf, layout, named_children
from fnnet.tree.structures import remembered

P = TypeVar("P", bound=Params)


def casts(params: Params) -> bool:
    """Whether no layer of a network does its own casts of x."""
    rule = known_rule(params)
    return (not isinstance(rule, Rule) or rule.casts) and all(map(casts, passed(params)))


def passed(params: Params) -> tuple[Params, ...]:
    """The layers that a network passes x through: those of a chain, or the children of any other layer."""
    rule = known_rule(params)
    given: tuple[object, ...] = rule.layers(params) if isinstance(rule, Chain) else ()
    return tuple([layer for layer in given if isinstance(layer, Params)]) or children(params)


def children(node: Params) -> tuple[Params, ...]:
    """The layers directly in a layer, also those in tuples."""
    return tuple([layer for _, layer in named_layers(node)])


def named_layers(node: object, path: str = "") -> Iterator[tuple[str, Params]]:
    """The layers directly in a layer, also those in tuples, with their paths."""
    for name, child in named_children(node):
        if isinstance(child, Params):
            yield child_path(path, name), child
        elif type(child) is tuple:
            yield from named_layers(child, child_path(path, name))


def is_stochastic(params: Params) -> bool:
    """Whether a network is stochastic under a key: it has a ``sample`` rule that does more than pass keys to children
    that are deterministic.

    Raises LayerError where a layer without such a rule holds one with it. The result is cached for each structure of
    packed networks.
    """
    return remembered(_is_stochastic, params)


def _is_stochastic(params: Params) -> bool:
    rule = rule_of(params)
    chances = [child for child in passed(params) if _is_stochastic(child)]
    if isinstance(rule, Chain):
        return bool(chances)
    if chances and rule.sample is None:
        name, hidden = type(params).__name__, type(chances[0]).__name__
        raise LayerError(
            f"{name}: holds a {hidden}, which has a sample rule, and has none itself, so its chance would be off in "
            f"silence; give define_layer({name}, ..., sample=...), a child key a child"
        )
    return rule.sample is not None and (bool(chances) or not rule.passes_key)


def replicas(params: Params) -> tuple[int, ...]:
    """The leading axes of a network with stacked parameters, () for a single network."""
    return remembered(_replicas, params)


def _replicas(params: Params) -> tuple[int, ...]:
    rule = rule_of(params)
    if rule.check is not None:
        rule.check(params)
    if isinstance(rule, Rule) and rule.replicas is not None:
        return rule.replicas(params)
    return next(filter(None, map(replicas, passed(params))), ())


def fork(params: Params, key: Key) -> Key:
    """The key of a pass through a network, forked for its replicas where its parameters are stacked."""
    stacked = replicas(params)
    return key.forked(stacked) if stacked else key


def check_network(where: str, params: Params) -> np.dtype[np.floating]:
    """The dtype of a network. Raises LayerError, TreeError or DtypeError where it cannot be trained."""
    check_params(where, params)
    found: set[np.dtype[np.floating]] = set()
    _collect(where, params, found)
    replicas(params)  # this checks that the arrays of layers fit each other
    if len(found) > 1:
        names = " and ".join(sorted(str(dtype) for dtype in found))
        raise DtypeError(f"{where}: all parameters must have one dtype, got {names}; cast by tree.astype")
    return next(iter(found), np.dtype(np.float32))


def _collect(where: str, node: object, found: set[np.dtype[np.floating]]) -> None:
    if is_leaf(node):
        found.add(checks.dtype(where, node.dtype))
        return
    if isinstance(node, Params):
        rule_of(node)
    if isinstance(node, Params) or type(node) is tuple:
        constants = () if isinstance(node, tuple) else layout(type(node)).constant
        for name, child in named_children(node):
            if not (name in constants and is_leaf(child) and child.dtype.kind in "iub"):
                _collect(where, child, found)
