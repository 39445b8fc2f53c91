"""The checks of settings that are numbers."""

from __future__ import annotations

import math

import numpy as np

from fnnet.checks.words import came


def size(where: str, name: str, value: object, low: int = 1) -> int:
    """A whole number from ``low`` up, as an int. Raises ValueError for anything else.

    >>> size("my_layer", "n", np.int64(3))
    3
    """
    if isinstance(value, (bool, np.bool)) or not isinstance(value, (int, np.integer)) or value < low:
        raise ValueError(f"{where}: {name} must be a whole number from {low} up, got {came(value)}")
    return int(value)


def real(where: str, name: str, value: object, low: float = 0.0, below: float = math.inf) -> float:
    """A number in [low, below), as a float. Raises ValueError for anything else.

    >>> real("my_layer", "rate", 0.5, below=1)
    0.5
    """
    if isinstance(value, (bool, np.bool)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{where}: {name} must be a number in [{low:g}, {below:g}), got {came(value)}")
    try:
        number = float(value)
    except OverflowError:  # an int larger than any float
        number = math.inf
    if not low <= number < below:
        raise ValueError(f"{where}: {name} must be in [{low:g}, {below:g}), got {value!r}")
    return number


def positive(where: str, name: str, value: object) -> float:
    """A finite number above 0, as a float. Raises ValueError for anything else.

    >>> positive("my_layer", "eps", 1)
    1.0
    """
    if real(where, name, value) == 0:
        raise ValueError(f"{where}: {name} must be above 0, got {value!r}")
    return real(where, name, value)


def rate(where: str, name: str, value: object) -> object:
    """A learning rate: a number in [0, inf), or a function from the number of steps done to one.

    Raises ValueError for anything else.

    >>> rate("my_optimizer", "lr", 1)
    1.0
    """
    return value if callable(value) else real(where, name, value)


def flag(where: str, name: str, value: object) -> bool:
    """The truth of the value, as a bool.

    >>> flag("my_layer", "bias", 1)
    True
    """
    return bool(value)


def settle(record: object, **settings: object) -> None:
    """Stores checked ``settings`` in the frozen dataclass ``record`` during its ``__post_init__``.

    So a NumPy number becomes a Python number, which cannot promote the arrays that it is combined with.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, slots=True)
    ... class Scaled:
    ...     factor: float
    ...     def __post_init__(self) -> None:
    ...         settle(self, factor=positive("Scaled", "factor", self.factor))
    >>> Scaled(np.float32(0.5))
    Scaled(factor=0.5)
    """
    for name, value in settings.items():
        object.__setattr__(record, name, value)
