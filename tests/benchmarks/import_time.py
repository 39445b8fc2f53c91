"""What ``import fnnet`` adds to ``import numpy``, alone and with all that a first run uses: process starts by turns.

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


NEEDED = "Key mlp mse adam value_and_grad train_step start minibatches train pipe take last"


def main() -> None:
    """Prints the medians and what fnnet adds."""
    first_run = f"import fnnet; [getattr(fnnet, name) for name in '{NEEDED}'.split()]"
    statements = {"import numpy": "import numpy", "fnnet": "import numpy, fnnet", "a first run": first_run}
    for statement in statements.values():
        seconds(statement)
    runs = [[seconds(statement) for statement in statements.values()] for _ in range(STARTS)]
    for i, name in enumerate(statements):
        added = median([run[i] - run[0] for run in runs]) * 1000
        print(f"{name:14} {median([run[i] for run in runs]) * 1000:6.1f} ms{f', adds {added:.1f} ms' if i else ''}")
    print(f"(medians of {STARTS} process starts)")


if __name__ == "__main__":
    main()
