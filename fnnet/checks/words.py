"""A wrong argument, described in a few words."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from types import BuiltinFunctionType, FunctionType

import numpy as np

LONGEST = 80
"""The most characters of a value that an error shows as it is."""

_HOLDERS = ("params", "state", "state.params")
"""The attributes of fnnet's results for which the results themselves are often mistaken."""


def came(value: object, wanted: type = FunctionType) -> str:
    """The value that was given, in a few words however long its repr is, and the remedy where that is obvious.

    A class, a function or a stream shows that a call was forgotten, and a result may hold an instance of ``wanted``.

    >>> import fnnet as fn
    >>> came(fn.adam)
    'the class Adam; call it first, as in adam(...)'
    >>> came(fn.Epoch(fn.start(fn.linear(fn.Key(0), 2, 1), fn.sgd(0.1), fn.Key(0))), fn.Params)
    'an instance of Epoch; give its state.params'
    """
    kind = type(value).__name__
    if isinstance(value, type):
        own: object = getattr(value, "name", None)
        return (
            f"the class {value.__name__}; call it first, as in {own if isinstance(own, str) else value.__name__}(...)"
        )
    if isinstance(value, (FunctionType, BuiltinFunctionType)):
        return f"the function {value.__name__}; call it first, as in {value.__name__}(...)"
    if isinstance(value, np.ndarray):
        return f"an array {value.shape} of {value.dtype}"
    if isinstance(value, Iterator):
        return "a stream; call this with its settings first, and give the stream to what that returns"
    for path in _HOLDERS:
        if isinstance(_at(value, path), wanted):
            return f"an instance of {kind}; give its {path}"
    return _short(value, kind)


def _at(value: object, path: str) -> object:
    try:
        found: object = attrgetter(path)(value)
    except AttributeError:
        return None
    return found


def _short(value: object, kind: str) -> str:
    shown = repr(value)
    if len(shown) <= LONGEST and "\n" not in shown:
        return shown
    return f"a {kind} of {len(value)}" if isinstance(value, (tuple, list, dict)) else f"an instance of {kind}"
