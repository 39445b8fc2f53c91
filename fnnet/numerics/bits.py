"""Whether this thread computes portable bits; portable networks and losses set it for the duration of one call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np

from fnnet.types import Array

F64 = np.dtype(np.float64)

T = TypeVar("T")
Arguments = ParamSpec("Arguments")


class _Scope(threading.local):
    is_portable = False


SCOPE = _Scope()
"""``SCOPE.is_portable`` is read by ``numerics`` and set by ``portably`` only; each thread has its own."""


def portably(f: Callable[Arguments, T], *args: Arguments.args, **kwargs: Arguments.kwargs) -> T:
    """``f`` called with the arguments, using the products and functions of ``numerics`` that give the same bits
    everywhere.

    >>> portably(lambda: SCOPE.is_portable), SCOPE.is_portable
    (True, False)
    """
    before = SCOPE.is_portable
    SCOPE.is_portable = True
    try:
        return f(*args, **kwargs)
    finally:
        SCOPE.is_portable = before


def is_portable(x: Array) -> bool:
    """Whether what is computed from x must have portable bits: in a portable network, for x in float64."""
    return SCOPE.is_portable and x.dtype == F64
