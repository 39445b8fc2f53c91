"""What portable bits cost: a step of a portable network over one of the same network without, float64, by turns.

python -m tests.benchmarks.portable_cost
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import quantiles
from time import perf_counter
from typing import Any, cast

import numpy as np

import fnnet as fn
from fnnet import Params, tree
from tests.benchmarks.workloads import WORKLOADS, Workload

ROUNDS = 15


def epochs_of(net: Params, work: Workload) -> Callable[[], object]:
    """Trains one epoch on."""
    x, y, labels = work.data()
    optimizer = fn.sgd(work.lr) if work.optimizer == "sgd" else fn.adam(work.lr)
    loss, target = (fn.mse, y) if work.optimizer == "sgd" else (fn.softmax_cross_entropy, labels)
    step = fn.train_step(fn.value_and_grad(cast(Any, loss)), optimizer)
    data = fn.minibatches(x.astype(np.float64), target, batch_size=work.batch)
    first = fn.start(net, optimizer, fn.Key(0))
    return lambda: fn.last(fn.take(1)(fn.train(step, data, first)))


def seconds(run: Callable[[], object]) -> float:
    """How long one call takes."""
    begin = perf_counter()
    run()
    return perf_counter() - begin


def main() -> None:
    """Prints the ratio with its quartiles for each of the benchmark's networks."""
    for work in WORKLOADS.values():
        net = tree.astype(fn.Mlp(tuple([fn.Linear(w, b) for w, b in work.weights()]), fn.Relu()), np.float64)
        portable, plain = epochs_of(fn.portable(net), work), epochs_of(net, work)
        portable(), plain()
        ratios = [seconds(portable) / seconds(plain) for _ in range(ROUNDS)]
        low, middle, high = quantiles(ratios, n=4)
        print(f"{work.name:8} {middle:.2f} times (quartiles {low:.2f} to {high:.2f}, {ROUNDS} rounds)", flush=True)


if __name__ == "__main__":
    main()
