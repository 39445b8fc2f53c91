"""The compiled epoch of a network, a loss and an optimizer: written, compiled once on a machine, and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fnnet.jit import steps
from fnnet.jit.loops import indented
from fnnet.jit.losses import kernels_of, loss_loops
from fnnet.jit.networks import program_of
from fnnet.jit.programs import Program, Wire
from fnnet.jit.sources import module_of
from fnnet.jit.updates import update_loop
from fnnet.jit.wrappers import lines_around, penalty_lines
from fnnet.optimizers.elementwise import Elementwise
from fnnet.optimizers.wrapping import Wrapper
from fnnet.tree.nodes import Params
from fnnet.types import Array

ARGUMENTS = [
    "theta, slots, constants,",
    "sizes, columns, ranges, settings,",
    "x, target, weights, order, size, masks,",
    "loss_settings, hyper, numbers,",
]
"""What an epoch is called with: the parameters and the optimizer's slots, which it trains in place; the numbers of the
network; the data, their order and how many rows a batch has; the masks of the dropouts, a row a step; the settings of
loss and optimizer, and the optimizer's numbers, a row a step. What is not used is empty."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The compiled epoch of a structure, and what it reads of one network of that structure.

    ``run`` gives the sum of the losses of the batches times their rows, and how many batches there were: it stops
    before one whose weights are all 0, and before the first where a label is out of range.
    """

    run: Callable[..., tuple[float, int]]
    program: Program
    outputs: int
    sizes: NDArray[np.int64]
    columns: NDArray[np.int64]
    ranges: NDArray[np.int64]
    settings: NDArray[np.float64]
    constants: Array
    loss_settings: NDArray[np.float64]
    hyper: NDArray[np.float64]


def compiled_epoch(
    params: Params, n_in: int, loss: object, penalty: object, wrappers: list[Wrapper], optimizer: Elementwise
) -> Compiled:
    """The epoch for a network of n_in features. Raises LayerError or TypeError naming what is not compiled."""
    program, out = program_of(params, n_in)
    module, loss_settings = loss_loops(loss, program.dtype)
    update, hyper = update_loop(optimizer, program.dtype)
    program.imports[f"from {module.__name__} import batch"] = None
    program.imports[f"from {update.__name__} import update"] = None
    around = lines_around(program, wrappers, params, len(optimizer.numbers(0.1, 1)))
    penalties = penalty_lines(program, penalty, params)
    first = sum([wrapper.slots for wrapper in wrappers])
    memory = [f"slots[{i}]" for i in range(first, first + optimizer.slots)]
    text = _text(program, out, loss, penalties, [*around.before, *_update(memory, around.ranges), *around.after])
    run = module_of(f"An epoch of {type(params).__name__}.", "\n".join(program.imports), text).epoch
    return Compiled(
        run=run,
        program=program,
        outputs=out.width,
        sizes=np.array(program.sizes, np.int64),
        columns=np.array(program.columns, np.int64),
        ranges=np.array(program.ranges, np.int64).reshape(-1, 2),
        settings=np.array(program.settings, np.float64),
        constants=np.concatenate([np.empty(0), *program.constants]).astype(program.dtype),
        loss_settings=np.array(loss_settings, np.float64),
        hyper=np.array(hyper, np.float64),
    )


def _update(memory: list[str], ranges: str) -> list[str]:
    """The update of all parameters, or of ranges of them."""
    vectors = ["theta", "gradient", *memory]
    if not ranges:
        return [f"update({', '.join(vectors)}, hyper, numbers[s])"]
    some = [f"{vector}[a:b]" for vector in vectors]
    return [f"for a, b in {ranges}:", f"    update({', '.join(some)}, hyper, numbers[s])"]


def _text(program: Program, out: Wire, loss: object, penalties: list[str], update: list[str]) -> str:
    known, check, is_sum = kernels_of(loss), [], getattr(loss, "is_sum", False)
    if known is not None and known.is_labelled:
        labels = program.call(steps.are_labels, "target", "order", program.number(out.width))
        check = [f"if not {labels}:", "    return 0.0, 0"]
    lines = [
        *check,
        "gradient, shares = np.empty_like(theta), np.empty(size, theta.dtype)",
        *program.setup,
        "total = 0.0",
        "for s in range(numbers.shape[0]):",
        "    index = order[s * size : (s + 1) * size]",
        *indented(program.up, 1),
        f"    value, is_whole = batch({out.name}, target, weights, index, {is_sum}, loss_settings, shares, {out.d})",
        "    if not is_whole:",
        "        return total, s",
        *indented(program.down, 1),
        *indented(penalties, 1),
        "    total += value * size",
        *indented(update, 1),
        "return total, numbers.shape[0]",
    ]
    return "\n".join(["@compiled", "def epoch(", *indented(ARGUMENTS, 1), "):", *indented(lines, 1)])
