"""What a compiled epoch reads: a network, a loss and an optimizer as numbers. What is not compiled is refused here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fnnet.jit.kernels as kernels
from fnnet.data import Minibatches
from fnnet.errors import LayerError
from fnnet.gradients import ValueAndGrad
from fnnet.jit.optimizers import compiled_one, rules_of
from fnnet.layers.elu import Elu
from fnnet.layers.gelu import Gelu
from fnnet.layers.identity import Identity
from fnnet.layers.leaky_relu import LeakyRelu
from fnnet.layers.linear import Linear
from fnnet.layers.relu import Relu
from fnnet.layers.serial import Serial
from fnnet.layers.sigmoid import Sigmoid
from fnnet.layers.silu import Silu
from fnnet.layers.softmax import Softmax
from fnnet.layers.softplus import Softplus
from fnnet.layers.tanh import Tanh
from fnnet.losses._base import RowLoss
from fnnet.losses.absolute import Huber, MeanAbsoluteError
from fnnet.losses.cross_entropy import BinaryCrossEntropy, SoftmaxCrossEntropy
from fnnet.losses.squared import MeanSquaredError, SumSquaredError
from fnnet.losses.weighted import Weighted
from fnnet.models import Mlp
from fnnet.network import forward
from fnnet.nodes import Params, parts
from fnnet.optimizers.adam import Adam
from fnnet.optimizers.sgd import Sgd
from fnnet.rules import check_network, replicas
from fnnet.training import TrainStep

ACTIVATIONS: dict[type, int] = {
    Identity: kernels.IDENTITY,
    Relu: kernels.RELU,
    LeakyRelu: kernels.LEAKY_RELU,
    Elu: kernels.ELU,
    Gelu: kernels.GELU,
    Silu: kernels.SILU,
    Softplus: kernels.SOFTPLUS,
    Tanh: kernels.TANH,
    Sigmoid: kernels.SIGMOID,
    Softmax: kernels.SOFTMAX,
}

LOSSES: dict[type, int] = {
    MeanSquaredError: kernels.MSE,
    SumSquaredError: kernels.SUM_SQUARED_ERROR,
    MeanAbsoluteError: kernels.MAE,
    Huber: kernels.HUBER,
    SoftmaxCrossEntropy: kernels.SOFTMAX_CROSS_ENTROPY,
    BinaryCrossEntropy: kernels.BINARY_CROSS_ENTROPY,
}


@dataclass(frozen=True, slots=True)
class Program:
    """A network as numbers: a row an operation and its constant.

    A row is (kind, inputs, outputs, where its parameters begin, the activation in it): a ReLU behind a Linear layer is
    part of its operation.
    """

    operations: NDArray[np.int64]
    constants: NDArray[np.float64]


def program_of(params: Params) -> Program:
    """The program of a network. Raises LayerError naming the layer that cannot be compiled."""
    check_network("jit", params)
    if replicas(params):
        raise LayerError(
            f"jit: stacked networks are not compiled, got replica axes {replicas(params)}; use fnnet.train"
        )
    operations: list[tuple[int, int, int, int, int]] = []
    constants: list[float] = []
    width, begin = 0, 0
    for path, layer in _flat(params, ""):
        if isinstance(layer, Linear):
            n_in, n_out = layer.w.shape
            if width and width != n_in:
                raise LayerError(f"jit: {path} must take the {width} features that it is given, it takes {n_in}")
            operations.append((kernels.LINEAR, n_in, n_out, begin, kernels.IDENTITY))
            constants.append(0.0)
            width, begin = n_out, begin + (n_in + 1) * n_out
        elif isinstance(layer, Relu) and operations and operations[-1][0] == kernels.LINEAR:
            operations[-1] = (*operations[-1][:4], kernels.RELU)
        else:
            operations.append((ACTIVATIONS[type(layer)], width, width, 0, kernels.IDENTITY))
            constants.append(next((value for _, value in parts(layer) if isinstance(value, float)), 0.0))
    if operations[0][0] != kernels.LINEAR:
        raise LayerError(f"jit: a compiled network begins with a Linear layer, got {type(params).__name__}")
    return Program(np.array(operations, np.int64), np.array(constants))


def _flat(layer: object, path: str) -> Iterator[tuple[str, Params]]:
    """The Linear layers and activations of a network in their order, with their paths."""
    if isinstance(layer, Serial):
        for i, child in enumerate(layer.layers):
            yield from _flat(child, f"{path}layers.{i}.")
    elif isinstance(layer, Mlp):
        for i, linear in enumerate(layer.layers):
            yield f"{path}layers.{i}", linear
            if i < len(layer.layers) - 1:
                yield from _without_parameters(layer.activation, f"{path}activation.")
    elif isinstance(layer, Linear):
        yield path[:-1], layer
    else:
        yield from _without_parameters(layer, path)


def _without_parameters(layer: object, path: str) -> Iterator[tuple[str, Params]]:
    if isinstance(layer, Serial) and not any(isinstance(child, Linear) for child in layer.layers):
        for i, child in enumerate(layer.layers):
            yield from _without_parameters(child, f"{path}layers.{i}.")
    elif isinstance(layer, Params) and type(layer) in ACTIVATIONS:
        yield path[:-1], layer
    else:
        known = ", ".join(["Linear", *[kind.__name__ for kind in ACTIVATIONS], "Serial", "Mlp"])
        raise LayerError(
            f"jit: {path[:-1] or 'the network'} is a {type(layer).__name__}, which is not compiled; use fnnet.train, "
            f"or a network of {known}"
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a run as numbers, and its data in the dtype of the parameters."""

    data: Minibatches[Any]
    settings: Sgd | Adam
    loss: int
    delta: float
    optimizer: int
    hyper: NDArray[np.float64]
    x: NDArray[np.floating]
    y: NDArray[np.floating]
    labels: NDArray[np.int64]
    weights: NDArray[np.floating]


