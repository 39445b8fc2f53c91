"""What is measured: five networks from tiny to wide, on data drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Workload:
    """A network by its sizes, trained for epochs of ``batches`` full batches, shuffled anew each.

    With SGD it is a regression (mean squared error), with Adam a classification (softmax cross-entropy).
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    batches: int
    optimizer: Literal["sgd", "adam"]
    lr: float = 1e-3

    @property
    def rows(self) -> int:
        """How many rows the data have."""
        return self.batch * self.batches

    def weights(self) -> list[tuple[F32, F32]]:
        """The same first weights for every contender."""
        generator = np.random.default_rng(0)
        pairs = zip(self.sizes, self.sizes[1:], strict=False)
        return [(_normal(generator, (n, m)) * np.float32(np.sqrt(2 / n)), np.zeros(m, np.float32)) for n, m in pairs]

    def data(self) -> tuple[F32, F32, NDArray[np.int64]]:
        """x, regression targets and labels."""
        generator = np.random.default_rng(1)
        x = _normal(generator, (self.rows, self.sizes[0]))
        y = _normal(generator, (self.rows, self.sizes[-1]))
        return x, y, generator.integers(0, self.sizes[-1], self.rows)

    @property
    def products(self) -> int:
        """Multiplications and additions in a step's matrix products: forward, both gradients, but x's."""
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        return 2 * self.batch * (3 * sum([n * m for n, m in pairs]) - pairs[0][0] * pairs[0][1])


def _normal(generator: np.random.Generator, shape: tuple[int, ...]) -> F32:
    return generator.standard_normal(shape, np.float32)


WORKLOADS = {
    w.name: w
    for w in (
        Workload("tiny", (8, 16, 16, 16, 16, 3), 2, 512, "sgd"),
        Workload("tab32", (64, 100, 10), 32, 64, "adam"),
        Workload("tab200", (64, 100, 10), 200, 32, "adam"),
        Workload("mnist", (784, 512, 512, 10), 128, 64, "adam"),
        Workload("wide", (1024, 2048, 2048, 2048, 10), 256, 8, "adam"),
    )
}
