"""The protocols of what a user can plug in: losses, gradients, optimizers, data, steps and streams."""

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
    """Draws the initial value of a parameter: a function of a key and of the parameter's shape."""

    def __call__(self, key: Key, shape: tuple[int, ...], /) -> Array: ...


@runtime_checkable
class Loss(Protocol[T_contra]):
    """A loss of a prediction and its target, with its gradient with respect to the prediction.

    ``rows`` gives one value per row, (..., rows), and the gradient of their sum, in the prediction's shape; the call
    reduces both to the mean over the rows, or to their sum where ``is_sum`` is true.
    """

    @property
    def is_sum(self) -> bool: ...
    def rows(self, prediction: Array, target: T_contra, /) -> tuple[Array, Array]: ...
    def __call__(self, prediction: Array, target: T_contra, /) -> tuple[Value, Array]: ...


LossFunction = Callable[[Array, T_contra], tuple[ValueLike, Array]]
"""A plain function (prediction, target) -> (value, gradient) is a loss too, wherever no values per row are needed. Its
value may be a float."""


class Metric(Protocol[T_contra]):
    """A number that says how well a prediction (..., rows, n_out) fits its target; one per replica where they are
    stacked."""

    def __call__(self, prediction: Array, target: T_contra, /) -> ValueLike: ...


class Penalty(Protocol):
    """A term of the parameters alone that is added to a loss: its value, one number or one per replica, and its
    gradient, a network like ``params``. A plain function with this signature is a penalty too."""

    def __call__(self, params: P, /) -> tuple[ValueLike, P]: ...


class GradFn(Protocol[T_contra]):
    """Loss and gradients of a network on a batch (x, target), where ``key`` is that of the stochastic pass.

    The call gives the loss and its gradients, ``part`` the sums that add up to them over several parts of a batch. A
    penalty is the attribute ``penalty``: parts come without it, and it is added once to their sum.
    """

    def part(self, params: P, batch: tuple[Array, T_contra], key: Key, /) -> Part[P]: ...
    def __call__(self, params: P, batch: tuple[Array, T_contra], key: Key, /) -> tuple[Value, P]: ...


class Schedule(Protocol):
    """A learning rate that depends on ``step``, the number of steps done."""

    def __call__(self, step: int, /) -> float: ...


class Startable(Protocol):
    """What gives the first state for a network: an optimizer, or a step that needs none."""

    def init(self, params: P, /) -> OptState[P]: ...


class Optimizer(Protocol):
    """Computes new parameters from gradients: ``init`` gives the state before the first step, ``update`` the parameters
    and the state after one more."""

    def init(self, params: P, /) -> OptState[P]: ...
    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]: ...


class Data(Protocol[T_co]):
    """The batches (x, target) of one epoch, in an order that the key decides.

    A batch is used before the next one is requested, so all of them may be views of one buffer.
    """

    def __call__(self, key: Key, /) -> Iterable[tuple[Array, T_co]]: ...


class Rows(Protocol):
    """A source of rows by their numbers: an array, a memory-mapped file, an HDF5 dataset, a class of one's own.

    Anything but an ndarray is indexed by an array of row numbers in increasing order, each once, and returns an array
    of these rows.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[np.generic]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: NDArray[np.int64], /) -> NDArray[np.generic]: ...


class Order(Protocol):
    """The row numbers of one epoch in order, batch after batch of ``batch_size``: each is below ``rows``, and comes as
    often as the row is wanted. ``key`` decides all draws."""

    def __call__(self, key: Key, rows: int, batch_size: int, /) -> NDArray[np.int64]: ...


class Step(Protocol[T_contra]):
    """The work of one batch (x, target): from a state and the batch's key to the next state, and the loss before it."""

    def __call__(
        self, state: TrainState[P], batch: tuple[Array, T_contra], key: Key, /
    ) -> tuple[TrainState[P], Value]: ...


class StreamFn(Protocol):
    """A function from a stream of epochs to a stream of epochs: what other libraries do with callbacks."""

    def __call__(self, epochs: Iterable[Epoch[P]], /) -> Iterator[Epoch[P]]: ...


class Stretch(Protocol):
    """Several consecutive layers that are passed at once, where that is faster. Their trained numbers are one vector,
    in the order of the layers."""

    @property
    def length(self) -> int:
        """The number of layers."""
        ...

    def forward(self, vector: Array, x: Array, /) -> tuple[Array, object] | None:
        """y and what ``backward`` needs; None where the layers have to be passed one by one."""
        ...

    def backward(self, vector: Array, saved: object, dy: Array, is_dx_wanted: bool, /) -> tuple[Array, Array]:
        """The gradient of the vector, and dx where ``is_dx_wanted``; otherwise anything in its place."""
        ...
