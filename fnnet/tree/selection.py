"""Some leaves of a network, chosen by their paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from fnnet import checks
from fnnet.tree.nodes import Params, leaf_paths, read_only
from fnnet.tree.numbers import alike
from fnnet.tree.structures import structure_of
from fnnet.tree.vectors import blocks
from fnnet.types import Array

P = TypeVar("P", bound=Params)


def checked_where(asking: str, name: str, where: object) -> object:
    """A checked predicate on paths. Raises ValueError for anything else, and where it cannot key a cached answer."""
    checks.function(asking, name, where)
    try:
        hash(where)
    except TypeError:
        raise ValueError(
            f"{asking}: {name} must have a hash, as functions and frozen dataclasses do, got {where!r}"
        ) from None
    return where


Where: TypeAlias = Annotated[Callable[[str], bool], checked_where]
"""Whether to choose the leaf at this path, such as "layers.0.w"; only the path may decide, for answers are cached."""


Chosen = tuple[bool | NDArray[np.bool], ...]
"""For each block of a network, whether it is chosen, or which of its numbers are."""


def chosen_by(params: Params, flags: list[bool]) -> Chosen:
    """The choice of leaves, one flag per leaf, for all networks like this one."""
    return structure_of(params).spread(flags)


@dataclass(frozen=True, slots=True)
class Selection:
    """The choice of the trainable leaves whose paths a predicate accepts: a function of the network, remembered."""

    asking: str
    where: Where

    def __call__(self, params: Params) -> Chosen:
        """The choice. Raises ValueError where the network has something to train and nothing of it is chosen."""
        return chosen_by(params, self.flags(params))

    def flags(self, params: Params) -> list[bool]:
        """For each leaf, whether it is chosen; constant ones never are."""
        paths, changes = leaf_paths(params), structure_of(params).changes
        flags = [can and bool(self.where(path)) for path, can in zip(paths, changes, strict=True)]
        if any(changes) and not any(flags):
            those = ", ".join([path for path, can in zip(paths, changes, strict=True) if can])
            raise ValueError(f"{self.asking}: where must match a path of the network, one of {those}; it matches none")
        return flags


def choose(asking: str, chosen: Chosen, taken: P, others: P) -> P:
    """The network with the chosen numbers from ``taken`` and all others from ``others``, read-only."""
    structure, (one, other) = alike(asking, (taken, others))
    return structure.build(read_only(_chosen(chosen, one, other)), read_only(structure.constants(others)))


def without(asking: str, chosen: Chosen, params: P, grads: P) -> P:
    """The gradients, which must be like the parameters, with 0 for the chosen numbers."""
    structure, (_, found) = alike(asking, (params, grads))
    return structure.build(_chosen(chosen, tuple(map(np.zeros_like, found)), found), structure.constants(grads))


def only(chosen: Chosen, params: P) -> P:
    """The network with 0 for all but the chosen numbers."""
    structure, found = structure_of(params), blocks(params)
    return structure.build(_chosen(chosen, found, tuple(map(np.zeros_like, found))), structure.constants(params))


def _chosen(chosen: Chosen, taken: tuple[Array, ...], others: tuple[Array, ...]) -> tuple[Array, ...]:
    picked = zip(chosen, taken, others, strict=True)
    return tuple([(a if mask else b) if isinstance(mask, bool) else np.where(mask, a, b) for mask, a, b in picked])
