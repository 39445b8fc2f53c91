"""Loss and gradients of a batch: what a loss may give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, DtypeError, Key


def test_a_loss_that_is_masked_is_refused() -> None:
    def loss(prediction: Array, target: Array) -> tuple[Any, Array]:
        value, grad = fn.mse(prediction, target)
        return np.ma.masked_greater(np.ma.array([float(value)]), -1).mean(), grad

    batch = np.ones((4, 2), np.float32), np.ones((4, 1))
    with pytest.raises(DtypeError, match=r"value_and_grad: the value of .* must be a real number, got a masked one"):
        fn.value_and_grad(loss)(fn.linear(Key(0), 2, 1), batch, Key(0))
