"""Penalties on the size of the parameters, for ``value_and_grad(loss, penalty=...)``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from fnnet import checks, tree
from fnnet.core import Array, Params, Value
from fnnet.core.facts import replicas
from fnnet.numerics.sums import is_finite, scaled_squares
from fnnet.tree.selection import Selection, Where, checked_where, only
from fnnet.tree.structures import Remembers, structure_of
from fnnet.tree.vectors import blocks

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class ElasticNet(Remembers):
    """What ``l1(...)``, ``l2(...)`` and ``elastic_net(...)`` return: a function from a network to the penalty, 0-d or
    (K,) for K stacked networks, and its gradient."""

    l1: float
    l2: float
    where: Where | None = None

    def __post_init__(self) -> None:
        checks.settle(self, l1=checks.real("penalty", "l1", self.l1), l2=checks.real("penalty", "l2", self.l2))
        if self.where is not None:
            checked_where("penalty", "where", self.where)

    def __call__(self, params: P, /) -> tuple[Value, P]:
        """l1 Σ |w| + l2/2 Σ w² over the chosen leaves, and its gradient l1 sign(w) + l2 w, 0 for all others."""
        stacked, structure = replicas(params), structure_of(params)
        if self.where is not None:
            params = only(self.remembered(Selection("penalty", self.where), params), params)
        found = blocks(params)
        each = tree.trainable(params) if stacked else found  # one sum per replica, or one over all
        sizes = [self._size(w.reshape((*stacked, -1))) for w in each]
        value: Value = np.asarray(sum(sizes[1:], start=sizes[0])) if sizes else np.zeros(())
        return value, structure.build([self._slope(w) for w in found], structure.zeros())

    def _size(self, w: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            size: Array = self.l2 / 2 * np.add.reduce(w * w, axis=-1)
            total = size + self.l1 * np.add.reduce(np.abs(w), axis=-1) if self.l1 else size
            return total if is_finite(total) else self._size_in_range(w)

    def _size_in_range(self, w: Array) -> Array:
        """The same where a sum overflows: squares are scaled by their magnitude, absolute values by l1 before they are
        added."""
        squares = scaled_squares(w, self.l2 / 2) if self.l2 else 0.0
        total: Array = squares + np.add.reduce(self.l1 * np.abs(w), axis=-1)
        return total

    def _slope(self, w: Array) -> Array:
        slope: Array = self.l2 * w
        return slope + self.l1 * np.sign(w) if self.l1 else slope


def l1(strength: float, *, where: Where | None = None) -> ElasticNet:
    """strength · Σ |w|, which drives weights to 0 (R. Tibshirani, J. R. Stat. Soc. B 58, 1996); the gradient at 0 is 0.

    ``where`` is a function from the path of a leaf, such as "layers.0.w", to whether it is penalized; without it all
    leaves are. ``where=lambda path: path.endswith("w")`` leaves out biases and norms. Constants are never penalized.
    The penalty is added to the loss once and not divided by the number of rows.

    Raises ValueError for a ``strength`` that is negative or not finite, and, in use, for a ``where`` that matches no
    path.

    >>> import fnnet as fn, numpy as np
    >>> value, grads = fn.l1(0.5)(fn.Linear(np.array([[2.0]]), np.array([-4.0])))
    >>> float(value), grads.w.tolist(), grads.b.tolist()
    (3.0, [[0.5]], [-0.5])
    """
    return ElasticNet(strength, 0.0, where)


def l2(strength: float, *, where: Where | None = None) -> ElasticNet:
    """strength / 2 · Σ w², whose gradient is strength · w (A. E. Hoerl, R. W. Kennard, Technometrics 12, 1970).

    This is PyTorch's ``weight_decay`` of plain ``sgd``. Keras' ``L2(s)`` has no 1/2 and is ``l2(2 * s)``;
    scikit-learn's ``alpha`` of a perceptron leaves out biases and is divided by the rows of a batch:
    ``l2(alpha / size, where=...)``. ``where`` and Raises as in ``l1``.

    >>> import fnnet as fn, numpy as np
    >>> value, grads = fn.l2(0.5)(fn.Linear(np.array([[2.0]]), np.array([-4.0])))
    >>> float(value), grads.w.tolist(), grads.b.tolist()
    (5.0, [[1.0]], [-2.0])
    """
    return ElasticNet(0.0, strength, where)


def elastic_net(l1: float, l2: float, *, where: Where | None = None) -> ElasticNet:
    """l1 Σ |w| + l2/2 Σ w² (H. Zou, T. Hastie, J. R. Stat. Soc. B 67, 2005).

    ``l1`` and ``l2`` are the strengths of the two. ``where`` and Raises as in the function ``l1``.

    >>> import fnnet as fn, numpy as np
    >>> float(fn.elastic_net(0.5, 0.5)(fn.Linear(np.array([[2.0]]), np.array([-4.0])))[0])
    8.0
    """
    return ElasticNet(l1, l2, where)
