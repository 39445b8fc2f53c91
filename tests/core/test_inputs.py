"""What becomes of the dtype of inputs and targets: cast to that of the parameters, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fnnet import DtypeError, Key, tree
from tests.catalogue import KEEPING
from tests.support.refusals import NET, fn


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize("dtype", [complex, object, "U3"])
def test_no_layer_casts_what_is_not_a_real_number(name: str, dtype: Any) -> None:
    layer = KEEPING[name](Key(0), 2, 2)
    with pytest.raises(DtypeError, match="x must hold real numbers"):
        fn.forward(layer, np.ones((2, 2)).astype(dtype))


@pytest.mark.parametrize("name", KEEPING)
@pytest.mark.parametrize("dtype", [int, bool, np.uint8, np.float16])
def test_layers_without_parameters_take_whole_numbers_as_float64(name: str, dtype: Any) -> None:
    layer, x = KEEPING[name](Key(0), 2, 2), np.array([[0, 1], [1, 1]]).astype(dtype)
    y, _ = fn.forward(layer, x)
    np.testing.assert_array_equal(y, fn.forward(layer, x.astype(np.float64))[0])
    assert y.dtype == np.float64


@pytest.mark.parametrize("dtype", [int, bool, np.uint8, np.float16, np.float64, ">f4", np.longdouble])
def test_inputs_and_targets_are_cast_to_the_dtype_of_the_parameters(dtype: Any) -> None:
    x, y = np.ones((5, 3)).astype(dtype), np.ones((5, 2)).astype(dtype)
    value, grads = fn.value_and_grad(fn.mse)(NET, (x, y), Key(0))
    assert {leaf.dtype for leaf in tree.leaves((value, grads))} == {np.dtype(np.float32)}
