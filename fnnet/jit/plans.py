"""What a compiled epoch reads: a network, a loss and an optimizer as numbers. What is not compiled is refused here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import fnnet.jit.kernels as kernels
from fnnet.data import Minibatches
from fnnet.errors import LayerError
from fnnet.gradients import ValueAndGrad
from fnnet.jit.optimizers import compiled_one, rules_of
from fnnet.layers.dropout import Dropout
from fnnet.layers.elu import Elu
from fnnet.layers.gelu import Gelu
from fnnet.layers.identity import Identity
from fnnet.layers.layer_norm import LayerNorm
from fnnet.layers.leaky_relu import LeakyRelu
from fnnet.layers.linear import Linear
from fnnet.layers.relu import Relu
from fnnet.layers.residual import Residual
from fnnet.layers.rms_norm import RmsNorm
from fnnet.layers.serial import Serial
from fnnet.layers.sigmoid import Sigmoid
from fnnet.layers.silu import Silu
from fnnet.layers.softmax import Softmax
from fnnet.layers.softplus import Softplus
from fnnet.layers.tanh import Tanh
from fnnet.losses._base import RowLoss
from fnnet.losses.absolute import Huber, MeanAbsoluteError
from fnnet.losses.cross_entropy import BinaryCrossEntropy, SoftmaxCrossEntropy
from fnnet.losses.focal import Focal
from fnnet.losses.hinge import BinaryHinge, Hinge
from fnnet.losses.label_smoothing import LabelSmoothing
from fnnet.losses.log_cosh import LogCosh
from fnnet.losses.poisson import Poisson
from fnnet.losses.quantile import Quantile
from fnnet.losses.soft_cross_entropy import SoftCrossEntropy
from fnnet.losses.squared import MeanSquaredError, SumSquaredError
from fnnet.losses.weighted import ClassWeighted, Weighted
from fnnet.models import Mlp
from fnnet.network import forward
from fnnet.nodes import Params, parts
from fnnet.optimizers._base import Elementwise
from fnnet.rules import check_network, replicas
from fnnet.training import TrainStep
from fnnet.tree import leaves

KINDS: dict[type, int] = {
    Linear: kernels.LINEAR,
    Dropout: kernels.DROPOUT,
    LayerNorm: kernels.LAYER_NORM,
    RmsNorm: kernels.RMS_NORM,
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
    Poisson: kernels.POISSON,
    LogCosh: kernels.LOG_COSH,
    Quantile: kernels.QUANTILE,
    Focal: kernels.FOCAL,
    Hinge: kernels.HINGE,
    LabelSmoothing: kernels.LABEL_SMOOTHING,
    SoftCrossEntropy: kernels.SOFT_CROSS_ENTROPY,
    BinaryHinge: kernels.BINARY_HINGE,
}

OF_LABELS = (SoftmaxCrossEntropy, Focal, Hinge, LabelSmoothing)
"""Those whose target are class numbers."""


class Place(NamedTuple):
    """A dropout: the indices of its key under the batch's key, the width of what it masks, its rate."""

    indices: tuple[int, ...]
    width: int
    rate: float


@dataclass(frozen=True, slots=True)
class Program:
    """A network as numbers: a row an operation and its constant.

    A row is (kind, inputs, outputs, where its parameters begin, one thing more): of a Linear the activation in it, for
    a ReLU behind it is part of its operation; of a Dropout where its mask begins in a row's masks; of the beginning and
    the end of a Residual where the other one stands.
    """

    operations: NDArray[np.int64]
    constants: NDArray[np.float64]
    dropouts: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Compiler:
    """From a network to its program for n_in features, as a value: what it finds of a structure can be remembered."""

    n_in: int

    def __call__(self, params: Params) -> Program:
        """The program. Raises LayerError naming the layer that cannot be compiled."""
        return program_of(params, self.n_in)


