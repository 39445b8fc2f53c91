"""Class probabilities from scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet.core import Array, Params, define_kernels, define_layer
from fnnet.numerics import softmax
from fnnet.numerics.kernels import softmax_row


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Softmax(Params):
    """y_i = e^(x_i) / Σ_j e^(x_j) along the features (J. S. Bridle, NIPS 1989, eq. 3), each row shifted by its maximum.

    dx = y (dy - Σ_j dy_j y_j). Shapes: x and y (..., batch, n). No parameters. y is its own cache and therefore
    read-only. It is for inference: train on the scores with ``softmax_cross_entropy``, which includes the softmax.

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Softmax(), np.array([[0.0, 0.0]]))[0].tolist()
    [[0.5, 0.5]]
    """


def softmax_forward(p: Softmax, x: Array) -> tuple[Array, Array]:
    y = softmax(x)
    return y, y


def softmax_backward(p: Softmax, y: Array, dy: Array) -> tuple[Softmax, Array]:
    return p, y * (dy - np.add.reduce(dy * y, axis=-1, keepdims=True))


define_layer(Softmax, forward=softmax_forward, backward=softmax_backward)


def softmax_rows(x: Array, w: Array, y: Array) -> None:
    for i in range(x.shape[0]):
        softmax_row(x[i], y[i])


def softmax_rows_back(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array) -> None:
    for i in range(y.shape[0]):
        total = y.dtype.type(0)
        for j in range(y.shape[1]):
            total += dy[i, j] * y[i, j]
        for j in range(y.shape[1]):
            dx[i, j] = y[i, j] * (dy[i, j] - total)


define_kernels(Softmax, softmax_rows, softmax_rows_back)
