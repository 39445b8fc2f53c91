"""A gate for each feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import fnnet as fn
from fnnet import Array, numerics


@dataclass(frozen=True, slots=True, eq=False)
class Gate(fn.Params):
    """y_nj = x_nj a_j. Shapes: a (features,), x and y (batch, features)."""

    a: Array


def gate_forward(p: Gate, x: Array) -> tuple[Array, Array]:
    return x * p.a, x


def gate_backward(p: Gate, x: Array, dy: Array) -> tuple[Gate, Array]:
    return Gate(numerics.batch_sum(dy * x)), dy * p.a


fn.define_layer(Gate, forward=gate_forward, backward=gate_backward)


def gate(features: int) -> Gate:
    """The gate that is open for all features."""
    return Gate(np.ones(features, np.float32))
