"""Every number that an optimizer is given is checked, by an error that names it."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest

from fnnet.optimizers.elementwise import Elementwise
from tests.catalogue import OPTIMIZERS

SHARES = {"b1", "b2", "decay", "momentum"}
OWN = {"eps": [0.0], "threshold": [3.9]} | {name: [1.0] for name in SHARES}
NUMBERS = [
    (optimizer, f.name)
    for name, optimizer in OPTIMIZERS.items()
    if isinstance(optimizer, Elementwise) and " " not in name
    for f in fields(optimizer)  # type: ignore[arg-type]  # every subclass is a dataclass
    if type(getattr(optimizer, f.name)) is float
]


@pytest.mark.parametrize(("optimizer", "setting"), NUMBERS)
def test_every_number_of_every_optimizer_is_checked(optimizer: Elementwise, setting: str) -> None:
    where = type(optimizer).__name__.lower()
    for wrong in (-0.1, math.nan, math.inf, "0.1", None, True, *OWN.get(setting, [])):
        with pytest.raises(ValueError, match=f"^{where}: {setting} must be .*got {wrong!r}$"):
            replace(optimizer, **{setting: wrong})  # type: ignore[type-var]  # every subclass is a dataclass


def test_every_optimizer_has_its_numbers_checked() -> None:
    kinds = {type(optimizer) for optimizer in OPTIMIZERS.values() if isinstance(optimizer, Elementwise)}
    assert kinds == {type(optimizer) for optimizer, _ in NUMBERS}
    assert len(NUMBERS) >= 3 * len(kinds)
