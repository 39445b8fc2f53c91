"""Draws look like chance: moments, uniformity, independence of streams, permutations, masks; a million keys differ.

Each check gives how many standard deviations a statistic is away from what chance would give. With fixed seeds nothing
here is random; 5 is passed by chance once in two million times. Every check is run on planted errors too, and must see
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, product

import numpy as np
import pytest
from numpy.typing import NDArray

from fnnet import Array, Key, keys
from fnnet.numerics import erf

LIMIT = 5.0
N = 400_000


# --- checks -----------------------------------------------------------------------------------------------------------
def off_moments(x: Array, moments: tuple[float, ...], variances: tuple[float, ...]) -> float:
    """The first four moments, each over the deviation that its mean has."""
    means = [(x**power).mean() for power in (1, 2, 3, 4)]
    return max(float(abs(m - e) / np.sqrt(v / x.size)) for m, e, v in zip(means, moments, variances, strict=True))


def off_counts(counts: NDArray[np.generic], cells: int) -> float:
    """χ² of counts that should be equal, less its mean, over its deviation, √(2 · degrees of freedom)."""
    seen = counts.astype(np.float64)
    expected = seen.sum() / seen.size
    return float((((seen - expected) ** 2 / expected).sum() - cells) / np.sqrt(2 * cells))


def off_uniform(u: Array) -> float:
    """Counts in 1,000 equal intervals."""
    return off_counts(np.histogram(u, 1000, (0, 1))[0], 999)


def off_pairs(u: Array) -> float:
    """Counts of neighbours (uᵢ, uᵢ₊₁) in 30 by 30 squares."""
    return off_counts(np.histogram2d(u[0::2], u[1::2], 30, ((0, 1), (0, 1)))[0], 899)


def off_streams(streams: Array) -> float:
    """The largest correlation between any two rows, over its deviation, less what the largest of so many has."""
    rows, n = streams.shape
    centred = streams - streams.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).sum(axis=1, keepdims=True))
    correlations = (scaled @ scaled.T)[np.triu_indices(rows, 1)]
    return float(np.abs(correlations).max() * np.sqrt(n) - np.sqrt(2 * np.log(correlations.size)) + 2)


def off_permutations(orders: NDArray[np.int64]) -> float:
    """How often each number stands at each place."""
    n = orders.shape[1]
    counts = np.stack([np.bincount(column, minlength=n) for column in orders.T])
    return off_counts(counts, (n - 1) ** 2)


MOMENTS_U = (1 / 2, 1 / 3, 1 / 4, 1 / 5), (1 / 12, 4 / 45, 9 / 112, 16 / 225)
MOMENTS_Z = (0, 1, 0, 3), (1, 2, 15, 96)

U, Z = keys.uniform(Key(1), (N,)), keys.normal(Key(2), (N,))
RELATED = [Key(0).child(i) for i in range(100)]
RELATED += [Key(0).child(keys.NOISE, epoch, batch) for epoch, batch in product(range(10), range(10))]
RELATED += [Key(seed) for seed in range(100)]
STREAMS = np.stack([keys.uniform(key, (4000,)) for key in RELATED])
ORDERS = np.stack([keys.permutation(Key(3).child(keys.ORDER, i), 40) for i in range(8000)])


def cdf(z: Array) -> Array:
    """The normal distribution, which makes uniform numbers of normal ones."""
    return (1 + erf(z / np.sqrt(2))) / 2


CHECKS: dict[str, tuple[Callable[[], float], list[Callable[[], float]]]] = {
    "moments of uniform numbers": (
        lambda: off_moments(U, *MOMENTS_U),
        [lambda: off_moments(U * 0.99, *MOMENTS_U), lambda: off_moments(U**1.02, *MOMENTS_U)],
    ),
    "moments of normal numbers": (
        lambda: off_moments(Z, *MOMENTS_Z),
        [
            lambda: off_moments(Z + 0.02, *MOMENTS_Z),
            lambda: off_moments(1.02 * Z, *MOMENTS_Z),
            lambda: off_moments(np.clip(Z, -2.5, 2.5), *MOMENTS_Z),
        ],
    ),
    "uniform numbers are uniform": (
        lambda: off_uniform(U),
        [lambda: off_uniform(U * 0.999), lambda: off_uniform(np.floor(U * 512) / 512)],
    ),
    "normal numbers are normal": (
        lambda: off_uniform(cdf(Z)),
        [lambda: off_uniform(cdf(Z + 0.04)), lambda: off_uniform(cdf(Z * 1.04)), lambda: off_uniform(cdf(np.abs(Z)))],
    ),
    "neighbours are independent": (
        lambda: off_pairs(U),
        [
            lambda: off_pairs(np.repeat(U[::2], 2)),
            lambda: off_pairs(np.where(np.arange(N) % 20 == 1, np.roll(U, 1), U)),
        ],
    ),
    "both numbers of a pair are independent": (
        lambda: off_pairs(cdf(Z)),
        [lambda: off_pairs(cdf(np.where(np.arange(N) % 2, np.roll(Z, 1) * 0.1 + Z, Z)))],
    ),
    "streams are independent": (
        lambda: off_streams(STREAMS),
        [
            lambda: off_streams(np.vstack([STREAMS, STREAMS[7] + STREAMS[0] * 5])),
            lambda: off_streams(np.vstack([STREAMS, 1 - STREAMS[3]])),
        ],
    ),
    "streams are uniform side by side": (
        lambda: off_uniform(STREAMS.T.ravel()),
        [lambda: off_uniform(np.vstack([STREAMS, STREAMS * 0.9]).ravel())],
    ),
    "permutations are uniform": (
        lambda: off_permutations(ORDERS),
        [
            lambda: off_permutations(np.vstack([ORDERS, np.tile(np.arange(40), (200, 1))])),
            lambda: off_permutations(np.argsort(np.round(U[: 40 * 8000].reshape(8000, 40), 1), kind="stable")),
        ],
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_draws_look_like_chance(name: str) -> None:
    assert CHECKS[name][0]() < LIMIT


@pytest.mark.parametrize("name", CHECKS)
def test_planted_errors_are_seen(name: str) -> None:
    for planted in CHECKS[name][1]:
        assert planted() > 2 * LIMIT


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_masks_keep_their_share(rate: float) -> None:
    kept = keys.keep(Key(4), (1000, 1000), rate)
    assert abs(kept.mean() - (1 - rate)) <= LIMIT * np.sqrt(rate * (1 - rate) / kept.size)
    if rate == 0.5:
        squares = kept.reshape(-1, 4) @ np.array([1, 2, 4, 8])
        assert off_counts(np.bincount(squares, minlength=16), 15) < LIMIT


# --- a million keys -----------------------------------------------------------------------------------------------
MILLION = 10**6


def a_million_paths() -> Iterator[Key]:
    """Seeds of all sizes, purposes, epochs, batches, replicas; paths that differ by a 0 at their end or in front."""
    seeds = [0, 1, 2, 7, 2**32 - 1, 2**32, 2**32 + 1, 2**64, 2**96, 2**128 - 1]
    purposes = [keys.INIT, keys.ORDER, keys.NOISE, keys.SPLIT]
    yield from [Key(seed, path) for seed in seeds for n in range(8) for path in product((0, 1), repeat=n)]
    yield from [Key(seed, (purpose,)) for seed in range(10_000) for purpose in purposes]
    every = product(seeds, purposes, range(100), range(250))
    yield from (Key(seed, (purpose, epoch, batch)) for seed, purpose, epoch, batch in every)


@pytest.mark.parametrize("step", [20, pytest.param(1, marks=pytest.mark.slow)])
def test_a_million_derived_keys_are_distinct(step: int) -> None:
    """What Philox is seeded with, 128 bits a key: two keys with equal ones would share their stream."""
    seen = {
        np.random.SeedSequence(key.seed, spawn_key=key.path).generate_state(2, np.uint64).tobytes()
        for key in islice(a_million_paths(), 0, MILLION, step)
    }
    assert len(seen) == MILLION // step


def test_a_stream_is_seeded_by_seed_and_path_alone() -> None:
    """The test above looks at what ``words`` uses."""
    for key in islice(a_million_paths(), 300):
        state = np.random.SeedSequence(key.seed, spawn_key=key.path).generate_state(2, np.uint64)
        assert np.array_equal(np.random.Philox(key=state).random_raw(3), keys.words(key, 3))
