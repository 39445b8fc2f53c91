"""The checks of arguments, for fnnet's own layers and losses and for a user's.

Each takes ``where``, the name that its error begins with. The error says the rule, what came, and the remedy where that
is not plain:

>>> target("my_loss", np.zeros((5, 2)), np.zeros((5, 1)))
Traceback (most recent call last):
fnnet.errors.ShapeError: my_loss: target must have the prediction's shape (5, 2), got (5, 1)
"""

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
"""The dtypes of networks. Compare by ``==`` or ``in``: the dtype of an unpickled array is equal, and another object."""


# --- settings ----------------------------------------------------------------------------------------------------
def size(where: str, name: str, value: object, low: int = 1) -> int:
    """A whole number from ``low`` up, as an int. Raises ValueError.

    >>> size("my_layer", "n", np.int64(3))
    3
    """
    if isinstance(value, (bool, np.bool)) or not isinstance(value, (int, np.integer)) or value < low:
        raise ValueError(f"{where}: {name} must be a whole number from {low} up, got {value!r}")
    return int(value)


def real(where: str, name: str, value: object, low: float = 0.0, below: float = math.inf) -> float:
    """A number in [low, below), as a float. Raises ValueError.

    >>> real("my_layer", "rate", 0.5, below=1)
    0.5
    """
    if isinstance(value, (bool, np.bool)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"{where}: {name} must be a number in [{low:g}, {below:g}), got {value!r}")
    try:
        number = float(value)
    except OverflowError:  # an int larger than any float
        number = math.inf
    if not low <= number < below:
        raise ValueError(f"{where}: {name} must be in [{low:g}, {below:g}), got {value!r}")
    return number


def positive(where: str, name: str, value: object) -> float:
    """A finite number above 0, as a float. Raises ValueError."""
    if real(where, name, value) == 0:
        raise ValueError(f"{where}: {name} must be above 0, got {value!r}")
    return real(where, name, value)


def rate(where: str, name: str, value: float | F) -> float | F:
    """A number in [0, inf), or a function from the number of steps done to one. Raises ValueError."""
    return value if callable(value) else real(where, name, value)


def flag(where: str, name: str, value: object) -> bool:
    """Whether the value is true, as a bool."""
    return bool(value)


