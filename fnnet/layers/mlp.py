"""Networks ready to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import pairwise
from typing import TypeVar

import numpy as np

from fnnet import checks, keys, tree
from fnnet.core.network import Cache, backward, forward
from fnnet.core.protocols import Initializer
from fnnet.core.rules import define_layer, rule_of
from fnnet.errors import DtypeError, LayerError, ShapeError, TreeError
from fnnet.initializers import he_uniform, zeros
from fnnet.keys import INIT, Key
from fnnet.layers import _small_mlp as augmented
from fnnet.layers._small_mlp import Pass, Plan, plan
from fnnet.layers.linear import Linear, cast_input, check_linear, check_saved, linear
from fnnet.layers.relu import Relu
from fnnet.numerics import affine, affine_gradients, is_portable, product_nt, relu, relu_gradient, sum_to
from fnnet.tree.nodes import Params, layout
from fnnet.tree.structures import blocks, remembered, structure_of
from fnnet.types import Array, Dtype

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mlp(Params):
    """The multilayer perceptron: Linear layers with one activation between them, none behind the last.

    h₀ = x, hᵢ = activation(hᵢ₋₁ wᵢ + bᵢ), y = hₙ₋₁ wₙ + bₙ. Shapes: x (..., batch, n_in), y (..., batch, n_out). An
    activation with parameters of its own has one set of them for all places. In a stochastic pass the i-th activation
    draws from ``key.child(i)``.

    >>> import fnnet as fn
    >>> fn.Mlp((fn.linear(fn.Key(0), 4, 8), fn.linear(fn.Key(1), 8, 2)), fn.Tanh())
    Mlp(layers=(Linear(w=float32[4, 8], b=float32[8]), Linear(w=float32[8, 2], b=float32[2])), activation=Tanh())
    """

    layers: tuple[Linear, ...]
    activation: Params


Saved = tuple[list[Array], list[object], type[Params]] | Pass
"""The input of each Linear, what each activation left, and which activation it was; or a small network's pass."""


def mlp_forward(p: Mlp, x: Array, key: Key | None = None) -> tuple[Array, Saved]:
    small = _small_plan(p, x)
    if small is not None:
        return augmented.forward(*small, x)
    remembered(check_mlp, p)
    x = cast_input(p.layers[0], x)
    inputs, activated = [x], []
    for i, layer in enumerate(p.layers[:-1]):
        x, saved = _activate(p.activation, affine(x, layer.w, layer.b), key and key.child(i))
        inputs.append(x)
        activated.append(saved)
    last = p.layers[-1]
    return affine(x, last.w, last.b), (inputs, activated, type(p.activation))


def _small_plan(p: Mlp, x: Array) -> tuple[Plan, Array] | None:
    """How to pass a batch through a small network, and the network's vector. Shapes alone decide, for bits do too."""
    sizes = remembered(_sizes, p)
    if not sizes or is_portable(x) or x.ndim != 2 or x.shape[1] != sizes[0]:
        return None
    structure = structure_of(p)
    found = plan(sizes, x.shape[0], structure.dtypes[0]) if structure.views else None
    return (found, blocks(p)[0]) if found else None


def _sizes(p: Mlp) -> tuple[int, ...]:
    """(inputs, hidden, ..., outputs) of a network of ReLUs that is not stacked, () of any other."""
    check_mlp(p)
    if type(p.activation) is not Relu or p.layers[0].w.ndim > 2:
        return ()
    return (p.layers[0].w.shape[0], *[layer.w.shape[1] for layer in p.layers])


def _activate(activation: Params, z: Array, key: Key | None) -> tuple[Array, object]:
    """The activation of a fresh z, which a ReLU overwrites."""
    if type(activation) is Relu:
        return relu(z, z), z
    h, cache = forward(activation, z, key)
    if h.shape != z.shape or h.dtype != z.dtype:
        raise ShapeError(
            f"mlp: activation must give what has the shape and dtype of its input, {z.dtype}{z.shape}, "
            f"but {activation!r} gave {h.dtype}{h.shape}"
        )
    return h, cache.saved


def mlp_backward(p: Mlp, saved: Saved, dy: Array) -> tuple[Mlp, Array]:
    grads, dz = _down_to_first(p, saved, dy)
    x_shape = (*dz.shape[:-1], saved.plan.sizes[0]) if isinstance(saved, Pass) else saved[0][0].shape
    return grads, sum_to(product_nt(dz, p.layers[0].w), x_shape)


def mlp_gradients(p: Mlp, saved: Saved, dy: Array) -> Mlp:
    return _down_to_first(p, saved, dy)[0]


