"""A batch cut along its rows, where its target may be one for all replicas or one per replica."""

from __future__ import annotations

from itertools import pairwise, product
from typing import TypeAlias, TypeVar, cast

from fnnet import checks
from fnnet.core import Array, ShapeError

T = TypeVar("T")

Form: TypeAlias = "bool | tuple[Form, ...]"
"""For each array of a target, whether it has the replica axes before its rows."""


def spans(where: str, rows: int, n: int) -> list[slice]:
    """The rows of each of n pieces of a batch, as slices; lengths differ by one where n does not divide the rows.

    Raises ValueError where there are fewer rows than n.
    """
    if n > rows:
        raise ValueError(f"{where}: n must be at most the batch's rows, {rows}, got {n}")
    return [slice(start, stop) for start, stop in pairwise([rows * i // n for i in range(n + 1)])]


def forms(where: str, target: object, axes: tuple[int, ...]) -> list[Form]:
    """All forms that the shapes of a target, an array or a tuple of targets, allow; ``axes`` are the replicas and the
    rows. Raises DtypeError or ShapeError where there is none."""
    if isinstance(target, tuple):
        return list(product(*[forms(where, child, axes) for child in target]))
    checks.array(where, "target", target)
    shape = cast(Array, target).shape
    if shape[:1] != axes[-1:] and shape[: len(axes)] != axes:
        raise ShapeError(f"{where}: target must have the batch's {axes[-1]} rows, got {shape}")
    is_shared, is_stacked = shape[:1] == axes[-1:], len(axes) > 1 and shape[: len(axes)] == axes
    return [*[False] * is_shared, *[True] * is_stacked]


def cut(batch: tuple[Array, T], form: Form, axes: tuple[int, ...], span: slice) -> tuple[Array, T]:
    """Some rows of a batch."""
    x, target = batch
    return x[..., span, :], cast(T, _rows(target, form, len(axes) - 1, span))


def _rows(target: object, form: Form, replicas: int, span: slice) -> object:
    if isinstance(target, tuple) and isinstance(form, tuple):
        return tuple([_rows(child, kind, replicas, span) for child, kind in zip(target, form, strict=True)])
    before = (slice(None),) * replicas if form else ()
    return cast(Array, target)[(*before, span)]
