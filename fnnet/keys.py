"""Keys: randomness as a value, and the draws made from it.

A key is a seed and a path. Both seed Philox (J. K. Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC
2011), whose 64-bit words NumPy guarantees never to change; uniform numbers, normal numbers and permutations are made
from them by the few lines below. So a seed means the same in every version of NumPy, and no two paths share a stream.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fnnet.checks.numbers import settle
from fnnet.checks.words import came
from fnnet.numerics.elementary import cos_sin, log1p

INIT = int.from_bytes(b"INIT")
ORDER = int.from_bytes(b"ORDR")
NOISE = int.from_bytes(b"NOIS")
SPLIT = int.from_bytes(b"SPLT")
"""The purposes: the first path entry under a run's key, far from the small numbers that users choose for children."""

S = TypeVar("S", bound=np.generic)
Words = NDArray[np.uint64]


class Fork(NamedTuple):
    """The position in a key's path at which a replica's number is inserted, and the lengths of the replica axes."""

    at: int
    replicas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """A source of randomness that can be printed, compared, saved and divided.

    ``seed`` is an integer in [0, 2^128), ``path`` a tuple of integers in [0, 2^32), NumPy's integers too. ``fork`` is
    set by a stochastic pass through stacked networks; a user's keys have none.

    Raises ValueError for any other seed or path.

    >>> Key(7).child(3, 1)
    Key(seed=7, path=(3, 1))
    >>> Key(7).child(3).child(1) == Key(7).child(3, 1)
    True
    """

    seed: int
    path: tuple[int, ...] = ()
    fork: Fork | None = None

    def __post_init__(self) -> None:
        if type(self.path) is not tuple:
            raise ValueError(f"Key: path must be a tuple of ints, got {self.path!r}")
        settle(self, seed=_whole("seed", self.seed, 128), path=_indices(self.path))

    def __repr__(self) -> str:
        fork = "" if self.fork is None else f", fork={tuple(self.fork)}"
        return f"Key(seed={self.seed}, path={self.path}{fork})"

    def child(self, *index: int) -> Key:
        """The key whose path is longer by ``index``; children of a key are independent of it and of each other.

        Raises ValueError for an index that is not an integer in [0, 2^32).
        """
        return _key(self.seed, self.path + _indices(index), self.fork)

    def forked(self, replicas: tuple[int, ...]) -> Key:
        """This key for replicas with these axes: replica k draws what it would draw under ``self.child(k)``.

        Its children insert k at the same position of the path, so the k-th of several stacked networks gets exactly the
        draws that it gets alone, however deep the layer that makes them.
        """
        return _key(self.seed, self.path, Fork(len(self.path), replicas)) if self.fork is None else self

    def of_replica(self, index: tuple[int, ...]) -> Key:
        """The key of the replica at ``index``, one number per replica axis."""
        if self.fork is None:
            return self
        at = self.fork.at
        return _key(self.seed, self.path[:at] + index + self.path[at:], None)


def _indices(path: tuple[int, ...]) -> tuple[int, ...]:
    """The indices as Python ints, which most of them are already."""
    for index in path:
        if type(index) is not int or not 0 <= index < 2**32:
            return tuple([_whole("an index", one, 32) for one in path])
    return path


def _whole(name: str, value: object, bits: int) -> int:
    """An integer in [0, 2^bits), NumPy's too, as an int. Raises ValueError for anything else."""
    if not (type(value) is int or isinstance(value, np.integer)) or not 0 <= value < 2**bits:
        raise ValueError(f"Key: {name} must be an int in [0, 2^{bits}), got {came(value)}")
    return int(value)


def _key(seed: int, path: tuple[int, ...], fork: Fork | None) -> Key:
    """A key of a seed and a path that are already checked; every batch makes one."""
    key = object.__new__(Key)
    object.__setattr__(key, "seed", seed)
    object.__setattr__(key, "path", path)
    object.__setattr__(key, "fork", fork)
    return key


def check(where: str, key: object) -> None:
    """Raises ValueError unless this is a Key."""
    if type(key) is not Key:
        raise ValueError(f"{where}: key must be a fnnet.Key such as Key(0), got {came(key)}")


