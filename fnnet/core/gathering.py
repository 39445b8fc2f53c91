"""The gradients of a network, assembled from those of its leaf layers."""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod
from typing import TypeVar

import numpy as np

from fnnet.core.walks import Leg, Walk
from fnnet.tree.matching import columns
from fnnet.tree.nodes import Params, is_leaf, restore
from fnnet.tree.structures import structure_of
from fnnet.tree.vectors import Unbuilt, unbuilt, vector_behind
from fnnet.types import Array

P = TypeVar("P", bound=Params)


Pieces = dict[int, Array]
"""The gradients gathered so far, by the place of a trained leaf: that of the leaf, or, at the first leaf of a stretch,
that of all leaves of the stretch."""


def gather(walk: Walk, pieces: Pieces, leg: Leg, layer: Params, grads: Params) -> bool:
    """Adds the gradients of a leaf layer; a leaf that occurs several times gets the sum over its places.

    Returns whether they have the shapes and dtypes of the parameters, so that the caller can report an error. Raises
    TreeError where they do not have the layer's structure.
    """
    if leg.inside and (vectors := _vectors(walk, leg, grads)):
        pieces |= vectors
        return True
    leaves = () if leg.trained is None else leg.trained(grads)
    if len(leaves) != len(leg.leaves) or not all(map(is_leaf, leaves)):
        columns("backward", (layer, grads))
    fits = True
    for place, leaf in zip(leg.leaves, leaves, strict=True):
        if place is not None:
            before = pieces.get(place)
            pieces[place] = leaf if before is None else np.asarray(before + leaf)
            fits = fits and leaf.shape == walk.shapes[place] and leaf.dtype == walk.dtypes[place]
    return fits


def _vectors(walk: Walk, leg: Leg, grads: Params) -> Pieces:
    """The gradient vectors of all layers in a leaf layer; empty where one of them has no vector."""
    pieces = Pieces()
    for get, structure, place in leg.inside:
        (node,) = get(grads)
        vector = vector_behind(node) if getattr(node, "_structure", None) is structure else None
        if vector is None or place in pieces:
            return {}
        pieces[place] = vector if sum(structure.changes) > 1 else vector.reshape(walk.shapes[place])
    return pieces


def gathered(walk: Walk, params: P, pieces: Pieces) -> Unbuilt[P]:
    """The gradients of a network, with the shapes and dtypes of its parameters."""
    structure = structure_of(params)
    for i in walk.unused:
        pieces[i] = np.zeros(walk.shapes[i], walk.dtypes[i])
    if len(pieces) == 1 and len(walk.shapes) > 1:  # the stretch is the whole network
        return unbuilt(structure, (pieces[0],), None)
    return unbuilt(structure, structure.joined([pieces[i] for i in sorted(pieces)]), None)


def gathered_unlike(walk: Walk, params: P, pieces: Pieces) -> P:
    """The same, where an array has another shape or dtype than its parameter."""
    structure, trained = structure_of(params), list[Array]()
    pieces |= {i: np.zeros(walk.shapes[i], walk.dtypes[i]) for i in walk.unused}
    for first, end in pairwise((*sorted(pieces), len(walk.shapes))):
        shapes, whole = walk.shapes[first:end], pieces[first]
        ends = pairwise(accumulate(map(prod, shapes), initial=0))
        is_stretch = len(shapes) > 1
        trained += (
            [whole.ravel()[a:b].reshape(s) for (a, b), s in zip(ends, shapes, strict=True)] if is_stretch else [whole]
        )
    each, others = iter(trained), iter(structure.zeros())
    found: P = restore(params, iter([next(each if can else others) for can in structure.changes]))  # type: ignore[assignment]
    return found
