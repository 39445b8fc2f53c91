"""Formulas of one number: what a layer computes entry by entry, written once.

NumPy evaluates a formula on arrays; ``fnnet.jit`` traces it for one entry, by calling it once, and writes the loop. A
formula belongs to exactly the class that it was defined for, not to its subclasses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fnnet import checks
from fnnet.core.rules import define_layer
from fnnet.errors import LayerError
from fnnet.tree.nodes import Params
from fnnet.tree.structures import structure_if_any
from fnnet.types import Array

P = TypeVar("P", bound=Params)
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Activation(Generic[P, S]):
    """The formula of a layer that works entry by entry, and its derivative."""

    formula: Callable[[P, Array], tuple[Array, S]]
    slope: Callable[[P, S], Array | float]

    def backward(self, p: P, saved: S, dy: Array) -> tuple[P, Array]:
        """dx = dy f'(x)."""
        return p, dy * self.slope(p, saved)


def _check_untrained(p: Params) -> None:
    """Raises LayerError where an activation has trained arrays, for a formula does not give their gradient."""
    structure = structure_if_any(p)
    if structure is not None and any(structure.changes):
        name = type(p).__name__
        raise LayerError(
            f"{name}: define_activation is for a class without trained arrays, got {p!r}; declare them constant(), or "
            f"give define_layer({name}, ...) a backward with their gradient"
        )


ACTIVATIONS: dict[type, Activation[Any, Any]] = {}
"""The formulas of layers."""


def define_activation(
    kind: type[P], formula: Callable[[P, Array], tuple[Array, S]], *, slope: Callable[[P, S], Array | float]
) -> None:
    """Makes a class a layer, once, by a formula of one number: y = f(x) and dy/dx.

    ``kind`` is the class, p an instance of it. ``formula(p, x)`` returns y and what the slope needs, an array, a tuple
    of arrays or None; ``slope(p, saved)`` returns dy/dx. Both work entry by entry, by arithmetic, comparisons, ufuncs,
    ``np.where``, ``np.clip`` and the functions of ``fnnet.numerics``, and never write to an array. Their results have
    the dtype of x, so an array made only of Python numbers must be cast. ``fnnet.jit`` compiles such a layer. There the
    float settings of p are data: a formula may branch on them (``if p.slope``), and one compiled form serves all values
    that take the same branches.

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
    define_layer(kind, forward=formula, backward=made.backward, check=_check_untrained)
    ACTIVATIONS[kind] = made
