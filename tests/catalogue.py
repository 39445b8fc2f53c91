"""Everything that the laws are run over: one list a kind, compared with the public names by a test of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import fnnet as fn
from fnnet import Array, Key, Params
from fnnet.keys import normal, permutation, uniform
from tests.support.own_layers import Centred, Noise, Setting

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


def _layer_norm(key: Key, n_in: int, n_out: int) -> Params:
    return fn.LayerNorm(1 + 0.3 * normal(key, (n_in,)), normal(key.child(1), (n_in,)), 0.1)


def _rms_norm(key: Key, n_in: int, n_out: int) -> Params:
    return fn.RmsNorm(1 + 0.3 * normal(key, (n_in,)), 0.1)


def _residual(key: Key, n_in: int, n_out: int) -> Params:
    return fn.residual(fn.serial(_layer_norm(key, n_in, n_in), _linear(key.child(2), n_in, n_in), fn.Dropout(0.3)))


def _portable(key: Key, n_in: int, n_out: int) -> Params:
    return fn.portable(fn.serial(_layer_norm(key, n_in, n_in), fn.Dropout(0.3), fn.Gelu(), _mlp(key, n_in, n_out)))


def _branches(key: Key, n_in: int, n_out: int) -> Params:
    """All columns in one branch, the first once more in a second one, where there is room for its output."""
    every, first = tuple(range(n_in)), _linear(key, n_in, max(1, n_out - 1))
    if n_out == 1:
        return fn.branches([every], (first,))
    return fn.branches([every, (0,)], (first, fn.serial(fn.Tanh(), fn.Dropout(0.3))))


WIDENING: dict[str, Make] = {
    "Branches": _branches,
    "Linear": _linear,
    "Mlp": _mlp,
    "Mlp of Relu": _relu_mlp,
    "Mlp of Dropout": _dropout_mlp,
    "Portable": _portable,
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
    "LayerNorm": _layer_norm,
    "RmsNorm": _rms_norm,
    "Standardize": lambda key, n_in, n_out: fn.Standardize(normal(key, (n_in,)), 1 + uniform(key.child(1), (n_in,))),
    "Residual": _residual,
    "Residual of Tanh": lambda key, n_in, n_out: fn.residual(fn.Tanh()),
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

CATEGORIES = 5


def _embedding(key: Key, n_in: int, n_out: int) -> Params:
    return fn.embedding(key, CATEGORIES, n_out, dtype=np.float64)


def _embedding_beside_numbers(key: Key, n_in: int, n_out: int) -> Params:
    both = fn.serial(_embedding(key, 1, 2), fn.Dropout(0.3)), _linear(key.child(1), n_in, 2)
    return fn.serial(fn.branches([(0,), tuple(range(n_in))], both), fn.Tanh(), _linear(key.child(2), 4, n_out))


WHOLE: dict[str, Make] = {
    "Embedding": _embedding,
    "Embedding in Branches": _embedding_beside_numbers,
}
"""Layers from whole numbers in [0, CATEGORIES), which have no derivative."""


@dataclass(frozen=True)
class LossCase:
    """A loss, and how a target for a prediction of some shape is drawn."""

    loss: fn.Loss[Any]
    target: Callable[[Key, tuple[int, ...]], object]
    sized: Callable[[int], fn.Loss[Any]] | None = None

    def of(self, columns: int) -> fn.Loss[Any]:
        """The loss for a prediction of so many columns; ``loss`` is for 3."""
        return self.loss if self.sized is None else self.sized(columns)


def _numbers(key: Key, shape: tuple[int, ...]) -> Array:
    return normal(key, shape)


def _shares(key: Key, shape: tuple[int, ...]) -> Array:
    return uniform(key, shape)


def _counts(key: Key, shape: tuple[int, ...]) -> Array:
    return np.floor(4 * uniform(key, shape))


def _signs(key: Key, shape: tuple[int, ...]) -> Array:
    return np.round(uniform(key, shape))


def _distributions(key: Key, shape: tuple[int, ...]) -> Array:
    parts = 0.1 + uniform(key, shape)
    return np.asarray(parts / parts.sum(axis=-1, keepdims=True))


def _labels(key: Key, shape: tuple[int, ...]) -> fn.Labels:
    return (uniform(key, shape[:-1]) * shape[-1]).astype(np.int64)


def _weighted(draw: Callable[[Key, tuple[int, ...]], object]) -> Callable[[Key, tuple[int, ...]], object]:
    return lambda key, shape: (draw(key.child(0), shape), 0.1 + uniform(key.child(1), shape[:-1]))


def _class_weighted(loss: fn.Loss[fn.Labels], classes: int) -> fn.Loss[Any]:
    return fn.class_weighted(loss, tuple([0.5 + i for i in range(classes)]))


LOSSES: dict[str, LossCase] = {
    "mse": LossCase(fn.mse, _numbers),
    "sum_squared_error": LossCase(fn.sum_squared_error, _numbers),
    "mae": LossCase(fn.mae, _numbers),
    "huber": LossCase(fn.huber, _numbers),
    "Huber": LossCase(fn.Huber(0.3), _numbers),
    "softmax_cross_entropy": LossCase(fn.softmax_cross_entropy, _labels),
    "binary_cross_entropy": LossCase(fn.binary_cross_entropy, _shares),
    "poisson": LossCase(fn.poisson, _counts),
    "log_cosh": LossCase(fn.log_cosh, _numbers),
    "quantile": LossCase(fn.quantile(0.8), _numbers),
    "Quantile": LossCase(fn.Quantile(0.3), _numbers),
    "focal": LossCase(fn.focal(), _labels),
    "Focal": LossCase(fn.Focal(0.5), _labels),
    "hinge": LossCase(fn.hinge, _labels),
    "binary_hinge": LossCase(fn.binary_hinge, _signs),
    "soft_cross_entropy": LossCase(fn.soft_cross_entropy, _distributions),
    "label_smoothing": LossCase(fn.label_smoothing(0.2), _labels),
    "class_weighted": LossCase(
        _class_weighted(fn.softmax_cross_entropy, 3), _labels, partial(_class_weighted, fn.softmax_cross_entropy)
    ),
    "class_weighted hinge": LossCase(_class_weighted(fn.hinge, 3), _labels, partial(_class_weighted, fn.hinge)),
    "weighted": LossCase(fn.weighted(fn.mse), _weighted(_numbers)),
    "weighted softmax_cross_entropy": LossCase(fn.weighted(fn.softmax_cross_entropy), _weighted(_labels)),
    "weighted sum_squared_error": LossCase(fn.weighted(fn.sum_squared_error), _weighted(_numbers)),
}


def is_weight(path: str) -> bool:
    """All but biases, so that every network with parameters has one."""
    return not path.endswith("b")


MOMENTUM = fn.sgd(0.05, momentum=0.9)

PENALTIES: dict[str, fn.Penalty] = {
    "l1": fn.l1(0.3),
    "l2": fn.l2(0.3),
    "l2 of some": fn.l2(0.3, where=is_weight),
    "elastic_net of some": fn.elastic_net(0.1, 0.2, where=is_weight),
    "elastic_net": fn.elastic_net(0.2, 0.3),
}

OPTIMIZERS: dict[str, fn.Optimizer] = {
    "sgd": fn.sgd(0.05),
    "sgd with momentum": fn.sgd(0.05, momentum=0.9),
    "sgd with Nesterov": fn.sgd(0.05, momentum=0.8, nesterov=True),
    "adam": fn.adam(0.01),
    "adamw": fn.adamw(0.01, weight_decay=0.1),
    "adam with an eps hat": fn.adam(0.01, eps=1e-3, eps_hat=True),
    "rmsprop": fn.rmsprop(0.01),
    "rmsprop with momentum": fn.rmsprop(0.01, momentum=0.9),
    "rmsprop in the root": fn.rmsprop(0.01, eps=1e-6, eps_in_sqrt=True),
    "rmsprop centered": fn.rmsprop(0.01, centered=True, eps=1e-3, eps_in_sqrt=True),
    "rmsprop centered with momentum": fn.rmsprop(0.01, momentum=0.9, centered=True, eps=0.1),
    "adagrad": fn.adagrad(0.1),
    "adagrad with a start": fn.adagrad(0.1, start=0.1),
    "adadelta": fn.adadelta(),
    "adamax": fn.adamax(0.01),
    "amsgrad": fn.amsgrad(0.01),
    "amsgrad with an eps hat": fn.amsgrad(0.01, eps=1e-3, eps_hat=True),
    "nadam": fn.nadam(0.01),
    "radam": fn.radam(0.01),
    "radam with an eps hat": fn.radam(0.01, b2=0.9, eps=1e-3, eps_hat=True),
    "radam soon": fn.radam(0.01, b2=0.9, threshold=4),
    "lion": fn.lion(0.01),
    "lion with decay": fn.lion(0.01, weight_decay=0.01),
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


@dataclass(frozen=True)
class MetricCase:
    """A metric, and how a target for a prediction of some shape is drawn; of labels every class occurs."""

    metric: Callable[..., fn.Value]
    target: Callable[[Key, tuple[int, ...]], object]


def _classes(key: Key, shape: tuple[int, ...]) -> fn.Labels:
    return permutation(key, shape[0]) % shape[-1]


def _zeros_and_ones(key: Key, shape: tuple[int, ...]) -> Array:
    return (permutation(key, shape[0]) % 2)[:, None].astype(np.float64)


METRICS: dict[str, MetricCase] = {
    "accuracy": MetricCase(fn.metrics.accuracy, _classes),
    "balanced_accuracy": MetricCase(fn.metrics.balanced_accuracy, _classes),
    "top_k of 1": MetricCase(fn.metrics.top_k(1), _classes),
    "precision": MetricCase(fn.metrics.precision, _classes),
    "recall": MetricCase(fn.metrics.recall, _classes),
    "f1": MetricCase(fn.metrics.f1, _classes),
    "Precision of all": MetricCase(fn.metrics.Precision("micro"), _classes),
    "Recall of class 1": MetricCase(fn.metrics.Recall("binary"), _classes),
    "F1 of class 1": MetricCase(fn.metrics.F1("binary"), _classes),
    "roc_auc": MetricCase(fn.metrics.roc_auc, _classes),
    "log_loss": MetricCase(fn.metrics.log_loss, _classes),
    "brier": MetricCase(fn.metrics.brier, _classes),
    "expected_calibration_error": MetricCase(fn.metrics.expected_calibration_error, _classes),
    "ExpectedCalibrationError of 3 bins": MetricCase(fn.metrics.ExpectedCalibrationError(3), _classes),
    "binary accuracy": MetricCase(fn.metrics.binary(fn.metrics.accuracy), _zeros_and_ones),
    "binary roc_auc": MetricCase(fn.metrics.binary(fn.metrics.roc_auc), _zeros_and_ones),
    "mae": MetricCase(fn.metrics.mae, _numbers),
    "rmse": MetricCase(fn.metrics.rmse, _numbers),
    "r2": MetricCase(fn.metrics.r2, _numbers),
    "explained_variance": MetricCase(fn.metrics.explained_variance, _numbers),
}


def shuffled(key: Key, n: int) -> list[int]:
    """Some order of n rows."""
    return [int(i) for i in permutation(key, n)]
