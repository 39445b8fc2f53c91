"""A loss with portable bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from fnnet.core import Array, Labels, Loss, Value
from fnnet.losses.links import labels_of, probabilities_of
from fnnet.losses.reductions import RowLoss
from fnnet.numerics.bits import portably

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PortableLoss(RowLoss[T]):
    """What ``portable(loss)`` returns: ``loss`` computed with portable bits."""

    loss: Loss[T]

    def rows(self, prediction: Array, target: T, /) -> tuple[Array, Array]:
        """The rows of the loss."""
        return portably(self.loss.rows, prediction, target)

    def __call__(self, prediction: Array, target: T, /) -> tuple[Value, Array]:
        """The value and the gradient of the loss."""
        return portably(self.loss, prediction, target)

    def labels(self, prediction: Array, /) -> Labels:
        """The labels of the loss."""
        return labels_of(self.loss, prediction)

    def probabilities(self, prediction: Array, /) -> Array:
        """The probabilities of the loss."""
        return portably(probabilities_of, self.loss, prediction)

    @property
    def is_sum(self) -> bool:
        """Whether the loss is a sum."""
        return self.loss.is_sum

    def weight(self, prediction: Array, target: T, /) -> Value:
        """The weight of the loss, or the number of rows where it has none."""
        loss = self.loss
        return (
            loss.weight(prediction, target) if isinstance(loss, RowLoss) else RowLoss.weight(self, prediction, target)
        )
