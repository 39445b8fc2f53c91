"""The checks of arguments. Each error says where, the rule, what came and, where it is not plain, the remedy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Sized
from typing import TypeVar

import numpy as np

from fnnet.errors import DtypeError, ShapeError
from fnnet.types import Array, Dtype, Labels

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])

F32 = np.dtype(np.float32)
F64 = np.dtype(np.float64)
FLOATS = frozenset((F32, F64))
"""The dtypes of networks. An array that was pickled has a dtype that is equal to one of them and another object."""


# --- settings ----------------------------------------------------------------------------------------------------
def size(where: str, name: str, value: object, low: int = 1) -> int:
    """A whole number from ``low`` up."""
    if isinstance(value, (bool, np.bool)) or not isinstance(value, (int, np.integer)) or value < low:
        raise ValueError(f"{where}: {name} must be a whole number from {low} up, got {value!r}")
    return int(value)


def real(where: str, name: str, value: object, low: float = 0.0, below: float = math.inf) -> float:
    """A number in [low, below)."""
    if isinstance(value, (bool, np.bool)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{where}: {name} must be a number in [{low:g}, {below:g}), got {value!r}")
    try:
        number = float(value)
    except OverflowError:  # an int beyond all floats
        number = math.inf
    if not low <= number < below:
        raise ValueError(f"{where}: {name} must be in [{low:g}, {below:g}), got {value!r}")
    return number


def positive(where: str, name: str, value: object) -> float:
    """A finite number above 0."""
    if real(where, name, value) == 0:
        raise ValueError(f"{where}: {name} must be above 0, got {value!r}")
    return real(where, name, value)


def rate(where: str, name: str, value: float | F) -> float | F:
    """A number in [0, inf), or a function of the steps done that will give one."""
    return value if callable(value) else real(where, name, value)


def flag(where: str, name: str, value: object) -> bool:
    """Whatever is true or false."""
    return bool(value)


def settle(record: object, **settings: object) -> None:
    """Gives a frozen record that is being made its settings as they were checked.

    A NumPy number becomes a Python number by this, and cannot promote the arrays that it meets.
    """
    for name, value in settings.items():
        object.__setattr__(record, name, value)


def dtype(where: str, value: Dtype | np.dtype[np.floating]) -> np.dtype[np.floating]:
    """Float32 or float64."""
    given: object = value
    if given is not None and given in _DTYPES:  # NumPy takes None for float64
        return F32 if value == F32 else F64
    came = value.__name__ if isinstance(value, type) else value
    raise DtypeError(f"{where}: dtype must be float32 or float64, got {came}")


_DTYPES: tuple[object, ...] = (np.float32, np.float64, F32, F64, "float32", "float64")


def pair(where: str, name: str, value: object) -> None:
    """A tuple or list of two."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        came = f"{len(value)} things" if isinstance(value, (tuple, list)) else type(value).__name__
        raise ValueError(f"{where}: {name} must be a pair, got {came}")


def function(where: str, name: str, value: T) -> T:
    """Something that can be called."""
    if not callable(value):
        raise ValueError(f"{where}: {name} must be a function or an object that can be called, got {value!r}")
    return value


def method(where: str, name: str, owner: object, part: str) -> None:
    """A method of an object. A class has functions of the same names: it is one whose call was forgotten."""
    if isinstance(owner, type):
        came = f"the class {owner.__name__}; call it with its settings first"
        raise ValueError(f"{where}: {name}.{part} must be a function of an object, got {came}")
    function(where, f"{name}.{part}", getattr(owner, part, None))


# --- arrays ------------------------------------------------------------------------------------------------------
def array(where: str, name: str, value: object) -> None:
    """An ndarray of numbers: no list, no other class, no complex numbers, no objects or text."""
    if type(value) is not np.ndarray:
        is_masked = isinstance(value, np.ma.MaskedArray)  # numpy.asarray would give what the mask hides
        remedy = "fill in what is masked, by its filled()" if is_masked else "use numpy.asarray"
        raise DtypeError(f"{where}: {name} must be a numpy.ndarray, got {type(value).__name__}; {remedy}")
    if value.dtype.kind not in "fiub":
        raise DtypeError(f"{where}: {name} must hold real numbers, got dtype {value.dtype}; cast it first")


