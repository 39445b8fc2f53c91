"""What the losses have in common: how rows become one value."""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, TypeVar

import numpy as np

from fnnet.types import Array, Value

T_contra = TypeVar("T_contra", contravariant=True)


class RowLoss(Generic[T_contra]):
    """A loss that gives one value a row. A subclass writes ``rows``; the call is the mean of the rows."""

    __slots__ = ()

    @abstractmethod
    def rows(self, prediction: Array, target: T_contra, /) -> tuple[Array, Array]:
        """One value a row (..., batch), and the gradient of their sum in the prediction's shape."""

    @property
    def is_sum(self) -> bool:
        """Whether the loss is the sum of its rows, and not their mean."""
        return False

    def weight(self, prediction: Array, target: T_contra, /) -> Value:
        """What the sum of the rows is divided by: their number."""
        return np.asarray(prediction.shape[-2], np.float64)

    def __call__(self, prediction: Array, target: T_contra, /) -> tuple[Value, Array]:
        """The mean of the rows, 0-d or (K,) for K replicas, and its gradient in the prediction's shape."""
        values, grads = self.rows(prediction, target)
        n = prediction.shape[-2]
        return np.asarray(np.add.reduce(values, axis=-1) / n), grads / n


class SumLoss(RowLoss[T_contra]):
    """A loss that is the sum of its rows."""

    __slots__ = ()

    @property
    def is_sum(self) -> bool:
        """True."""
        return True

    def __call__(self, prediction: Array, target: T_contra, /) -> tuple[Value, Array]:
        """The sum of the rows, 0-d or (K,) for K replicas, and its gradient in the prediction's shape."""
        values, grads = self.rows(prediction, target)
        return np.asarray(np.add.reduce(values, axis=-1)), grads


def nonzero(weight: Value) -> Value:
    """The weight that sums are divided by. Raises ValueError where it is 0."""
    if not weight.all():
        raise ValueError("loss: the weights of a batch must not all be 0; leave such a batch out")
    return weight
