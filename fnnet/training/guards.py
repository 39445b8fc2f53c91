"""A step that checks the result of another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from fnnet import checks, tree
from fnnet.core import Array, Key, NonFiniteError, OptState, Params, Step, TrainState, Value
from fnnet.core.facts import casts
from fnnet.inspection.traces import Call, trace
from fnnet.optimizers.wrapping import rate_of
from fnnet.training.step import TrainStep
from fnnet.tree.nodes import child_path, named_children
from fnnet.tree.structures import structure_of
from fnnet.tree.vectors import blocks

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StopOnNonfinite(Generic[T]):
    """What ``stop_on_nonfinite(step)`` returns."""

    step: Step[T]
    where: str = field(default="stop_on_nonfinite", repr=False)

    def __call__(self, state: TrainState[P], batch: tuple[Array, T], key: Key, /) -> tuple[TrainState[P], Value]:
        """The step's result, where all of it is finite."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the error says more than these warnings
            after, value = self.step(state, batch, key)
            if not (_all_finite(value) and _is_finite(after.params) and _kept_finite(state.opt_state, after.opt_state)):
                raise _error(self.where, self.step, state, batch, key, after, value)
        return after, value


def stop_on_nonfinite(step: Step[T]) -> StopOnNonfinite[T]:
    """The same step, which raises NonFiniteError where the loss, a parameter or a number in the optimizer's slots
    becomes NaN or infinite.

    The error names the first of these that was not finite: the "params" before the step, the batch's "x" or "target",
    the "output" of a layer (in a deterministic pass), the "loss", the "gradients", the "params" after the step, or the
    "opt_state", where an overflow of squared gradients may stop a parameter forever. Its ``state`` is the one before
    the step, which is finite and from which training can be continued: after the bad batch, or with smaller steps.
    (Where the output or the loss overflowed, that state is itself the cause, and an earlier epoch is a better start.)
    The cost is one scan of the loss, every parameter and every slot. NumPy's warnings are silenced inside.

    Raises ValueError where ``step`` is not a function.

    >>> import fnnet as fn, numpy as np
    >>> optimizer = fn.sgd(1e30)
    >>> step = fn.stop_on_nonfinite(fn.train_step(fn.value_and_grad(fn.mse), optimizer))
    >>> state = fn.start(fn.linear(fn.Key(0), 2, 1), optimizer, fn.Key(0))
    >>> try:
    ...     fn.last(fn.take(99)(fn.train(step, fn.minibatches(np.eye(2), np.ones((2, 1)), batch_size=2), state)))
    ... except fn.NonFiniteError as error:
    ...     print(error.tensor, error.step)
    loss 1
    """
    checks.function("stop_on_nonfinite", "step", step)
    return StopOnNonfinite(step)


def _is_finite(params: Params) -> bool:
    structure = structure_of(params)
    return all(map(_all_finite, (*blocks(params), *structure.constants(params))))


def _kept_finite(before: OptState[P], after: OptState[P]) -> bool:
    return all(map(_is_finite, _slots(after))) or not any(_lost(before, after))


def _slots(state: OptState[P]) -> Iterator[P]:
    """The slot variables at every depth."""
    yield from state.slots
    if state.inner is not None:
        yield from _slots(state.inner)


def _lost(before: OptState[P], after: OptState[P]) -> Iterator[tuple[str, str, float]]:
    """What has become NaN or infinite in the optimizer's state; an optimizer may start with such numbers."""
    old, new = tree.leaves(before), tree.leaves(after)
    for path, a, b in zip(tree.paths(after), old if len(old) == len(new) else new, new, strict=True):
        is_bad = ~np.isfinite(b) & (np.isfinite(a) if a is not b and a.shape == b.shape else True)
        if is_bad.any():
            yield "opt_state", path, b[is_bad][0].item()


def _all_finite(a: Array) -> bool:
    """Whether all entries are finite; counting them is faster than ``all``."""
    finite = np.isfinite(a)
    return int(np.count_nonzero(finite)) == finite.size


