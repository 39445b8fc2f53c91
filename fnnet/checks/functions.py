"""The checks of functions, of methods and of pairs."""

from __future__ import annotations

from functools import lru_cache, partial
from inspect import signature
from types import FunctionType, MethodType
from typing import Any, TypeVar

from fnnet.checks.words import came

T = TypeVar("T")


def pair(where: str, name: str, value: object) -> None:
    """Raises ValueError unless the value is a tuple or list of two.

    >>> pair("my_layer", "sizes", (3, 4))
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        of = f"a {type(value).__name__} of {len(value)}" if isinstance(value, (tuple, list)) else came(value)
        raise ValueError(f"{where}: {name} must be a pair, got {of}")


def function(where: str, name: str, value: T, *arguments: str) -> T:
    """The value, which must be callable, with as many arguments as ``arguments`` names, where there are any.

    Raises ValueError for anything else, also for a class whose instances are called: its own call was forgotten.

    >>> import fnnet as fn
    >>> function("my_step", "loss", fn.focal, "prediction", "target")
    Traceback (most recent call last):
    ValueError: my_step: loss must be a function or an object that can be called, got the class Focal; call it first, \
as in focal(...)
    """
    if not callable(value) or _is_uncalled(value):
        raise ValueError(f"{where}: {name} must be a function or an object that can be called, got {came(value)}")
    if arguments and not _takes(value, arguments):
        given, own = ", ".join(arguments), ", ".join(signature(value).parameters)
        shown = getattr(value, "__name__", None) or came(value)
        raise ValueError(f"{where}: {name} is called with ({given}), got {shown}, which is called with ({own})")
    return value


def _is_uncalled(value: object) -> bool:
    """Whether it is a class whose instances are to be called."""
    return isinstance(value, type) and any("__call__" in vars(base) for base in value.__mro__[:-1])


def _takes(value: object, arguments: tuple[str, ...]) -> bool:
    """Whether it can be called with as many arguments. The class of an instance is inspected once."""
    if isinstance(value, (FunctionType, MethodType, partial, type)):
        return _binds(value, len(arguments))
    kind: Any = type(value)
    return _instances_take(kind, len(arguments))


@lru_cache(256)
def _instances_take(kind: type, count: int) -> bool:
    return _binds(getattr(kind, "__call__"), 1 + count)  # noqa: B004, B009  (it is there: an instance is callable)


def _binds(value: object, count: int) -> bool:
    try:
        signature(value).bind(*range(count))  # type: ignore[arg-type]  # it is callable
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        return True
    return True


def method(where: str, name: str, owner: object, part: str, such_as: str = "") -> None:
    """Raises ValueError unless ``owner`` is an object, not a class, with the method ``part``.

    ``such_as`` is an example for the error.

    >>> method("my_step", "optimizer", 0.1, "update", "adam(1e-3)")
    Traceback (most recent call last):
    ValueError: my_step: optimizer must be an object with a method update such as adam(1e-3), got 0.1
    """
    if isinstance(owner, type) or not callable(getattr(owner, part, None)):
        example = f" such as {such_as}" if such_as else ""
        raise ValueError(f"{where}: {name} must be an object with a method {part}{example}, got {came(owner)}")
