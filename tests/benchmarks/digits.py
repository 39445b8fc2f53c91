"""The mean test accuracy of ``examples/digits.py`` over seeds 0 to 4, with its defaults.

python -m tests.benchmarks.digits
"""

from __future__ import annotations

import runpy
from pathlib import Path
from statistics import mean

import fnnet as fn

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "digits.py"


def accuracy(seed: int) -> float:
    """Trains as the example does."""
    example = runpy.run_path(str(EXAMPLE))
    options = example["arguments"](["--seed", str(seed)])
    data = example["load"](seed)
    epochs = example["epochs_of"](data, options.hidden, options.lr, seed)
    net = fn.last(fn.take(options.epochs)(epochs)).state.params
    return float(fn.metrics.accuracy(fn.predict(net, data.x_test), data.y_test))


def main() -> None:
    """Prints the accuracy of each seed and their mean."""
    found = [accuracy(seed) for seed in range(5)]
    print("seeds 0 to 4:", *[f"{share:.4f}" for share in found])
    print(f"mean:         {mean(found):.4f}")


if __name__ == "__main__":
    main()