def words(key: Key, n: int) -> Words:
    """n 64-bit words from the key. A longer draw begins with the words of a shorter one.

    >>> bool((words(Key(0), 9)[:3] == words(Key(0), 3)).all())
    True
    """
    check("keys", key)
    sequence = np.random.SeedSequence(key.seed, spawn_key=key.path)
    drawn: Words = np.random.Philox(sequence).random_raw(n)
    return drawn


def uniform(key: Key, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Float64 numbers in [0, 1), of the given shape: the upper 53 bits of a word times 2^-53.

    >>> uniform(Key(0), (2, 3)).shape
    (2, 3)
    """
    return _drawn(_uniform, key, shape)


def normal(key: Key, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Float64 numbers from N(0, 1), of the given shape.

    Two are made from two uniform ones (G. E. P. Box, M. E. Muller, Ann. Math. Stat. 29, 1958):
    z₁ = √(-2 log(1 - u₁)) cos 2πu₂ and z₂ = √(-2 log(1 - u₁)) sin 2πu₂.

    >>> normal(Key(0), (2, 3)).shape
    (2, 3)
    """
    return _drawn(_normal, key, shape)


def permutation(key: Key, n: int) -> NDArray[np.int64]:
    """The numbers 0 to n - 1 in random order: words that carry their own index in the low bits, sorted.

    Sorting such words is several times faster than ``argsort``, and no two are equal. The other bits decide the order;
    two of n words agree in them with probability below n³ / 2^64.

    >>> np.sort(permutation(Key(0), 4)).tolist()
    [0, 1, 2, 3]
    """
    low = np.uint64((1 << max(n - 1, 0).bit_length()) - 1)
    index = np.arange(n, dtype=np.uint64)
    return (np.sort((words(key, n) & ~low) | index) & low).astype(np.int64)


def keep(key: Key, shape: tuple[int, ...], rate: float) -> NDArray[np.bool]:
    """A mask of the given shape that is True with probability 1 - rate, to within 2^-32.

    Each entry takes half a word, so the mask is the same for every dtype of the numbers that it masks.

    >>> keep(Key(0), (2, 3), 0.0).all().item()
    True
    """
    return _drawn(partial(_keep, rate), key, shape)


def _drawn(draw: Callable[[Key, tuple[int, ...]], NDArray[S]], key: Key, shape: tuple[int, ...]) -> NDArray[S]:
    """A draw; under a forked key one draw per replica, with the replica's own key.

    The replica axes, before the last two axes of ``shape``, are those of the fork, or those of ``shape`` where the
    network has no parameters.
    """
    check("keys", key)
    replicas = () if key.fork is None else key.fork.replicas or shape[:-2]
    if not replicas:
        return draw(key, shape)
    drawn = [draw(key.of_replica(index), shape[-2:]) for index in np.ndindex(*replicas)]
    return np.stack(drawn).reshape(replicas + shape[-2:])


def _uniform(key: Key, shape: tuple[int, ...]) -> NDArray[np.float64]:
    drawn = words(key, _count(shape)) >> np.uint64(11)
    numbers: NDArray[np.float64] = np.multiply(drawn, 2.0**-53)
    return numbers.reshape(shape)


def _normal(key: Key, shape: tuple[int, ...]) -> NDArray[np.float64]:
    n = _count(shape)
    u = _uniform(key, (n + n % 2,))
    radius, (cosine, sine) = np.sqrt(-2.0 * log1p(-u[0::2])), cos_sin(u[1::2])
    pairs = np.stack([radius * cosine, radius * sine], axis=-1)
    numbers: NDArray[np.float64] = pairs.reshape(-1)[:n].reshape(shape).astype(np.float64, copy=False)
    return numbers


def _keep(rate: float, key: Key, shape: tuple[int, ...]) -> NDArray[np.bool]:
    n = _count(shape)
    halves = words(key, (n + 1) // 2).astype("<u8", copy=False).view("<u4")[:n]
    kept: NDArray[np.bool] = halves >= round(rate * 2**32)
    return kept.reshape(shape)


def _count(shape: tuple[int, ...]) -> int:
    n = 1
    for size in shape:
        n *= size
    return n
