"""The compiled updates of parameters: the rules of ``fnnet.optimizers``, entry by entry, one pass over the numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fnnet.jit.compiling import compiled
from fnnet.jit.kernels import (
    ADADELTA,
    ADAGRAD,
    ADAM,
    ADAMAX,
    AMSGRAD,
    CENTERED,
    CENTERED_MOMENTUM,
    LION,
    MOMENTUM,
    NADAM,
    NESTEROV,
    RADAM,
    RMSPROP,
    RMSPROP_MOMENTUM,
    SGD,
    Number,
)
from fnnet.types import Array

SOURCES = "bb1b0b3303a3b692"
"""The digest of the modules here that this one imports from, as in ``kernels``."""

Numbers = NDArray[np.float64]


# Each is one loop of its own: several in one function are not vectorized.
@compiled
def _sgd(p: Array, g: Array, lr: Number) -> None:
    for i in range(p.size):
        p[i] += g[i] * lr


@compiled
def _momentum(p: Array, g: Array, a: Array, lr: Number, h0: Number) -> None:
    for i in range(p.size):
        a[i] = a[i] * h0 + g[i]
        p[i] += a[i] * lr


@compiled
def _nesterov(p: Array, g: Array, a: Array, lr: Number, h0: Number) -> None:
    for i in range(p.size):
        a[i] = a[i] * h0 + g[i]
        p[i] += (a[i] * h0 + g[i]) * lr


@compiled
def _adam(
    p: Array, g: Array, a: Array, b: Array, lr: Number, eps: Number, shrink: Number, h0: Number, h1: Number
) -> None:
    for i in range(p.size):
        m = a[i] * h0 + g[i]
        v = b[i] * h1 + g[i] * g[i]
        a[i] = m
        b[i] = v
        p[i] = m / (np.sqrt(v) + eps) * lr + shrink * p[i]


@compiled
def _radam_first(p: Array, g: Array, a: Array, b: Array, lr: Number, h0: Number, h1: Number) -> None:
    for i in range(p.size):
        a[i] = a[i] * h0 + g[i]
        b[i] = b[i] * h1 + g[i] * g[i]
        p[i] += a[i] * lr


# eps stands outside the root or, as inside, in it; the other one is 0.
@compiled
def _rmsprop(p: Array, g: Array, a: Array, lr: Number, h0: Number, rest: Number, eps: Number, inside: Number) -> None:
    for i in range(p.size):
        a[i] = a[i] * h0 + g[i] * g[i] * rest
        p[i] += g[i] / (np.sqrt(a[i] + inside) + eps) * lr


@compiled
def _rmsprop_momentum(
    p: Array, g: Array, a: Array, b: Array,
    lr: Number, h0: Number, rest: Number, eps: Number, inside: Number, h2: Number,
) -> None:  # fmt: skip
    for i in range(p.size):
        a[i] = a[i] * h0 + g[i] * g[i] * rest
        b[i] = b[i] * h2 + g[i] / (np.sqrt(a[i] + inside) + eps)
        p[i] += b[i] * lr


@compiled
def _centered(
    p: Array, g: Array, a: Array, b: Array, lr: Number, h0: Number, rest: Number, eps: Number, inside: Number
) -> None:
    for i in range(p.size):
        d = g[i] - b[i]
        step = d * rest
        b[i] += step
        a[i] = (d * step + a[i]) * h0
        p[i] += g[i] / (np.sqrt(a[i] + inside) + eps) * lr


@compiled
def _centered_momentum(
    p: Array, g: Array, a: Array, b: Array, c: Array,
    lr: Number, h0: Number, rest: Number, eps: Number, inside: Number, h2: Number,
) -> None:  # fmt: skip
    for i in range(p.size):
        d = g[i] - c[i]
        step = d * rest
        c[i] += step
        a[i] = (d * step + a[i]) * h0
        b[i] = b[i] * h2 + g[i] / (np.sqrt(a[i] + inside) + eps)
        p[i] += b[i] * lr


@compiled
def _adagrad(p: Array, g: Array, a: Array, lr: Number, start: Number, eps: Number) -> None:
    for i in range(p.size):
        a[i] += g[i] * g[i]
        p[i] += g[i] / (np.sqrt(a[i] + start) + eps) * lr


@compiled
def _adadelta(p: Array, g: Array, a: Array, b: Array, lr: Number, h0: Number, rest: Number, eps: Number) -> None:
    for i in range(p.size):
        a[i] = a[i] * h0 + g[i] * g[i] * rest
        d = np.sqrt((b[i] + eps) / (a[i] + eps)) * g[i]
        b[i] = b[i] * h0 + d * d * rest
        p[i] += d * lr


@compiled
def _adamax(p: Array, g: Array, a: Array, b: Array, lr: Number, h0: Number, h1: Number, eps: Number) -> None:
    for i in range(p.size):
        a[i] = a[i] * h0 + g[i]
        b[i] = max(b[i] * h1, abs(g[i]) + eps)
        p[i] += a[i] / b[i] * lr


@compiled
def _amsgrad(
    p: Array, g: Array, a: Array, b: Array, c: Array, lr: Number, eps: Number, a2: Number, h0: Number, h1: Number
) -> None:
    for i in range(p.size):
        a[i] = a[i] * h0 + g[i]
        b[i] = b[i] * h1 + g[i] * g[i]
        c[i] = max(c[i], b[i] * a2)
        p[i] += a[i] / (np.sqrt(c[i]) + eps) * lr


@compiled
def _nadam(
    p: Array, g: Array, a: Array, b: Array, lr: Number, eps: Number, ahead: Number, h0: Number, h1: Number
) -> None:
    for i in range(p.size):
        a[i] = a[i] * h0 + g[i]
        b[i] = b[i] * h1 + g[i] * g[i]
        p[i] += (a[i] * ahead + g[i]) / (np.sqrt(b[i]) + eps) * lr


@compiled
def _lion(
    p: Array, g: Array, a: Array, lr: Number, shrink: Number, h0: Number, rest: Number, h1: Number, rest1: Number
) -> None:
    for i in range(p.size):
        p[i] = np.sign(a[i] * h0 + g[i] * rest) * lr + shrink * p[i]
        a[i] = a[i] * h1 + g[i] * rest1


@compiled
def update(kind: int, hyper: Numbers, scalars: Numbers, p: Array, g: Array, a: Array, b: Array, c: Array) -> None:
    """One step of an optimizer in place: parameters p, gradients g, slots a, b and c. All are vectors.

    ``hyper`` are its numbers that are the same in all steps, and 1 less the first two, which in float32 would lose half
    their digits; ``scalars`` are those of this step, the learning rate first.
    """
    real = p.dtype.type
    lr, s1, s2 = real(-scalars[0]), real(scalars[1]), real(scalars[2])
    h0, h1, h2, rest, rest1 = real(hyper[0]), real(hyper[1]), real(hyper[2]), real(hyper[3]), real(hyper[4])
    if kind == SGD:
        _sgd(p, g, lr)
    elif kind == MOMENTUM:
        _momentum(p, g, a, lr, h0)
    elif kind == NESTEROV:
        _nesterov(p, g, a, lr, h0)
    elif kind == ADAM:
        _adam(p, g, a, b, lr, s1, s2, h0, h1)
    elif kind == RMSPROP:
        _rmsprop(p, g, a, lr, h0, rest, h1, s1)
    elif kind == RMSPROP_MOMENTUM:
        _rmsprop_momentum(p, g, a, b, lr, h0, rest, h1, s1, h2)
    elif kind == CENTERED:
        _centered(p, g, a, b, lr, h0, rest, h1, s1)
    elif kind == CENTERED_MOMENTUM:
        _centered_momentum(p, g, a, b, c, lr, h0, rest, h1, s1, h2)
    elif kind == ADAGRAD:
        _adagrad(p, g, a, lr, h0, h1)
    elif kind == ADADELTA:
        _adadelta(p, g, a, b, lr, h0, rest, h1)
    elif kind == ADAMAX:
        _adamax(p, g, a, b, lr, h0, h1, h2)
    elif kind == AMSGRAD:
        _amsgrad(p, g, a, b, c, lr, s1, s2, h0, h1)
    elif kind == NADAM:
        _nadam(p, g, a, b, lr, s1, s2, h0, h1)
    elif kind == LION:
        _lion(p, g, a, lr, s1, h0, rest, h1, rest1)
    elif kind == RADAM and s2 > 0:
        _adam(p, g, a, b, lr, s1, s2, h0, h1)
    elif kind == RADAM:
        _radam_first(p, g, a, b, lr, h0, h1)


@compiled
def update_fresh(
    kind: int, hyper: Numbers, scalars: Numbers, g: Array, p: Array, a: Array, b: Array, c: Array,
    new_p: Array, new_a: Array, new_b: Array, new_c: Array,
) -> None:  # fmt: skip
    """One step of an optimizer into other vectors, a chunk at a time: copied into the cache, then updated there."""
    chunk = 4096
    for start in range(0, p.size, chunk):
        stop = min(start + chunk, p.size)
        new_p[start:stop] = p[start:stop]
        new_a[start:stop] = a[start:stop]
        new_b[start:stop] = b[start:stop]
        new_c[start:stop] = c[start:stop]
        part = slice(start, stop)
        update(kind, hyper, scalars, new_p[part], g[part], new_a[part], new_b[part], new_c[part])
