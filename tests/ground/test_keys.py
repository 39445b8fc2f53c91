"""A seed means the same in every NumPy: golden values, never to be changed within a major version."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fnnet import Key, keys
from tests.support.strategies import KEYS

GOLDEN = Key(2026).child(7)
LONG = Key(2**127 + 5).child(1, 2, 3)


def sha(a: NDArray[np.generic]) -> str:
    """The digest of little-endian bytes."""
    return hashlib.sha256(a.astype(a.dtype.newbyteorder("<")).tobytes()).hexdigest()


# --- golden values ------------------------------------------------------------------------------------------------
def test_golden_words() -> None:
    expected = [9089975316383121710, 5175127891840667729, 3722493387836266123, 1910234740096932526]
    assert [int(word) for word in keys.words(GOLDEN, 4)] == expected
    assert sha(keys.words(LONG, 1000)) == "ba77dba44f788f7c203d7363cb801af09da4c3aa1355b0821344951450b0dd9b"


def test_golden_uniform_numbers_exactly() -> None:
    expected = ["0x1.f898518ed8570p-2", "0x1.1f46fd9831844p-2", "0x1.9d47a01be5c48p-3", "0x1.a828460111698p-4"]
    assert [float(u).hex() for u in keys.uniform(GOLDEN, (4,))] == expected
    assert sha(keys.uniform(LONG, (1000,))) == "d315e22132e37163a70f72031c71977a26ab8833d313cf4cc7f5a3cc1c368c06"


def test_golden_normal_numbers_exactly() -> None:
    text = (Path(__file__).parents[1] / "golden" / "normal.txt").read_text()
    expected = np.array([float.fromhex(line) for line in text.split()])
    assert len(expected) == 1000
    assert np.array_equal(keys.normal(GOLDEN, (1000,)), expected)


def test_golden_permutations_exactly() -> None:
    assert keys.permutation(GOLDEN, 12).tolist() == [3, 5, 2, 6, 1, 9, 8, 4, 0, 11, 10, 7]
    assert sha(keys.permutation(LONG, 1000)) == "0caae366458ee8c558d554da5421995ee43931bba85dd805fd0a6107a7b496f9"


def test_golden_masks_exactly() -> None:
    mask = keys.keep(Key(2026), (100, 10), 0.3)
    assert sha(mask) == "b4f9ca66e979796a33f9c447c72c085b2ab893996cfef86e88f3aeb4607a32b9"


def test_the_purposes_are_four_letters() -> None:
    assert (keys.INIT, keys.ORDER, keys.NOISE, keys.SPLIT) == (1229867348, 1330791506, 1313818963, 1397771348)


# --- laws ---------------------------------------------------------------------------------------------------------
@given(KEYS, st.integers(0, 40), st.integers(0, 40))
def test_a_longer_draw_begins_with_the_shorter_one(key: Key, n: int, more: int) -> None:
    for draw in (keys.uniform, keys.normal):
        assert np.array_equal(draw(key, (n + more,))[:n], draw(key, (n,)))


@given(KEYS, st.integers(0, 300))
def test_permutations_hold_every_number_once(key: Key, n: int) -> None:
    assert np.array_equal(np.sort(keys.permutation(key, n)), np.arange(n))


@given(KEYS, st.lists(st.integers(0, 2**32 - 1), max_size=3), st.lists(st.integers(0, 2**32 - 1), max_size=3))
def test_children_of_children(key: Key, a: list[int], b: list[int]) -> None:
    assert key.child(*a).child(*b) == key.child(*a, *b)


@given(KEYS, st.integers(0, 9), st.lists(st.integers(0, 9), max_size=3))
def test_a_forked_key_inserts_the_replica_at_its_place(key: Key, k: int, path: list[int]) -> None:
    assert key.forked((10,)).child(*path).of_replica((k,)) == key.child(k).child(*path)


@given(KEYS, st.integers(1, 4), st.integers(1, 5), st.integers(1, 5))
def test_masks_of_replicas_are_those_of_their_keys(key: Key, count: int, rows: int, n: int) -> None:
    together = keys.keep(key.forked((count,)).child(3), (rows, n), 0.4)
    for k in range(count):
        assert np.array_equal(together[k], keys.keep(key.child(k, 3), (rows, n), 0.4))


def test_different_paths_share_no_stream() -> None:
    paths = [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (keys.INIT,), (keys.ORDER, 0), (keys.NOISE, 0), (2**32 - 1,)]
    every = [Key(seed, path) for seed in (0, 1, 2**32, 2**64, 2**127) for path in paths]
    assert len({int(keys.words(key, 1)[0]) for key in every}) == len(every)


# --- statistics ---------------------------------------------------------------------------------------------------
def test_every_order_of_four_is_equally_likely() -> None:
    seen = [tuple(keys.permutation(Key(3).child(i), 4)) for i in range(24 * 200)]
    counts = np.unique(np.array(seen), axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert ((counts - 200) ** 2 / 200).sum() < 60  # chi-squared of 23 degrees of freedom: above that once in 30,000


# --- bad input ----------------------------------------------------------------------------------------------------
def test_numbers_of_numpy_are_the_ints_that_they_are() -> None:
    numbers: list[Any] = [np.int64(3), np.uint8(3), np.arange(4)[3]]
    for number in numbers:
        key = Key(number, (number,)).child(number)
        assert repr(key) == "Key(seed=3, path=(3, 3))"
        assert key == Key(3, (3, 3))
        assert {type(key.seed), *map(type, key.path)} == {int}


@pytest.mark.parametrize("seed", [-1, 2**128, 1.0, "1", None, True, np.int64(-1), np.float64(3)])
def test_bad_seeds(seed: object) -> None:
    with pytest.raises(ValueError, match=r"Key: seed must be an int in \[0, 2\^128\), got "):
        Key(seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("index", [-1, 2**32, 1.0, "1", None, True])
def test_bad_indices(index: object) -> None:
    with pytest.raises(ValueError, match=r"Key: an index must be an int in \[0, 2\^32\), got "):
        Key(0).child(index)  # type: ignore[arg-type]


def test_a_path_is_a_tuple() -> None:
    with pytest.raises(ValueError, match=r"Key: path must be a tuple of ints, got \[1\]"):
        Key(0, [1])  # type: ignore[arg-type]
