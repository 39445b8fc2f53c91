"""The compiled updates of parameters: the rules of ``fnnet.optimizers``, entry by entry, one pass over the numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fnnet.jit.kernels import (
    ADADELTA,
    ADAGRAD,
    ADAM,
    ADAMAX,
    AMSGRAD,
    LION,
    MOMENTUM,
    NADAM,
    NESTEROV,
    RMSPROP,
    RMSPROP_MOMENTUM,
    SGD,
    compiled,
)
from fnnet.types import Array

Numbers = NDArray[np.float64]


@compiled
def update(kind: int, hyper: Numbers, scalars: Numbers, p: Array, g: Array, a: Array, b: Array, c: Array) -> None:
    """One step of an optimizer in place: parameters p, gradients g, slots a, b and c. All are vectors.

    ``hyper`` are its numbers that are the same in all steps, ``scalars`` those of this one, the learning rate first.
    """
    real = p.dtype.type
    lr, s1, s2 = real(-scalars[0]), real(scalars[1]), real(scalars[2])
    h0, h1, h2, one = real(hyper[0]), real(hyper[1]), real(hyper[2]), real(1)
    if kind == SGD:
        for i in range(p.size):
            p[i] += g[i] * lr
    elif kind == MOMENTUM:
        for i in range(p.size):
            a[i] = a[i] * h0 + g[i]
            p[i] += a[i] * lr
    elif kind == NESTEROV:
        for i in range(p.size):
            a[i] = a[i] * h0 + g[i]
            p[i] += (a[i] * h0 + g[i]) * lr
    elif kind == ADAM:
        for i in range(p.size):
            m = a[i] * h0 + g[i]
            v = b[i] * h1 + g[i] * g[i]
            a[i] = m
            b[i] = v
            p[i] = m / (np.sqrt(v) + s1) * lr + s2 * p[i]
    elif kind == RMSPROP:
        for i in range(p.size):
            a[i] = a[i] * h0 + g[i] * g[i] * (one - h0)
            p[i] += g[i] / (np.sqrt(a[i]) + h1) * lr
    elif kind == RMSPROP_MOMENTUM:
        for i in range(p.size):
            a[i] = a[i] * h0 + g[i] * g[i] * (one - h0)
            b[i] = b[i] * h2 + g[i] / (np.sqrt(a[i]) + h1)
            p[i] += b[i] * lr
    elif kind == ADAGRAD:
        for i in range(p.size):
            a[i] += g[i] * g[i]
            p[i] += g[i] / (np.sqrt(a[i] + h0) + h1) * lr
    elif kind == ADADELTA:
        for i in range(p.size):
            a[i] = a[i] * h0 + g[i] * g[i] * (one - h0)
            d = np.sqrt((b[i] + h1) / (a[i] + h1)) * g[i]
            b[i] = b[i] * h0 + d * d * (one - h0)
            p[i] += d * lr
    elif kind == ADAMAX:
        for i in range(p.size):
            a[i] = a[i] * h0 + g[i]
            b[i] = max(b[i] * h1, abs(g[i]) + h2)
            p[i] += a[i] / b[i] * lr
    elif kind == AMSGRAD:
        for i in range(p.size):
            a[i] = a[i] * h0 + g[i]
            b[i] = b[i] * h1 + g[i] * g[i]
            c[i] = max(c[i], b[i] * s2)
            p[i] += a[i] / (np.sqrt(c[i]) + s1) * lr
    elif kind == NADAM:
        for i in range(p.size):
            a[i] = a[i] * h0 + g[i]
            b[i] = b[i] * h1 + g[i] * g[i]
            p[i] += (a[i] * s2 + g[i]) / (np.sqrt(b[i]) + s1) * lr
    elif kind == LION:
        for i in range(p.size):
            p[i] = np.sign(a[i] * h0 + g[i] * (one - h0)) * lr + s1 * p[i]
            a[i] = a[i] * h1 + g[i] * (one - h1)


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
