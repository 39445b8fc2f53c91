"""Forward and backward passes through a network: one loop over its leaf layers."""

from __future__ import annotations

from typing import NoReturn, TypeVar, cast

import numpy as np

from fnnet import checks
from fnnet.core.chains import Layers
from fnnet.core.facts import replicas
from fnnet.core.gathering import Pieces, gather, gathered, gathered_unlike
from fnnet.core.places import locate
from fnnet.core.walks import Chances, Leg, Part, Walk
from fnnet.errors import FnnetError, LayerError, ShapeError
from fnnet.keys import Key
from fnnet.tree.nodes import Params
from fnnet.tree.structures import structure_of
from fnnet.tree.vectors import Unbuilt, vector_of
from fnnet.types import Array

P = TypeVar("P", bound=Params)


# --- there -------------------------------------------------------------------------------------------------------
Entry = tuple[int, object, tuple[int, ...], np.dtype[np.floating], bool]
"""What a leg leaves for the backward pass: its place in the walk, what it saved, the shape and dtype of its output, and
whether it is a whole stretch."""

Saved = tuple[Walk, list[Entry]]


def there(walk: Walk, params: Params, x: Array, chances: Chances, key: Key | None) -> tuple[Array, Saved]:
    """The forward pass, layer by layer or several layers at once."""
    entries: list[Entry] = []
    layers: Layers = ()
    i, legs = 0, walk.legs
    while i < len(legs):
        leg, part = legs[i], legs[i].part
        if leg.enters is not None and x.dtype != leg.enters:
            x = checks.cast(leg.kind.__name__.lower(), "x", x, leg.enters)
        made = None if part is None else part.stretch.forward(_numbers(params, part), x)
        if made is not None and part is not None:
            x, saved = made
            entries.append((i, saved, x.shape, x.dtype, True))
            i += part.length
            continue
        layers = layers or walk.layers(params)
        try:
            x, saved = _one(leg, layers[i], x, chances[i] if chances else None, key)
        except FnnetError as error:
            locate(error, layers[i], params)
            raise
        entries.append((i, saved, x.shape, x.dtype, False))
        i += 1
    return x, (walk, entries)


def _one(leg: Leg, layer: Params, x: Array, draws: tuple[int, ...] | None, key: Key | None) -> tuple[Array, object]:
    """A leaf layer's output and what it saved."""
    if x.ndim > 2 or not x.size:
        _check_input(leg, layer, x)
    if key is None or draws is None or leg.rule.sample is None:
        key, made = None, leg.rule.forward(layer, x)
    else:
        key = key.child(*draws) if draws else key
        made = leg.rule.sample(layer, x, key)
    y, saved = made if type(made) is tuple and len(made) == 2 else _no_pair("forward", layer, made)
    if y is x:
        y = x.copy()
    elif saved is y:
        y.setflags(write=False)
    if type(y) is not np.ndarray or y.shape[:-1] != x.shape[:-1] or y.dtype != x.dtype:
        _check_output(layer, x, y, key)
    return y, saved


def _numbers(params: Params, part: Part) -> Array:
    """The numbers of a stretch."""
    vector = vector_of(params)
    return vector if part.numbers is None else vector[part.numbers]


# --- and back ----------------------------------------------------------------------------------------------------
def back(
    walk: Walk, params: P, saved: Saved, x_shape: tuple[int, ...], dy: Array, is_dx_wanted: bool
) -> tuple[P | Unbuilt[P], Array]:
    """The backward pass: the gradients, and dx where it is wanted."""
    if saved[0] is not walk or not walk.is_tree:
        _check_saved(walk, params, saved)
    entries, legs, pieces = saved[1], walk.legs, Pieces()
    layers: Layers = ()
    grads, is_alike, last = None, True, 0 if is_dx_wanted else walk.lowest
    for j in range(len(entries) - 1, -1, -1):
        i, left, _, dtype, is_stretch = entries[j]
        if i < last:
            break
        leg, part = legs[i], legs[i].part
        if dy.dtype != dtype:
            dy = checks.cast("backward", "grad", dy, dtype)
        is_needed = i > last or is_dx_wanted
        if is_stretch and part is not None:
            pieces[part.first], dy = part.stretch.backward(_numbers(params, part), left, dy, is_needed)
            continue
        layers = layers or walk.layers(params)
        shape = entries[j - 1][2] if j else x_shape
        try:
            grads, dy = _one_back(leg, layers[i], left, dy, shape, is_needed)
        except FnnetError as error:
            locate(error, layers[i], params)
            raise
        is_alike = gather(walk, pieces, leg, layers[i], grads) and is_alike
    if walk.is_leaf and grads is not None and not (walk.shapes and is_alike):
        return cast(P, grads), dy
    return (gathered if is_alike else gathered_unlike)(walk, params, pieces), dy


