"""What a step costs against batch, width and depth, and an epoch against the rows of the data: log-log, with slopes.

python -m tests.benchmarks.curves [--quick] [--out FILE.png]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from tests.benchmarks.contenders import fnnet, fnnet_jit
from tests.benchmarks.workloads import Workload

BASE = Workload("curve", (64, 128, 128, 10), 64, 16, "adam")

CURVES: dict[str, tuple[list[int], Callable[[int], Workload]]] = {
    "batch": ([2**i for i in range(1, 12)], lambda n: replace(BASE, batch=n)),
    "width": ([2**i for i in range(3, 11)], lambda n: replace(BASE, sizes=(64, n, n, 10), batches=8)),
    "depth": ([1, 2, 4, 8, 16, 32], lambda n: replace(BASE, sizes=(64, *[64] * n, 10))),
    "rows": ([2**i for i in range(6, 17)], lambda n: replace(BASE, batches=n // 64)),
}
"""What is varied, and the workload at each value."""


def cost(make: Callable[[Workload], Callable[[int], object]], work: Workload, repeats: int) -> float:
    """Microseconds of an epoch, the median."""
    train = make(work)
    train(2)
    times = []
    for _ in range(repeats):
        begin = perf_counter()
        train(1)
        times.append(perf_counter() - begin)
    return median(times) * 1e6


def slope(values: list[int], costs: list[float]) -> float:
    """The exponent at the upper half of a curve."""
    half = len(values) // 2
    return float(np.polyfit(np.log(values[half:]), np.log(costs[half:]), 1)[0])


def main() -> None:
    """Measures, prints a line a curve, draws."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.curves", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few repeats, for a look")
    parser.add_argument("--out", type=Path, default=Path("curves.png"))
    options = parser.parse_args()
    plots: Any = import_module("matplotlib.pyplot")
    figure, places = plots.subplots(1, len(CURVES), figsize=(4 * len(CURVES), 3.6), layout="constrained")
    for place, (name, (values, at)) in zip(places, CURVES.items(), strict=True):
        for label, make in (("fnnet", fnnet), ("fnnet jit", fnnet_jit)):
            works = [at(n) for n in values]
            epochs = [cost(make, work, 3 if options.quick else 11) for work in works]
            costs = epochs if name == "rows" else [c / work.batches for c, work in zip(epochs, works, strict=True)]
            steep = slope(values, costs)
            print(f"{label:9s}  {name:5s}  exponent {steep:.2f}  " + "  ".join(f"{c:,.0f}" for c in costs))
            place.loglog(values, costs, "o-", label=f"{label} ({steep:.2f})")
        place.set(xlabel=name, ylabel="µs an epoch" if name == "rows" else "µs a step")
        place.grid(True, which="both", alpha=0.3)
        place.legend()
    figure.savefig(options.out, dpi=120)


if __name__ == "__main__":
    main()
