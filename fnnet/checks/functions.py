"""The checks of what is called, and of pairs."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def pair(where: str, name: str, value: object) -> None:
    """Raises ValueError unless the value is a tuple or list of two."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        came = f"{len(value)} things" if isinstance(value, (tuple, list)) else type(value).__name__
        raise ValueError(f"{where}: {name} must be a pair, got {came}")


def function(where: str, name: str, value: T) -> T:
    """The value, which must be callable. Raises ValueError."""
    if not callable(value):
        raise ValueError(f"{where}: {name} must be a function or an object that can be called, got {value!r}")
    return value


def method(where: str, name: str, owner: object, part: str) -> None:
    """Raises ValueError unless an object has a method. A class has it too: then its call was forgotten."""
    if isinstance(owner, type):
        came = f"the class {owner.__name__}; call it with its settings first"
        raise ValueError(f"{where}: {name}.{part} must be a function of an object, got {came}")
    function(where, f"{name}.{part}", getattr(owner, part, None))
