"""A whole epoch in one compiled function, which reads the network and the settings as data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fnnet.jit.activations import activate, deactivate
from fnnet.jit.compiling import compiled
from fnnet.jit.far_losses import far_row_loss
from fnnet.jit.kernels import (
    BEGIN,
    DROPOUT,
    END,
    IDENTITY,
    LAYER_NORM,
    LINEAR,
    RELU,
    RMS_NORM,
    SUM_SQUARED_ERROR,
    affine,
    affine_gradients,
    product_nt,
    rectify_gradient,
)
from fnnet.jit.losses import row_loss
from fnnet.jit.norms import normalize, normalize_gradients
from fnnet.jit.updates import update
from fnnet.types import Array

SOURCES = "b6ea91e7a40e36a3"
"""The digest of the modules here that this one imports from, as in ``kernels``."""

Integers = NDArray[np.int64]
Masks = NDArray[np.bool]
Numbers = NDArray[np.float64]


@compiled
def _shares(weights: Array, index: Integers, rows: int, is_sum: bool, shares: Array) -> bool:
    """Each row's share of the loss: w / Σ w, of weights over their largest, or w where the loss is a sum; and whether
    there is anything to share."""
    largest, total = weights.dtype.type(0), 0.0
    for i in range(rows):
        largest = max(largest, weights[index[i]])
    for i in range(rows):
        shares[i] = weights[index[i]] if is_sum else weights[index[i]] / largest
        total += shares[i]
    for i in range(rows):
        shares[i] /= weights.dtype.type(1.0 if is_sum else total)
    return True if is_sum else bool(largest > 0)


@compiled
def _loss(
    p: Array, y: Array, labels: Integers, weights: Array, index: Integers, loss: int, delta: float, shares: Array,
    d: Array,
) -> tuple[float, bool]:  # fmt: skip
    """The loss of a batch, its gradient in d, and whether it has weights that are not 0."""
    rows, value = p.shape[0], 0.0
    is_weighted, is_sum = weights.size > 0, loss == SUM_SQUARED_ERROR
    if is_weighted and not _shares(weights, index, rows, is_sum, shares):
        return 0.0, False
    for i in range(rows):
        r = index[i]
        label = labels[r] if labels.size else 0
        one = row_loss(loss, delta, p, i, y, r, label, d)
        if is_weighted:
            one *= shares[i]
            for j in range(p.shape[1]):
                d[i, j] *= shares[i]
        value += float(one)
    if value - value != 0.0:
        return _far_loss(p, y, labels, weights, index, loss, delta, shares, d), True
    if is_weighted or is_sum:
        return value, True
    for i in range(rows):
        for j in range(p.shape[1]):
            d[i, j] /= p.dtype.type(rows)
    return value / rows, True


@compiled
def _far_loss(
    p: Array, y: Array, labels: Integers, weights: Array, index: Integers, loss: int, delta: float, shares: Array,
    d: Array,
) -> float:  # fmt: skip
    """The same where the plain formula gives no number; once a batch is asked for that, for a row costs it."""
    value, rows = 0.0, p.shape[0]
    for i in range(rows):
        r = index[i]
        one = far_row_loss(loss, delta, p, i, y, r, labels[r] if labels.size else 0, d)
        share = shares[i] if weights.size else p.dtype.type(1.0 if loss == SUM_SQUARED_ERROR else 1 / rows)
        value += float(one * share)
        for j in range(p.shape[1]):
            d[i, j] *= share
    return value


TOGETHER = 1 << 16
"""Networks of no more numbers than this are updated in one call, larger ones layer by layer, in the cache."""


@compiled
def are_classes(labels: Integers, order: Integers, classes: int) -> bool:
    """Whether labels are still what they were when they were checked: else the loss would read and write elsewhere."""
    lowest, highest = 0, 0
    for r in order:
        lowest, highest = min(lowest, labels[r]), max(highest, labels[r])
    return lowest == 0 and highest < classes


@compiled
def rows_of(kind: int, n_in: int) -> int:
    """How many rows of n_out numbers an operation's parameters are: weights and bias, scale and shift, scale."""
    if kind == LINEAR:
        return n_in + 1
    return 2 if kind == LAYER_NORM else 1 if kind == RMS_NORM else 0


@compiled
def largest_of(program: Integers) -> int:
    """How many parameters the largest operation has."""
    largest = 0
    for k in range(program.shape[0]):
        largest = max(largest, rows_of(program[k, 0], program[k, 1]) * program[k, 2])
    return largest


@compiled
def drop(x: Array, noise: Masks, factor: float, y: Array) -> None:
    """y = x factor where the mask is set, else 0; on the way back the same of the gradient."""
    rows, n = x.shape
    c, zero = x.dtype.type(factor), x.dtype.type(0)
    for i in range(rows):
        for j in range(n):
            y[i, j] = x[i, j] * (c if noise[i * n + j] else zero)


@compiled
def add(a: Array, b: Array, y: Array) -> None:
    """y = a + b."""
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = a[i, j] + b[i, j]


