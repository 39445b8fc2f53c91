"""The leaf layers of a network: chains are seen through, at any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

from fnnet.core.rules import Chain, rule_of
from fnnet.errors import LayerError
from fnnet.tree.nodes import Params, restore
from fnnet.tree.structures import Structure, structure_of

Layers = tuple[Params, ...]


def leaf_layers(params: Params, draws: tuple[int, ...] = ()) -> Iterator[tuple[Params, tuple[int, ...]]]:
    """The leaf layers of a network, and the paths of their keys."""
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


def places_in(params: Params, structure: Structure[Params]) -> list[tuple[int | None, ...]]:
    """For each leaf layer the places of its trained leaves among those of the network.

    They are known by identity, in a network of as many views: a user may have put one array into two fields.
    """
    leaves = [leaf.view() for leaf in structure.leaves(params)]
    alike = restore(params, iter(leaves))
    trained = {id(leaf): i for i, leaf in enumerate(structure.trained(leaves))}
    known = {id(leaf): trained.get(id(leaf)) for leaf in leaves}
    return [_placed(params, layer, known) for layer, _ in leaf_layers(alike)]  # type: ignore[arg-type]


def _placed(params: Params, layer: Params, known: dict[int, int | None]) -> tuple[int | None, ...]:
    own = structure_of(layer)
    leaves = own.trained(own.leaves(layer))
    if any(id(leaf) not in known for leaf in leaves):
        name = type(params).__name__
        raise LayerError(f"{name}: the layers of its chain must be made of its arrays, got others in a {layer!r}")
    return tuple([known[id(leaf)] for leaf in leaves])
