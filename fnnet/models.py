"""Networks ready to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import pairwise

import numpy as np

from fnnet import checks, keys, tree
from fnnet.errors import LayerError, ShapeError, TreeError
from fnnet.initializers import he_uniform, zeros
from fnnet.keys import INIT, Key
from fnnet.layers.linear import Linear, cast_input, check_linear, check_saved, linear
from fnnet.layers.relu import Relu
from fnnet.network import Cache, backward, forward
from fnnet.nodes import Params, layout
from fnnet.numerics import affine, affine_gradients, product_nt, sum_to
from fnnet.packing import Structure, fresh_like, packed
from fnnet.records import Initializer
from fnnet.rules import define_layer, rule_of
from fnnet.types import Array, Dtype


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


Saved = tuple[list[Array], list[object], type[Params], Structure | None]
"""The input of each Linear, what each activation left, and whose pass it was."""


def mlp_forward(p: Mlp, x: Array, key: Key | None = None) -> tuple[Array, Saved]:
    known = packed(p)
    is_known = known is not None and "mlp checked" in known.structure.facts
    if not is_known:
        check_mlp(p)
    x = cast_input(p.layers[0], x)
    inputs, activated = [x], []
    activation = p.activation
    activate = rule_of(activation).forward if is_known and key is None else None
    for i, layer in enumerate(p.layers[:-1]):
        z = affine(x, layer.w, layer.b)
        x, saved = activate(activation, z) if activate else _activate(activation, z, key and key.child(i))
        inputs.append(x)
        activated.append(saved)
    last = p.layers[-1]
    y = affine(x, last.w, last.b)
    if known is not None and not is_known:
        known.structure.facts["mlp checked"] = True
    return y, (inputs, activated, type(activation), known and known.structure)


def _activate(activation: Params, z: Array, key: Key | None) -> tuple[Array, object]:
    """The activation with all checks: of an Mlp's first pass in its structure, of stochastic ones, of unpacked ones."""
    h, cache = forward(activation, z, key)
    if h.shape != z.shape or h.dtype != z.dtype:
        raise ShapeError(
            f"mlp: activation must give what has the shape and dtype of its input, {z.dtype}{z.shape}, "
            f"but {activation!r} gave {h.dtype}{h.shape}"
        )
    return h, cache.saved


def mlp_backward(p: Mlp, saved: Saved, dy: Array) -> tuple[Mlp, Array]:
    grads, dz = _down_to_first(p, saved, dy)
    return grads, sum_to(product_nt(dz, p.layers[0].w), saved[0][0].shape)


def mlp_gradients(p: Mlp, saved: Saved, dy: Array) -> Mlp:
    return _down_to_first(p, saved, dy)[0]


def _down_to_first(p: Mlp, saved: Saved, dy: Array) -> tuple[Mlp, Array]:
    """All gradients, and that of the first Linear's output."""
    inputs, activated, _, structure = saved
    known, activation = packed(p), p.activation
    is_known = known is not None and known.structure is structure
    if not is_known:
        _check_saved(p, saved)
    deactivate = rule_of(activation).backward if is_known else _deactivate
    grads = fresh_like(p)
    shares: list[Params] = []
    upper = zip(p.layers[:0:-1], grads.layers[:0:-1], inputs[:0:-1], activated[::-1], strict=True)
    for layer, grad, x, left in upper:
        if not is_known:
            check_saved(layer, x, dy)
        affine_gradients(x, dy, grad.w, grad.b)
        share, dy = deactivate(activation, left, product_nt(dy, layer.w))
        shares.append(share)
    if not is_known:
        check_saved(p.layers[0], inputs[0], dy)
    affine_gradients(inputs[0], dy, grads.layers[0].w, grads.layers[0].b)
    return _with_shares(grads, shares), dy


def _deactivate(activation: Params, left: object, dy: Array) -> tuple[Params, Array]:
    """The activation's way back with all checks."""
    return backward(activation, Cache(type(activation), left, dy.shape, dy.shape, dy.dtype), dy)


def _check_saved(p: Mlp, saved: Saved) -> None:
    inputs, _, activation, _ = saved
    if activation is not type(p.activation) or len(inputs) != len(p.layers):
        raise LayerError(
            f"mlp: the cache must be that of a pass through {len(p.layers)} layers with {type(p.activation).__name__} "
            f"between them, got that of {len(inputs)} with {activation.__name__}"
        )


def _with_shares(grads: Mlp, shares: list[Params]) -> Mlp:
    """An activation that has parameters stands in several places: its gradient is the sum of its shares."""
    if not layout(type(grads.activation)).names or not tree.leaves(grads.activation):
        return grads
    zero = tree.map(np.zeros_like, grads.activation)
    return Mlp(grads.layers, reduce(partial(tree.map, np.add), shares, zero))


def mlp_replicas(p: Mlp) -> tuple[int, ...]:
    if packed(p) is None:
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
    """Raises TreeError, ShapeError or DtypeError where the layers do not fit each other.

    For a packed network that is done in the first pass of its structure.
    """
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
