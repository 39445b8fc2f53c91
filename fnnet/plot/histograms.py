"""Histograms of weights and of gradients, by layer over epochs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from matplotlib.axes import Axes

from fnnet import checks
from fnnet.core import Array, Epoch, GradFn, Key, LayerError, Params, TrainState
from fnnet.keys import check as check_key
from fnnet.plot.arguments import finite
from fnnet.plot.ridges import Row, draw
from fnnet.training.step import check_gradient
from fnnet.tree import paths as paths_of
from fnnet.tree.matching import columns, trained

T = TypeVar("T")

P = TypeVar("P", bound=Params)
Kept: TypeAlias = Epoch[P] | TrainState[P] | P
"""A network, alone or in the epoch that it is of."""


class _Table(NamedTuple):
    """The numbers of some trees of one structure: leaf by leaf its path and its entries in each of them."""

    paths: list[str]
    entries: list[list[Array]]


def weight_histograms(
    networks: Sequence[Kept[P]], *, paths: Sequence[str] | None = None, bins: int = 40, ax: Axes | None = None
) -> Axes:
    """How the weights of each layer are distributed, and how that changes over epochs, from light to dark.

    ``networks`` are epochs that were kept, in their order, or states, whose epochs have numbers; or networks, which are
    counted from 0. A row is one array of trained parameters, named by its path such as "layers.0.w": all of them, or
    those whose path is in ``paths`` or begins with one. Each histogram is scaled to its own height, since one of equal
    weights would flatten all others: compare where they lie and how wide they are. The epochs of a row share their
    bins, at most ``bins``, and 2 n^(1/3) for an array of n numbers where that is fewer. Of stacked networks all weights
    count together. Raises ValueError for no network, other paths, weights that are not finite; LayerError for what is
    no network; TreeError where two differ in structure.

    >>> import fnnet as fn, numpy as np
    >>> from fnnet import plot
    >>> first = fn.mlp(fn.Key(0), (4, 8, 2))
    >>> ax = plot.weight_histograms([first, fn.sgd_update(first, first, lr=0.5)], paths=["layers"])
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['layers.0.w', 'layers.0.b', 'layers.1.w', 'layers.1.b']
    """
    where = "plot.weight_histograms"
    numbers, nets = _kept(where, networks)
    table = _table(where, nets, paths, numbers)
    edges = [_linear(entries, table, checks.size(where, "bins", bins)) for entries in table.entries]
    rows = [Row(*row, "") for row in zip(table.paths, table.entries, edges, strict=True)]
    return draw(where, ax, rows, numbers, "weight", is_log=False)


def gradient_histograms(
    networks: Sequence[Kept[P]],
    gradient: GradFn[T],
    batch: tuple[Array, T],
    *,
    key: Key,
    paths: Sequence[str] | None = None,
    bins: int = 40,
    ax: Axes | None = None,
) -> Axes:
    """How large the gradients of each layer are, |g| on a logarithmic axis, and how that changes over epochs.

    They are the gradients of the same batch at each of the networks, under the same key, and not those that training
    met: so the epochs can be compared. Entries that are exactly 0, as those of units that are off for all rows of the
    batch, have no place on the axis; their share, at the first and at the last epoch, is written under the name. The
    lowest 1 % of the others are left out, for they may be as small as rounding. A layer far to the left of the others
    learns slowly. Networks, paths, rows, bins and Raises as in ``weight_histograms``, and what the gradient raises.

    >>> import fnnet as fn, numpy as np
    >>> from fnnet import plot
    >>> x, y = np.linspace(-1, 1, 12).reshape(6, 2), np.ones((6, 1))
    >>> nets = [fn.mlp(fn.Key(k), (2, 8, 1)) for k in range(2)]
    >>> ax = plot.gradient_histograms(nets, fn.value_and_grad(fn.mse), (x, y), key=fn.Key(0))
    >>> ax.get_xscale(), ax.get_xlabel()
    ('log', 'size of the gradient')
    """
    where = "plot.gradient_histograms"
    numbers, nets = _kept(where, networks)
    check_gradient(where, gradient)
    check_key(where, key)
    table = _table(where, [gradient(net, batch, key)[1] for net in nets], paths, numbers)
    sizes = [[np.abs(one[one != 0]) for one in entries] for entries in table.entries]
    edges = [_logarithmic(entries, checks.size(where, "bins", bins)) for entries in sizes]
    notes = [_zeros(entries) for entries in table.entries]
    rows = [Row(*row) for row in zip(table.paths, sizes, edges, notes, strict=True)]
    return draw(where, ax, rows, numbers, "size of the gradient", is_log=True)


# --- what is drawn ----------------------------------------------------------------------------------------------------
def _kept(where: str, networks: Sequence[Kept[P]]) -> tuple[list[int], list[Params]]:
    """The numbers of epochs, and their networks."""
    given: object = networks
    if not isinstance(given, Sequence):  # a stream may have no end
        remedy = "list(take(n)(it))" if isinstance(given, Iterator) else "[it]"
        rule = "networks must be a list of epochs, states or networks"
        raise ValueError(f"{where}: {rule}, got {type(given).__name__}; write {remedy}")
    if not networks:
        raise ValueError(f"{where}: networks must be at least one, got none; keep some epochs of the stream")
    found = [_network(where, i, item) for i, item in enumerate(networks)]
    return [number for number, _ in found], [net for _, net in found]


def _network(where: str, i: int, item: object) -> tuple[int, Params]:
    state = item.state if isinstance(item, Epoch) else item
    if isinstance(state, TrainState):
        return state.epoch, state.params
    if isinstance(state, Params):
        return i, state
    raise LayerError(f"{where}: networks[{i}] must be an Epoch, a TrainState or a network, got {type(item).__name__}")


def _table(where: str, trees: list[Params], paths: Sequence[str] | None, numbers: list[int]) -> _Table:
    """The trained leaves of some trees that were asked for. Raises TreeError, ValueError."""
    leaves, form = columns(where, tuple(trees))
    known = [path for path, changes in zip(paths_of(trees[0]), trained(form), strict=True) if changes]
    entries = [[leaf for leaf, changes in zip(own, trained(form), strict=True) if changes] for own in leaves]
    wanted = _wanted(where, known, paths)
    for number, own in zip(numbers, entries, strict=True):
        for path, leaf in zip(known, own, strict=True):
            finite(where, f"{path} of epoch {number}", leaf)
    return _Table(wanted, [[own[known.index(path)].ravel().astype(np.float64) for own in entries] for path in wanted])


def _wanted(where: str, known: list[str], paths: Sequence[str] | None) -> list[str]:
    """The paths that are asked for, in the order of the network."""
    if isinstance(paths, str):
        raise ValueError(f"{where}: paths must be a list of paths, got {paths!r}; write [{paths!r}]")
    for path in paths or ():
        if not any(f"{one}.".startswith(f"{path}.") for one in known):
            raise ValueError(f"{where}: paths must be paths in the network, {', '.join(known)}, got {path!r}")
    found = [one for one in known if paths is None or any(f"{one}.".startswith(f"{path}.") for path in paths)]
    if not found:
        raise ValueError(f"{where}: there must be at least one array of trained parameters, got none")
    return found


def _linear(entries: list[Array], table: _Table, bins: int) -> Array:
    """Edges of bins over all epochs of a row, not narrower than a hundredth of the picture."""
    low, high = _range(entries)
    ends = [_range(row) for row in table.entries]
    least = 0.01 * (max(b for _, b in ends) - min(a for a, _ in ends)) or 0.01 * abs(high) or 0.01
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    return np.linspace(low, high, _number(entries, bins) + 1)


def _logarithmic(sizes: list[Array], bins: int) -> Array:
    """Edges of bins that grow by a factor, from where all but the lowest 1 % are; those of no numbers are not used."""
    some = [one for one in sizes if one.size]
    low, high = (float(np.quantile(np.concatenate(some), 0.01)), _range(some)[1]) if some else (1.0, 1.0)
    return np.geomspace(low / 1.05, high * 1.05, _number(sizes, bins) + 1)


def _range(entries: list[Array]) -> tuple[float, float]:
    return min(float(one.min()) for one in entries), max(float(one.max()) for one in entries)


def _number(entries: list[Array], bins: int) -> int:
    """How many bins so many numbers fill, by Rice's rule."""
    return min(bins, math.ceil(2 * max(one.size for one in entries) ** (1 / 3))) or 1


def _zeros(entries: list[Array]) -> str:
    """The share of entries that are 0, at the first epoch and at the last one."""
    shares = [f"{np.mean(one == 0):.0%}".replace("%", " %") for one in (entries[0], entries[-1])]
    if not any((one == 0).any() for one in entries):
        return ""
    return f"{' → '.join(dict.fromkeys(shares))} zero"