def plan_of(step: object, data: object, params: Params) -> Plan:
    """The plan of a run. Raises LayerError or TypeError naming what cannot be compiled, and the errors of bad data."""
    if type(step) is not TrainStep or type(step.gradient) is not ValueAndGrad:
        raise TypeError(f"jit: step must be train_step(value_and_grad(loss), optimizer), got {step!r}; use fnnet.train")
    if type(data) is not Minibatches:
        raise TypeError(f"jit: data must be minibatches(...), got {data!r}; use fnnet.train")
    settings = compiled_one(step.optimizer)
    optimizer, hyper = rules_of(settings)
    loss, x, target, weights = step.gradient.loss, data.x, data.y, None
    if type(x) is not np.ndarray:
        raise TypeError(
            f"jit: x must be an array in memory, got {type(x).__name__}; read it by numpy.array, or use fnnet.train"
        )
    prediction, _ = forward(params, x[:1])
    zeros = np.zeros((len(x), prediction.shape[-1]), prediction.dtype)
    if not isinstance(loss, RowLoss):
        raise TypeError(f"jit: loss must be one of fnnet's, got {loss!r}; use fnnet.train")
    loss.rows(zeros, target)  # which checks the whole target
    if type(loss) is Weighted:
        loss, (target, weights) = loss.loss, target
    if type(loss) not in LOSSES:
        raise TypeError(f"jit: loss {loss!r} is not compiled, only {', '.join(kind.__name__ for kind in LOSSES)}")
    dtype = prediction.dtype
    is_labelled = type(loss) is SoftmaxCrossEntropy
    return Plan(
        data=data,
        settings=settings,
        loss=LOSSES[type(loss)],
        delta=loss.delta if type(loss) is Huber else 0.0,
        optimizer=optimizer,
        hyper=hyper,
        x=_writable(x, dtype),
        y=np.empty((0, 0), dtype) if is_labelled else _writable(target, dtype),
        labels=_writable(target, np.dtype(np.int64)) if is_labelled else np.empty(0, np.int64),
        weights=np.empty(0, dtype) if weights is None else _writable(weights, dtype),
    )


def _writable(a: object, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The array as the compiled function is compiled for: C-ordered, of one dtype, not read-only."""
    return np.require(a, dtype, ["C", "W", "A"])
