"""Functions in a word, and whatever represents one: methods, partials, compiled and cached functions, properties."""

from __future__ import annotations

import gc
import sys
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

import numpy as np

from fnnet.descriptions.code_digests import is_library, named
from fnnet.descriptions.edges import Edge, Unseen
from fnnet.descriptions.function_reads import reads
from fnnet.descriptions.objects import attributes, given


def function(f: FunctionType) -> tuple[str, list[Edge]]:
    """A function by name, and what it reads if it is the user's or a package has wrapped it around the user's."""
    if not is_library(f):
        return named(f), list(reads(f))
    if not f.__closure__ or str(f.__globals__["__name__"]).startswith("fnnet."):
        return named(f), []
    return f"{f.__qualname__}, wrapped by {f.__code__.co_name}", list(reads(f))  # it bears the name of what it wraps


def method(value: MethodType) -> tuple[str, list[Edge]]:
    """A method, and its object."""
    name = getattr(value.__func__, "__qualname__", "")
    return f"method {name}", [Edge("function", value.__func__), Edge("self", value.__self__)]


def builtin(value: BuiltinFunctionType) -> tuple[str, list[Edge]]:
    """A function or a method of C."""
    owner: object = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, (ModuleType, type)):
        return f"method {value.__name__}", [Edge("self", owner)]
    name, home = getattr(value, "__qualname__", value.__name__), getattr(value, "__module__", None)
    owner = getattr(value, "__objclass__", owner)
    module = owner if isinstance(owner, ModuleType) else sys.modules.get(str(home))
    is_users = not is_library(owner) if isinstance(owner, type) else module is not None and not is_library(module)
    return f"{home or 'module'}.{name}", [Edge("code", Unseen("it is compiled, by the user"))] if is_users else []


def ufunc(value: np.ufunc) -> tuple[str, list[Edge]]:
    """A ufunc of NumPy; if it was made from a Python function, that function is hidden in it."""
    is_made = "(vectorized)" in value.__name__
    return f"module.{value.__name__}", [Edge("function", Unseen("the function in it"))] if is_made else []


def bound(value: partial[object]) -> tuple[str, list[Edge]]:
    """A function with some of its arguments."""
    parts = [Edge("func", value.func), Edge("args", value.args), Edge("keywords", value.keywords)]
    return "partial", [*parts, *given(value)]


def wrapper(value: object) -> tuple[str, list[Edge]]:
    """A compiled or cached function: its own state is no setting, but what it was made with is."""
    inner: object = getattr(value, "py_func", vars(value)["__wrapped__"])
    is_cached = type(value).__module__ == "functools"
    if is_cached and all(one is not inner for one in gc.get_referents(value)):  # ``wraps`` has renamed it
        inner = Unseen("the function in it")
    names = ("cache_parameters", "targetoptions")
    found = [(name, getattr(value, name)) for name in names if hasattr(value, name)]
    made = [Edge(name, one() if callable(one) else one) for name, one in found]
    own = [edge for edge in attributes(value) if edge.name not in ("__wrapped__", *names)] if is_cached else []
    return named(type(value)), [Edge("function", inner), *made, *own]


def is_wrapper(value: object) -> bool:
    """Whether it is an object of a package that represents a function."""
    is_told = is_library(type(value)) and type(value) is not FunctionType
    return is_told and "__wrapped__" in getattr(value, "__dict__", {})


def accessor(value: object) -> tuple[str, list[Edge]]:
    """A property, a class method or the like, as a class holds them."""
    names = ("fget", "fset", "fdel", "func", "__func__")
    found = [(name, part) for name in names if (part := getattr(value, name, None))]
    return type(value).__name__, [Edge(name, part, ("accessor",)) for name, part in found]