def _down_to_first(p: Mlp, saved: Saved, dy: Array) -> tuple[Mlp, Array]:
    """All gradients, and that of the first Linear's output."""
    if isinstance(saved, Pass):
        return _down_small(p, saved, dy)
    inputs, activated, activation = saved
    _check_saved(p, len(inputs), activation)
    structure = structure_of(p)
    grads: Mlp = structure.build(structure.joined([np.empty(leaf.shape, leaf.dtype) for leaf in tree.leaves(p)]))
    shares: list[Params] = []
    upper = zip(p.layers[:0:-1], grads.layers[:0:-1], inputs[:0:-1], activated[::-1], strict=True)
    for layer, grad, x, left in upper:
        check_saved(layer, x, dy)
        affine_gradients(x, dy, grad.w, grad.b)
        dh = product_nt(dy, layer.w)
        share, dy = _deactivate(p.activation, left, dh)
        shares.append(share)
    check_saved(p.layers[0], inputs[0], dy)
    affine_gradients(inputs[0], dy, grads.layers[0].w, grads.layers[0].b)
    return _with_shares(grads, shares), dy


def _deactivate(activation: P, left: object, dh: Array) -> tuple[P, Array]:
    """The activation's way back for a fresh dh, which a ReLU's overwrites."""
    if type(activation) is Relu and isinstance(left, np.ndarray) and left.shape == dh.shape:
        return activation, relu_gradient(left, dh, dh)
    return backward(activation, Cache(type(activation), left, dh.shape, dh.shape, dh.dtype), dh)


def _down_small(p: Mlp, saved: Pass, dy: Array) -> tuple[Mlp, Array]:
    sizes, vector = remembered(_sizes, p), blocks(p)[0]
    if sizes != saved.plan.sizes:
        _check_saved(p, len(saved.plan.sizes) - 1, Relu)
        raise ShapeError(f"mlp: the cache must come from a pass through sizes {sizes}, got that of {saved.plan.sizes}")
    if vector.dtype != dy.dtype:
        raise DtypeError(f"mlp: the cache must come from a pass in {vector.dtype}, got that of one in {dy.dtype}")
    gradient, dz = augmented.gradients(vector, saved, dy)
    return structure_of(p).build((gradient,)), dz


def _check_saved(p: Mlp, depth: int, activation: type[Params]) -> None:
    if activation is not type(p.activation) or depth != len(p.layers):
        raise LayerError(
            f"mlp: the cache must be that of a pass through {len(p.layers)} layers with {type(p.activation).__name__} "
            f"between them, got that of {depth} with {activation.__name__}"
        )


def _with_shares(grads: Mlp, shares: list[Params]) -> Mlp:
    """An activation that has parameters stands in several places: its gradient is the sum of its shares."""
    if not layout(type(grads.activation)).names or not tree.leaves(grads.activation):
        return grads
    zero = tree.map(np.zeros_like, grads.activation)
    return Mlp(grads.layers, reduce(partial(tree.map, np.add), shares, zero))


def mlp_replicas(p: Mlp) -> tuple[int, ...]:
    check_mlp(p)
    return p.layers[0].w.shape[:-2]


define_layer(
    Mlp,
    forward=mlp_forward,
    sample=mlp_forward,
    backward=mlp_backward,
    gradients=mlp_gradients,
    replicas=mlp_replicas,
    passes_key=True,
)


def check_mlp(p: Mlp) -> None:
    """Raises TreeError, ShapeError or DtypeError where the layers do not fit each other."""
    if type(p.layers) is not tuple or not p.layers or any(type(layer) is not Linear for layer in p.layers):
        raise TreeError(f"mlp: layers must be a tuple of at least one Linear, got {p.layers!r}")
    for layer in p.layers:
        check_linear(layer)
    for i, (a, b) in enumerate(pairwise(p.layers)):
        if a.w.shape[:-2] != b.w.shape[:-2] or a.w.shape[-1] != b.w.shape[-2] or a.w.dtype != b.w.dtype:
            raise ShapeError(
                f"mlp: layers.{i + 1} must take what layers.{i} gives, in one dtype, "
                f"got {a.w.dtype}{a.w.shape} before {b.w.dtype}{b.w.shape}"
            )


def mlp(
    key: Key,
    sizes: Sequence[int],
    *,
    activation: Params = Relu(),
    init: Initializer = he_uniform,
    bias_init: Initializer = zeros,
    dtype: Dtype = np.float32,
) -> Mlp:
    """A multilayer perceptron of the sizes (inputs, hidden, ..., outputs), its weights drawn by ``init``.

    Raises ValueError for fewer than two sizes or one below 1, LayerError where the activation is no layer.

    >>> import fnnet as fn
    >>> net = fn.mlp(fn.Key(0), (64, 100, 10))
    >>> [layer.w.shape for layer in net.layers]
    [(64, 100), (100, 10)]
    """
    keys.check("mlp", key)
    given: object = sizes
    if not isinstance(given, Sequence) or len(given) < 2:
        raise ValueError(f"mlp: sizes must be (inputs, hidden, ..., outputs), at least two, got {sizes!r}")
    if not isinstance(activation, Params):
        raise LayerError(f"mlp: activation must be a layer such as Relu(), got {activation!r}")
    rule_of(activation)
    for i, size in enumerate(sizes):
        checks.size("mlp", f"sizes[{i}]", size)
    layers = [
        linear(key.child(INIT, i), n_in, n_out, init=init, bias_init=bias_init, dtype=dtype)
        for i, (n_in, n_out) in enumerate(pairwise(sizes))
    ]
    return Mlp(tuple(layers), activation)