def rows(where: str, x: Array) -> None:
    """An array (..., batch, features) that has at least one row and one feature."""
    array(where, "x", x)
    if x.ndim < 2:
        raise ShapeError(
            f"{where}: x must be (..., batch, features), got {x.shape}; a single row is x[None, :], a column x[:, None]"
        )
    if x.size == 0:
        raise ShapeError(f"{where}: x must have at least one row and one feature, got {x.shape}")


def cast(where: str, name: str, value: Array, wanted: np.dtype[np.floating]) -> Array:
    """The array in the dtype of the parameters that it meets."""
    if value.dtype == wanted and wanted in FLOATS:
        return value
    array(where, name, value)
    return value.astype(dtype(where, wanted), copy=False)


def floating(where: str, x: Array) -> Array:
    """The array as it is where it is float32 or float64, else as float64: for layers that have no parameters."""
    if x.dtype in FLOATS:
        return x
    array(where, "x", x)
    is_single = x.dtype.kind == "f" and x.dtype.itemsize == 4
    return x.astype(F32 if is_single else F64, copy=False)


def same_length(where: str, arrays: Sequence[tuple[str, Sized]]) -> int:
    """The common number of rows of several arrays."""
    lengths = {name: len(value) for name, value in arrays}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ShapeError(f"{where}: all arrays must have the same number of rows, got: {told}")
    return next(iter(lengths.values()))


# --- losses and metrics ------------------------------------------------------------------------------------------
def target(where: str, prediction: Array, value: Array) -> Array:
    """A target of the prediction's shape, or of that without the replica axes, in the prediction's dtype."""
    if type(value) is np.ndarray and value.shape == prediction.shape and value.dtype == prediction.dtype:
        return value
    array(where, "target", value)
    if value.shape != prediction.shape and value.shape != prediction.shape[-2:]:
        raise ShapeError(
            f"{where}: target must have the prediction's shape {prediction.shape}, got {value.shape}"
            f"{'; a column is target[:, None]' if value.ndim == prediction.ndim - 1 else ''}"
        )
    return value.astype(prediction.dtype, copy=False)


def per_row(where: str, name: str, prediction: Array, value: Array | Labels) -> None:
    """One entry a row of the prediction, with or without its replica axes."""
    array(where, name, value)
    wanted = prediction.shape[:-1]
    if value.shape != wanted and value.shape != wanted[-1:]:
        raise ShapeError(f"{where}: {name} must be one a row, {wanted}, got {value.shape}")


def labels(where: str, prediction: Array, value: Labels) -> None:
    """Class numbers, one a row of the prediction, each below its number of columns."""
    array(where, "target", value)
    if value.dtype.kind not in "iu":
        raise DtypeError(f"{where}: target must hold class numbers of an integer dtype, got {value.dtype}")
    per_row(where, "target", prediction, value)
    if value.size and not np.maximum.reduce(value.astype(np.uint64), axis=None) < prediction.shape[-1]:
        # one pass for both ends: what is below 0 becomes larger than all labels
        raise ValueError(
            f"{where}: labels must be in [0, {prediction.shape[-1]}), the prediction's columns, "
            f"got {value.min()} to {value.max()}"
        )


def prediction(where: str, value: Array) -> None:
    """A prediction (..., batch, features), float32 or float64, of at least one row and column."""
    if type(value) is np.ndarray and value.ndim >= 2 and value.size and value.dtype in FLOATS:
        return
    array(where, "prediction", value)
    dtype(where, value.dtype)
    if value.ndim < 2 or value.size == 0:
        raise ShapeError(f"{where}: prediction must be (..., batch, features), not empty, got {value.shape}")
