"""The types that every signature is written in.

The last axis of an array is features, the one before it the batch, every axis before these a replica (one of several
networks trained side by side).
"""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

Array: TypeAlias = NDArray[np.floating]
"""Parameters, inputs, activations, gradients: float32 or float64."""

Labels: TypeAlias = NDArray[np.integer]
"""Class numbers, 0 to classes - 1, one a row."""

Value: TypeAlias = Array
"""A loss or a metric: 0-d, or (K,) for K replicas."""

ValueLike: TypeAlias = Array | np.floating | float
"""What becomes a value: a user's own loss, metric or penalty may give a plain number, or one of NumPy's."""

Batch: TypeAlias = tuple[Array, T]
"""Inputs and their targets; what a target is, the loss says."""

Dtype: TypeAlias = type[np.float32] | type[np.float64]
"""The two dtypes that parameters can have."""
