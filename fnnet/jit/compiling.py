"""The options that functions are compiled with, and where Numba caches them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import TypeVar, cast

from numba import njit
from numba.core.errors import NumbaError

F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")


def compiled(function: F) -> F:
    """The compiled function, with sums in the order of the source, cached on disk for later processes."""
    return _kept(function)


def called(function: F) -> F:
    """The same, to be called by compiled functions only: a wrapper for Python would take time to compile."""
    return _kept(function, no_cpython_wrapper=True)


def loosely(function: F) -> F:
    """The same, but sums may be reordered, without which they cannot be vectorized."""
    return _kept(function, fastmath={"reassoc"})


def inlined(function: F) -> F:
    """The same, inlined into its callers: a call per row would cost as much as what it computes."""
    return _kept(function, inline="always")


def _kept(function: F, **options: object) -> F:
    """The compiled function, cached if there is a folder for it: without one Numba refuses to cache."""
    compiler = partial(njit, nogil=True, error_model="numpy", no_cfunc_wrapper=True, **options)
    try:
        return cast(F, compiler(cache=True)(function))
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
    _warn()
    return cast(F, compiler()(function))


def compiled_call(run: Callable[..., T], *arguments: object) -> T:
    """The result of a compiled function. Raises TypeError where the compiler does not accept what it calls."""
    try:
        return run(*arguments)
    except NumbaError as error:
        reason = next((line for line in str(error).splitlines()[1:] if line.strip()), str(error)).strip()
        raise TypeError(
            f"jit: a kernel or a formula of this run cannot be compiled by Numba, {reason} (its own error is above); "
            "use fnnet.train"
        ) from error


@cache
def _warn() -> None:
    """Warns once that there is no such folder, what this costs and what helps."""
    warnings.warn(
        "fnnet.jit: there is no folder for compiled code that can be written to, so that every process compiles anew, "
        "for some seconds; set NUMBA_CACHE_DIR to a folder that can be written to",
        RuntimeWarning,
        stacklevel=2,
    )
