"""What summaries refuse."""

from __future__ import annotations

import pytest

from tests.support.refusals import NET, Case, check, fn

CASES: dict[str, Case] = {
    "summary of a batch of 0": (
        lambda: fn.summary(NET, batch=0),
        ValueError,
        "summary: batch must be a whole number from 1 up",
    ),
    "summary without a beginning": (
        lambda: fn.summary(fn.serial(fn.Relu())),
        ValueError,
        "the number of inputs cannot be read off this Serial; give features=",
    ),
    "half a feature": (lambda: fn.summary(NET, features=2.5), ValueError, "summary: features must be a whole number"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])
