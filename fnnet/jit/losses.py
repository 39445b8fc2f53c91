"""Losses as compiled functions of a batch: the loop of a formula or a kernel, inside the reduction over rows."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

import numpy as np

from fnnet.core.loss_kernels import LOSSES, LossKernels
from fnnet.jit import batches
from fnnet.jit.loops import Writer, check_arguments, indented, settings_of, traced
from fnnet.jit.sources import linked, module_of
from fnnet.losses.reductions import EntryLoss
from fnnet.losses.weighted import ClassWeighted, Weighted
from fnnet.numerics.formulas import as_entry, entry

WRAPPERS: dict[type, tuple[str, ...]] = {Weighted: ("loss",), ClassWeighted: ("loss", "weights")}
"""Losses that wrap a loss, and the functions that read them."""


def inner_loss(loss: object) -> object:
    """The loss itself, without its weights. Raises TypeError where it cannot be compiled."""
    inner: object = loss
    if type(inner) is ClassWeighted and type(inner.loss) is Weighted:
        inner = inner.loss
    if type(inner) is Weighted:
        inner = inner.loss
    if kernels_of(inner) is not None:
        return inner
    names = ", ".join([known.__name__ for known in LOSSES])
    raise TypeError(
        f"jit: loss must have a formula or a kernel, as {names} and what is derived from EntryLoss, alone or "
        f"weighted, got {inner!r}; use fnnet.train"
    )


def kernels_of(loss: object) -> LossKernels | None:
    """How a loss is compiled, None if it cannot be: by what its exact class was defined with, or as an EntryLoss that
    overrides no reduction."""
    kind: Any = type(loss)
    if kind in LOSSES:
        return LOSSES[kind]
    names = ("rows", "far", "weight", "is_sum", "__call__")
    is_plain = [getattr(kind, name, None) is getattr(EntryLoss, name) for name in names]
    return LossKernels(None, None, False) if all(is_plain) else None


def loss_loops(loss: object, dtype: np.dtype[np.floating]) -> tuple[ModuleType, list[float]]:
    """The module with ``batch(...)`` (see ``batches.batch``), and the settings that it is called with. Raises TypeError
    where the formula or the kernel has no compiled form."""
    try:
        text = _batch(loss, dtype)
    except (TypeError, AttributeError) as error:
        name = f"loss is a {type(loss).__name__}, whose formula or kernel"
        raise TypeError(f"jit: {name} is not compiled: {error}; use fnnet.train") from error
    return module_of(f"{type(loss).__name__} of a batch.", text), [*settings_of(loss).values()]


def _batch(loss: object, dtype: np.dtype[np.floating]) -> str:
    known, own, count = kernels_of(loss), cast(Any, loss), len(settings_of(loss))
    assert known is not None
    far = "@compiled\ndef far_row(z, t, d, c):\n    return row(z, t, d, c)"
    for kernel in (known.row, known.far):
        if kernel is not None:
            check_arguments(kernel, 3, settings_of(loss))
    row = _entry_row(loss, dtype) if known.row is None else _kernel("row", known.row, count, "inlined")
    if known.far is not None:
        far = _kernel("far_row", known.far, count, "compiled")
    elif known.row is None and not own.is_sum:
        far = _far_row(loss, dtype)
    return linked(batches.batch, row=row, far_row=far)


def _kernel(name: str, kernel: Callable[..., object], settings: int, by: str) -> str:
    """A kernel under the name by which ``batches`` calls it."""
    given = "".join([f", c[{i}]" for i in range(settings)])
    module = module_of(f"{kernel.__name__}.", linked(kernel, by))  # its own: names may clash with those of batches
    head = f"from {module.__name__} import {kernel.__name__} as own_{name}"
    return f"{head}\n\n\n@{by}\ndef {name}(z, t, d, c):\n    return own_{name}(z, t, d{given})"


def _entry_row(loss: Any, dtype: np.dtype[np.floating]) -> str:
    """The source of ``row`` for a loss that has a formula."""
    p, t = entry("p", dtype), entry("t", dtype)
    (value, slope), names = traced(loss, lambda own: own.entries(p, t), dtype)
    writer = Writer({p: "z[j]", t: "t[j]"} | names)
    lines, (one, gradient) = writer.write(as_entry(value, dtype), as_entry(slope, dtype))
    body = [*lines, f"total += {one}", f"d[j] = {gradient}{'' if loss.is_sum else ' / real(n)'}"]
    return _row("row", writer.head, body, "total" if loss.is_sum else "total / n")


def _far_row(loss: Any, dtype: np.dtype[np.floating]) -> str:
    """The source of ``far_row``, for a row whose plain loss is not finite: the sum of shares."""
    p, t, n = entry("p", dtype), entry("t", dtype), entry("n", dtype, is_setting=True)
    (share, value), names = traced(loss, lambda own: (own.share(p, t, n), own.entries(p, t)[0]), dtype)
    writer = Writer({p: "z[j]", t: "t[j]", n: "n"} | names)
    lines, (far, near) = writer.write(as_entry(share, dtype), as_entry(value, dtype))
    body = [*lines, f"total += {far} if not np.isfinite({near}) else {near} / real(n)"]
    return _row("far_row", writer.head, body, "total")


def _row(name: str, head: list[str], body: list[str], result: str) -> str:
    lines = [
        "@inlined" if name == "row" else "@compiled",
        f"def {name}(z, t, d, c):",
        "    real, n = z.dtype.type, float(z.size)",
        "    total = 0.0",
        *indented(head, 1),
        "    for j in range(z.size):",
        *indented(body, 2),
        f"    return real({result})",
    ]
    return "\n".join(lines)
