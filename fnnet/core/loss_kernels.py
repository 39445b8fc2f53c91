"""Kernels of losses: what a loss of whole rows computes for one of them, in plain loops under its NumPy form."""

from __future__ import annotations

from dataclasses import dataclass

from fnnet.core.kernels import Kernel, checked_kernel


@dataclass(frozen=True, slots=True)
class LossKernels:
    """How a loss is compiled: see ``define_loss``."""

    row: Kernel | None
    far: Kernel | None
    is_labelled: bool


LOSSES: dict[type, LossKernels] = {}
"""The losses that are more than the formula of an ``EntryLoss``."""


def define_loss(kind: type, *, row: Kernel | None = None, far: Kernel | None = None, is_labelled: bool = False) -> None:
    """Gives a loss that looks at whole rows the loop by which ``fnnet.jit`` compiles it.

    ``row(z, t, d, *settings)`` gives L(z, t), the value of a row z of n scores, and writes its gradient ∂L/∂z_j in d.
    t is the row's target, n numbers, or its label, an int, where the loss ``is_labelled``; the settings are the fields
    of the loss that are floats. It is the loss's own ``rows`` for one row, and a kernel: see ``define_kernels``.
    Without one the formula ``entries`` is compiled, as for an ``EntryLoss``. ``far`` is a second kernel for the value
    of rows of which the first gives infinity or NaN only on the way to a number.

    Raises TypeError for a class without ``rows``, without any of the two, or defined already, ValueError for what is no
    kernel.

    >>> import fnnet as fn, numpy as np
    >>> class Rank(fn.RowLoss[fn.Labels]):
    ...     def rows(self, prediction, target, /):
    ...         grads = np.ones_like(prediction)
    ...         grads[np.arange(len(grads)), target] -= prediction.shape[-1]
    ...         return (prediction * grads).sum(axis=-1), grads
    >>> def rank_row(z, label, d):
    ...     value = z.dtype.type(0)
    ...     for j in range(z.size):
    ...         d[j] = z.dtype.type(1 - z.size if j == label else 1)
    ...         value += z[j] * d[j]
    ...     return value
    >>> fn.define_loss(Rank, row=rank_row, is_labelled=True)
    >>> z, d = np.array([1.0, 4.0]), np.empty(2)
    >>> float(rank_row(z, 0, d)), Rank().rows(z[None], np.array([0]))[0].tolist()
    (3.0, [3.0])
    """
    where = f"define_loss({getattr(kind, '__name__', kind)})"
    if kind in LOSSES:
        raise TypeError(f"{where}: kind must not be defined yet; define a class once")
    if not callable(getattr(kind, "rows", None)) or (row is None and not callable(getattr(kind, "entries", None))):
        raise TypeError(f"{where}: kind must be a class with rows, and a kernel or entries; derive it from RowLoss")
    for name, kernel in (("row", row), ("far", far)):
        if kernel is not None:
            checked_kernel(where, name, kernel)
    LOSSES[kind] = LossKernels(row, far, bool(is_labelled))
