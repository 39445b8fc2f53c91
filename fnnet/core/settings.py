"""Settings whose types give their ranges, checked in one place."""

from __future__ import annotations

import math
import re
from abc import ABC
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import lru_cache, partial
from inspect import get_annotations
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from fnnet import checks
from fnnet.core.protocols import Schedule

Check: TypeAlias = Callable[[str, str, object], object]
"""``check(where, name, value)`` returns the value to store, or raises an error that names the setting."""

Share: TypeAlias = Annotated[float, partial(checks.real, below=1)]
"""A number in [0, 1)."""
Finite: TypeAlias = Annotated[float, partial(checks.real, low=-math.inf)]
"""A finite number."""
NonNegative: TypeAlias = Annotated[float, checks.real]
"""A finite number from 0 up."""
Positive: TypeAlias = Annotated[float, checks.positive]
"""A finite number above 0."""
Rate: TypeAlias = Annotated[float | Schedule, checks.rate]
"""A finite number from 0 up, or a function from the number of steps done to one."""
Size: TypeAlias = Annotated[int, checks.size]
"""A whole number from 1 up."""
Flag: TypeAlias = Annotated[bool, checks.flag]
"""Anything that has a truth value, stored as a bool."""


def each(check: Check) -> Check:
    """The check of a tuple or list that applies ``check`` to every entry, and stores a tuple.

    >>> each(checks.size)("one", "sizes", [1, 2])
    (1, 2)
    """
    return partial(_each, check)


def _each(check: Check, where: str, name: str, value: object) -> tuple[object, ...]:
    if not isinstance(value, (tuple, list)):
        raise ValueError(f"{where}: {name} must be a tuple, got {value!r}")
    return tuple([check(where, f"{name}[{i}]", one) for i, one in enumerate(value)])


class Settings:
    """Base of frozen dataclasses of settings, whose fields are checked.

    A field whose type is ``Annotated`` with checks is passed through them in turn and stores the result; one whose type
    is a ``Literal`` must be one of its values. Raises what the checks raise, usually ValueError.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, slots=True)
    ... class Warmup(Settings):
    ...     share: Share = 0.1
    >>> Warmup(1.5)
    Traceback (most recent call last):
    ValueError: warmup: share must be in [0, 1), got 1.5
    """

    __slots__ = ()
    name: ClassVar[str]
    """The name in errors: by default that of the class, in snake case."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if ABC not in cls.__bases__ and "name" not in {*vars(cls), *get_annotations(cls)}:  # which may be a field
            cls.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    def __post_init__(self) -> None:
        for name, check in _checks(cast(Any, type(self))):
            object.__setattr__(self, name, check(self.name, name, getattr(self, name)))

    def __getstate__(self) -> dict[str, object]:
        """The fields alone; whatever else an instance stores can be recomputed."""
        own: Any = self
        names = [field.name for field in fields(own)] if is_dataclass(own) else vars(self)
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, object]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)


@lru_cache(256)
def _checks(kind: type) -> tuple[tuple[str, Check], ...]:
    """The checks of a class's fields, in their order."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple([(f.name, check) for f in fields(kind) for check in _checks_of(hints[f.name])])


def _checks_of(hint: object) -> list[Check]:
    """The checks of a type, or of the one in a union with None; for a ``Literal``, that it is one of its values."""
    origin: object = get_origin(hint)
    if origin is Annotated:
        return [check for check in cast(Any, hint).__metadata__ if callable(check)]
    if origin is Literal:
        return [partial(_one_of, get_args(hint))]
    options = get_args(hint) if origin in (Union, UnionType) else ()
    return [partial(_unless_none, check) for option in options for check in _checks_of(option)]


def _one_of(options: tuple[object, ...], where: str, name: str, value: object) -> object:
    if value not in options:
        raise ValueError(f"{where}: {name} must be {' or '.join(map(repr, options))}, got {value!r}")
    return value


def _unless_none(check: Check, where: str, name: str, value: object) -> object:
    return None if value is None else check(where, name, value)
