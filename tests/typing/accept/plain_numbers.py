"""Losses, metrics and penalties may give plain numbers, or NumPy's."""

from dataclasses import dataclass
from typing import TypeVar, assert_type

import numpy as np

import fnnet as fn
from fnnet import Array, Key, Labels, Mlp, Params, Value

P = TypeVar("P", bound=Params)


def worst(prediction: Array, target: Array) -> float:
    return float(np.abs(prediction - target).max())


def bias(prediction: Array, target: Array) -> np.float64:
    return np.float64(np.mean(prediction - target))


def right(prediction: Array, target: Labels) -> np.floating:
    return np.float32(np.mean(prediction.argmax(axis=-1) == target))


@dataclass(frozen=True, slots=True)
class Within:
    limit: float

    def __call__(self, prediction: Array, target: Array, /) -> float:
        return float(np.mean(np.abs(prediction - target) < self.limit))


def squared(prediction: Array, target: Array) -> tuple[float, Array]:
    d = prediction - target
    return float(np.mean(d * d)), 2 * d / d.size


def absolute(prediction: Array, target: Array) -> tuple[np.float64, Array]:
    d = prediction - target
    return np.float64(np.mean(np.abs(d))), np.sign(d) / d.size


def decay(params: P) -> tuple[float, P]:
    flat = fn.tree.ravel(params)
    return float(flat @ flat) / 2, fn.tree.map(lambda w: w, params)


def used(net: Mlp, x: Array, y: Array, labels: Labels, key: Key) -> None:
    fn.validate(x, y, {"worst": worst, "bias": bias, "within": Within(0.5), "r2": fn.metrics.r2})
    fn.validate(x, labels, {"right": right})
    fn.metrics.binary(right)
    assert_type(fn.value_and_grad(squared, penalty=decay)(net, (x, y), key), tuple[Value, Mlp])
    assert_type(fn.value_and_grad(absolute)(net, (x, y), key), tuple[Value, Mlp])
    fn.testing.check_gradients(net, x, loss=squared, target=y, penalty=decay)
    fitted = fn.fit(net, x, y, loss=absolute, optimizer=fn.adam(0.01), key=key, epochs=2, valid=(x, y))
    assert_type(fitted.state.params, Mlp)
