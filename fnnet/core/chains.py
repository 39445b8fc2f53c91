"""The leaf layers of a network: chains are flattened, at any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

from fnnet.core.places import path_to
from fnnet.core.rules import Chain, rule_of
from fnnet.errors import LayerError
from fnnet.tree.making import getter
from fnnet.tree.nodes import Params, restore
from fnnet.tree.structures import Structure, structure_of

Layers = tuple[Params, ...]

Places = tuple[int | None, ...]
"""The places of a layer's trained leaves, None for a leaf that is constant in the network."""


def leaf_layers(params: Params, draws: tuple[int, ...] = ()) -> Iterator[tuple[Params, tuple[int, ...]]]:
    """The leaf layers of a network, with the paths of their keys."""
    rule = rule_of(params)
    if isinstance(rule, Chain):
        for i, layer in enumerate(rule.layers(params)):
            yield from leaf_layers(layer, (*draws, rule.draws(i)))
    else:
        yield params, draws


def layers_getter(params: Params) -> Callable[[Params], Layers]:
    """The function from a network to its leaf layers."""
    rule = rule_of(params)
    if not isinstance(rule, Chain):
        return _alone
    inside = [layers_getter(layer) for layer in rule.layers(params)]
    return rule.layers if all(get is _alone for get in inside) else partial(_flat, rule.layers, tuple(inside))


def _alone(params: Params) -> Layers:
    return (params,)


def _flat(layers: Callable[[Params], Layers], inside: tuple[Callable[[Params], Layers], ...], params: Params) -> Layers:
    return tuple(chain.from_iterable([get(layer) for get, layer in zip(inside, layers(params), strict=True)]))


def places_in(params: Params, structure: Structure[Params]) -> tuple[Callable[[Params], Layers], list[Places]]:
    """The function from a network to its leaf layers, and for each of these the places of its trained leaves among
    those of the network.

    Layers and leaves are told apart by identity, in a copy of the network in which each place has an object of its own:
    a user may have put one array or layer into two fields.
    """
    views = [leaf.view() for leaf in structure.leaves(params)]
    alike: Params = restore(params, iter(views))  # type: ignore[assignment]
    leaves = structure.leaves(alike)  # not the views where a constructor converts them
    trained = {id(leaf): i for i, leaf in enumerate(structure.trained(leaves))}
    known = {id(leaf): trained.get(id(leaf)) for leaf in leaves}
    layers = [layer for layer, _ in leaf_layers(alike)]
    paths = [path for layer in layers if (path := path_to(alike, layer)) is not None]
    get = getter(alike, paths) if len(paths) == len(layers) else layers_getter(params)
    return get, [_placed(params, layer, known) for layer in layers]  # type: ignore[return-value]


def _placed(params: Params, layer: Params, known: dict[int, int | None]) -> Places:
    own = structure_of(layer)
    leaves = own.trained(own.leaves(layer))
    if any(id(leaf) not in known for leaf in leaves):
        name = type(params).__name__
        raise LayerError(f"{name}: the layers of its chain must be made of its arrays, got others in a {layer!r}")
    return tuple([known[id(leaf)] for leaf in leaves])
