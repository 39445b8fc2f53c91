"""Class probabilities from scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet.core.rules import define_layer
from fnnet.numerics import softmax
from fnnet.tree.nodes import Params
from fnnet.types import Array


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Softmax(Params):
    """y_i = e^(x_i) / Σ_j e^(x_j) along the features (J. S. Bridle, NIPS 1989, eq. 3), each row shifted by its maximum.

    dx = y (dy - Σ_j dy_j y_j). Shapes: x and y (..., batch, n). No parameters. y is its own cache and therefore
    read-only. For inference: train on the scores with ``softmax_cross_entropy``, which has the softmax in it.

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
