"""The compiled epoch of a network, a loss and an optimizer: generated, compiled once on a machine, and cached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fnnet.jit import steps
from fnnet.jit.layers import program_of
from fnnet.jit.loops import indented
from fnnet.jit.losses import kernels_of, loss_loops
from fnnet.jit.programs import OWN, Program, Wire
from fnnet.jit.sources import module_of
from fnnet.jit.wrappers import Source, penalty_lines, step_lines
from fnnet.optimizers.elementwise import Elementwise
from fnnet.optimizers.wrapping import Wrapper
from fnnet.tree.nodes import Params

ARGUMENTS = "theta, slots, constants, sizes, settings, x, target, weights, order, size, masks, numbers"
"""The arguments of an epoch: the parameters and the optimizer's slots, which it trains in place; the constants; the
integers and the settings of network, loss and optimizer; the data, their order and the number of rows in a batch; the
masks of the dropouts, one row per step; and the optimizer's numbers, one row per step. Unused arguments are empty."""


@dataclass(frozen=True, slots=True)
class CompiledEpoch:
    """The compiled epoch of a structure, and what it reads from one network of that structure.

    ``run`` returns Σ loss · rows over the batches, and the number of batches done: it stops before a batch whose
    weights are all 0, and before the first batch if a label is out of range.
    """

    run: Callable[..., tuple[float, int]]
    program: Program
    outputs: int
    sizes: NDArray[np.int64]
    settings: NDArray[np.float64]
    sources: list[Source]


def compiled_epoch(
    params: Params,
    n_in: int,
    dtype: np.dtype[np.floating],
    given: np.dtype[np.floating],
    loss: object,
    penalty: object,
    wrappers: list[Wrapper],
    optimizer: Elementwise,
) -> CompiledEpoch:
    """The epoch for a network of n_in features, which are given in the dtype ``given``. Raises LayerError or TypeError,
    naming what cannot be compiled."""
    program, out = program_of(params, n_in, dtype, given)
    step, sources = step_lines(program, wrappers, optimizer)
    text = _text(program, out, loss, [*program.last, *penalty_lines(program, penalty)], step)
    run = module_of(f"An epoch of {type(params).__name__}.", "\n".join(program.imports), text).epoch
    sizes, settings = np.array(program.sizes, np.int64), np.array(program.settings, np.float64)
    return CompiledEpoch(run, program, out.width, sizes, settings, sources)


def _text(program: Program, out: Wire, loss: object, penalties: list[str], step: list[str]) -> str:
    known, check, is_sum = kernels_of(loss), [], getattr(loss, "is_sum", False)
    module, settings = loss_loops(loss, program.dtypes[OWN])
    value = program.function(module, "batch", "batch")
    given = f"{out.name}, target, weights, index, {is_sum}, {program.reals(settings)}, shares, {out.d}"
    if known is not None and known.is_labelled:
        labels = program.call(steps.are_labels, "target", "order", program.number(out.width))
        check = [f"if not {labels}:", "    return 0.0, 0"]
    lines = [
        *check,
        "gradient, shares = np.zeros_like(theta), np.empty(size, theta.dtype)",
        *program.setup,
        "total = 0.0",
        "for s in range(numbers.shape[0]):",
        "    index = order[s * size : (s + 1) * size]",
        *indented(program.up, 1),
        f"    value, is_whole = {value}({given})",
        "    if not is_whole:",
        "        return total, s",
        *indented(program.down, 1),
        *indented(penalties, 1),
        "    total += value * size",
        *indented(step, 1),
        "return total, numbers.shape[0]",
    ]
    return "\n".join(["@compiled", f"def epoch({ARGUMENTS}):", *indented(lines, 1)])
