"""Networks ready to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import pairwise

import numpy as np

from fnnet import checks, tree
from fnnet.errors import LayerError, ShapeError, TreeError
from fnnet.initializers import he_uniform, zeros
from fnnet.keys import INIT, Key
from fnnet.layers.linear import Linear, cast_input, check_linear, linear
from fnnet.layers.relu import Relu
from fnnet.network import define_layer, forward, rule_of
from fnnet.nodes import Params, layout
from fnnet.numerics import affine, affine_gradients, product_nt, sum_to
from fnnet.packing import fresh_like, packed
from fnnet.records import Initializer
from fnnet.types import Array, Dtype


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mlp(Params):
    """The multilayer perceptron: Linear layers with one activation between them, none behind the last.

    h₀ = x, hᵢ = activation(hᵢ₋₁ wᵢ + bᵢ), y = hₙ₋₁ wₙ + bₙ. Shapes: x (..., batch, n_in), y (..., batch, n_out). An
    activation with parameters of its own has one set of them for all places. In a stochastic pass the i-th activation
    draws from ``key.child(i)``.
    """

    layers: tuple[Linear, ...]
    activation: Params


Saved = tuple[list[Array], list[object]]
"""The input of each Linear, and what each activation left."""


def mlp_forward(p: Mlp, x: Array, key: Key | None = None) -> tuple[Array, Saved]:
    check_mlp(p)
    x = cast_input(p.layers[0], x)
    inputs, activated = [x], []
    activate = rule_of(p.activation).forward
    activation = p.activation
    for i, layer in enumerate(p.layers[:-1]):
        z = affine(x, layer.w, layer.b)
        x, saved = activate(activation, z) if key is None else _sampled(activation, z, key.child(i))
        inputs.append(x)
        activated.append(saved)
    last = p.layers[-1]
    return affine(x, last.w, last.b), (inputs, activated)


def _sampled(activation: Params, z: Array, key: Key) -> tuple[Array, object]:
    h, cache = forward(activation, z, key)
    return h, cache.saved


def mlp_backward(p: Mlp, saved: Saved, dy: Array) -> tuple[Mlp, Array]:
    grads, dz = _down_to_first(p, saved, dy)
    return grads, sum_to(product_nt(dz, p.layers[0].w), saved[0][0].shape)


def mlp_gradients(p: Mlp, saved: Saved, dy: Array) -> Mlp:
    return _down_to_first(p, saved, dy)[0]


def _down_to_first(p: Mlp, saved: Saved, dy: Array) -> tuple[Mlp, Array]:
    """All gradients, and that of the first Linear's output."""
    inputs, activated = saved
    activation = p.activation
    deactivate = rule_of(activation).backward
    grads = fresh_like(p)
    shares: list[Params] = []
    upper = zip(p.layers[:0:-1], grads.layers[:0:-1], inputs[:0:-1], activated[::-1], strict=True)
    for layer, grad, x, left in upper:
        affine_gradients(x, dy, grad.w, grad.b)
        share, dy = deactivate(activation, left, product_nt(dy, layer.w))
        shares.append(share)
    affine_gradients(inputs[0], dy, grads.layers[0].w, grads.layers[0].b)
    return _with_shares(grads, shares), dy


def _with_shares(grads: Mlp, shares: list[Params]) -> Mlp:
    """An activation that has parameters stands in several places: its gradient is the sum of its shares."""
    if not layout(type(grads.activation)).names or not tree.leaves(grads.activation):
        return grads
    zero = tree.map(np.zeros_like, grads.activation)
    return Mlp(grads.layers, reduce(partial(tree.map, np.add), shares, zero))


def mlp_replicas(p: Mlp) -> tuple[int, ...]:
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
    """Raises TreeError, ShapeError or DtypeError where the layers do not fit each other.

    A packed network has passed once in this structure, and its arrays cannot have changed shape since.
    """
    known = packed(p)
    if known is not None and "mlp checked" in known.structure.facts:
        return
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
    if known is not None:
        known.structure.facts["mlp checked"] = True


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
    if len(sizes) < 2:
        raise ValueError(f"mlp: sizes must be (inputs, hidden, ..., outputs), at least two, got {tuple(sizes)}")
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
