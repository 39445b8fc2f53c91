"""What can be plugged in: the Protocols of losses, gradients, optimizers, data, steps and streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fnnet.core.states import Epoch, OptState, Part, TrainState
from fnnet.keys import Key
from fnnet.tree.nodes import Params
from fnnet.types import Array, Value, ValueLike

P = TypeVar("P", bound=Params)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


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


LossFunction = Callable[[Array, T_contra], tuple[ValueLike, Array]]
"""A plain function is a loss too, for all that needs no rows. Its value may be a float."""


class Metric(Protocol[T_contra]):
    """A number that tells how well a prediction meets its target."""

    def __call__(self, prediction: Array, target: T_contra, /) -> ValueLike: ...


class Penalty(Protocol):
    """What is added to a loss for the parameters' own sake: its value, 0-d or one a replica, and its gradient. A plain
    function of this signature is a penalty too."""

    def __call__(self, params: P, /) -> tuple[ValueLike, P]: ...


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
    """The rows of one epoch in their order, batch after batch of ``batch_size``: numbers below ``rows``, each as
    often as the row is wanted. A function of the key alone."""

    def __call__(self, key: Key, rows: int, batch_size: int, /) -> NDArray[np.int64]: ...


class Step(Protocol[T_contra]):
    """One batch's work: the new state, and the loss before it."""

    def __call__(
        self, state: TrainState[P], batch: tuple[Array, T_contra], key: Key, /
    ) -> tuple[TrainState[P], Value]: ...


class StreamFn(Protocol):
    """What other libraries do with callbacks: a function from a stream of epochs to a stream of epochs."""

    def __call__(self, epochs: Iterable[Epoch[P]], /) -> Iterator[Epoch[P]]: ...


class Stretch(Protocol):
    """Several layers one after another that are passed at once, where that is faster. Their trained numbers lie in one
    vector, in the order of the layers."""

    @property
    def length(self) -> int:
        """How many layers."""
        ...

    def forward(self, vector: Array, x: Array, /) -> tuple[Array, object] | None:
        """y and what the way back needs; None where the layers are to be passed one by one."""
        ...

    def backward(self, vector: Array, saved: object, dy: Array, is_first: bool, /) -> tuple[Array, Array]:
        """The gradient of the vector, and dx, or anything in its place where nothing stands before."""
        ...
