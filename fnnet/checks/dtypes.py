"""The dtypes of networks, and arrays in them."""

from __future__ import annotations

import numpy as np

from fnnet.checks.arrays import array
from fnnet.errors import DtypeError
from fnnet.types import Array, Dtype

F32 = np.dtype(np.float32)
F64 = np.dtype(np.float64)
FLOATS = frozenset((F32, F64))
"""The dtypes of networks. Compare by ``==`` or ``in``: the dtype of an unpickled array is equal but another object."""


def dtype(where: str, value: Dtype | np.dtype[np.floating]) -> np.dtype[np.floating]:
    """The dtype float32 or float64, however it is written. Raises DtypeError for any other.

    >>> dtype("my_layer", "float32")
    dtype('float32')
    """
    given: object = value
    if isinstance(given, (str, type, np.dtype)) and given in _DTYPES:  # NumPy accepts None and numbers as a dtype
        return F32 if value == F32 else F64
    came = value.__name__ if isinstance(value, type) else value
    raise DtypeError(f"{where}: dtype must be float32 or float64, got {came}")


_DTYPES: tuple[object, ...] = (np.float32, np.float64, F32, F64, "float32", "float64")


def cast(where: str, name: str, value: Array, wanted: np.dtype[np.floating]) -> Array:
    """The array in the dtype ``wanted``, that of the parameters; itself where it has that dtype already.

    Raises DtypeError where it does not hold real numbers.

    >>> cast("my_layer", "x", np.array([1, 2]), F32)
    array([1., 2.], dtype=float32)
    """
    if value.dtype == wanted and wanted in FLOATS:
        return value
    array(where, name, value)
    return value.astype(dtype(where, wanted), copy=False)


def floating(where: str, x: Array) -> Array:
    """The array itself where it is float32 or float64, else as float64: for layers without parameters.

    Raises DtypeError where it does not hold real numbers.

    >>> floating("my_layer", np.array([[1, 2]])).dtype
    dtype('float64')
    """
    if x.dtype in FLOATS:
        return x
    array(where, "x", x)
    is_single = x.dtype.kind == "f" and x.dtype.itemsize == 4
    return x.astype(F32 if is_single else F64, copy=False)
