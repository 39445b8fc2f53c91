"""Backpropagation on a whiteboard: the chain rule layer by layer, each formula beside its line of code.

For everyone who stood at a whiteboard and could not finish it. A network of two Linear layers with ReLU between them,
followed by the squared error, takes five formulas forward and eight backward. Each of the eight is checked at once
against the definition of a derivative, (L(a + h) - L(a - h)) / 2h, entry by entry; at the end fnnet's own ``backward``
gives the same numbers.

How to read a gradient: dA is short for ∂L/∂A, the array in A's shape that says how the loss L grows with each entry
of A. The one rule is the chain rule: if L depends on A only through B, then ∂L/∂A_ij = Σ_kl ∂L/∂B_kl · ∂B_kl/∂A_ij.

    python examples/backprop_by_hand.py
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import fnnet as fn
from fnnet import Array


class Weights(NamedTuple):
    """The parameters; together with x and t they are everything that the loss depends on."""

    w1: Array
    b1: Array
    w2: Array
    b2: Array


# --- forward: five lines -----------------------------------------------------------------------------------------
def hidden_sum(x: Array, w1: Array, b1: Array) -> Array:
    """z = x w₁ + b₁, that is z_nj = Σ_i x_ni w₁_ij + b₁_j: (N, I) to (N, J)."""
    return x @ w1 + b1


def hidden(z: Array) -> Array:
    """h = max(0, z), entry by entry."""
    h: Array = np.maximum(0, z)
    return h


def output(h: Array, w2: Array, b2: Array) -> Array:
    """y = h w₂ + b₂, that is y_nk = Σ_j h_nj w₂_jk + b₂_k: (N, J) to (N, K)."""
    return h @ w2 + b2


def loss(y: Array, t: Array) -> float:
    """L = Σ_nk (y_nk - t_nk)²."""
    return float(((y - t) ** 2).sum())


def run(x: Array, t: Array, p: Weights) -> float:
    """The whole forward pass: L as a function of everything."""
    return loss(output(hidden(hidden_sum(x, p.w1, p.b1)), p.w2, p.b2), t)


# --- backward: eight lines, from the last formula to the first ----------------------------------------------------
class Gradients(NamedTuple):
    """∂L/∂A for every array A on the way."""

    y: Array
    w2: Array
    b2: Array
    h: Array
    z: Array
    w1: Array
    b1: Array
    x: Array


def backpropagate(x: Array, t: Array, p: Weights) -> Gradients:
    """The chain rule, eight times. Each comment derives the line below it."""
    z = hidden_sum(x, p.w1, p.b1)  # forward once more: the backward pass needs its intermediate values
    h = hidden(z)
    y = output(h, p.w2, p.b2)

    # L = Σ (y - t)², so ∂L/∂y_nk = 2 (y_nk - t_nk): only one term has y_nk in it.
    dy = 2 * (y - t)

    # y_nk = Σ_j h_nj w₂_jk + b₂_k. w₂_jk acts on column k of every row n, with factor h_nj:
    # ∂L/∂w₂_jk = Σ_n h_nj dy_nk. The sum over the rows n of both is the product hᵀ dy.
    dw2 = h.T @ dy

    # b₂_k acts on column k of every row, with factor 1: ∂L/∂b₂_k = Σ_n dy_nk.
    db2 = dy.sum(axis=0)

    # h_nj acts on every column k of row n, with factor w₂_jk: ∂L/∂h_nj = Σ_k dy_nk w₂_jk, the product dy w₂ᵀ.
    dh = dy @ p.w2.T

    # h_nj = max(0, z_nj) has slope 1 where z_nj > 0 and slope 0 elsewhere; no other entry has z_nj in it.
    dz = dh * (z > 0)

    # The first layer is the second one over again, with x for h and z for y.
    dw1 = x.T @ dz
    db1 = dz.sum(axis=0)
    dx = dz @ p.w1.T
    return Gradients(dy, dw2, db2, dh, dz, dw1, db1, dx)


# --- checked at once ----------------------------------------------------------------------------------------------
def numeric(f: Callable[[Array], float], a: Array, h: float = 1e-5) -> Array:
    """The definition of a derivative, for each entry of a."""
    slopes = np.zeros_like(a)
    for place in np.ndindex(a.shape):
        step = np.zeros_like(a)
        step[place] = h
        slopes[place] = (f(a + step) - f(a - step)) / (2 * h)
    return slopes


def check(formula: str, analytic: Array, f: Callable[[Array], float], a: Array) -> None:
    """Prints the largest difference, and stops if the formula is wrong."""
    by_definition = numeric(f, a)
    error = float(np.abs(analytic - by_definition).max() / np.abs(by_definition).max())
    print(f"  {formula:<28} {analytic.shape!s:<8} error {error:.0e}")
    if not error < 1e-6:
        raise SystemExit(f"{formula} is wrong")


def main() -> None:
    """Derives all gradients, checks them, and compares them with fnnet's."""
    key = fn.Key(0)
    x, t = fn.keys.normal(key.child(0), (4, 3)), fn.keys.normal(key.child(1), (4, 2))
    draws = [fn.keys.normal(key.child(2 + i), shape) for i, shape in enumerate([(3, 5), (5,), (5, 2), (2,)])]
    p = Weights(*draws)
    z = hidden_sum(x, p.w1, p.b1)
    h = hidden(z)
    y = output(h, p.w2, p.b2)
    d = backpropagate(x, t, p)

    print(f"L = {run(x, t, p):.6f}; its derivatives by the chain rule against (L(a + h) - L(a - h)) / 2h:\n")
    check("dy  = 2 (y - t)", d.y, lambda y: loss(y, t), y)
    check("dw₂ = hᵀ dy", d.w2, lambda w2: run(x, t, p._replace(w2=w2)), p.w2)
    check("db₂ = Σₙ dy", d.b2, lambda b2: run(x, t, p._replace(b2=b2)), p.b2)
    check("dh  = dy w₂ᵀ", d.h, lambda h: loss(output(h, p.w2, p.b2), t), h)
    check("dz  = dh where z > 0, else 0", d.z, lambda z: loss(output(hidden(z), p.w2, p.b2), t), z)
    check("dw₁ = xᵀ dz", d.w1, lambda w1: run(x, t, p._replace(w1=w1)), p.w1)
    check("db₁ = Σₙ dz", d.b1, lambda b1: run(x, t, p._replace(b1=b1)), p.b1)
    check("dx  = dz w₁ᵀ", d.x, lambda x: run(x, t, p), x)

    net = fn.serial(fn.Linear(p.w1, p.b1), fn.Relu(), fn.Linear(p.w2, p.b2))
    prediction, cache = fn.forward(net, x)
    _, d_prediction = fn.sum_squared_error(prediction, t)
    grads, dx = fn.backward(net, cache, d_prediction)
    first, _, second = grads.layers
    ours = (second.w, second.b, first.w, first.b, dx)
    gap = max(float(np.abs(a - b).max()) for a, b in zip(ours, (d.w2, d.b2, d.w1, d.b1, d.x), strict=True))
    print(f"\nThe same by forward and backward of fnnet: largest difference {gap:.0e}")
    if not gap < 1e-12:
        raise SystemExit("fnnet differs")


if __name__ == "__main__":
    main()
