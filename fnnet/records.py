"""The records that pass between the functions of a training run, and the Protocols of what can be plugged in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from fnnet import tree
from fnnet.history import History as History
from fnnet.keys import Key
from fnnet.nodes import ASIDE, CARRIED, Node, Params
from fnnet.segments import Record as Record
from fnnet.types import Array, Value

P = TypeVar("P", bound=Params)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


# --- values ------------------------------------------------------------------------------------------------------
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


class Moment(Node):
    """A point of a training run: what the streams of ``train`` and of ``steps`` give."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where a state comes from: the run that it is a state of, for as long as that goes on, and what began it.

    ``network`` is the digest of the parameters at the start. The optimizer is that of the start's own state; later
    states leave it to the run, so that a state which is kept keeps neither data nor settings alive.
    """

    network: str
    optimizer: object
    run: Callable[[], Run[Any] | None]


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


# --- what can be plugged in --------------------------------------------------------------------------------------
class Initializer(Protocol):
    """Draws the first value of a parameter."""

    def __call__(self, key: Key, shape: tuple[int, ...], /) -> Array: ...


@runtime_checkable
class Loss(Protocol[T_contra]):
    """``rows`` gives one value a row, and the gradient of their sum; the call reduces both, to the mean over the rows,
    or to their sum where ``is_sum`` says so."""

    @property
    def is_sum(self) -> bool: ...
    def rows(self, prediction: Array, target: T_contra, /) -> tuple[Array, Array]: ...
    def __call__(self, prediction: Array, target: T_contra, /) -> tuple[Value, Array]: ...


LossFunction = Callable[[Array, T_contra], tuple[Value, Array]]
"""A plain function is a loss too, for all that needs no rows."""


class Metric(Protocol[T_contra]):
    """A number that tells how well a prediction meets its target."""

    def __call__(self, prediction: Array, target: T_contra, /) -> Value: ...


class Penalty(Protocol):
    """What is added to a loss for the parameters' own sake: its value, 0-d or one a replica, and its gradient. A plain
    function of this signature is a penalty too."""

    def __call__(self, params: P, /) -> tuple[Value, P]: ...


class GradFn(Protocol[T_contra]):
    """Loss and gradients of a batch: ``part`` as sums that add, the call finished.

    One with a penalty has it as its attribute ``penalty``: parts come without it, and who adds them up adds it once.
    """

    def part(self, params: P, batch: tuple[Array, T_contra], key: Key, /) -> Part[P]: ...
    def __call__(self, params: P, batch: tuple[Array, T_contra], key: Key, /) -> tuple[Value, P]: ...


class Schedule(Protocol):
    """A learning rate that depends on the number of steps done."""

    def __call__(self, step: int, /) -> float: ...


class Startable(Protocol):
    """What has a state to start from: an optimizer, or a step that needs none."""

    def init(self, params: P, /) -> OptState[P]: ...


class Optimizer(Protocol):
    """Builds new parameters from gradients."""

    def init(self, params: P, /) -> OptState[P]: ...
    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]: ...


class Data(Protocol[T_co]):
    """The batches of one epoch, in an order that the key decides.

    A batch is trained on before the next one is asked for, so all of them may be views of one buffer.
    """

    def __call__(self, key: Key, /) -> Iterable[tuple[Array, T_co]]: ...


class Rows(Protocol):
    """What gives rows by their numbers: an array, a file mapped into memory, an HDF5 data set, a class of one's own.

    Anything but an ndarray is asked for rows in increasing order, each once, and gives an array of them.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[np.generic]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: NDArray[np.int64], /) -> NDArray[np.generic]: ...


class Order(Protocol):
    """The rows of one epoch in their order, batch behind batch of ``size``: numbers below ``rows``, each as often as
    the row is wanted. A function of the key alone."""

    def __call__(self, key: Key, rows: int, size: int, /) -> NDArray[np.int64]: ...


class Step(Protocol[T_contra]):
    """One batch's work: the new state, and the loss before it."""

    def __call__(
        self, state: TrainState[P], batch: tuple[Array, T_contra], key: Key, /
    ) -> tuple[TrainState[P], Value]: ...


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Run(Generic[T]):
    """What makes the epochs of a stream: the step, the data, the function that folds them, such as ``train``, and the
    optimizer that the first state came from, where that is known."""

    step: Step[T]
    data: Data[T]
    train: Callable[..., object]
    optimizer: object


def nothing() -> None:
    """The run of a state that no run goes on from."""


def run_from(state: TrainState[P], step: Step[T], data: Data[T], train: Callable[..., object]) -> Run[T]:
    """The run that goes on from a state. Who folds it holds it."""
    origin = state.origin
    before = origin.run() if origin else None
    return Run(step, data, train, (origin.optimizer if origin else None) or (before.optimizer if before else None))


def within(run: Run[T], state: TrainState[P]) -> TrainState[P]:
    """The state as one of a run, which it does not keep alive."""
    origin = origin_of(state)
    return replace(state, origin=Origin(origin.network if origin else "", None, ref(run)))


def origin_of(state: TrainState[P]) -> Origin | None:
    """Where a state comes from. The network of a run's start is the one that it has: whoever gives a start other
    parameters than ``start`` did leaves the origin as it was, or none."""
    origin = state.origin
    if state.epoch or state.batch:
        return origin
    optimizer, run = (origin.optimizer, origin.run) if origin else (None, nothing)
    return Origin(tree.digest(state.params), optimizer, run)


class StreamFn(Protocol):
    """What other libraries do with callbacks: a function from a stream of epochs to a stream of epochs."""

    def __call__(self, epochs: Iterable[Epoch[P]], /) -> Iterator[Epoch[P]]: ...
