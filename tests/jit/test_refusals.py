"""What is not compiled is refused by its name, and what may be wrong is checked before the first step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Key, Params, jit, tree
from fnnet.keys import normal
from fnnet.optimizers.wrapping import Wrapper
from tests.support.compiled import PATHS
from tests.support.own_layers import Noise, Setting

X, Y = normal(Key(0), (20, 5)), normal(Key(1), (20, 3))
STEP = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1))
LINEAR = fn.linear(Key(0), 5, 3, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Doubled(Wrapper):
    """Does nothing that the compiled path could know."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Noisy(Params):
    """A layer with noise behind it."""

    layer: fn.Linear


fn.define_chain(Noisy, lambda p: (p.layer, Noise(Setting(0.1))))

REFUSED: dict[str, tuple[Any, Any, Params, type[Exception], str]] = {
    "a layer of the user's": (
        STEP,
        fn.minibatches(X, Y, batch_size=5),
        fn.serial(LINEAR, fn.serial(fn.Tanh(), Noise(Setting(0.1)))),
        fn.LayerError,
        "jit: layers.1.layers.1 is a Noise, which is not compiled; use fnnet.train",
    ),
    "a portable network": (
        STEP,
        fn.minibatches(X, Y, batch_size=5),
        fn.portable(LINEAR),
        fn.LayerError,
        "jit: the network is a Portable, which is not compiled; use fnnet.train",
    ),
    "a portable loss": (
        fn.train_step(fn.value_and_grad(fn.portable(fn.mse)), fn.sgd(0.1)),
        fn.minibatches(X, Y, batch_size=5),
        LINEAR,
        TypeError,
        r"loss must have a formula or a kernel, .*, got PortableLoss\(loss=MeanSquaredError\(\)\); use fnnet.train",
    ),
    "nothing to train": (
        STEP, fn.minibatches(X, X, batch_size=5), fn.serial(fn.Tanh()), fn.LayerError,
        "have parameters to train, got Serial"
    ),
    "networks that are stacked in part": (
        STEP,
        fn.minibatches(X, Y, batch_size=5),
        fn.serial(fn.standardize(X, dtype=np.float64), tree.map(lambda a: np.stack([a, a]), LINEAR)),
        fn.LayerError,
        r"jit: layers.0 must be stacked along the axes \(2,\), as other layers are, got \(\); stack it too",
    ),
    "a layer of a chain's own making": (
        STEP,
        fn.minibatches(X, Y, batch_size=5),
        Noisy(LINEAR),
        fn.LayerError,
        "jit: one of its layers is a Noise, which is not compiled; use fnnet.train",
    ),
    "a gradient of another kind": (
        fn.train_step(fn.accumulate(fn.value_and_grad(fn.mse), 2), fn.sgd(0.1)),
        fn.minibatches(X, Y, batch_size=5),
        LINEAR,
        TypeError,
        r"step must be train_step\(value_and_grad\(loss\), optimizer\)",
    ),
    "data of another kind": (STEP, lambda key: [(X, Y)], LINEAR, TypeError, r"data must be minibatches\(...\)"),
    "a loss of a user's": (
        fn.train_step(fn.value_and_grad(lambda p, t: (np.asarray(0.0), p)), fn.sgd(0.1)),
        fn.minibatches(X, Y, batch_size=5),
        LINEAR,
        TypeError,
        "loss must have a formula or a kernel",
    ),
    "targets of another shape": (
        STEP, fn.minibatches(X, Y[:, :2], batch_size=5), LINEAR, fn.ShapeError,
        "mse: target must have the prediction's shape"
    ),
    "features of another number": (
        STEP, fn.minibatches(X[:, :2], Y, batch_size=5), LINEAR, fn.ShapeError, r"linear: x must be \(..., batch, 5\)"
    ),
    "a wrapper of a user's": (
        fn.train_step(fn.value_and_grad(fn.mse), fn.pipe(fn.radam(0.1), Doubled())),
        fn.minibatches(X, Y, batch_size=5),
        LINEAR,
        TypeError,
        r"around an optimizer may be ClipByValue, .*, ScaleRate, got Doubled\(\); use fnnet.train",
    ),
    "another optimizer's state": (
        fn.train_step(fn.value_and_grad(fn.mse), fn.adam(0.1)),
        fn.minibatches(X, Y, batch_size=5),
        LINEAR,
        fn.TreeError,
        "state must have 2 slots",
    ),
    "weights that are all 0": (
        fn.train_step(fn.value_and_grad(fn.weighted(fn.mse)), fn.sgd(0.1)),
        fn.minibatches(X, (Y, np.zeros(20)), batch_size=5),
        LINEAR,
        ValueError,
        "the weights of a batch must not all be 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    step, data, net, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        next(jit.train(step, data, fn.start(net, fn.sgd(0.1), Key(0))))


def test_an_optimizer_of_a_users_is_refused() -> None:
    class Own:
        def init(self, params: Any, /) -> fn.OptState[Any]:
            return fn.OptState(0)

        def update(self, params: Any, grads: Any, state: Any, /) -> Any:
            return params, state

    step = fn.train_step(fn.value_and_grad(fn.mse), Own())
    with pytest.raises(TypeError, match=r"optimizer must have a formula for its rule, .*, got"):
        jit.train(step, fn.minibatches(X, Y, batch_size=5), fn.start(LINEAR, Own(), Key(0)))


def test_a_state_beyond_its_data_and_what_is_no_state_are_refused() -> None:
    data, state = fn.minibatches(X, Y, batch_size=5), fn.start(LINEAR, fn.sgd(0.1), Key(0))
    for train in PATHS:
        with pytest.raises(ValueError, match="data must give more than 4 batches in epoch 0, got no more"):
            next(train(STEP, data, replace(state, batch=4)))
        with pytest.raises(fn.TreeError, match="state must be a TrainState"):
            train(STEP, data, LINEAR)


def test_every_class_weight_is_one_of_the_dtype() -> None:
    """Of labels the first and the last class stand for all, but each class has a weight of its own."""
    loss = fn.class_weighted(fn.softmax_cross_entropy, (1.0, 1e39, 1.0))
    net, x, y = fn.linear(Key(0), 2, 3), np.ones((9, 2)), np.arange(9) % 3
    step, data = fn.train_step(fn.value_and_grad(loss), fn.sgd(0.1)), fn.minibatches(x, y, batch_size=3)
    for train in (fn.train, jit.train):
        with pytest.raises(ValueError, match="weights must be finite float32 numbers"):
            next(train(step, data, fn.start(net, fn.sgd(0.1), Key(0))))
