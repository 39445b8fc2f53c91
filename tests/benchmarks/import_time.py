"""What ``import fnnet`` adds to ``import numpy``: process starts by turns, in one run.

python -m tests.benchmarks.import_time
"""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from time import perf_counter

STARTS = 11


def seconds(statement: str) -> float:
    """How long a new process takes for a statement."""
    begin = perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return perf_counter() - begin


def main() -> None:
    """Prints the medians and their difference."""
    statements = ("import numpy", "import fnnet")
    for statement in statements:
        seconds(statement)
    runs = [tuple(seconds(statement) for statement in statements) for _ in range(STARTS)]
    for statement, times in zip(statements, zip(*runs, strict=True), strict=True):
        print(f"{statement:14} {median(times) * 1000:6.1f} ms")
    print(f"added          {median([b - a for a, b in runs]) * 1000:6.1f} ms (median of {STARTS} process starts)")


if __name__ == "__main__":
    main()
