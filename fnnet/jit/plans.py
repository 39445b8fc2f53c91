"""What a compiled epoch reads of a run: its settings as numbers, its data in one dtype. All else is refused by name.

Everything is known by its very class: one that is derived from it may have rules of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fnnet.calculus.gradients import ValueAndGrad
from fnnet.core.network import forward
from fnnet.core.rules import check_network
from fnnet.data.batches import Minibatches, minibatches
from fnnet.jit.optimizers import compiled_one, rules_of
from fnnet.jit.programs import Compiler
from fnnet.jit.targets import LOSSES, check_target, inner_loss, setting_of
from fnnet.losses.weighted import ClassWeighted, Weighted
from fnnet.optimizers.elementwise import Elementwise
from fnnet.training.folds import TrainStep
from fnnet.tree.nodes import Params
from fnnet.tree.structures import remembered
from fnnet.types import Array

READ: dict[type, tuple[str, ...]] = {
    TrainStep: ("gradient", "optimizer"),
    ValueAndGrad: ("loss", "penalty"),
    Minibatches: ("x", "y", "size", "shuffle", "last", "order"),
}
"""What a run is made of beside layers, losses and optimizers, and what of it is read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a run as numbers, and its data in the dtype of the parameters, checked for so many outputs."""

    outputs: int
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
    loss, settings = _settings_of(step)
    inner, (kind, hyper), batches = inner_loss(loss), rules_of(settings), _batches_of(data)
    x, dtype = cast(Array, batches.x), check_network("jit", params)
    prediction, _ = forward(params, x[:1])
    remembered(Compiler(x.shape[1]), params)
    check_target(loss, batches.y, len(x), prediction.shape[-1], dtype)
    target, weights = _target_of(loss, batches.y)
    known = LOSSES[type(inner)]
    return Plan(
        outputs=prediction.shape[-1],
        data=batches,
        settings=settings,
        loss=known.kind,
        delta=setting_of(inner),
        optimizer=kind,
        hyper=hyper,
        x=_writable(x, dtype),
        y=np.empty((0, 0), dtype) if known.is_labelled else _writable(target, dtype),
        labels=_writable(target, np.dtype(np.int64)) if known.is_labelled else np.empty(0, np.int64),
        weights=np.empty(0, dtype) if weights is None else _writable(weights, dtype),
    )


def _settings_of(step: object) -> tuple[Any, Elementwise]:
    """The loss and the optimizer of a step. Raises TypeError for a step of another kind."""
    if type(step) is not TrainStep or type(step.gradient) is not ValueAndGrad:
        raise TypeError(f"jit: step must be train_step(value_and_grad(loss), optimizer), got {step!r}; use fnnet.train")
    if step.gradient.penalty is not None:
        raise TypeError(f"jit: penalty {step.gradient.penalty!r} is not compiled; use fnnet.train, or adamw's decay")
    return step.gradient.loss, compiled_one(step.optimizer)


def _batches_of(data: object) -> Minibatches[Any]:
    """The data of a run. Raises TypeError for data of another kind or that are not in memory, and what ``minibatches``
    raises where they were not made by it."""
    if type(data) is not Minibatches:
        raise TypeError(f"jit: data must be minibatches(...), got {data!r}; use fnnet.train")
    arrays = data.y if type(data.y) is tuple else (data.y,)
    for name, array in [("x", data.x), *[("y", y) for y in arrays]]:
        if type(array) is not np.ndarray and not isinstance(array, np.ma.MaskedArray):  # which is refused below
            raise TypeError(
                f"jit: {name} must be an array in memory, got {type(array).__name__}; read it by numpy.array, or use "
                "fnnet.train"
            )
    return minibatches(data.x, data.y, size=data.size, shuffle=data.shuffle, last=data.last, order=data.order)


def _target_of(loss: object, y: Any) -> tuple[Any, Any]:
    """The target and the weights of all rows, None where they have none."""
    if type(loss) is Weighted:
        return y[0], y[1]
    return y, np.array(loss.weights)[y] if type(loss) is ClassWeighted else None


def _writable(a: object, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The array as the compiled function is compiled for: C-ordered, of one dtype, not read-only."""
    return np.require(a, dtype, ["C", "W", "A"])
