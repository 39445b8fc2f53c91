"""Kernels of layers: what a layer computes for whole rows, as plain loops, placed in its file after its NumPy form.

``fnnet.jit`` compiles them; they run without Numba too, so a test can compare the two forms. They belong to exactly the
class that they were defined for, not to its subclasses.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from fnnet.core.formulas import ACTIVATIONS
from fnnet.core.rules import layers_defined
from fnnet.errors import LayerError
from fnnet.tree.nodes import Params

Kernel = Callable[..., Any]

KERNELS: dict[type, tuple[Kernel, Kernel]] = {}
"""The kernels of layers that work on whole rows, forward and backward."""


def define_kernels(kind: type[Params], forward: Kernel, backward: Kernel) -> None:
    """Gives a layer that works on whole rows the loops that ``fnnet.jit`` compiles for it.

    ``kind`` is the class of the layer. It has as many outputs as inputs, n, and all its arrays have the shape (n,); the
    kernels get them as the rows of a matrix w. For x of shape (rows, n), ``forward(x, w, y, *settings)`` writes y, and
    ``backward(x, w, y, dy, dw, dx, *settings)`` writes dx_i = Σ_j dy_j ∂y_j/∂x_i and dw likewise; dw of constant arrays
    is not read. The settings are the layer's float fields.

    A kernel is a ``def`` in a file. It uses its arguments, numbers, ``np``, ``math`` and other such functions, which
    are copied with it (``fnnet.numerics.kernels`` has some), and writes numbers in the dtype of x: in float32 a bare
    0.5 promotes whatever it is combined with to float64. It runs without Numba too, so a test can compare it with the
    layer itself.

    Raises LayerError for a class that is not a layer or already has kernels, ValueError for any other function.

    >>> from dataclasses import dataclass
    >>> import fnnet as fn
    >>> @dataclass(frozen=True, slots=True, eq=False, repr=False)
    ... class Reversed(fn.Params):
    ...     pass
    >>> fn.define_layer(
    ...     Reversed,
    ...     forward=lambda p, x: (x[..., ::-1], None),
    ...     backward=lambda p, saved, dy: (p, dy[..., ::-1]),
    ... )
    >>> def reverse(x, w, y):
    ...     for i in range(x.shape[0]):
    ...         for j in range(x.shape[1]):
    ...             y[i, j] = x[i, x.shape[1] - 1 - j]
    >>> def reverse_back(x, w, y, dy, dw, dx):
    ...     reverse(dy, w, dx)
    >>> fn.define_kernels(Reversed, reverse, reverse_back)
    """
    where = f"define_kernels({getattr(kind, '__name__', kind)})"
    if kind not in layers_defined():
        raise LayerError(f"{where}: kind must be a layer; give it to define_layer first")
    if kind in KERNELS or kind in ACTIVATIONS:
        raise LayerError(f"{where}: kind must have neither kernels nor a formula yet; define a class once")
    KERNELS[kind] = checked_kernel(where, "forward", forward), checked_kernel(where, "backward", backward)


def checked_kernel(where: str, name: str, kernel: Kernel) -> Kernel:
    """The kernel. Raises ValueError unless its source can be copied to another module."""
    if type(kernel) is not FunctionType or kernel.__name__ == "<lambda>" or kernel.__closure__:
        raise ValueError(f"{where}: {name} must be a function that is a def of its own in a module, got {kernel!r}")
    return kernel
