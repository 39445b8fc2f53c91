"""What a field of a node declares besides its type."""

from __future__ import annotations

from dataclasses import field

from fnnet.types import Array

CONSTANT = "fnnet.constant"

CARRIED_MARK = "fnnet.carried"
CARRIED = {CARRIED_MARK: True}
"""Metadata of a record's field (a key, a history) that operations on several trees take unchanged from the first."""

ASIDE_MARK = "fnnet.aside"
ASIDE = {ASIDE_MARK: True}
"""Metadata of a record's last fields, which have defaults and are not part of the tree: they are not saved, compared,
pickled or shown."""


def constant() -> Array:
    """Declares a field whose array is saved, stacked and cast with the network, and never trained.

    Its gradient is zero; optimizers, penalties, averages, ``tree.count`` and the gradient check skip it. An instance
    still has to be given the field: only type checkers take the declaration for a default.

    >>> from dataclasses import dataclass
    >>> import fnnet as fn, numpy as np
    >>> @dataclass(frozen=True, slots=True, eq=False)
    ... class Shift(fn.Params):
    ...     mean: Array = constant()
    >>> fn.tree.count(Shift(np.zeros(3)))
    0
    """
    declared: Array = field(metadata={CONSTANT: True})
    return declared
