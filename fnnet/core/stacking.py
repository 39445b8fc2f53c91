"""K networks as one: their parameters stacked along a new first axis, and unstacked again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

from fnnet import checks, keys, tree
from fnnet.core.facts import check_network, replicas
from fnnet.errors import DtypeError, ShapeError, TreeError
from fnnet.keys import Key
from fnnet.tree.matching import columns
from fnnet.tree.nodes import Params, walk
from fnnet.types import Array

P = TypeVar("P", bound=Params)


def stack(networks: Iterable[P]) -> P:
    """One network made of the K ``networks``: their arrays are stacked along a new first axis, read-only.

    It trains K networks in one pass with no further code: network k learns what it would learn alone on the same
    batches with its noise drawn from ``key.child(k)``. ``unstack`` gives the K networks again.

    Shapes: x (rows, n_in), shared by all, or (K, rows, n_in); outputs (K, rows, n_out); losses and metrics (K,). Raises
    ValueError without any network, TreeError naming the path where structures or settings differ, ShapeError where
    shapes differ, DtypeError where dtypes differ.

    >>> import fnnet as fn, numpy as np
    >>> nets = fn.stack([fn.linear(fn.Key(k), 4, 2) for k in range(3)])
    >>> nets.w.shape, fn.predict(nets, np.ones((5, 4))).shape
    ((3, 4, 2), (3, 5, 2))
    """
    given: object = networks
    if isinstance(given, Params) or not isinstance(given, Iterable):
        raise TreeError(f"stack: networks must be a list of networks, got {networks!r}")
    found = tuple(networks)
    if not found:
        raise ValueError("stack: networks must be at least one, got none")
    for network in found:
        check_network("stack", network)
    columns("stack", found)  # its error says where they differ
    paths = iter(tree.paths(found[0]))
    return tree.read_only(tree.map(lambda *leaves: _stacked(next(paths), leaves), *found))


def _stacked(path: str, leaves: tuple[Array, ...]) -> Array:
    shapes, dtypes = {leaf.shape: None for leaf in leaves}, {leaf.dtype: None for leaf in leaves}
    if len(shapes) > 1:
        raise ShapeError(f"stack: {path} must have one shape in all networks, got {' and '.join(map(str, shapes))}")
    if len(dtypes) > 1:
        raise DtypeError(
            f"stack: {path} must have one dtype in all networks, got {' and '.join(map(str, dtypes))}; cast by "
            "tree.astype"
        )
    return np.stack(leaves)


def unstack(network: P) -> tuple[P, ...]:
    """The K networks of a stacked ``network``, as read-only copies: the inverse of ``stack``.

    A network that was stacked several times is unstacked along its first axis.

    Raises LayerError for anything but a network, ShapeError for one that is not stacked or has no arrays.

    >>> import fnnet as fn
    >>> nets = [fn.linear(fn.Key(k), 4, 2) for k in range(3)]
    >>> fn.tree.equal(fn.unstack(fn.stack(nets))[2], nets[2])
    True
    """
    check_network("unstack", network)
    stacked = replicas(network)
    if not stacked:
        raise ShapeError(
            "unstack: network must be a stacked one, as stack makes it, whose arrays have the networks as their first "
            f"axis, got {_shapes(network)}"
        )
    for path, node in walk(network):
        if isinstance(node, Params) and tree.leaves(node) and replicas(node)[:1] != stacked[:1]:
            raise ShapeError(
                f"unstack: {path} must be stacked as the rest of the network is, {stacked}, got {_shapes(node)}"
            )
    return tuple([_one(network, k) for k in range(stacked[0])])


def _one(network: P, k: int) -> P:
    return tree.read_only(tree.map(lambda leaf: leaf[k].copy(), network))


def _shapes(network: Params) -> str:
    found = zip(tree.paths(network), tree.leaves(network), strict=True)
    return ", ".join([f"{path} {leaf.shape}" for path, leaf in found][:3]) or "one without arrays"


def init_many(make: Callable[[Key], P], key: Key, n: int) -> P:
    """One network of n networks with different initial values: ``stack`` of ``make(key.child(k))`` for k in [0, n).

    ``make`` is a function from a key to a network. Raises ValueError for n below 1 and for anything but a key, and what
    ``stack`` raises.

    >>> import fnnet as fn
    >>> nets = fn.init_many(lambda key: fn.mlp(key, (4, 8, 2)), fn.Key(0), 3)
    >>> fn.tree.equal(fn.unstack(nets)[1], fn.mlp(fn.Key(0).child(1), (4, 8, 2)))
    True
    """
    checks.function("init_many", "make", make)
    keys.check("init_many", key)
    return stack([make(key.child(k)) for k in range(checks.size("init_many", "n", n))])
