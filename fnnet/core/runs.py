"""The run that a state belongs to: the step, the data and the fold that continue it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import get_ident
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary, ref

from fnnet import tree
from fnnet.core.protocols import Data, Step
from fnnet.core.states import Origin, TrainState
from fnnet.tree.nodes import Params, named_children

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Run(Generic[T]):
    """What makes the epochs of a stream: the step, the data, and the function that folds them, such as ``train``.

    ``optimizer`` is the one that the first state came from, if known. ``layers`` has one layer of the network for each
    class of layers that is not fnnet's. ``thread`` is the thread that made the run.
    """

    step: Step[T]
    data: Data[T]
    train: Callable[..., object]
    optimizer: object
    layers: tuple[Params, ...] = ()
    thread: int = field(default_factory=get_ident)


def nothing() -> None:
    """The run of a state that has none."""


def under_way(state: TrainState[P]) -> Run[object] | None:
    """The run that a state belongs to, while it is alive."""
    run = state.origin.run() if state.origin else None
    return run if isinstance(run, Run) else None


def run_from(state: TrainState[P], step: Step[T], data: Data[T], train: Callable[..., object]) -> Run[T]:
    """A new run that continues from a state. It lives as long as its caller keeps it."""
    origin, before = state.origin, under_way(state)
    optimizer = (origin.optimizer if origin else None) or (before.optimizer if before else None)
    run = Run(step, data, train, optimizer, tuple(layers_in(state.params).values()))
    _RUNS[id(run)] = run
    return run


def layers_in(network: object) -> dict[type, Params]:
    """One layer for each class of layers in a network that is not fnnet's own."""
    found: dict[type, Params] = {}
    todo = [network]
    while todo:
        node = todo.pop()
        todo += [child for _, child in named_children(node)[::-1]]
        if isinstance(node, Params) and not type(node).__module__.startswith("fnnet."):
            found.setdefault(type(node), node)
    return found


_RUNS: WeakValueDictionary[int, Run[Any]] = WeakValueDictionary()


def runs() -> list[Run[object]]:
    """All live runs, started or not; other threads may start more meanwhile."""
    return [run for one in _RUNS.valuerefs() if (run := one()) is not None]


def within(run: Run[T], state: TrainState[P]) -> TrainState[P]:
    """The state as one of the run, which it does not keep alive."""
    origin = origin_of(state)
    known = replace(origin, optimizer=None, run=ref(run)) if origin else Origin("", None, ref(run))
    return replace(state, origin=known)


def origin_of(state: TrainState[P]) -> Origin | None:
    """Where a state comes from.

    At the start of a run the digest is computed anew, for the state's parameters may have been replaced since
    ``start``.
    """
    origin = state.origin
    if state.epoch or state.batch:
        return origin
    optimizer, run, kinds = (origin.optimizer, origin.run, origin.kinds) if origin else (None, nothing, ())
    return Origin(tree.digest(state.params), optimizer, run, kinds)
