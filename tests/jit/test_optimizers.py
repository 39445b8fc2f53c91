"""Optimizers with compiled updates: the same bits as those without."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Key, jit, tree
from fnnet.jit.optimizers import Compiled
from fnnet.keys import normal
from fnnet.optimizers.elementwise import Elementwise
from tests import catalogue
from tests.support.compiled import OPTIMIZERS

COMPILED: dict[str, Any] = {
    name: optimizer for name, optimizer in catalogue.OPTIMIZERS.items() if isinstance(optimizer, Elementwise)
}


def test_every_elementwise_optimizer_is_compiled() -> None:
    own = {type(optimizer) for optimizer in catalogue.OPTIMIZERS.values() if isinstance(optimizer, Elementwise)}
    assert {type(optimizer) for optimizer in OPTIMIZERS.values()} == own


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [3, 500])
@pytest.mark.parametrize("name", COMPILED)
def test_compiled_updates_are_the_same_bits(name: str, width: int, dtype: fn.Dtype) -> None:
    ours, theirs = Compiled(COMPILED[name]), COMPILED[name]
    net = fn.mlp(Key(0), (4, width, width, 2), dtype=dtype)
    grads = tree.map(lambda leaf: normal(Key(leaf.size), leaf.shape).astype(dtype), net)
    a, b = (net, ours.init(net)), (net, theirs.init(net))
    for _ in range(3):
        a, b = ours.update(a[0], grads, a[1]), theirs.update(b[0], grads, b[1])
    assert tree.equal(a, b)
    assert not any(leaf.flags.writeable for leaf in tree.leaves(a))
    assert tree.equal(jit.sgd_update(net, grads, 0.1), fn.sgd_update(net, grads, 0.1))


def test_compiled_optimizers_train_everything() -> None:
    x, y = normal(Key(0), (20, 5)), normal(Key(1), (20, 3))
    net = fn.serial(fn.Dropout(0.1), fn.linear(Key(0), 5, 3, dtype=np.float64))
    ours, theirs = (
        fn.fit(net, x, y, loss=fn.mse, optimizer=optimizer, key=Key(0), epochs=2, batch_size=5).state.params
        for optimizer in (jit.adam(0.1), fn.adam(0.1))
    )
    assert tree.equal(ours, theirs)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "nadam", "adamax", "amsgrad", "rmsprop", "radam", "adagrad",
                                  "adadelta", "lion"])  # fmt: skip
def test_constructors_take_what_fnnets_own_take(name: str) -> None:
    ours, theirs = getattr(jit, name), getattr(fn, name)
    assert [(p.name, p.default, p.kind) for p in signature(ours).parameters.values()] == [
        (p.name, p.default, p.kind) for p in signature(theirs).parameters.values()
    ]
    assert ours(0.1).optimizer == theirs(0.1)
