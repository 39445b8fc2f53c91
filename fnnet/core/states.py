"""The states of a training run, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from fnnet.core.history import History
from fnnet.core.segments import Record
from fnnet.keys import Key
from fnnet.tree.fields import ASIDE, CARRIED
from fnnet.tree.nodes import Node, Params
from fnnet.tree.vectors import Unbuilt, built
from fnnet.types import Value

P = TypeVar("P", bound=Params)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Part(Node, Generic[P]):
    """The share of some rows in a loss and its gradient: sums that add leaf by leaf.

    ``weight`` is the number of rows, or the sum of their weights; in the end value and gradients are divided by it,
    unless the loss is itself a sum.
    """

    value: Value
    weight: Value
    grads: P
    is_sum: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OptState(Node, Generic[P]):
    """An optimizer's memory: steps done, slot variables shaped like the parameters, a wrapped optimizer's own state,
    and a factor on the learning rate."""

    step: int
    slots: tuple[P, ...] = ()
    inner: OptState[P] | None = None
    scale: float = 1.0


class _BuiltWhenRead:
    """The field ``slots``, which may hold trees that are not built: they are when it is read for the first time."""

    def __init__(self, member: Any) -> None:
        self.member = member

    def __get__(self, state: OptState[P] | None, kind: type | None = None) -> Any:
        if state is None:
            return self.member
        slots = self.member.__get__(state)
        if any(type(slot) is Unbuilt for slot in slots):
            slots = tuple(map(built, slots))
            self.member.__set__(state, slots)
        return slots

    def __set__(self, state: OptState[P], slots: tuple[P, ...]) -> None:
        self.member.__set__(state, slots)


def slots_in(state: OptState[P]) -> tuple[P | Unbuilt[P], ...]:
    """The slots of a state, as they are."""
    found: tuple[P | Unbuilt[P], ...] = _slots.__get__(state)
    return found


_slots: Any = vars(OptState)["slots"]
setattr(OptState, "slots", _BuiltWhenRead(_slots))  # noqa: B010  (to a type checker it is the field that it was)


class Moment(Node):
    """A point of a training run: what the streams of ``train`` and of ``steps`` give."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where a state comes from: the run that it is a state of, for as long as that goes on, and what began it.

    ``network`` is the digest of the parameters at the start, ``kinds`` are the names of the classes of the optimizer
    and of what it wraps. The optimizer itself is that of the start's own state; later states leave it to the run, so
    that a state which is kept keeps neither data nor settings alive. ``earlier`` gives the state at the end of an epoch
    that is in a state's history, of a run that ``resume`` has found: it raises CheckpointError where it has none.
    """

    network: str
    optimizer: object
    run: Callable[[], object]
    kinds: tuple[str, ...] = ()
    earlier: Callable[[TrainState[Any], int], TrainState[Any]] | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrainState(Moment, Generic[P]):
    """All that training needs to go on: nothing else lives between two steps.

    ``total`` and ``rows`` are sums over the batches of the epoch under way: of loss times rows, and of rows. ``origin``
    tells a checkpoint which run it is of; no result depends on it, and it is no part of the tree.
    """

    params: P
    opt_state: OptState[P]
    key: Key = field(metadata=CARRIED)
    epoch: int = 0
    batch: int = 0
    total: Value | float = field(default=0.0, metadata=CARRIED)
    rows: int = 0
    history: History = field(default=History(), metadata=CARRIED)
    origin: Origin | None = field(default=None, metadata=ASIDE)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Epoch(Moment, Generic[P]):
    """A finished epoch: the state at its end, which stays valid for ever."""

    state: TrainState[P]

    @property
    def record(self) -> Record:
        """What the epoch left in the history."""
        return self.state.history[-1]
