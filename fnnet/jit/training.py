"""Training by compiled epochs, with the signatures and the meaning of ``fnnet.training``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from fnnet import checks, keys
from fnnet.core.facts import fork
from fnnet.core.history import History
from fnnet.core.limits import epochs_from
from fnnet.core.protocols import Data, Step
from fnnet.core.runs import Run, run_from, under_way, within
from fnnet.core.segments import Record
from fnnet.core.states import Epoch, OptState, TrainState
from fnnet.errors import TreeError
from fnnet.functional import scan
from fnnet.jit.compiling import compiled_call
from fnnet.jit.plans import Plan, plan_of
from fnnet.jit.programs import Program
from fnnet.jit.stacks import constants_in, numbers_in, of_numbers
from fnnet.jit.wrappers import numbers_of, states_of
from fnnet.keys import NOISE, ORDER, Key
from fnnet.losses.reductions import nonzero
from fnnet.optimizers.elementwise import slots_of
from fnnet.stages import Endless
from fnnet.training.fitting import Fitting
from fnnet.training.folds import check_run
from fnnet.tree.nodes import Params
from fnnet.tree.numbers import check_alike
from fnnet.tree.structures import structure_of
from fnnet.tree.vectors import locked
from fnnet.types import Array

P = TypeVar("P", bound=Params)
T = TypeVar("T")


def train(step: Step[T], data: Data[T], state: TrainState[P]) -> Iterator[Epoch[P]]:
    """``fnnet.train`` with whole epochs compiled: the same stream, with numbers equal up to rounding.

    ``step`` is ``train_step(value_and_grad(loss), optimizer)``, ``data`` are ``minibatches(...)`` in memory, ``state``
    is the one to begin with. Layers, losses and optimizers are fnnet's, or a user's own with a formula, kernels or a
    rule (``define_activation``, ``define_kernels``, ``define_loss``, ``Elementwise``). They are recognized by their
    exact classes, since a derived class may have rules of its own. Stacked networks are trained one after another.

    Raises LayerError or TypeError, naming what cannot be compiled, and the errors of ``fnnet.train``.

    >>> import fnnet as fn, numpy as np
    >>> from fnnet import jit
    >>> x, y = np.eye(4), np.ones((4, 1))
    >>> optimizer = fn.sgd(0.5)
    >>> state = fn.start(fn.linear(fn.Key(0), 4, 1, init=fn.zeros), optimizer, fn.Key(0))
    >>> step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    >>> epochs = jit.train(step, fn.minibatches(x, y, batch_size=4), state)
    >>> [round(float(e.record.loss), 3) for e in fn.take(3)(epochs)]
    [1.0, 0.062, 0.004]
    """
    check_run(step, data, state)
    plan = _plan(step, data, state)
    _check_state(plan, state)
    made_by = run_from(state, step, data, train)
    return Endless(map(Epoch, scan(partial(_epoch, plan, made_by), epochs_from(state.epoch), state)))


_PLANS: WeakKeyDictionary[Run[object], Plan] = WeakKeyDictionary()
"""The plans of runs that begin anew for every epoch, as in ``reduce_on_plateau``."""


def _plan(step: Step[T], data: Data[T], state: TrainState[P]) -> Plan:
    """The plan of a run, made once as long as the run continues with networks of one structure."""
    run = under_way(state)
    if run is None or run.step is not step or run.data is not data:
        return plan_of(step, data, state.params)
    if run not in _PLANS or _PLANS[run].structure is not structure_of(state.params):
        _PLANS[run] = plan_of(step, data, state.params)
    return _PLANS[run]


def _check_state(plan: Plan, state: TrainState[P]) -> None:
    """Raises TreeError, ShapeError or DtypeError where the slots do not fit the parameters, since they are written to
    unchecked, and ValueError for a negative batch."""
    found = states_of(state.opt_state)
    if len(found) != len(plan.slots):
        raise TreeError(f"jit: state must be that of {len(plan.slots)} optimizers in each other, got {len(found)}")
    slots = [slot for one, count in zip(found, plan.slots, strict=True) for slot in slots_of("jit", one, count)]
    check_alike("jit", (state.params, *slots))
    checks.size("train", "state.batch", state.batch, 0)


def _epoch(plan: Plan, made_by: Run[Any], state: TrainState[P], epoch: int) -> TrainState[P]:
    """Trains on the rest of an epoch, in fresh vectors: the given state is not changed, the new one is read-only."""
    given, size = state.opt_state, plan.data.batch_size
    order = plan.data.index(state.key.child(ORDER, epoch))[state.batch * size :]
    if not len(order):
        raise ValueError(f"train: data must give more than {state.batch} batches in epoch {epoch}, got no more")
    theta = numbers_in(state.params, plan.stacked).copy()
    memory = [slot for one in states_of(given) for slot in one.slots]
    slots = np.empty((len(theta), len(memory), theta.shape[1]), theta.dtype)
    for i, slot in enumerate(memory):
        slots[:, i] = numbers_in(slot, plan.stacked)
    total = _trained(plan, state, epoch, order, theta, slots)
    theta, slots = locked((theta, slots))
    made = [of_numbers(like, slots[:, i], plan.stacked) for i, like in enumerate(memory)]
    opt_state = _after(given, -(-len(order) // size), iter(made))
    loss = (state.total + total) / (state.rows + len(order))
    history = History.of(state.history).append(Record(np.asarray(loss, np.float64)))
    params = of_numbers(state.params, theta, plan.stacked)
    return within(made_by, TrainState(params, opt_state, state.key, epoch + 1, 0, 0.0, 0, history, state.origin))


def _trained(
    plan: Plan, state: TrainState[P], epoch: int, order: NDArray[np.int64], theta: Array, slots: Array
) -> Array:
    """Trains fresh rows of numbers, one per network, in place on the rows of data in their order, each with the noise
    of its own key. Returns Σ loss · rows for each."""
    steps = -(-len(order) // plan.data.batch_size)
    numbers = numbers_of(plan.epoch.sources, state.opt_state, steps)
    constants = constants_in(state.params, plan.stacked, theta.dtype)
    noise = fork(state.params, state.key).child(NOISE, epoch)
    totals = [
        _trained_one(plan, noise.of_replica(index), state.batch, order, numbers, theta[i], slots[i], constants[i])
        for i, index in enumerate(np.ndindex(*plan.stacked))
    ]
    return np.array(totals).reshape(plan.stacked)


def _trained_one(
    plan: Plan,
    noise: Key,
    begin: int,
    order: NDArray[np.int64],
    numbers: Array,
    theta: Array,
    slots: Array,
    constants: Array,
) -> float:
    compiled, size, total = plan.epoch, plan.data.batch_size, 0.0
    for rows, first, last in _chunks(compiled.program, size, *divmod(len(order), size)):
        masks = _masks(compiled.program, noise, rows, range(begin + first, begin + last))
        value, done = compiled_call(
            compiled.run,
            theta, slots, constants, compiled.sizes, compiled.settings, plan.x, plan.target, plan.weights,
            order[first * size :], rows, masks, numbers[first:last],
        )  # fmt: skip
        if done < last - first:
            _check_labels(plan.target, compiled.outputs)
            nonzero(np.zeros(()))  # if it was not the labels, it was the weights
        total += value
    return total


def _after(state: OptState[P], steps: int, slots: Iterator[P]) -> OptState[P]:
    """The state after so many steps; its slots and those of the optimizers inside are taken from ``slots`` in order."""
    own = tuple([next(slots) for _ in state.slots])
    inner = None if state.inner is None else _after(state.inner, steps, slots)
    return OptState(state.step + steps, own, inner, state.scale)


def _check_labels(labels: NDArray[Any], columns: int) -> None:
    """Raises ValueError where labels that were valid before the first step no longer are."""
    if labels.ndim == 1 and not (labels.min() >= 0 and labels.max() < columns):
        raise ValueError(
            f"jit: labels must stay in [0, {columns}), got {labels.min()} to {labels.max()}; do not write to the data "
            "while training goes on"
        )


MASKS = 1 << 26
"""How many entries of masks to draw at a time."""


def _chunks(program: Program, size: int, whole: int, rest: int) -> Iterator[tuple[int, int, int]]:
    """(rows per batch, first batch, the one after the last) of the batches that one call trains on."""
    width = sum([place.width for place in program.drops])
    most = max(1, MASKS // (size * width)) if width else max(1, whole)
    for first in range(0, whole, most):
        yield size, first, min(first + most, whole)
    if rest:
        yield rest, whole, whole + 1


def _masks(program: Program, key: Key, rows: int, batches: range) -> NDArray[np.bool]:
    """The masks of all dropouts, one row per batch, drawn as ``Dropout`` itself draws them."""
    width = sum([place.width for place in program.drops])
    if not width:
        return np.empty((len(batches), 0), np.bool)
    noise = np.empty((len(batches), rows * width), np.bool)
    for i, batch in enumerate(batches):
        begin = 0
        for indices, n, rate in program.drops:
            kept = keys.keep(key.child(batch, *indices), (rows, n), rate)
            noise[i, begin : begin + rows * n] = kept.reshape(-1)
            begin += rows * n
    return noise


fit = Fitting(train)
