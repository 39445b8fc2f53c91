"""The types used in all signatures.

The last axis of an array holds the features, the one before it the batch; all axes before these are replica axes (of
several networks that are trained side by side).
"""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

Array: TypeAlias = NDArray[np.floating]
"""Parameters, inputs, activations, gradients: float32 or float64."""

Labels: TypeAlias = NDArray[np.integer]
"""Class numbers, 0 to classes - 1, one per row."""

Value: TypeAlias = Array
"""A loss or a metric: an array of shape (), or (K,) for K replicas."""

ValueLike: TypeAlias = Array | np.floating | float
"""What is accepted as a value: a user's own loss, metric or penalty may return a Python or a NumPy number."""

Batch: TypeAlias = tuple[Array, T]
"""Inputs and their targets; the loss decides what a target is."""

Dtype: TypeAlias = type[np.float32] | type[np.float64]
"""The two dtypes that parameters can have."""