def settle(record: object, **settings: object) -> None:
    """Stores checked settings in a frozen record during its ``__post_init__``.

    So a NumPy number becomes a Python number, which cannot promote the arrays that it meets.

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


def dtype(where: str, value: Dtype | np.dtype[np.floating]) -> np.dtype[np.floating]:
    """The dtype float32 or float64, however it is written. Raises DtypeError for any other.

    >>> dtype("my_layer", "float32")
    dtype('float32')
    """
    given: object = value
    if given is not None and given in _DTYPES:  # NumPy takes None for float64
        return F32 if value == F32 else F64
    came = value.__name__ if isinstance(value, type) else value
    raise DtypeError(f"{where}: dtype must be float32 or float64, got {came}")


_DTYPES: tuple[object, ...] = (np.float32, np.float64, F32, F64, "float32", "float64")


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


# --- arrays ------------------------------------------------------------------------------------------------------
def array(where: str, name: str, value: object) -> None:
    """Raises DtypeError unless the value is an ndarray of real numbers: no list, no subclass, no complex numbers, no
    objects, no text."""
    if type(value) is not np.ndarray:
        is_masked = isinstance(value, np.ma.MaskedArray)  # numpy.asarray would give what the mask hides
        remedy = "fill in what is masked, by its filled()" if is_masked else "use numpy.asarray"
        raise DtypeError(f"{where}: {name} must be a numpy.ndarray, got {type(value).__name__}; {remedy}")
    if value.dtype.kind not in "fiub":
        raise DtypeError(f"{where}: {name} must hold real numbers, got dtype {value.dtype}; cast it first")


def inputs(where: str, x: Array) -> None:
    """Raises DtypeError or ShapeError unless x is (..., batch, features), with at least one row and one feature.

    >>> inputs("my_layer", np.zeros((0, 3)))
    Traceback (most recent call last):
    fnnet.errors.ShapeError: my_layer: x must have at least one row and one feature, got (0, 3)
    """
    array(where, "x", x)
    if x.ndim < 2:
        raise ShapeError(
            f"{where}: x must be (..., batch, features), got {x.shape}; a single row is x[None, :], a column x[:, None]"
        )
    if x.size == 0:
        raise ShapeError(f"{where}: x must have at least one row and one feature, got {x.shape}")


def cast(where: str, name: str, value: Array, wanted: np.dtype[np.floating]) -> Array:
    """The array in the dtype of the parameters that it meets; itself where it has that dtype already. Raises
    DtypeError.

    >>> cast("my_layer", "x", np.array([1, 2]), F32)
    array([1., 2.], dtype=float32)
    """
    if value.dtype == wanted and wanted in FLOATS:
        return value
    array(where, name, value)
    return value.astype(dtype(where, wanted), copy=False)


def floating(where: str, x: Array) -> Array:
    """The array as it is where it is float32 or float64, else as float64: for layers that have no parameters. Raises
    DtypeError."""
    if x.dtype in FLOATS:
        return x
    array(where, "x", x)
    is_single = x.dtype.kind == "f" and x.dtype.itemsize == 4
    return x.astype(F32 if is_single else F64, copy=False)


def features(where: str, x: Array, arrays: dict[str, Array]) -> None:
    """Checks the parameters of a layer that has one number per feature, and the x that they meet.

    Raises ShapeError or DtypeError unless all arrays are (..., n) in one dtype, and x is (..., batch, n) with their
    replica axes or none.

    >>> features("my_scale", np.zeros((5, 3)), {"scale": np.ones(2)})
    Traceback (most recent call last):
    fnnet.errors.ShapeError: my_scale: x must be (batch, 2), got (5, 3)
    """
    first, names = next(iter(arrays.values())), " and ".join(arrays)
    for name, given in arrays.items():
        if given.ndim == 0 or given.shape != first.shape:
            raise ShapeError(f"{where}: {names} must be (..., n), got {name} {given.shape}")
        if given.dtype != first.dtype:
            raise DtypeError(f"{where}: {names} must have one dtype, got {first.dtype} and {given.dtype}")
    if x.shape[-1] != first.shape[-1] or x.shape[:-2] not in ((), first.shape[:-1]):
        n, axes = first.shape[-1], "".join([f"{n}, " for n in first.shape[:-1]])
        alone = f" or (batch, {n})" if axes else ""
        raise ShapeError(f"{where}: x must be ({axes}batch, {n}){alone}, got {x.shape}")


def same_length(where: str, arrays: Sequence[tuple[str, Sized]]) -> int:
    """The number of rows of several named arrays. Raises ShapeError where they differ."""
    lengths = {name: len(value) for name, value in arrays}
    if len(set(lengths.values())) != 1:
        counts = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ShapeError(f"{where}: all arrays must have the same number of rows, got: {counts}")
    return next(iter(lengths.values()))


# --- losses and metrics ------------------------------------------------------------------------------------------
def target(where: str, prediction: Array, value: Array) -> Array:
    """A target in the prediction's dtype. Raises DtypeError, and ShapeError where it has neither the prediction's shape
    nor that without the replica axes: nothing is ever broadcast.

    >>> target("my_loss", np.zeros((2, 1), np.float32), np.array([[1], [2]]))
    array([[1.],
           [2.]], dtype=float32)
    """
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
    """Raises DtypeError or ShapeError unless there is one entry per row of the prediction, with or without its replica
    axes."""
    array(where, name, value)
    wanted = prediction.shape[:-1]
    if value.shape != wanted and value.shape != wanted[-1:]:
        raise ShapeError(f"{where}: {name} must be one a row, {wanted}, got {value.shape}")


def labels(where: str, prediction: Array, value: Labels) -> None:
    """Checks that a target is class numbers, one per row of the prediction, each below its number of columns.

    Raises DtypeError for what are no integers, ShapeError, and ValueError for labels out of range.

    >>> labels("my_loss", np.zeros((2, 3)), np.array([0, 3]))
    Traceback (most recent call last):
    ValueError: my_loss: labels must be in [0, 3), the prediction's columns, got 0 to 3
    """
    array(where, "target", value)
    if value.dtype.kind not in "iu":
        raise DtypeError(f"{where}: target must hold class numbers of an integer dtype, got {value.dtype}")
    per_row(where, "target", prediction, value)
    if value.size and not np.maximum.reduce(value.astype(np.uint64), axis=None) < prediction.shape[-1]:
        # one pass for both ends: cast to unsigned, a negative label is larger than any other
        raise ValueError(
            f"{where}: labels must be in [0, {prediction.shape[-1]}), the prediction's columns, "
            f"got {value.min()} to {value.max()}"
        )


def prediction(where: str, value: Array) -> None:
    """Raises DtypeError or ShapeError unless the value is (..., batch, features), float32 or float64, with at least one
    row and one column."""
    if type(value) is np.ndarray and value.ndim >= 2 and value.size and value.dtype in FLOATS:
        return
    array(where, "prediction", value)
    dtype(where, value.dtype)
    if value.ndim < 2 or value.size == 0:
        raise ShapeError(f"{where}: prediction must be (..., batch, features), not empty, got {value.shape}")
