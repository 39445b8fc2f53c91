"""The checks of losses and metrics: predictions, targets, labels."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fnnet.checks.arrays import array
from fnnet.checks.dtypes import FLOATS
from fnnet.errors import DtypeError, ShapeError
from fnnet.types import Array, Labels

S = TypeVar("S", bound=np.generic)


def target(where: str, prediction: Array, value: Array) -> Array:
    """The target ``value`` in the prediction's dtype.

    Raises DtypeError where it does not hold real numbers, ShapeError unless it has the prediction's shape, with or
    without the replica axes: nothing is ever broadcast.

    >>> target("my_loss", np.zeros((2, 1), np.float32), np.array([[1], [2]]))
    array([[1.],
           [2.]], dtype=float32)
    """
    if type(value) is np.ndarray and value.shape == prediction.shape and value.dtype == prediction.dtype:
        return gapless(value)
    array(where, "target", value)
    if value.shape != prediction.shape and value.shape != prediction.shape[-2:]:
        raise ShapeError(
            f"{where}: target must have the prediction's shape {prediction.shape}, got {value.shape}"
            f"{'; a column is target[:, None]' if value.ndim == prediction.ndim - 1 else ''}"
        )
    return gapless(value).astype(prediction.dtype, copy=False)


def gapless(value: NDArray[S]) -> NDArray[S]:
    """An array as pickle and files would restore it: a view with gaps is copied in C order, for sums along other
    strides may differ in their last bits.

    >>> gapless(np.zeros((4, 4))[::2, ::2]).flags.c_contiguous
    True
    """
    return value if value.flags.forc else np.ascontiguousarray(value)


def between(where: str, name: str, value: Array, low: float, high: float) -> None:
    """Raises ValueError unless all entries of the array ``value`` are in [low, high].

    >>> between("my_loss", "target", np.array([0.5, 2.0]), 0, 1)
    Traceback (most recent call last):
    ValueError: my_loss: target must be in [0, 1], got 0.5 to 2.0
    """
    least, most = np.minimum.reduce(value, axis=None), np.maximum.reduce(value, axis=None)
    if not (least >= low and most <= high):
        raise ValueError(f"{where}: {name} must be in [{low:g}, {high:g}], got {least} to {most}")


def per_row(where: str, name: str, prediction: Array, value: Array | Labels) -> None:
    """Raises DtypeError or ShapeError unless ``value`` has one entry per row of the prediction, with or without its
    replica axes.

    >>> per_row("my_loss", "weights", np.zeros((3, 2)), np.ones(3))
    """
    array(where, name, value)
    wanted = prediction.shape[:-1]
    if value.shape != wanted and value.shape != wanted[-1:]:
        remedy = "; of a column take [:, 0]" if value.shape == (*wanted, 1) else ""
        raise ShapeError(f"{where}: {name} must have one entry per row, {wanted}, got {value.shape}{remedy}")


def labels(where: str, prediction: Array, value: Labels) -> None:
    """Checks that ``value`` holds class numbers, one per row of the prediction, each below its number of columns.

    Raises DtypeError where they are not integers, ShapeError unless there is one per row, ValueError for labels out of
    range.

    >>> labels("my_loss", np.zeros((2, 3)), np.array([0, 3]))
    Traceback (most recent call last):
    ValueError: my_loss: labels must be in [0, 3), the prediction's columns, got 0 to 3; classes count from 0
    """
    array(where, "target", value)
    if value.dtype.kind not in "iu" or value.ndim >= prediction.ndim:
        _refuse_labels(where, prediction, value)
    per_row(where, "target", prediction, value)
    if value.size and not np.maximum.reduce(value.astype(np.uint64), axis=None) < prediction.shape[-1]:
        # one pass for both ends: cast to unsigned, a negative label is larger than any other
        raise ValueError(
            f"{where}: labels must be in [0, {prediction.shape[-1]}), the prediction's columns, "
            f"got {value.min()} to {value.max()}; {_of_one_column(prediction) or 'classes count from 0'}"
        )


def _refuse_labels(where: str, prediction: Array, value: Labels) -> None:
    """Raises ShapeError for one-hot labels, DtypeError for other dtypes than integers, each with its remedy."""
    alone = _of_one_column(prediction)
    if value.shape == prediction.shape:
        of_rows = "of one-hot rows take target.argmax(axis=-1), and for probabilities soft_cross_entropy"
        rule = f"target must hold class numbers, one per row, {value.shape[:-1]}"
        raise ShapeError(f"{where}: {rule}, got {value.shape}; {alone or of_rows}")
    if value.dtype.kind not in "iu":
        remedy = alone or "use its astype(int)"
        raise DtypeError(f"{where}: target must hold class numbers of an integer dtype, got {value.dtype}; {remedy}")


def _of_one_column(prediction: Array) -> str:
    """The remedy for a network that has one output, and so no classes."""
    if prediction.shape[-1] > 1:
        return ""
    return "for one output the loss is binary_cross_entropy, and a metric is metrics.binary(metric)"


def prediction(where: str, value: Array) -> None:
    """Raises DtypeError or ShapeError unless the value is (..., batch, features), float32 or float64, with at least one
    row and one column.

    >>> prediction("my_loss", np.zeros(3))
    Traceback (most recent call last):
    fnnet.errors.ShapeError: my_loss: prediction must be (..., batch, features), not empty, got (3,); a column is \
prediction[:, None]
    """
    if type(value) is np.ndarray and value.ndim >= 2 and value.size and value.dtype in FLOATS:
        return
    array(where, "prediction", value)
    if value.dtype not in FLOATS:
        raise DtypeError(
            f"{where}: prediction must be the network's output in float32 or float64, got {value.dtype} of the shape "
            f"{value.shape}; class numbers are the target, the second argument, and guesses go through "
            f"metrics.of_labels({where})"
        )
    if value.ndim < 2 or value.size == 0:
        remedy = "; a column is prediction[:, None]" if value.ndim == 1 else ""
        raise ShapeError(f"{where}: prediction must be (..., batch, features), not empty, got {value.shape}{remedy}")
