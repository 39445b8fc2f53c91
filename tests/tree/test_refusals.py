"""What operations on trees refuse."""

from __future__ import annotations

import pytest

from fnnet import TreeError
from tests.support.refusals import NET, Case, X, check, fn

CASES: dict[str, Case] = {
    "a path that is a number": (lambda: fn.tree.at(NET, 0, lambda leaf: leaf), TreeError, "path must be a str"),
    "a leaf that becomes a list": (
        lambda: fn.tree.at(NET, "layers.0.w", lambda leaf: [1.0]),
        TreeError,
        "f must give an array or a static value",
    ),
    "text for a leaf": (
        lambda: fn.tree.rebuild((X,), ("x",)),
        TreeError,
        r"values\[0\] must be a numpy.ndarray, got 'x'",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])
