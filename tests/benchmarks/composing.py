"""What composing costs: a training step of networks that compute much the same as one ``mlp``, over the mlp's own step.

python -m tests.benchmarks.composing

All are of sizes 64-100-10, with batches of 32 rows, mse and Adam; ``residual`` has 64-100-64, as has the mlp that
it is compared with. Networks take turns, one thread of BLAS; the least time of many counts, of the thread's own.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from time import thread_time

import numpy as np

import fnnet as fn
from fnnet import Array, Key, Params

ROUNDS = 60
STEPS = 100

Sample = Callable[[], object]


def networks(x: Array) -> dict[str, tuple[Params, str]]:
    """Every composite, and what it is compared with."""
    first, last = fn.linear(Key(0), 64, 100), fn.linear(Key(1), 100, 10)
    mlp = fn.mlp(Key(0), (64, 100, 10))
    square = fn.mlp(Key(0), (64, 100, 64))
    return {
        "mlp": (mlp, "mlp"),
        "serial(linear, relu, linear)": (fn.serial(first, fn.Relu(), last), "mlp"),
        "serial(mlp)": (fn.serial(mlp), "mlp"),
        "serial(standardize, mlp)": (fn.serial(fn.standardize(x), mlp), "mlp"),
        "branches(mlp)": (fn.branches([range(64)], (mlp,)), "mlp"),
        "mlp 64-100-64": (square, "mlp 64-100-64"),
        "residual(mlp)": (fn.residual(square), "mlp 64-100-64"),
    }


def steps_of(net: Params, x: Array) -> Sample:
    """Some steps, each on the state before it."""
    optimizer, key = fn.adam(1e-3), Key(1)
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    batch = x, np.zeros_like(fn.forward(net, x)[0])
    first = fn.start(net, optimizer, key)

    def run() -> object:
        state = first
        for _ in range(STEPS):
            state, _ = step(state, batch, key)
        return state

    return run


def seconds(run: Sample) -> float:
    """How long one call takes."""
    begin = thread_time()
    run()
    return thread_time() - begin


def main() -> None:
    """Prints the table."""
    x = fn.keys.normal(Key(2), (32, 64)).astype(np.float32)
    known = networks(x)
    runs = {name: steps_of(net, x) for name, (net, _) in known.items()}
    rounds = [{name: seconds(run) for name, run in runs.items()} for _ in range(ROUNDS)]
    least = {name: min([times[name] for times in rounds]) / STEPS * 1e6 for name in runs}
    for name, (_, other) in known.items():
        print(f"{name:30} {least[name]:6.1f} us   {least[name] / least[other]:.2f} of {other}")


if __name__ == "__main__":
    main()
