"""A step for full-batch training: several iterations of L-BFGS, whose pairs are the optimizer's slots."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Annotated, Generic, TypeVar

import numpy as np

from fnnet import checks
from fnnet.core import Array, GradFn, Key, NonFiniteError, OptState, Params, ShapeError, TrainState, TreeError, Value
from fnnet.core.facts import check_network, replicas
from fnnet.core.settings import NonNegative, Settings, Size
from fnnet.numerics import inner_product
from fnnet.training._quasi_newton import Iterate, Pair, Pairs, run
from fnnet.training.step import with_update
from fnnet.tree.numbers import alike
from fnnet.tree.vectors import of_vector, vector_of

P = TypeVar("P", bound=Params)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lbfgs(Settings, Generic[T]):
    """A full-batch training step by L-BFGS (J. Nocedal, S. J. Wright, Numerical Optimization, 2nd edition, 2006,
    algorithms 7.4 and 7.5): p' = p + α d, d = -H g, where the last ``memory`` steps s and changes y of the gradient
    stand for the inverse Hessian H, and a line search finds an α with the strong Wolfe conditions (3.5 and 3.6).

    The data must be one batch, ``minibatches(x, y, batch_size=len(x), shuffle=False)``, and the step itself takes the
    place of the optimizer in ``start``. ``gradient`` is that of ``train_step``. One step makes up to ``iterations``
    iterations, and none once the gradient's norm is at most ``tolerance`` or rounding leaves no descent. An iteration
    costs a little more than one pass over the batch, and each step one pass more. There is no learning rate, and
    ``OptState.scale`` is not used.

    Raises ValueError for memory or iterations below 1 or a negative tolerance, ShapeError for stacked networks,
    NonFiniteError where the loss or the squared norm of the gradient is not finite at the start of a step.

    >>> import fnnet as fn, numpy as np
    >>> x, y = np.eye(3), np.array([[1.0], [-2.0], [0.5]])
    >>> step = fn.lbfgs(fn.value_and_grad(fn.mse))
    >>> state = fn.start(fn.linear(fn.Key(0), 3, 1, dtype=np.float64), step, fn.Key(0))
    >>> epochs = fn.train(step, fn.minibatches(x, y, batch_size=3, shuffle=False), state)
    >>> [float(epoch.record.loss) < 1e-16 for epoch in fn.take(2)(epochs)]
    [False, True]
    """

    gradient: Annotated[GradFn[T], checks.function]
    memory: Size = 10
    _: KW_ONLY
    iterations: Size = 20
    tolerance: NonNegative = 1e-8

    def init(self, params: P, /) -> OptState[P]:
        """The state before the first step: no pairs, zeros in their place. Raises ShapeError for stacked networks."""
        check_network("lbfgs", params)
        _check_single(params)
        return OptState(0, self._slots(params, ()))

    def __call__(self, state: TrainState[P], batch: tuple[Array, T], key: Key, /) -> tuple[TrainState[P], Value]:
        """The state after these iterations on the batch, and the batch's loss before them.

        The slots are the pairs (s, y), the oldest first, after zeros while there are fewer than ``memory``, so every
        state has the structure of the first one. ``step`` counts iterations.
        """
        _check_single(state.params)
        evaluate = partial(_evaluated, self.gradient, state.params, batch, key)
        x = vector_of(state.params)
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = evaluate(x)
            is_finite = np.isfinite(value) and np.isfinite(inner_product(gradient, gradient))
        if not is_finite:
            raise NonFiniteError(
                f"lbfgs: the loss and the square of its gradient must be finite where a step begins, got a loss of "
                f"{value:g} in epoch {state.epoch}, batch {state.batch}"
            )
        before = Iterate(x, value, gradient, _pairs(state.opt_state)[-self.memory :], state.opt_state.step)
        # a trial step may go too far: the search then tries a shorter one
        with np.errstate(over="ignore", invalid="ignore"):
            after = run(evaluate, before, self.memory, self.iterations, self.tolerance)
        memory = OptState(after.step, self._slots(state.params, after.pairs), None, state.opt_state.scale)
        params = state.params if after.x is x else _network(state.params, after.x)
        return with_update(state, params, memory), np.asarray(value, x.dtype)

    def _slots(self, params: P, pairs: Pairs) -> tuple[P, ...]:
        kept = [_network(params, vector) for pair in pairs for vector in pair]
        none = _network(params, np.zeros_like(vector_of(params)))
        return (*[none] * (2 * self.memory - len(kept)), *kept)


def _evaluated(gradient: GradFn[T], like: Params, batch: tuple[Array, T], key: Key, x: Array) -> tuple[float, Array]:
    value, grads = gradient(_network(like, x), batch, key)
    alike("lbfgs", (like, grads))
    return float(value), vector_of(grads)


def _pairs(state: OptState[P]) -> Pairs:
    """The pairs of a state. Raises TreeError where its slots are not pairs."""
    if type(state) is not OptState or len(state.slots) % 2:
        raise TreeError(f"lbfgs: state must be one that started with init, pairs in its slots, got {state!r}")
    vectors = [vector_of(slot) for slot in state.slots]
    pairs = [Pair(s, y) for s, y in zip(vectors[::2], vectors[1::2], strict=True)]
    return tuple([pair for pair in pairs if pair.is_curved])


def _check_single(params: Params) -> None:
    stacked = replicas(params)
    if stacked:
        raise ShapeError(
            f"lbfgs: params must be one network, for each has step lengths of its own, got replica axes {stacked}; "
            "train one after another, or stacked by an optimizer such as adam"
        )


def _network(like: P, vector: Array) -> P:
    """The network of a vector, which becomes read-only."""
    vector.setflags(write=False)
    return of_vector(like, vector)


lbfgs = Lbfgs
