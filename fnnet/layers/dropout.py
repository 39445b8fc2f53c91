"""Dropout: entries set to 0 at random, as a function of a key."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fnnet import checks, keys
from fnnet.core import Array, Key, Params, define_layer
from fnnet.numerics import sum_to

Saved = tuple[Array, tuple[int, ...]] | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dropout(Params):
    """y = x m / (1 - rate), where each entry of m is 1 with probability 1 - rate and 0 otherwise, so that the mean of y
    is x (N. Srivastava et al., JMLR 15, 2014, section 10); without a key, y = x.

    ``rate`` is the probability that an entry is set to 0. Shapes: x and y (..., batch, n). No parameters. Raises
    ValueError unless rate is in [0, 1).

    >>> import fnnet as fn, numpy as np
    >>> fn.forward(fn.Dropout(0.5), np.ones((1, 4)))[0].tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    >>> fn.forward(fn.Dropout(0.5), np.ones((1, 4)), fn.Key(0))[0].tolist()
    [[0.0, 0.0, 2.0, 0.0]]
    """

    rate: float

    def __post_init__(self) -> None:
        checks.settle(self, rate=checks.real("Dropout", "rate", self.rate, below=1))


def dropout_forward(p: Dropout, x: Array) -> tuple[Array, Saved]:
    return x.copy(), None


def dropout_sample(p: Dropout, x: Array, key: Key) -> tuple[Array, Saved]:
    kept = keys.keep(key, x.shape, p.rate)
    noise: Array = np.multiply(kept, 1 / (1 - p.rate), dtype=x.dtype)
    return x * noise, (noise, x.shape)


def dropout_backward(p: Dropout, saved: Saved, dy: Array) -> tuple[Dropout, Array]:
    if saved is None:
        return p, dy.copy()
    noise, shape = saved
    return p, sum_to(dy * noise, shape)


define_layer(Dropout, forward=dropout_forward, sample=dropout_sample, backward=dropout_backward)
