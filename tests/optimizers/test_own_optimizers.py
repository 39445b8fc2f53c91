"""An optimizer of a user's: what it gives has to be like the parameters, whatever it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, DtypeError, Key, OptState, ShapeError, tree

P = TypeVar("P", bound=fn.Params)


@dataclass(frozen=True)
class Own:
    """p' = f(p, g)."""

    f: Callable[[Array, Array], Array]

    def init(self, params: P, /) -> OptState[P]:
        return OptState(0)

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        return tree.map(self.f, params, grads), OptState(state.step + 1)


def trained(f: Callable[[Array, Array], Array], net: fn.Params) -> fn.TrainState[fn.Params]:
    optimizer = Own(f)
    step: Any = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    data = fn.minibatches(np.ones((6, 3)), np.ones((6, 2)), size=2)
    return fn.last(fn.take(3)(fn.steps(step, data, fn.start(net, optimizer, Key(0)))))


NETS = {"one layer": fn.linear(Key(0), 3, 2), "two layers": fn.mlp(Key(0), (3, 4, 2))}


@pytest.mark.parametrize("name", NETS)
def test_a_plain_formula_trains(name: str) -> None:
    with_own = trained(lambda p, g: p - 0.1 * g, NETS[name])
    sgd = fn.sgd(0.1)
    step = fn.train_step(fn.value_and_grad(fn.mse), sgd)
    data = fn.minibatches(np.ones((6, 3)), np.ones((6, 2)), size=2)
    expected = fn.last(fn.take(3)(fn.steps(step, data, fn.start(NETS[name], sgd, Key(0)))))
    assert tree.allclose(with_own.params, expected.params, 1e-6, 1e-7)


@pytest.mark.parametrize("name", NETS)
def test_another_dtype_or_shape_is_refused_by_its_path(name: str) -> None:
    path = tree.paths(NETS[name])[0]
    with pytest.raises(DtypeError, match=rf"the dtype of {path}, float32, got float64; a setting that is a NumPy"):
        trained(lambda p, g: p - np.float64(0.1) * g, NETS[name])
    with pytest.raises(DtypeError, match=rf"the dtype of {path}, float32, got int64"):
        trained(lambda p, g: (p - g).astype(np.int64), NETS[name])
    with pytest.raises(ShapeError, match=rf"the optimizer must keep the shape of {path}, \("):
        trained(lambda p, g: (p - 0.1 * g)[None], NETS[name])
