"""What a state is a state of: the step, the data and the fold that go on from it."""

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
    """What makes the epochs of a stream: the step, the data, the function that folds them, such as ``train``, the
    optimizer that the first state came from, where that is known, and of each class of layers that is not fnnet's one
    layer of the network; and the thread that has made it."""

    step: Step[T]
    data: Data[T]
    train: Callable[..., object]
    optimizer: object
    layers: tuple[Params, ...] = ()
    thread: int = field(default_factory=get_ident)


def nothing() -> None:
    """The run of a state that no run goes on from."""


def under_way(state: TrainState[P]) -> Run[object] | None:
    """The run that a state is of, for as long as somebody folds it."""
    run = state.origin.run() if state.origin else None
    return run if isinstance(run, Run) else None


def run_from(state: TrainState[P], step: Step[T], data: Data[T], train: Callable[..., object]) -> Run[T]:
    """The run that goes on from a state. Who folds it holds it."""
    origin, before = state.origin, under_way(state)
    optimizer = (origin.optimizer if origin else None) or (before.optimizer if before else None)
    run = Run(step, data, train, optimizer, tuple(layers_in(state.params).values()))
    _RUNS[id(run)] = run
    return run


def layers_in(network: object) -> dict[type, Params]:
    """A layer of each class in a network that is not fnnet's own."""
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
    """All runs that somebody holds, begun or not, whatever other threads begin meanwhile."""
    return [run for one in _RUNS.valuerefs() if (run := one()) is not None]


def within(run: Run[T], state: TrainState[P]) -> TrainState[P]:
    """The state as one of a run, which it does not keep alive."""
    origin = origin_of(state)
    known = replace(origin, optimizer=None, run=ref(run)) if origin else Origin("", None, ref(run))
    return replace(state, origin=known)


def origin_of(state: TrainState[P]) -> Origin | None:
    """Where a state comes from. The network of a run's start is the one that it has: whoever gives a start other
    parameters than ``start`` did leaves the origin as it was, or none."""
    origin = state.origin
    if state.epoch or state.batch:
        return origin
    optimizer, run, kinds = (origin.optimizer, origin.run, origin.kinds) if origin else (None, nothing, ())
    return Origin(tree.digest(state.params), optimizer, run, kinds)
