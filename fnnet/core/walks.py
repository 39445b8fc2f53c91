"""The plan of a pass through a network, made once per structure: its leaf layers in order, and the places of their
gradients.

Chains are flattened, at any depth, so that a pass is one loop. Any other composite layer counts as a leaf layer, and
calls ``forward`` for the layers in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from math import prod
from typing import Any

import numpy as np

from fnnet.checks import F32, F64
from fnnet.core.chains import Layers, layers_getter, leaf_layers, places_in
from fnnet.core.facts import casts, children, is_stochastic, named_layers
from fnnet.core.places import locate
from fnnet.core.protocols import Stretch
from fnnet.core.rules import Chain, Rule, check_params, rule_of
from fnnet.errors import FnnetError
from fnnet.tree.making import getter
from fnnet.tree.nodes import Params, flatten, is_leaf, layout
from fnnet.tree.structures import Structure, structure_if_any, structure_of
from fnnet.types import Array


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Part:
    """Layers that are passed at once: the stretch, its number of layers, the slice of the network's vector that holds
    their numbers, None for all of it, and the place of their first leaf."""

    stretch: Stretch
    length: int
    numbers: slice | None
    first: int


Inside = tuple[Callable[[object], tuple[object, ...]], Structure[Params], int]
"""A layer in a leaf layer: the function that gets it, its structure, and the place of its first leaf."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Leg:
    """A leaf layer in a pass: its rule, its class, the dtype that x is cast to where it enters, and whether it has
    arrays but no rule for stacked ones (``is_single``).

    ``trained`` takes the trained leaves out of its gradient, and ``leaves`` has their places among the leaves of the
    network, None for a leaf that is constant there. ``inside`` are the layers in it, where they hold all its leaves,
    contiguously, and their vectors can be used as they are. ``part`` are the layers that are passed at once from here.
    """

    rule: Rule[Any, Any]
    kind: type[Params]
    enters: np.dtype[np.floating] | None
    is_single: bool
    trained: Callable[[Params], Sequence[Array]] | None
    leaves: tuple[int | None, ...]
    inside: tuple[Inside, ...] = ()
    part: Part | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Walk:
    """A network's pass: its legs, the function from a network to their layers, the dtype that x is cast to where it
    enters, None for any, the dtypes that need no cast, and the shapes and dtypes of the trained leaves.

    ``unused`` are the leaves that no layer has, and ``lowest`` is the first leg with trained leaves; ``is_leaf`` says
    that the network is itself the only layer, ``is_tree`` that all that it holds can be part of a tree.
    """

    legs: tuple[Leg, ...]
    layers: Callable[[Params], Layers]
    enters: np.dtype[np.floating] | None
    accepts: tuple[np.dtype[np.floating], ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[np.dtype[Any], ...]
    unused: tuple[int, ...]
    lowest: int
    is_leaf: bool
    is_tree: bool


def walk_of(params: Params) -> Walk:
    """The walk of all networks with this one's structure. Raises what the checks of its layers raise."""
    check_params("forward", params)
    _check(params, params)
    enters = _enters(params)
    found = list(leaf_layers(params))
    structure = structure_if_any(params)
    get, places = (layers_getter(params), [()] * len(found)) if structure is None else places_in(params, structure)
    used = Counter(place for own in places for place in own)
    legs = [_leg(layer, own) for (layer, _), own in zip(found, places, strict=True)]
    shapes = [] if structure is None else structure.trained(structure.shapes)
    dtypes = [] if structure is None else structure.trained(structure.dtypes)
    if structure is not None and structure.views:
        layers = tuple([layer for layer, _ in found])
        legs = [_with_inside(leg, layer, used) for leg, layer in zip(legs, layers, strict=True)]
        legs = _with_parts(legs, layers, shapes, used)
    return Walk(
        tuple(legs),
        get,
        enters,
        (F32, F64) if enters is None else (enters,),
        tuple(shapes),
        tuple(dtypes),
        tuple([i for i in range(len(shapes)) if i not in used]),
        next((i for i, leg in enumerate(legs) if leg.trained is not None), 0),
        not isinstance(rule_of(params), Chain),
        structure is not None,
    )


Chances = tuple[tuple[int, ...] | None, ...]
"""For each leg the path of its key, None where it is deterministic; () where all are."""


def chances_of(params: Params) -> Chances:
    """Which legs of a stochastic pass draw. Raises LayerError where a layer's draws would be silently skipped."""
    if not is_stochastic(params):
        return ()
    return tuple([draws if is_stochastic(layer) else None for layer, draws in leaf_layers(params)])


def _check(root: Params, params: Params) -> None:
    """Raises what the checks of a network and of the layers in it raise."""
    check = rule_of(params).check
    if check is not None:
        try:
            check(params)
        except FnnetError as error:
            locate(error, params, root)
            raise
    for child in children(params):
        _check(root, child)


# --- legs --------------------------------------------------------------------------------------------------------
def _leg(layer: Params, leaves: tuple[int | None, ...]) -> Leg:
    rule = rule_of(layer)
    assert isinstance(rule, Rule)
    is_single = rule.replicas is None and first_array(layout(type(layer)).values(layer), False) is not None
    return Leg(rule, type(layer), _enters(layer), is_single, _trained(layer), leaves)


def _with_inside(leg: Leg, layer: Params, used: Counter[int | None]) -> Leg:
    """The leg with the layers in it whose vectors are parts of the network's, where it occurs only once."""
    return replace(leg, inside=_inside(layer, leg.leaves)) if all(used[place] == 1 for place in leg.leaves) else leg


def _inside(layer: Params, leaves: tuple[int | None, ...]) -> tuple[Inside, ...]:
    first = leaves[0] if leaves else None
    if first is None or leaves != tuple(range(first, first + len(leaves))):
        return ()
    found, place = list[Inside](), first
    for path, child in named_layers(layer):
        structure = structure_of(child)
        if structure.views is not None:
            found.append((getter(layer, [path]), structure, place))
            place += structure.changes.count(True)
    return tuple(found) if place == first + len(leaves) else ()


def _trained(layer: Params) -> Callable[[Params], Sequence[Array]] | None:
    structure = structure_if_any(layer)
    if structure is None or not any(structure.changes):
        return None
    values = layout(type(layer)).values
    if all(structure.changes) and all(map(is_leaf, values(layer))):
        return values  # type: ignore[return-value]
    return partial(_taken, structure.changes)


def _taken(changes: tuple[bool, ...], grads: Params) -> list[Array]:
    leaves: list[Array] = []
    flatten(grads, leaves, [])
    is_alike = len(leaves) == len(changes)
    return [leaf for leaf, can in zip(leaves, changes, strict=True) if can] if is_alike else leaves


def _enters(params: Params) -> np.dtype[np.floating] | None:
    """The dtype that x is cast to where it enters; None where any float dtype is accepted.

    A cast to float64 loses nothing. A cast to float32 is left to the layers where one of them does its own casts.
    """
    first = first_array(layout(type(params)).values(params), True)
    return None if first is None or (first.dtype == F32 and not casts(params)) else first.dtype


def first_array(values: tuple[object, ...], is_deep: bool) -> Array | None:
    """The first floating array among values, also in tuples, and in layers where ``is_deep``."""
    for value in values:
        if is_leaf(value):
            if value.dtype.kind == "f":
                return value
        elif type(value) is tuple or (is_deep and isinstance(value, Params)):
            inside = value if isinstance(value, tuple) else layout(type(value)).values(value)
            found = first_array(inside, is_deep)
            if found is not None:
                return found
    return None


def _with_parts(legs: list[Leg], layers: Layers, shapes: list[tuple[int, ...]], used: Counter[int | None]) -> list[Leg]:
    """The legs, with a part at the first of those that can be passed at once; their leaves must be contiguous."""
    ends, i = list(accumulate(map(prod, shapes), initial=0)), 0
    while i < len(legs):
        find = legs[i].rule.stretch
        stretch = None if find is None else find(layers[i:])
        n = stretch.length if stretch else 1
        places = [place for leg in legs[i : i + n] for place in leg.leaves]
        if stretch and places[0] is not None and all(used[place] == 1 for place in places):
            leaves = range(places[0], places[0] + len(places))
            numbers = slice(ends[leaves.start], ends[leaves.stop])
            is_all = numbers == slice(0, ends[-1])
            if places == list(leaves):
                legs[i] = replace(legs[i], part=Part(stretch, n, None if is_all else numbers, leaves.start))
        i += n
    return legs
