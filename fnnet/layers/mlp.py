"""The multilayer perceptron, a ready-made network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fnnet import checks, keys, tree
from fnnet.core import Dtype, DtypeError, Initializer, Key, LayerError, Params, ShapeError, TreeError, define_chain
from fnnet.core.rules import rule_of
from fnnet.initializers import he_uniform, zeros
from fnnet.keys import INIT
from fnnet.layers.linear import Linear, check_linear, linear
from fnnet.layers.relu import Relu


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mlp(Params):
    """The multilayer perceptron: h₀ = x, hᵢ = activation(hᵢ₋₁ wᵢ + bᵢ), y = hₙ₋₁ wₙ + bₙ.

    ``layers`` are its Linear layers, ``activation`` is the layer after each of them but the last. An activation with
    parameters of its own has one set of them for all places. In a stochastic pass the i-th activation draws from
    ``key.child(i)``. Shapes: x (..., batch, n_in), y (..., batch, n_out).

    >>> import fnnet as fn
    >>> fn.Mlp((fn.linear(fn.Key(0), 4, 8), fn.linear(fn.Key(1), 8, 2)), fn.Tanh())
    Mlp(layers=(Linear(w=float32[4, 8], b=float32[8]), Linear(w=float32[8, 2], b=float32[2])), activation=Tanh())
    """

    layers: tuple[Linear, ...]
    activation: Params


def mlp_layers(p: Mlp) -> tuple[Params, ...]:
    """The layers in the order of a forward pass."""
    return tuple([layer for linear in p.layers for layer in (linear, p.activation)])[:-1]


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
    for leaf in tree.leaves(p.activation):
        if leaf.dtype.kind == "f" and leaf.dtype != p.layers[0].w.dtype:
            raise DtypeError(f"mlp: activation must have the layers' dtype, {p.layers[0].w.dtype}, got {leaf.dtype}")


define_chain(Mlp, mlp_layers, draws=lambda i: i // 2, check=check_mlp)


def mlp(
    key: Key,
    sizes: Sequence[int] = (),  # has a default so that the error names a forgotten key
    *,
    activation: Params = Relu(),
    init: Initializer = he_uniform,
    bias_init: Initializer = zeros,
    dtype: Dtype = np.float32,
) -> Mlp:
    """A multilayer perceptron of the ``sizes`` (inputs, hidden, ..., outputs).

    Its weights are drawn by ``init`` and its biases by ``bias_init``, both from ``key``, as arrays of ``dtype``.
    ``activation`` is the layer after each Linear layer but the last. Raises ValueError for fewer than two sizes or one
    below 1, LayerError where the activation is not a layer, and what ``linear`` raises.

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
        raise LayerError(f"mlp: activation must be a layer such as Relu(), got {checks.came(activation)}")
    rule_of(activation)
    for i, size in enumerate(sizes):
        checks.size("mlp", f"sizes[{i}]", size)
    layers = [
        linear(key.child(INIT, i), n_in, n_out, init=init, bias_init=bias_init, dtype=dtype)
        for i, (n_in, n_out) in enumerate(pairwise(sizes))
    ]
    return Mlp(tuple(layers), activation)
