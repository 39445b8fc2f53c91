"""Everything that the laws are run over: one list a kind, compared with the public names by a test of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import fnnet as fn
from fnnet import Array, Key, Params
from fnnet.keys import normal, permutation, uniform
from tests.own_layers import Centred, Noise, Setting

Make = Callable[[Key, int, int], Params]
"""A layer from a key and its numbers of inputs and outputs; one that keeps the width is only asked with equal ones."""


def _linear(key: Key, n_in: int, n_out: int) -> Params:
    return fn.linear(key, n_in, n_out, bias_init=fn.normal(0.5), dtype=np.float64)


def _mlp(key: Key, n_in: int, n_out: int) -> Params:
    sizes = (n_in, n_in + 1, n_out)
    return fn.mlp(key, sizes, activation=fn.Tanh(), bias_init=fn.normal(0.5), dtype=np.float64)


def _relu_mlp(key: Key, n_in: int, n_out: int) -> Params:
    return fn.mlp(key, (n_in, 4, 3, n_out), bias_init=fn.normal(0.5), dtype=np.float64)


def _serial(key: Key, n_in: int, n_out: int) -> Params:
    return fn.serial(_linear(key.child(0), n_in, 3), fn.Dropout(0.3), fn.Gelu(), _linear(key.child(1), 3, n_out))


def _dropout_mlp(key: Key, n_in: int, n_out: int) -> Params:
    activation = fn.serial(fn.Tanh(), fn.Dropout(0.4))
    return fn.mlp(key, (n_in, 5, n_out), activation=activation, bias_init=fn.normal(0.5), dtype=np.float64)


WIDENING: dict[str, Make] = {
    "Linear": _linear,
    "Mlp": _mlp,
    "Mlp of Relu": _relu_mlp,
    "Mlp of Dropout": _dropout_mlp,
    "Serial": _serial,
}
"""Layers from n_in to n_out features."""

KEEPING: dict[str, Make] = {
    "Identity": lambda key, n_in, n_out: fn.Identity(),
    "Relu": lambda key, n_in, n_out: fn.Relu(),
    "LeakyRelu": lambda key, n_in, n_out: fn.LeakyRelu(0.1),
    "Elu": lambda key, n_in, n_out: fn.Elu(0.7),
    "Gelu": lambda key, n_in, n_out: fn.Gelu(),
    "Silu": lambda key, n_in, n_out: fn.Silu(),
    "Softplus": lambda key, n_in, n_out: fn.Softplus(),
    "Tanh": lambda key, n_in, n_out: fn.Tanh(),
    "Sigmoid": lambda key, n_in, n_out: fn.Sigmoid(),
    "Softmax": lambda key, n_in, n_out: fn.Softmax(),
    "Dropout": lambda key, n_in, n_out: fn.Dropout(0.25),
}
"""Layers that give as many features as they take."""


def _centred(key: Key, n_in: int, n_out: int) -> Params:
    return Centred(1 + 0.5 * normal(key, (n_in,)), normal(key.child(1), (n_in,)))


OWN: dict[str, Make] = {
    "Centred": _centred,
    "Noise": lambda key, n_in, n_out: Noise(Setting(0.3)),
}
"""Layers as users write them; they keep the width too."""

LAYERS = WIDENING | KEEPING | OWN


@dataclass(frozen=True)
class LossCase:
    """A loss, and how a target for a prediction of some shape is drawn."""

    loss: fn.Loss[Any]
    target: Callable[[Key, tuple[int, ...]], object]


def _numbers(key: Key, shape: tuple[int, ...]) -> Array:
    return normal(key, shape)


def _shares(key: Key, shape: tuple[int, ...]) -> Array:
    return uniform(key, shape)


def _labels(key: Key, shape: tuple[int, ...]) -> fn.Labels:
    return (uniform(key, shape[:-1]) * shape[-1]).astype(np.int64)


def _weighted(draw: Callable[[Key, tuple[int, ...]], object]) -> Callable[[Key, tuple[int, ...]], object]:
    return lambda key, shape: (draw(key.child(0), shape), 0.1 + uniform(key.child(1), shape[:-1]))


LOSSES: dict[str, LossCase] = {
    "mse": LossCase(fn.mse, _numbers),
    "sum_squared_error": LossCase(fn.sum_squared_error, _numbers),
    "mae": LossCase(fn.mae, _numbers),
    "huber": LossCase(fn.huber, _numbers),
    "Huber": LossCase(fn.Huber(0.3), _numbers),
    "softmax_cross_entropy": LossCase(fn.softmax_cross_entropy, _labels),
    "binary_cross_entropy": LossCase(fn.binary_cross_entropy, _shares),
    "weighted": LossCase(fn.weighted(fn.mse), _weighted(_numbers)),
    "weighted softmax_cross_entropy": LossCase(fn.weighted(fn.softmax_cross_entropy), _weighted(_labels)),
    "weighted sum_squared_error": LossCase(fn.weighted(fn.sum_squared_error), _weighted(_numbers)),
}


def is_weight(path: str) -> bool:
    """All but biases, so that every network with parameters has one."""
    return not path.endswith("b")


MOMENTUM = fn.sgd(0.05, momentum=0.9)

OPTIMIZERS: dict[str, fn.Optimizer] = {
    "sgd": fn.sgd(0.05),
    "sgd with momentum": fn.sgd(0.05, momentum=0.9),
    "sgd with Nesterov": fn.sgd(0.05, momentum=0.8, nesterov=True),
    "adam": fn.adam(0.01),
    "adamw": fn.adamw(0.01, weight_decay=0.1),
    "sgd on a schedule": fn.sgd(lambda step: 0.1 / (1 + step) ** 0.5),
    "clip_by_value of sgd": fn.pipe(MOMENTUM, fn.clip_by_value(0.3)),
    "clip_by_global_norm of sgd": fn.pipe(MOMENTUM, fn.clip_by_global_norm(0.5)),
    "weight_decay of adam": fn.pipe(fn.adam(0.01), fn.weight_decay(1e-4)),
    "weight_decay of some": fn.pipe(MOMENTUM, fn.weight_decay(lambda step: 1e-3 / (1 + step), where=is_weight)),
    "ema of adam": fn.pipe(fn.adam(0.01), fn.ema(0.9)),
    "lookahead of sgd": fn.pipe(MOMENTUM, fn.lookahead(2, 0.7)),
    "scale_rate of adam": fn.pipe(fn.adam(0.01), fn.scale_rate(is_weight, 0.5)),
    "freeze of adam": fn.pipe(fn.adam(0.01), fn.freeze(is_weight)),
    "ema of all": fn.pipe(
        fn.adam(0.01),
        fn.weight_decay(1e-4),
        fn.scale_rate(is_weight, 2.0),
        fn.clip_by_value(2.0),
        fn.lookahead(3, 0.8),
        fn.clip_by_global_norm(1.0),
        fn.ema(0.5),
    ),
}

INITIALIZERS: dict[str, fn.Initializer] = {
    "zeros": fn.zeros,
    "constant_fill": fn.constant_fill(0.5),
    "uniform": fn.uniform(-0.1, 0.3),
    "normal": fn.normal(0.2, mean=1.0),
    "glorot_uniform": fn.glorot_uniform,
    "glorot_normal": fn.glorot_normal,
    "he_uniform": fn.he_uniform,
    "he_normal": fn.he_normal,
    "lecun_uniform": fn.lecun_uniform,
    "lecun_normal": fn.lecun_normal,
    "orthogonal": fn.orthogonal,
}

METRICS: dict[str, Callable[..., fn.Value]] = {
    "accuracy": fn.metrics.accuracy,
    "r2": fn.metrics.r2,
}


def shuffled(key: Key, n: int) -> list[int]:
    """Some order of n rows."""
    return [int(i) for i in permutation(key, n)]
