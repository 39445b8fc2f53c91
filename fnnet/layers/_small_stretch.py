"""Linear layers with ReLUs between them, computed in few calls: in small layers a call costs more than its arithmetic.

The bias is the weight of an extra input that is always 1: with h̃ = [h; 1] and w̃ = [w; b] a layer is z = w̃ᵀ h̃, its
gradients are dw̃ = h̃ dzᵀ and dh = w dz (C. M. Bishop, Pattern Recognition and Machine Learning, section 5.1). The rows
of a batch are columns here. So the h̃ of all layers follow each other in one vector, as the w̃ do in that of a network,
and one call gives the masks of all ReLUs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from fnnet.core import Array
from fnnet.numerics import ZERO
from fnnet.tree.views import Views, views

SMALL = 1 << 13
"""With more activations than this in a batch, computing layer by layer is faster."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The layout of all arrays, for the sizes of a network and the rows of a batch."""

    sizes: tuple[int, ...]
    ones: Array
    """As many ones as there are activations."""
    weights: Views
    """w̃ of all layers, then w of all but the first."""
    gradients: Views
    """dw̃ of all layers."""
    activations: Views
    """h̃ of all layers, then h of all layers."""
    masks: Views
    """The factors of dh in the backward pass, of all layers."""


class Pass(NamedTuple):
    """What a forward pass leaves: all activations, also layer by layer, and the weights that it used."""

    plan: Plan
    vector: Array
    weights: tuple[Array, ...]
    activations: Array
    layers: tuple[Array, ...]


@lru_cache(256)
def plan(sizes: tuple[int, ...], rows: int, dtype: np.dtype[np.floating]) -> Plan | None:
    """The plan for layers of these sizes; None where there is only one layer, or more than ``SMALL`` activations."""
    if len(sizes) < 3 or rows * sum(sizes) > SMALL:
        return None
    pairs = list(pairwise(sizes))
    *w_at, parameters = accumulate([(n + 1) * m for n, m in pairs], initial=0)
    *h_at, activations = accumulate([(n + 1) * rows for n, _ in pairs], initial=0)
    w_tilde = [(at, (n + 1, m)) for at, (n, m) in zip(w_at, pairs, strict=True)]
    w = [(at, pair) for at, pair in zip(w_at, pairs, strict=True)]
    h_tilde = [(at, (n + 1, rows)) for at, (n, _) in zip(h_at, pairs, strict=True)]
    h = [(at, (n, rows)) for at, (n, _) in zip(h_at, pairs, strict=True)]
    return Plan(
        sizes,
        np.ones(activations, dtype),
        views(w_tilde + w[1:], parameters, dtype),
        views(w_tilde, parameters, dtype),
        views(h_tilde + h, activations, dtype),
        views(h, activations, dtype),
    )


def forward(known: Plan, vector: Array, x: Array) -> tuple[Array, Pass]:
    """y (rows, n_out) of x (rows, n_in), for the layers whose parameters are in a vector."""
    weights, activations = known.weights(vector), known.ones.copy()
    layers = known.activations(activations)
    depth, zero = len(known.sizes) - 1, ZERO[vector.dtype]
    layers[depth][...] = x.T
    for i in range(depth - 1):
        z = layers[depth + i + 1]
        weights[i].T.dot(layers[i], z)
        np.maximum(z, zero, out=z)
    y: Array = weights[depth - 1].T.dot(layers[depth - 1]).T
    return y, Pass(known, vector, weights, activations, layers)


def gradients(vector: Array, saved: Pass, dy: Array) -> tuple[Array, Array]:
    """The gradient of the vector, fresh, and that of the first layer's output (rows, n)."""
    known, layers = saved.plan, saved.layers
    weights = saved.weights if vector is saved.vector else known.weights(vector)
    gradient, masks = np.empty_like(vector), known.masks(np.sign(saved.activations))
    grads, depth = known.gradients(gradient), len(known.sizes) - 1
    for i in range(depth - 1, 0, -1):
        layers[i].dot(dy, grads[i])
        dh = weights[depth + i - 1].dot(dy.T)
        dh *= masks[i]
        dy = dh.T
    layers[0].dot(dy, grads[0])
    return gradient, dy
