"""What a compiled epoch reads from a run: its settings as numbers, its data in one dtype. All else is refused by name.

Everything is recognized by its exact class: a derived class may have rules of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fnnet.calculus.gradients import ValueAndGrad
from fnnet.core.facts import casts, check_network, replicas
from fnnet.core.network import forward
from fnnet.data.batches import Minibatches, minibatches
from fnnet.jit.epochs import CompiledEpoch, compiled_epoch
from fnnet.jit.losses import inner_loss, kernels_of
from fnnet.jit.stacks import Axes, one_of
from fnnet.jit.targets import check_target
from fnnet.jit.wrappers import chain_of
from fnnet.losses.weighted import ClassWeighted, Weighted
from fnnet.training.step import TrainStep
from fnnet.tree.nodes import Params
from fnnet.tree.structures import Structure, structure_of
from fnnet.types import Array

READ: dict[type, tuple[str, ...]] = {
    TrainStep: ("gradient", "optimizer"),
    ValueAndGrad: ("loss", "penalty"),
    Minibatches: ("x", "y", "batch_size", "shuffle", "last", "order"),
}
"""What a run consists of besides layers, losses and optimizers, and which fields of it are read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The compiled epoch of a run of one network, or of networks stacked along some axes, and its checked data in the
    dtypes that the epoch is compiled for. ``slots`` is the number of slots of each of its nested optimizers."""

    epoch: CompiledEpoch
    data: Minibatches[Any]
    slots: tuple[int, ...]
    structure: Structure[Params]
    stacked: Axes
    x: NDArray[np.floating]
    target: NDArray[Any]
    weights: NDArray[np.floating]


def plan_of(step: object, data: object, params: Params) -> Plan:
    """The plan of a run. Raises LayerError or TypeError, naming what cannot be compiled, and the errors of bad data."""
    loss, penalty, given = _settings_of(step)
    wrappers, optimizer = chain_of(given)
    inner, batches = inner_loss(loss), _batches_of(data)
    x, dtype, stacked = cast(Array, batches.x), check_network("jit", params), replicas(params)
    prediction, _ = forward(params, x[:1])
    enters = _dtype_of(x, params, dtype)
    one = one_of(params, stacked)
    epoch = compiled_epoch(one, x.shape[1], dtype, enters, inner, penalty, wrappers, optimizer)
    check_target(loss, batches.y, len(x), prediction.shape[-1], dtype)
    _check_categories(epoch, x)
    target, weights = _target_of(loss, batches.y)
    known = kernels_of(inner)
    is_labelled = known is not None and known.is_labelled
    return Plan(
        epoch=epoch,
        data=batches,
        slots=(*[wrapper.slots for wrapper in wrappers], optimizer.slots),
        structure=structure_of(params),
        stacked=stacked,
        x=_writable(x, enters),
        target=_writable(target, np.dtype(np.int64) if is_labelled else dtype),
        weights=np.empty(0, dtype) if weights is None else _writable(weights, dtype),
    )


def _dtype_of(x: Array, params: Params, dtype: np.dtype[np.floating]) -> np.dtype[np.floating]:
    """The network's dtype, unless the first layer accepts x in its own."""
    is_single = x.dtype == np.float32 or (x.dtype.kind == "f" and x.dtype.itemsize < 8)
    return dtype if casts(params) or dtype == np.float64 or is_single else np.dtype(np.float64)


def _check_categories(epoch: CompiledEpoch, x: Array) -> None:
    """Raises the errors of every Embedding for its columns of x."""
    for layer, columns in epoch.program.embeddings:
        for start in range(0, len(x), 1 << 12):
            forward(layer, x[start : start + (1 << 12), list(columns)])


def _settings_of(step: object) -> tuple[Any, object, object]:
    """The loss, the penalty and the optimizer of a step. Raises TypeError for a step of another kind."""
    if type(step) is not TrainStep or type(step.gradient) is not ValueAndGrad:
        raise TypeError(f"jit: step must be train_step(value_and_grad(loss), optimizer), got {step!r}; use fnnet.train")
    return step.gradient.loss, step.gradient.penalty, step.optimizer


def _batches_of(data: object) -> Minibatches[Any]:
    """The data of a run. Raises TypeError for data of another kind or not in memory, and the errors of ``minibatches``
    for data that it has not made."""
    if type(data) is not Minibatches:
        raise TypeError(f"jit: data must be minibatches(...), got {data!r}; use fnnet.train")
    arrays = data.y if type(data.y) is tuple else (data.y,)
    for name, array in [("x", data.x), *[("y", y) for y in arrays]]:
        if type(array) is not np.ndarray and not isinstance(array, np.ma.MaskedArray):  # which is refused below
            raise TypeError(
                f"jit: {name} must be an array in memory, got {type(array).__name__}; read it by numpy.array, or use "
                "fnnet.train"
            )
    return minibatches(
        data.x, data.y, batch_size=data.batch_size, shuffle=data.shuffle, last=data.last, order=data.order
    )


def _target_of(loss: object, y: Any) -> tuple[Any, Any]:
    """The target and the weights of all rows, None if they have none."""
    if type(loss) is Weighted:
        return y[0], y[1]
    return y, np.array(loss.weights)[y] if type(loss) is ClassWeighted else None


def _writable(a: object, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The array in the form that the function is compiled for: C order, one dtype, writable."""
    return np.require(a, dtype, ["C", "W", "A"])
