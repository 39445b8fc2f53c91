"""The checks of arrays: what they hold, and their shapes."""

from __future__ import annotations

from collections.abc import Sequence, Sized

import numpy as np

from fnnet.errors import DtypeError, ShapeError
from fnnet.types import Array


def array(where: str, name: str, value: object) -> None:
    """Raises DtypeError unless the value is an ndarray of real numbers: no list, no subclass, no complex numbers, no
    objects, no text.

    >>> array("my_layer", "x", [1.0])
    Traceback (most recent call last):
    fnnet.errors.DtypeError: my_layer: x must be a numpy.ndarray, got list; use numpy.asarray
    """
    if type(value) is not np.ndarray:
        raise DtypeError(f"{where}: {name} must be a numpy.ndarray, got {type(value).__name__}; {as_array(value)}")
    if value.dtype.kind not in "fiub":
        raise DtypeError(f"{where}: {name} must hold real numbers, got dtype {value.dtype}; {as_numbers(value)}")


_CONVERSIONS = {
    "filled": "fill in what is masked, by its filled()",  # numpy.asarray would give what the mask hides
    "detach": "use its detach().cpu().numpy()",
    "toarray": "use its toarray()",
    "to_numpy": "use its to_numpy()",
}
"""How to convert a value to an array, by a method that tells its kind: masked arrays, PyTorch's tensors, SciPy's sparse
arrays, tables and columns of pandas or Polars."""


def as_array(value: object) -> str:
    """How to convert a value to an array, in words."""
    return next((words for name, words in _CONVERSIONS.items() if hasattr(value, name)), "use numpy.asarray")


def as_numbers(array: np.ndarray) -> str:
    """How to convert the entries of an array to real numbers, in words."""
    if array.dtype.kind in "UST" or (array.dtype.kind == "O" and any(isinstance(entry, str) for entry in array.flat)):
        return "fnnet.categories(column)(column) makes numbers of a column of texts"
    if array.dtype.kind in "mM":
        return "make numbers of times, such as the days since the first"
    return "take its real and imaginary parts" if array.dtype.kind == "c" else "use its astype(float)"


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


def features(where: str, x: Array, arrays: dict[str, Array]) -> None:
    """Checks the parameters of a layer that has one number per feature, ``arrays`` by name, against its input x.

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
    """The number of rows of several named arrays. Raises ShapeError where they differ.

    >>> same_length("my_data", [("x", np.zeros((3, 2))), ("y", np.zeros(3))])
    3
    """
    lengths = {name: len(value) for name, value in arrays}
    if len(set(lengths.values())) != 1:
        counts = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ShapeError(f"{where}: all arrays must have the same number of rows, got: {counts}")
    return next(iter(lengths.values()))