def program_of(params: Params, n_in: int) -> Program:
    """The program of a network for n_in features. Raises LayerError naming the layer that cannot be compiled."""
    check_network("jit", params)
    if replicas(params):
        raise LayerError(
            f"jit: stacked networks are not compiled, got replica axes {replicas(params)}; use fnnet.train"
        )
    operations: list[tuple[int, int, int, int, int]] = []
    constants: list[float] = []
    dropouts: list[Place] = []
    open_ones: list[int] = []
    width, begin = n_in, 0
    for kind, layer, path, indices in _flat(params, "", (), False):
        wanted, n_out, other, size = width, width, 0, sum([leaf.size for leaf in leaves(layer)])
        if isinstance(layer, Linear):
            (wanted, n_out), other = layer.w.shape, kernels.IDENTITY
        elif size:
            wanted = leaves(layer)[0].shape[-1]
        if wanted != width:
            raise LayerError(f"jit: {path} must take the {width} features that it is given, it takes {wanted}")
        if kind == kernels.RELU and operations and operations[-1][0] == kernels.LINEAR:
            operations[-1] = (*operations[-1][:4], kernels.RELU)
            continue
        if isinstance(layer, Dropout):
            other = sum([place.width for place in dropouts])
            dropouts.append(Place(indices, width, layer.rate))
        elif kind == kernels.BEGIN:
            open_ones.append(len(operations))
        elif kind == kernels.END:
            other = open_ones.pop()
            if operations[other][1] != width:
                raise LayerError(
                    f"jit: {path} must give as many features as it takes, {operations[other][1]}, got {width}"
                )
            operations[other] = (*operations[other][:4], len(operations))
        operations.append((kind, width, n_out, begin, other))
        constants.append(_constant(layer))
        width, begin = n_out, begin + size
    if not begin:
        raise LayerError(f"jit: a compiled network must have parameters to train, got {params!r}")
    return Program(np.array(operations, np.int64), np.array(constants), tuple(dropouts))


def _constant(layer: Params) -> float:
    """The one setting of a layer; of a Dropout what is kept is multiplied by."""
    if isinstance(layer, Dropout):
        return 1 / (1 - layer.rate)
    return next((value for _, value in parts(layer) if isinstance(value, float)), 0.0)


Step = tuple[int, Params, str, tuple[int, ...]]
"""What an operation is, its layer, the layer's path, and the indices of its key under that of the network."""


def _flat(layer: Params, path: str, indices: tuple[int, ...], is_shared: bool) -> Iterator[Step]:
    """The operations of a network in their order. What stands in several places may have no parameters."""
    if isinstance(layer, Serial):
        for i, child in enumerate(layer.layers):
            yield from _flat(child, f"{path}layers.{i}.", (*indices, i), is_shared)
    elif isinstance(layer, Mlp) and not is_shared:
        for i, linear in enumerate(layer.layers):
            yield kernels.LINEAR, linear, f"{path}layers.{i}", ()
            if i < len(layer.layers) - 1:
                yield from _flat(layer.activation, f"{path}activation.", (*indices, i), True)
    elif isinstance(layer, Residual):
        yield kernels.BEGIN, Identity(), path[:-1], ()
        yield from _flat(layer.layer, f"{path}layer.", (*indices, 0), is_shared)
        yield kernels.END, Identity(), path[:-1], ()
    elif type(layer) in KINDS and not (is_shared and leaves(layer)):
        yield KINDS[type(layer)], layer, path[:-1], indices
    else:
        known = ", ".join([*[kind.__name__ for kind in KINDS], "Serial", "Residual", "Mlp"])
        raise LayerError(
            f"jit: {path[:-1] or 'the network'} is a {type(layer).__name__}, which is not compiled"
            f"{' where it stands in several places' if type(layer) in KINDS else ''}; use fnnet.train, or a network of "
            f"{known}"
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a run as numbers, and its data in the dtype of the parameters."""

    data: Minibatches[Any]
    settings: Elementwise
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
    if step.gradient.penalty is not None:
        raise TypeError(f"jit: penalty {step.gradient.penalty!r} is not compiled; use fnnet.train, or adamw's decay")
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
    if type(loss) is ClassWeighted:
        weights, loss = np.array(loss.weights)[target], loss.loss.loss
    if type(loss) not in LOSSES:
        raise TypeError(f"jit: loss {loss!r} is not compiled, only {', '.join(kind.__name__ for kind in LOSSES)}")
    dtype = prediction.dtype
    is_labelled = type(loss) in OF_LABELS
    return Plan(
        data=data,
        settings=settings,
        loss=LOSSES[type(loss)],
        delta=next((value for _, value in parts(loss) if isinstance(value, float)), 0.0),
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
