"""Kernels of losses: what a loss computes for one row, as plain loops, placed after its NumPy form."""

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
"""The losses that need more than the formula of an ``EntryLoss``."""


def define_loss(kind: type, *, row: Kernel | None = None, far: Kernel | None = None, is_labelled: bool = False) -> None:
    """Gives a loss that works on whole rows the loop that ``fnnet.jit`` compiles for it.

    ``kind`` is the class of the loss. ``row(z, t, d, *settings)`` returns L(z, t), the value of a row z of n scores,
    and writes its gradient ∂L/∂z_j to d. t is the row's target, n numbers, or its label, an int, where the loss
    ``is_labelled``; the settings are the loss's float fields. ``row`` computes what the loss's ``rows`` does, for one
    row, and is a kernel: see ``define_kernels``. Without it the formula ``entries`` is compiled, as for an
    ``EntryLoss``. ``far`` is a second kernel, for rows where the first one gives infinity or NaN although the value is
    finite.

    Raises TypeError for a class without ``rows``, with neither ``row`` nor ``entries``, or already defined; ValueError
    for a function that is not a kernel.

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