@compiled
def ascend(kind: int, constant: float, x: Array, w: Array, masks: Masks, begin: Array, y: Array) -> None:
    """An operation that is no Linear layer; ``begin`` is the input of the Residual that it may be the end of."""
    if kind == DROPOUT:
        drop(x, masks, constant, y)
    elif kind in (LAYER_NORM, RMS_NORM):
        normalize(kind, constant, x, w, y)
    elif kind == END:
        add(x, begin, y)
    else:
        activate(IDENTITY if kind == BEGIN else kind, constant, x, y)


@compiled
def descend(
    kind: int, constant: float, x: Array, y: Array, w: Array, masks: Masks, d: Array, end: Array, dw: Array, dx: Array
) -> None:  # fmt: skip
    """Its way back; ``end`` is the gradient of the output of the Residual that it may be the beginning of."""
    if kind == DROPOUT:
        drop(d, masks, constant, dx)
    elif kind in (LAYER_NORM, RMS_NORM):
        normalize_gradients(kind, constant, x, w, d, dw, dx)
    elif kind == BEGIN:
        add(d, end, dx)
    else:
        deactivate(IDENTITY if kind == END else kind, constant, x, y, d, dx)


@compiled
def run(
    program: Integers, constants: Numbers, theta: Array, a: Array, b: Array, c: Array,
    x: Array, y: Array, labels: Integers, weights: Array, order: Integers, size: int, noise: Masks,
    loss: int, delta: float, optimizer: int, hyper: Numbers, schedule: Numbers,
) -> tuple[float, int]:  # fmt: skip
    """Trains in place on whole batches; gives the sum of their losses times their rows, and how many there were.

    ``program`` has a row an operation: kind, inputs, outputs, where its parameters begin, and what else it has to know
    (see ``plans.Program``). ``schedule`` has one a step: the learning rate, Adam's eps and shrinking factor; ``noise``
    too: the masks of all dropouts. What is not used (labels or y, weights, slots) is empty. Stops before a batch whose
    weights are all 0, and before the first where a label is out of range, and tells how many came before it.
    """
    kinds, n_in, n_out, begin = program[:, 0], program[:, 1], program[:, 2], program[:, 3]
    last, first = program.shape[0] - 1, 0
    is_small = theta.size <= TOGETHER
    scratch = np.empty(theta.size if is_small else largest_of(program), theta.dtype)
    hidden = [np.empty((size, n_in[0]), theta.dtype)]
    backs = [np.empty((size, n_in[0]), theta.dtype)]
    w = []
    dw = []
    for k in range(last + 1):
        hidden.append(np.empty((size, n_out[k]), theta.dtype))
        backs.append(np.empty((size, n_out[k]), theta.dtype))
        rows = rows_of(kinds[k], n_in[k])
        at = begin[k] if is_small else 0
        w.append(theta[begin[k] : begin[k] + rows * n_out[k]].reshape((rows, n_out[k])))
        dw.append(scratch[at : at + rows * n_out[k]].reshape((rows, n_out[k])))
    shares = np.empty(size, theta.dtype)
    while not w[first].size:
        first += 1

    total = 0.0
    if labels.size and not are_classes(labels, order, n_out[last]):
        return total, 0
    for s in range(schedule.shape[0]):
        index = order[s * size : (s + 1) * size]
        h = hidden[0]
        for i in range(size):
            for j in range(n_in[0]):
                h[i, j] = x[index[i], j]
        masks = noise[s]
        for k in range(last + 1):
            if kinds[k] == LINEAR:
                affine(hidden[k], w[k], hidden[k + 1], program[k, 4] == RELU)
            else:
                other = program[k, 4] if kinds[k] == END else 0
                mine = masks[program[k, 4] * size :] if kinds[k] == DROPOUT else masks
                ascend(kinds[k], constants[k], hidden[k], w[k], mine, hidden[other], hidden[k + 1])
        value, is_whole = _loss(hidden[last + 1], y, labels, weights, index, loss, delta, shares, backs[last + 1])
        if not is_whole:
            return total, s
        total += value * size

        scalars = schedule[s]
        for k in range(last, first - 1, -1):
            d = backs[k + 1]
            if kinds[k] == LINEAR:
                if program[k, 4] == RELU:
                    rectify_gradient(hidden[k + 1], d)
                affine_gradients(hidden[k], d, dw[k])
                if k > first:
                    product_nt(d, w[k], backs[k])
            else:
                other = program[k, 4] + 1 if kinds[k] == BEGIN else 0
                mine = masks[program[k, 4] * size :] if kinds[k] == DROPOUT else masks
                descend(kinds[k], constants[k], hidden[k], hidden[k + 1], w[k], mine, d, backs[other], dw[k], backs[k])
            if not is_small and dw[k].size:
                i, j = begin[k], begin[k] + w[k].size
                update(optimizer, hyper, scalars, theta[i:j], scratch[: j - i], a[i:j], b[i:j], c[i:j])
        if is_small:
            update(optimizer, hyper, scalars, theta, scratch, a, b, c)
    return total, schedule.shape[0]
