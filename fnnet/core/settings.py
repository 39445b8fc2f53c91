"""Settings that say their ranges in their types, and are checked in one place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache, partial
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeAlias, Union, cast, get_args, get_origin, get_type_hints

from fnnet import checks
from fnnet.core.protocols import Schedule

Check: TypeAlias = Callable[[str, str, object], object]
"""``check(where, name, value)`` gives a setting as it is to be kept, or raises an error that names it."""

Share: TypeAlias = Annotated[float, partial(checks.real, below=1)]
"""A number in [0, 1)."""
NonNegative: TypeAlias = Annotated[float, checks.real]
"""A finite number from 0 up."""
Positive: TypeAlias = Annotated[float, checks.positive]
"""A finite number above 0."""
Rate: TypeAlias = Annotated[float | Schedule, checks.rate]
"""A finite number from 0 up, or a function of the steps done that gives one."""
Size: TypeAlias = Annotated[int, checks.size]
"""A whole number from 1 up."""
Flag: TypeAlias = Annotated[bool, checks.flag]
"""Whatever is true or false."""


class Settings:
    """Base of frozen dataclasses of settings: each field whose type is ``Annotated`` with a check goes through it.

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
    """How errors call the settings: by default as the class, in the letters of a function."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in vars(cls):
            cls.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    def __post_init__(self) -> None:
        for name, check in _checks(cast(Any, type(self))):
            object.__setattr__(self, name, check(self.name, name, getattr(self, name)))

    def __getstate__(self) -> list[object]:
        """The fields alone: what else an instance keeps, it finds out again."""
        return [getattr(self, field.name) for field in fields(cast(Any, self))]

    def __setstate__(self, state: list[object]) -> None:
        for field, value in zip(fields(cast(Any, self)), state, strict=True):
            object.__setattr__(self, field.name, value)


@lru_cache(256)
def _checks(kind: type) -> tuple[tuple[str, Check], ...]:
    """The checks of a class's fields, in their order."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple([(f.name, check) for f in fields(kind) for check in _checks_of(hints[f.name])])


def _checks_of(hint: object) -> list[Check]:
    """Those of a type, or of the one beside None."""
    if get_origin(hint) is Annotated:
        return [check for check in cast(Any, hint).__metadata__ if callable(check)]
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else ()
    return [partial(_unless_none, check) for option in options for check in _checks_of(option)]


def _unless_none(check: Check, where: str, name: str, value: object) -> object:
    return None if value is None else check(where, name, value)
