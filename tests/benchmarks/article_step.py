"""One training step of the article's network, as an ``mlp`` and as a ``serial``, against the class-based program's,
float32, alternately in one run.

python -m tests.benchmarks.article_step
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median, quantiles
from time import perf_counter

import numpy as np

import fnnet as fn
from tests.support.class_based import ClassMlp

ROUNDS = 400
STEPS = 50


def fnnet_steps(net: fn.Params, x: fn.Array, y: fn.Array) -> Callable[[], object]:
    """Steps of ``train_step`` with all checks in place, each on the state before it."""
    optimizer = fn.sgd(1e-4)
    step = fn.train_step(fn.value_and_grad(fn.sum_squared_error), optimizer)
    start = fn.start(net, optimizer, fn.Key(0))
    key = fn.Key(1)

    def run() -> object:
        state = start
        for _ in range(STEPS):
            state, _ = step(state, (x, y), key)
        return state

    return run


def class_steps(net: fn.Mlp, x: fn.Array, y: fn.Array) -> Callable[[], object]:
    """The same steps of the program that overwrites ``self.w``."""
    program = ClassMlp([(layer.w, layer.b) for layer in net.layers])

    def run() -> object:
        for _ in range(STEPS):
            program.step(x, y, 1e-4)
        return program

    return run


def seconds(run: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = perf_counter()
    run()
    return perf_counter() - begin


def main() -> None:
    """Prints the medians and their ratio."""
    net = fn.mlp(fn.Key(0), (8, 16, 16, 16, 16, 3), init=fn.uniform(0.0, 0.001))
    x = fn.keys.uniform(fn.Key(1), (2, 8)).astype(np.float32)
    y = fn.keys.uniform(fn.Key(2), (2, 3)).astype(np.float32)
    layers = [layer for linear in net.layers for layer in (linear, net.activation)][:-1]
    runs = {
        "class-based": class_steps(net, x, y),
        "mlp": fnnet_steps(net, x, y),
        "serial": fnnet_steps(fn.serial(*layers), x, y),
    }
    rounds = [{name: seconds(run) for name, run in runs.items()} for _ in range(ROUNDS)]
    for name in runs:
        low, middle, high = quantiles([times[name] / times["class-based"] for times in rounds], n=4)
        step = median([times[name] for times in rounds]) / STEPS * 1e6
        print(f"{name:12} {step:6.1f} us a step, {middle:.2f} of the class-based (quartiles {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
