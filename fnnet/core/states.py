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
    """The contribution of some rows to a loss and its gradient: sums that add leaf by leaf.

    ``value`` is the sum of the rows' losses, ``grads`` that of their gradients, a network like the parameters.
    ``weight`` is the number of rows, or the sum of their weights, by which both are divided in the end, unless
    ``is_sum`` says that the loss is itself a sum.

    >>> import fnnet as fn, numpy as np
    >>> net = fn.linear(fn.Key(0), 4, 2)
    >>> float(fn.value_and_grad(fn.mse).part(net, (np.ones((3, 4)), np.ones((3, 2))), fn.Key(0)).weight)
    3.0
    """

    value: Value
    weight: Value
    grads: P
    is_sum: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OptState(Node, Generic[P]):
    """An optimizer's memory.

    ``step`` is the number of steps done, ``slots`` are the slot variables, such as momentum, each a tree like the
    parameters, ``inner`` is the state of a wrapped optimizer, and ``scale`` is a factor on the learning rate.

    >>> import fnnet as fn
    >>> net = fn.linear(fn.Key(0), 4, 2)
    >>> fn.sgd(0.1, momentum=0.9).init(net).step
    0
    """

    step: int
    slots: tuple[P, ...] = ()
    inner: OptState[P] | None = None
    scale: float = 1.0


class _BuiltWhenRead:
    """The field ``slots``, which may hold unbuilt trees: they are built when it is read for the first time."""

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
    """The slots of a state, built or not."""
    found: tuple[P | Unbuilt[P], ...] = _slots.__get__(state)
    return found


_slots: Any = vars(OptState)["slots"]
setattr(OptState, "slots", _BuiltWhenRead(_slots))  # noqa: B010  (to a type checker it is the same field)


class Moment(Node):
    """A point of a training run: an item of the streams of ``train`` and of ``steps``."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where a state comes from: its run, while that lasts, and what the run began with.

    ``network`` is the digest of the parameters at the start, ``kinds`` are the class names of the optimizer and of the
    optimizers that it wraps. Only the first state has the ``optimizer`` itself; later states find it through ``run``,
    so that keeping a state keeps neither data nor settings alive. ``earlier`` is set by ``resume``: it gives the state
    at the end of an epoch in the history, and raises CheckpointError where it has none.
    """

    network: str
    optimizer: object
    run: Callable[[], object]
    kinds: tuple[str, ...] = ()
    earlier: Callable[[TrainState[Any], int], TrainState[Any]] | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrainState(Moment, Generic[P]):
    """All that training needs to continue: nothing else is kept between two steps.

    ``params`` is the network, ``opt_state`` the optimizer's memory, ``key`` the run's key, which stays the same.
    ``epoch`` and ``batch`` count the epochs done and the batches done in the current one. ``total`` and ``rows`` are
    sums over these batches, of loss times rows and of rows. ``history`` has the records of all epochs. ``origin`` tells
    a checkpoint which run it belongs to; no result depends on it, and it is not part of the tree.

    >>> import fnnet as fn
    >>> fn.start(fn.linear(fn.Key(0), 4, 2), fn.sgd(0.1), fn.Key(7)).key
    Key(seed=7, path=())
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
    """A finished epoch: ``state`` is that at its end, which stays valid forever.

    >>> import fnnet as fn
    >>> Epoch(fn.start(fn.linear(fn.Key(0), 4, 2), fn.sgd(0.1), fn.Key(0))).state.epoch
    0
    """

    state: TrainState[P]

    @property
    def record(self) -> Record:
        """The epoch's record, the last one in the history. Raises IndexError where the history is empty."""
        return self.state.history[-1]
