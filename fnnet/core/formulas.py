"""What is computed, written once: formulas of one number, and kernels of what looks at whole rows.

NumPy runs a formula over arrays; ``fnnet.jit`` reads it for one entry, by calling it once, and writes the loop. A
kernel is the NumPy form of a layer or loss in plain loops, directly under it in its file; it runs without Numba too, so
that a test compares the two. Both are known by the very class that they were defined for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fnnet import checks
from fnnet.core.rules import define_layer
from fnnet.tree.nodes import Params
from fnnet.types import Array

P = TypeVar("P", bound=Params)
S = TypeVar("S")
Kernel = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Activation(Generic[P, S]):
    """The formula of a layer that works entry by entry, and its derivative."""

    formula: Callable[[P, Array], tuple[Array, S]]
    slope: Callable[[P, S], Array | float]

    def backward(self, p: P, saved: S, dy: Array) -> tuple[P, Array]:
        """dx = dy f'(x)."""
        return p, dy * self.slope(p, saved)


ACTIVATIONS: dict[type, Activation[Any, Any]] = {}
"""The formulas of layers."""


def define_activation(
    kind: type[P], formula: Callable[[P, Array], tuple[Array, S]], *, slope: Callable[[P, S], Array | float]
) -> None:
    """Makes a class a layer, once, by a formula of one number: y = f(x) and dy/dx.

    ``formula(p, x)`` gives y and what the slope needs of the way, an array, a tuple of arrays or None;
    ``slope(p, saved)`` gives dy/dx. Both work entry by entry, by arithmetic, comparisons, ufuncs, ``np.where``,
    ``np.clip`` and the functions of ``fnnet.numerics``, and never write into an array. What they give has the dtype of
    x, so that an array made of Python's numbers alone has to be cast. ``fnnet.jit`` compiles such a layer.

    Raises what ``define_layer`` raises.

    >>> import fnnet as fn, numpy as np
    >>> @dataclass(frozen=True, slots=True, eq=False, repr=False)
    ... class Square(fn.Params):
    ...     pass
    >>> fn.define_activation(Square, lambda p, x: (x * x, x), slope=lambda p, x: 2 * x)
    >>> fn.forward(Square(), np.array([[3.0]]))[0].tolist()
    [[9.0]]
    """
    checks.function(f"define_activation({kind.__name__})", "slope", slope)
    made = Activation(formula, slope)
    define_layer(kind, forward=formula, backward=made.backward)
    ACTIVATIONS[kind] = made


# --- of whole rows -----------------------------------------------------------------------------------------------
KERNELS: dict[type, tuple[Kernel, Kernel]] = {}
"""The kernels of layers that look at whole rows, forward and backward."""


def define_kernels(kind: type[Params], forward: Kernel, backward: Kernel) -> None:
    """Tells the kernels of a layer with as many outputs as inputs: ``forward(x, w, y, *settings)`` writes y, and
    ``backward(x, w, y, dy, dw, dx, *settings)`` dw and dx, where the rows of w are the layer's arrays, one number a
    feature, and the settings its fields that are floats."""
    KERNELS[kind] = forward, backward


@dataclass(frozen=True, slots=True)
class LossKernels:
    """How a loss is compiled: see ``define_loss``."""

    row: Kernel | None
    far: Kernel | None
    is_labelled: bool


LOSSES: dict[type, LossKernels] = {}
"""The losses that are more than the formula of an ``EntryLoss``."""


def define_loss(kind: type, *, row: Kernel | None = None, far: Kernel | None = None, is_labelled: bool = False) -> None:
    """Tells the kernel of a loss that looks at whole rows: ``row(z, t, d, *settings)`` gives the value of a row z of
    scores against its target t, a row or a label, and writes its gradient in d. Without one the loss has ``entries``.
    ``far`` is the same for rows whose plain formula is infinite on the way to a result that is a float."""
    LOSSES[kind] = LossKernels(row, far, is_labelled)