REMEDIES = {
    "x": "look at the data; this error's state is that before the batch",
    "target": "look at the data; this error's state is that before the batch",
    "output": "the steps before made the parameters too large: {back}, with smaller steps",
    "loss": "the steps before made the prediction too bad: {back}, with smaller steps",
    "gradients": "go on from this error's state, with another loss or with smaller steps",
    "params": "go on from this error's state, with a smaller learning rate or with clipped gradients",
    "opt_state": "go on from this error's state, with clipped gradients or another optimizer",
}


# --- the culprit, found by re-running the step -----------------------------------------------------------------
def _error(
    where: str,
    step: Step[T],
    state: TrainState[P],
    batch: tuple[Array, T],
    key: Key,
    after: TrainState[P],
    value: Value,
) -> NonFiniteError:
    done, is_lost = state.opt_state.step, not _is_finite(state.params)
    rate = rate_of(getattr(step, "optimizer", None), state.opt_state)
    tensor, path, entry = next(_culprits(step, state, batch, key, after, value))
    loss = float(np.mean(value)) if _all_finite(value) else _loss_before(state)
    remedy = "begin with finite parameters" if is_lost else _remedy(tensor, state)
    message = (
        f"{where}: {f'{tensor} {path}'.strip()} must be finite, got {entry} in batch {state.batch + 1} of epoch "
        f"{state.epoch + 1}, after {done} steps{'' if rate is None else f', at learning rate {rate:g}'}; the last "
        f"finite loss is {loss}; {remedy}"
    )
    return NonFiniteError(message, tensor, path, done, loss, None if is_lost else state, rate)


def _remedy(tensor: str, state: TrainState[P]) -> str:
    """What helps: steps that were too large are blamed only where there were steps."""
    if tensor in ("output", "loss") and not state.opt_state.step:
        return "no step has been made, so look at the scale of the data, at the first parameters and at the loss"
    return REMEDIES[tensor].format(back="go back to an earlier epoch" if state.epoch else "begin anew")


def _loss_before(state: TrainState[P]) -> float | None:
    """The mean loss of the epoch so far, else that of the last epoch, else None."""
    if state.rows:
        return float(np.mean(state.total / state.rows))
    return float(np.mean(state.history[-1].loss)) if state.history else None


def _culprits(
    step: Step[T], state: TrainState[P], batch: tuple[Array, T], key: Key, after: TrainState[P], value: Value
) -> Iterator[tuple[str, str, float]]:
    """Whatever is not finite, in the order of the computation: tensor, path in it, first such entry."""
    yield from _bad("params", "", state.params)
    yield from _bad("x", "", _entering(state.params, batch[0]))
    if not _all_finite(value):
        yield from _bad("target", "", batch[1])
        for call in _in_order(trace(state.params, batch[0])):
            yield from _bad("output", call.path, call.y)
        yield from _bad("loss", "", np.asarray(value))
    elif isinstance(step, TrainStep):
        yield from _bad("gradients", "", step.gradient(state.params, batch, key)[1])
    yield from _bad("params", "", after.params)
    yield from _lost(state.opt_state, after.opt_state)


def _entering(params: Params, x: Array) -> Array:
    """x in the network's dtype: a large float64 number is infinite in float32."""
    first = next(iter(tree.leaves(params)), x)
    return x.astype(first.dtype) if casts(params) and x.dtype.kind == "f" else x


def _in_order(call: Call) -> Iterator[Call]:
    """The calls of a pass in the order in which they were done."""
    for inner in call.calls:
        yield from _in_order(inner)
    yield call


def _bad(tensor: str, path: str, node: object) -> Iterator[tuple[str, str, float]]:
    """The arrays below a node that are not finite. Targets of other kinds are skipped."""
    if isinstance(node, np.ndarray) and node.dtype.kind == "f":
        entries = node[~np.isfinite(node)]
        if entries.size:
            yield tensor, path, entries[0].item()
    elif isinstance(node, (tuple, Params)):
        for name, child in named_children(tuple(node) if isinstance(node, tuple) else node):
            yield from _bad(tensor, child_path(path, name), child)
