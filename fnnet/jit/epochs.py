"""A whole epoch in one compiled function, which reads the network and the settings as data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fnnet.jit.formulas import activate, deactivate, row_loss
from fnnet.jit.kernels import (
    LINEAR,
    RELU,
    SUM_SQUARED_ERROR,
    affine,
    affine_gradients,
    compiled,
    product_nt,
    rectify_gradient,
    update,
)
from fnnet.types import Array

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]


@compiled
def _loss(
    p: Array, y: Array, labels: Integers, weights: Array, index: Integers, loss: int, delta: float, d: Array
) -> tuple[float, bool]:
    """The loss of a batch, its gradient in d, and whether it has rows to divide by."""
    real = p.dtype.type
    value, weight = 0.0, 0.0
    for i in range(p.shape[0]):
        r = index[i]
        label = labels[r] if labels.size else 0
        one = row_loss(loss, delta, p, i, y, r, label, d)
        if weights.size:
            one *= weights[r]
            weight += weights[r]
            for j in range(p.shape[1]):
                d[i, j] *= weights[r]
        value += float(one)
    if loss == SUM_SQUARED_ERROR:
        return value, True
    divisor = weight if weights.size else float(p.shape[0])
    for i in range(p.shape[0]):
        for j in range(p.shape[1]):
            d[i, j] /= real(divisor)
    return value / divisor, divisor != 0.0


SOURCES = "98a7d5cdd9b9eee3"
"""The digest of the files whose functions are called here. Numba looks for changes in a function's own file only; when
they change this has to change, or what it keeps on disk would stay in use."""

TOGETHER = 1 << 16
"""Networks of no more numbers than this are updated in one call, larger ones layer by layer, in the cache."""


@compiled
def largest_of(program: Integers) -> int:
    """How many parameters the largest layer has."""
    largest = 0
    for k in range(program.shape[0]):
        if program[k, 0] == LINEAR:
            largest = max(largest, (program[k, 1] + 1) * program[k, 2])
    return largest


@compiled
def run(
    program: Integers, constants: Numbers, theta: Array, m: Array, v: Array,
    x: Array, y: Array, labels: Integers, weights: Array, order: Integers, size: int,
    loss: int, delta: float, optimizer: int, hyper: Numbers, schedule: Numbers,
) -> tuple[float, int]:  # fmt: skip
    """Trains in place on whole batches; gives the sum of their losses times their rows, and how many there were.

    ``program`` has a row an operation: kind, inputs, outputs, where its parameters begin, the activation in it.
    ``schedule`` has one a step: the learning rate, Adam's eps and shrinking factor. What is not used (labels or y,
    weights, slots) is empty. Stops before a batch whose weights are all 0, and tells how many came before it.
    """
    kinds, n_in, n_out, begin = program[:, 0], program[:, 1], program[:, 2], program[:, 3]
    last = program.shape[0] - 1
    is_small = theta.size <= TOGETHER
    scratch = np.empty(theta.size if is_small else largest_of(program), theta.dtype)
    hidden = [np.empty((size, n_in[0]), theta.dtype)]
    backs = [np.empty((size, n_in[0]), theta.dtype)]
    w = []
    dw = []
    for k in range(last + 1):
        hidden.append(np.empty((size, n_out[k]), theta.dtype))
        backs.append(np.empty((size, n_out[k]), theta.dtype))
        rows = n_in[k] + 1 if kinds[k] == LINEAR else 0
        first = begin[k] if is_small else 0
        w.append(theta[begin[k] : begin[k] + rows * n_out[k]].reshape((rows, n_out[k])))
        dw.append(scratch[first : first + rows * n_out[k]].reshape((rows, n_out[k])))

    total = 0.0
    for s in range(schedule.shape[0]):
        index = order[s * size : (s + 1) * size]
        h = hidden[0]
        for i in range(size):
            for j in range(n_in[0]):
                h[i, j] = x[index[i], j]
        for k in range(last + 1):
            if kinds[k] == LINEAR:
                affine(hidden[k], w[k], hidden[k + 1], program[k, 4] == RELU)
            else:
                activate(kinds[k], constants[k], hidden[k], hidden[k + 1])

        value, is_whole = _loss(hidden[last + 1], y, labels, weights, index, loss, delta, backs[last + 1])
        if not is_whole:
            return total, s
        total += value * size

        rate, eps, shrink = schedule[s, 0], schedule[s, 1], schedule[s, 2]
        for k in range(last, -1, -1):
            d = backs[k + 1]
            if kinds[k] != LINEAR:
                deactivate(kinds[k], constants[k], hidden[k], hidden[k + 1], d, backs[k])
                continue
            if program[k, 4] == RELU:
                rectify_gradient(hidden[k + 1], d)
            affine_gradients(hidden[k], d, dw[k])
            if k:
                product_nt(d, w[k], backs[k])
            if not is_small:
                a, z = begin[k], begin[k] + w[k].size
                update(optimizer, hyper, rate, eps, shrink, theta[a:z], scratch[: z - a], m[a:z], v[a:z])
        if is_small:
            update(optimizer, hyper, rate, eps, shrink, theta, scratch, m, v)
    return total, schedule.shape[0]
