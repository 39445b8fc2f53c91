"""Initial values of parameters: functions (key, shape) -> float64 array, as records that print and compare.

A layer rounds them to its own dtype with ``rounded``, which keeps the range that an initializer promises.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fnnet import checks, keys
from fnnet.core import Array, Finite, Key, NonNegative, Positive, Settings, ShapeError

LONGEST = 8.6
"""No draw of ``keys.normal`` is larger in size: √(-2 log 2^-53) = 8.57."""


class Bounded(Settings, ABC):
    """An initializer whose entries stay in a range, in every dtype. A subclass gives the range."""

    __slots__ = ()

    @abstractmethod
    def bounds(self, shape: tuple[int, ...], /) -> tuple[float, float]:
        """The range [low, high) of an array of this shape."""


def rounded(where: str, init: object, drawn: Array, dtype: np.dtype[np.floating]) -> Array:
    """The drawn numbers, rounded to a dtype; those of a ``Bounded`` initializer stay in [low, high).

    Raises ValueError where rounding makes a number infinite.
    """
    with np.errstate(over="ignore"):
        out: Array = drawn.astype(dtype)
    is_lost = np.isfinite(drawn) & ~np.isfinite(out)
    if is_lost.any():
        raise ValueError(
            f"{where} must give numbers that {dtype} holds, got {drawn[is_lost][0]}; draw smaller ones, or build the "
            "layer in float64"
        )
    if not isinstance(init, Bounded):
        return out
    low, high = init.bounds(drawn.shape)
    first, last = _at_least(low, dtype), _below(high, dtype)
    return np.clip(out, first, last) if first <= last else out


def _at_least(low: float, dtype: np.dtype[np.floating]) -> Array:
    """The smallest number of a dtype that is not below low."""
    found = _nearest(low, dtype)
    return found if float(found) >= low else np.nextafter(found, np.inf, dtype=dtype)


def _below(high: float, dtype: np.dtype[np.floating]) -> Array:
    """The largest number of a dtype below high."""
    found = _nearest(high, dtype)
    return found if float(found) < high else np.nextafter(found, -np.inf, dtype=dtype)


def _nearest(number: float, dtype: np.dtype[np.floating]) -> Array:
    with np.errstate(over="ignore"):
        found: Array = np.asarray(number).astype(dtype)
    return found


@dataclass(frozen=True, slots=True)
class ConstantFill(Settings):
    """A function (key, shape) -> array whose every entry is ``value``. Raises ValueError where it is not finite.

    ``key`` is not used; ``shape`` is that of the array.

    >>> import fnnet as fn
    >>> fn.constant_fill(0.5)(fn.Key(0), (2,)).tolist()
    [0.5, 0.5]
    """

    value: Finite

    def __call__(self, key: Key, shape: tuple[int, ...], /) -> Array:
        return np.full(shape, self.value)


@dataclass(frozen=True, slots=True)
class Uniform(Bounded):
    """Entries from the uniform distribution on [``low``, ``high``), also after rounding to float32; where the two are
    equal, all entries are low. Raises ValueError where high is below low, or one of them is not finite.

    >>> import fnnet as fn, numpy as np
    >>> fn.uniform(0.0, 0.001)(fn.Key(0), (2, 2)).max() < 0.001
    np.True_
    """

    low: Finite
    high: Finite

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        checks.real(self.name, "high", self.high, low=self.low)

    def __call__(self, key: Key, shape: tuple[int, ...], /) -> Array:
        u = keys.uniform(key, shape)
        width = self.high - self.low
        drawn = self.low + width * u if width < math.inf else 2 * (self.low / 2 + (self.high / 2 - self.low / 2) * u)
        return rounded("uniform", self, drawn, drawn.dtype)

    def bounds(self, shape: tuple[int, ...], /) -> tuple[float, float]:
        """low and high."""
        return self.low, self.high


@dataclass(frozen=True, slots=True)
class Normal(Settings):
    """Entries from the normal distribution N(mean, std²). Raises ValueError where ``std`` is negative or not finite,
    where ``mean`` is not finite, or where entries might overflow.

    >>> import fnnet as fn
    >>> fn.normal(0.0, mean=1.0)(fn.Key(0), (2,)).tolist()
    [1.0, 1.0]
    """

    std: NonNegative
    mean: Finite = 0.0

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if not abs(self.mean) + LONGEST * self.std < math.inf:
            came = f"{self.std} and mean {self.mean}"
            raise ValueError(f"normal: std must be such that mean + {LONGEST} std is a float, got {came}")

    def __call__(self, key: Key, shape: tuple[int, ...], /) -> Array:
        return self.mean + self.std * keys.normal(key, shape)


@dataclass(frozen=True, slots=True)
class VarianceScaling(Bounded):
    """A function (key, shape) -> array with entries of variance scale / n.

    ``mode`` says what n is: "fan_in", the number of inputs, or "fan_avg", the mean of those of inputs and outputs.
    ``distribution`` is "normal", or "uniform" on [-√(3 scale / n), √(3 scale / n)). ``key`` decides what is drawn;
    ``shape`` is (n_in, n_out), ShapeError is raised for others. Raises ValueError for a ``scale`` that is not above 0.

    >>> import fnnet as fn
    >>> w = fn.he_uniform(fn.Key(0), (6, 100))
    >>> w.shape, bool(abs(w).max() <= 1)
    ((6, 100), True)
    """

    scale: Positive
    mode: Literal["fan_in", "fan_avg"]
    distribution: Literal["uniform", "normal"]

    def __call__(self, key: Key, shape: tuple[int, ...], /) -> Array:
        if self.distribution == "normal":
            return math.sqrt(self._variance(shape)) * keys.normal(key, shape)
        return self.bounds(shape)[1] * (2 * keys.uniform(key, shape) - 1)

    def bounds(self, shape: tuple[int, ...], /) -> tuple[float, float]:
        """±√(3 scale / n), as twice that of a quarter, which does not overflow; ±∞ for the normal distribution."""
        limit = 2 * math.sqrt(3 * (self._variance(shape) / 4)) if self.distribution == "uniform" else math.inf
        return -limit, limit

    def _variance(self, shape: tuple[int, ...]) -> float:
        n_in, n_out = _matrix(self.name, shape)
        return self.scale / (n_in if self.mode == "fan_in" else (n_in + n_out) / 2)


@dataclass(frozen=True, slots=True)
class Orthogonal(Settings):
    """A function (key, shape) -> random matrix with orthonormal columns (or rows, where it is wide), times ``gain``.

    It is Q of the QR decomposition of a normal matrix, with signs fixed by the diagonal of R so that it is uniformly
    distributed (F. Mezzadri, How to generate random matrices from the classical compact groups, 2007, section 5).
    ``key`` decides what is drawn; ``shape`` is (n_in, n_out), ShapeError is raised for others. Raises ValueError for a
    gain that is not above 0.

    >>> import fnnet as fn
    >>> w = fn.orthogonal(fn.Key(0), (3, 2))
    >>> bool(np.allclose(w.T @ w, np.eye(2)))
    True
    """

    gain: Positive = 1.0

    def __call__(self, key: Key, shape: tuple[int, ...], /) -> Array:
        n_in, n_out = _matrix(self.name, shape)
        tall = keys.normal(key, (max(n_in, n_out), min(n_in, n_out)))
        q, r = np.linalg.qr(tall)
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
        return self.gain * (q if n_in >= n_out else q.T)


def _matrix(where: str, shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 2:
        raise ShapeError(f"{where}: shape must be (n_in, n_out), got {shape}")
    return shape


constant_fill = ConstantFill
uniform = Uniform
normal = Normal

zeros = ConstantFill(0.0)
"""Every entry 0."""

glorot_uniform = VarianceScaling(1.0, "fan_avg", "uniform")
"""Uniform of variance 2 / (n_in + n_out), for tanh and sigmoid (X. Glorot, Y. Bengio, AISTATS 2010, eq. 16)."""

glorot_normal = VarianceScaling(1.0, "fan_avg", "normal")
"""Normal of variance 2 / (n_in + n_out) (X. Glorot, Y. Bengio, AISTATS 2010, eq. 12)."""

he_uniform = VarianceScaling(2.0, "fan_in", "uniform")
"""Uniform of variance 2 / n_in, for ReLU (K. He et al., Delving Deep into Rectifiers, 2015, section 2.2)."""

he_normal = VarianceScaling(2.0, "fan_in", "normal")
"""Normal of variance 2 / n_in, for ReLU (K. He et al., Delving Deep into Rectifiers, 2015, eq. 10)."""

lecun_uniform = VarianceScaling(1.0, "fan_in", "uniform")
"""Uniform of variance 1 / n_in (Y. LeCun et al., Efficient BackProp, 1998, section 4.6)."""

lecun_normal = VarianceScaling(1.0, "fan_in", "normal")
"""Normal of variance 1 / n_in (Y. LeCun et al., Efficient BackProp, 1998, section 4.6)."""

orthogonal = Orthogonal()
"""Orthonormal columns or rows (A. Saxe et al., Exact solutions to the nonlinear dynamics of learning, 2013)."""
