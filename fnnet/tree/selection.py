"""Some leaves of a network, chosen by their paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fnnet import checks, tree
from fnnet.numerics import ZERO
from fnnet.tree.matching import columns, restore_shared, trained
from fnnet.tree.nodes import Params, read_only
from fnnet.tree.packing import pack, packed
from fnnet.types import Array

P = TypeVar("P", bound=Params)


def checked_where(asking: str, name: str, where: object) -> object:
    """A predicate on paths. Raises ValueError for what is none, or cannot be the key of an answer that is kept."""
    checks.function(asking, name, where)
    try:
        hash(where)
    except TypeError:
        raise ValueError(
            f"{asking}: {name} must have a hash, as functions and frozen dataclasses do, got {where!r}"
        ) from None
    return where


Where: TypeAlias = Annotated[Callable[[str], bool], checked_where]
"""Whether to take the leaf of this path, such as "layers.0.w"; the path alone must decide, for answers are kept."""


class Chosen(NamedTuple):
    """For each leaf whether it is taken; for a packed tree also for each number of its vector."""

    flags: tuple[bool, ...]
    mask: NDArray[np.bool] | None


def chosen_by(params: Params, flags: list[bool]) -> Chosen:
    """The choice of leaves for this network and all packed ones like it."""
    known = packed(params)
    sizes = [leaf.size for leaf in tree.leaves(params)] if known else []
    return Chosen(tuple(flags), np.repeat(np.array(flags, bool), sizes) if known else None)


@dataclass(frozen=True, slots=True)
class Selection:
    """The choice of the trainable leaves whose paths a predicate takes: a function of the network, to be remembered."""

    asking: str
    where: Where

    def __call__(self, params: Params) -> Chosen:
        """The choice. Raises ValueError where there is something to be trained and nothing of it is taken."""
        return chosen_by(params, self.flags(params))

    def flags(self, params: Params) -> list[bool]:
        """For each leaf whether it is taken; constant ones never are."""
        _, form = columns(self.asking, (params,))
        paths, changes = tree.paths(params), trained(form)
        flags = [can and bool(self.where(path)) for path, can in zip(paths, changes, strict=True)]
        if any(changes) and not any(flags):
            those = ", ".join([path for path, can in zip(paths, changes, strict=True) if can])
            raise ValueError(f"{self.asking}: where must match a path of the network, one of {those}; it matches none")
        return flags


def choose(asking: str, chosen: Chosen, taken: P, others: P) -> P:
    """The network with the chosen leaves of the one and all other leaves of the other, read-only."""
    one, other = packed(taken), packed(others)
    if chosen.mask is not None and one and other and one.structure is other.structure:
        vector: Array = np.where(chosen.mask, one.vector, other.vector)
        vector.setflags(write=False)
        return one.structure.tree(taken, vector)
    found, _ = columns(asking, (taken, others))
    leaves = [a if is_taken else b for is_taken, a, b in zip(chosen.flags, *found, strict=True)]
    return pack(read_only(cast(P, restore_shared(others, iter(leaves)))))


def without(asking: str, chosen: Chosen, grads: P) -> P:
    """The gradients with 0 for the chosen leaves."""
    known = packed(grads)
    if chosen.mask is not None and known:
        vector: Array = np.where(chosen.mask, ZERO[known.vector.dtype], known.vector)
        return known.structure.tree(grads, vector)
    (found,), _ = columns(asking, (grads,))
    leaves = [np.zeros_like(g) if is_chosen else g for is_chosen, g in zip(chosen.flags, found, strict=True)]
    return cast(P, restore_shared(grads, iter(leaves)))
