"""States are values: nobody can write to them, and a step that fails leaves them as they were."""

from __future__ import annotations

import pytest

from fnnet import Key, ShapeError, tree
from tests.support.refusals import NET, X, Y, fn


def test_parameters_are_read_only() -> None:
    for leaf in tree.leaves((NET, fn.mlp(Key(0), (2, 3, 1)), fn.start(NET, fn.adam(0.1), Key(0)))):
        with pytest.raises(ValueError, match="read-only"):
            leaf += 1
    with pytest.raises(AttributeError, match="cannot assign to field 'w'"):
        NET.layers[0].w = X


def test_nothing_is_half_done() -> None:
    state = fn.start(NET, fn.adam(0.1), Key(0))
    before = tree.digest(state)
    with pytest.raises(ShapeError):
        fn.train_step(fn.value_and_grad(fn.mse), fn.adam(0.1))(state, (X, Y[:, :1]), Key(0))
    assert tree.digest(state) == before