def _check_saved(walk: Walk, params: Params, saved: Saved) -> None:
    """Raises LayerError where the cache is that of a pass through other layers, TreeError where the network is not a
    tree and so has no gradients."""
    if not walk.is_tree and not walk.is_leaf:
        structure_of(params)
    name, (other, entries) = type(params).__name__, saved
    ours, theirs = [", ".join([leg.kind.__name__ for leg in each.legs]) for each in (walk, other)]
    if ours != theirs:
        raise LayerError(f"{name}: the cache must come from a pass through {ours}, got that of one through {theirs}")
    for i in [i for i, *_, is_stretch in entries if is_stretch]:
        one, two = [None if leg.part is None else leg.part.stretch for leg in (walk.legs[i], other.legs[i])]
        if one != two:
            raise ShapeError(f"{name}: the cache must come from a pass through {one}, got that of one through {two}")


def _one_back(
    leg: Leg, layer: Params, saved: object, dy: Array, x_shape: tuple[int, ...], is_dx_wanted: bool
) -> tuple[Params, Array]:
    """A leaf layer's gradients, and dx where it is wanted."""
    if leg.rule.gradients is not None and not is_dx_wanted:
        return _of_kind(layer, leg.rule.gradients(layer, saved, dy)), dy
    made = leg.rule.backward(layer, saved, dy)
    grads, dx = made if type(made) is tuple and len(made) == 2 else _no_pair("backward", layer, made)
    if type(dx) is not np.ndarray or dx.shape != x_shape:
        checks.array(f"{leg.kind.__name__}'s backward", "dx", dx)
        raise ShapeError(f"{leg.kind.__name__}'s backward: dx must have x's shape {x_shape}, got {dx.shape}")
    return _of_kind(layer, grads), dx


# --- checks ------------------------------------------------------------------------------------------------------
def _check_input(leg: Leg, layer: Params, x: Array) -> None:
    """Raises ShapeError where x is empty, LayerError for stacked inputs of a layer that has arrays but no replicas
    rule."""
    name = leg.kind.__name__
    checks.inputs(name.lower(), x)
    if leg.is_single and x.ndim > 2:
        raise LayerError(
            f"{name}: x has replica axes, {x.shape}, and {name} has no replicas rule, so it cannot be stacked; "
            f"give define_layer({name}, ..., replicas=...)"
        )


def _no_pair(where: str, params: Params, made: object) -> NoReturn:
    came = f"a tuple of {len(made)}" if isinstance(made, tuple) else f"a {type(made).__name__}"
    pair = "(y, saved)" if where == "forward" else "(gradients, dx)"
    raise LayerError(f"{type(params).__name__}'s {where} must return the pair {pair}, got {came}")


def _of_kind(params: P, grads: P) -> P:
    if type(grads) is not type(params):
        name = type(params).__name__
        raise LayerError(f"{name}'s backward: gradients must be a {name} like the parameters, got {grads!r}")
    return grads


def _check_output(params: Params, x: Array, y: Array, key: Key | None) -> None:
    """Raises DtypeError or ShapeError unless the output is (..., batch, features) with the rows of x, and the replica
    axes of x, of the parameters or of the draws."""
    where = f"{type(params).__name__}'s forward"
    checks.array(where, "y", y)
    checks.dtype(where, y.dtype)
    drawn = key.fork.replicas if key is not None and key.fork is not None else ()
    wanted = (x.shape[:-2] or drawn or replicas(params)) + x.shape[-2:-1]
    if y.ndim < 2 or y.shape[:-1] != wanted:
        raise ShapeError(f"{where}: y must be ({', '.join(map(str, wanted))}, features) for x {x.shape}, got {y.shape}")
