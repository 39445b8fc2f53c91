"""What the tests of the compiled path have in common: both ways of training, and how far apart they come out."""

from __future__ import annotations

from typing import Any

import numpy as np

import fnnet as fn
from fnnet import Array, Key, Params, jit, tree
from tests.catalogue import KEEPING

PATHS: tuple[Any, ...] = (jit.train, fn.train)
ACTIVATIONS = sorted(KEEPING)

OPTIMIZERS: dict[str, fn.Optimizer] = {
    "sgd": fn.sgd(0.001),
    "sgd with momentum": fn.sgd(0.0002, momentum=0.9),
    "sgd with Nesterov": fn.sgd(0.0002, momentum=0.9, nesterov=True),
    "adam": fn.adam(0.01, eps=1e-6),
    "adamw": fn.adamw(lambda step: 0.01 / (1 + step) ** 0.5, weight_decay=0.1, eps=1e-6),
    "nadam": fn.nadam(0.01, eps=1e-6),
    "adamax": fn.adamax(0.01, eps=1e-6),
    "amsgrad": fn.amsgrad(fn.cosine_decay(0.01, steps=100), eps=1e-6),
    "rmsprop": fn.rmsprop(0.01, eps=1e-6),
    "rmsprop with momentum": fn.rmsprop(0.001, momentum=0.9, eps=1e-6),
    "rmsprop in the root": fn.rmsprop(0.01, eps=1e-6, eps_in_sqrt=True),
    "rmsprop in the root with momentum": fn.rmsprop(0.001, momentum=0.9, eps=1e-6, eps_in_sqrt=True),
    "rmsprop centered": fn.rmsprop(0.01, eps=1e-3, centered=True, eps_in_sqrt=True),
    "rmsprop centered with momentum": fn.rmsprop(0.001, momentum=0.9, eps=1e-2, centered=True),
    "radam": fn.radam(0.01, eps=1e-6),
    "radam that waits": fn.radam(fn.cosine_decay(0.001, steps=100), b2=0.5, eps=1e-6),
    "adagrad": fn.adagrad(0.01, start=0.1),
    "adadelta": fn.adadelta(),
    "lion": fn.lion(0.001, weight_decay=0.1),
}
"""eps is not smaller, for Adam magnifies the rounding of a gradient that is all cancelled by lr / eps."""


def run(train: Any, net: Params, loss: Any, optimizer: fn.Optimizer, x: Array, y: Any, epochs: int) -> Any:
    """The state after some epochs of batches of 16 rows, the last one smaller."""
    step, state = fn.train_step(fn.value_and_grad(loss), optimizer), fn.start(net, optimizer, Key(9))
    return fn.last(fn.take(epochs)(train(step, fn.minibatches(x, y, batch_size=16), state))).state


def distance(a: object, b: object) -> float:
    """The largest difference, of leaves of numbers above 1 (as Adam's slots are) as a share of their largest one."""
    pairs = zip(tree.leaves(a), tree.leaves(b), strict=True)
    return max(float(np.abs(p - q).max()) / max(1.0, float(np.abs(q).max())) for p, q in pairs)


def net_around(activation: Params, dtype: fn.Dtype = np.float64, hidden: int = 7) -> Params:
    inside = fn.Tanh() if tree.leaves(activation) else activation  # in an Mlp it would be shared by all places
    first = fn.mlp(Key(1), (5, hidden, 6), activation=inside, dtype=dtype)
    return fn.serial(first, activation, fn.serial(fn.linear(Key(2), 6, 3, dtype=dtype)))
