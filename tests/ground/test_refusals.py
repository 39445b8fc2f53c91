"""What keys, initializers, take and last refuse."""

from __future__ import annotations

import pytest

from fnnet import Key, ShapeError
from tests.support.refusals import Case, check, fn

CASES: dict[str, Case] = {
    "low above high": (lambda: fn.uniform(1.0, 0.0), ValueError, r"uniform: high must be in \[1, inf\), got 0.0"),
    "negative std": (lambda: fn.normal(-1.0), ValueError, r"normal: std must be in \[0, inf\), got -1.0"),
    "fans of a vector": (lambda: fn.he_normal(Key(0), (3,)), ShapeError, r"shape must be \(n_in, n_out\), got \(3,\)"),
    "take -1": (lambda: fn.take(-1), ValueError, "take: n must be a whole number from 0 up, got -1"),
    "last of nothing": (lambda: fn.last([]), ValueError, "last: the stream is empty"),
    "a number for a key of a draw": (lambda: fn.keys.normal(5, (2,)), ValueError, "keys: key must be a fnnet.Key"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])
