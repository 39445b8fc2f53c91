"""Stream functions of one's own, typed: what other libraries need a callback class for.

A stream function takes an iterable of epochs and returns an iterator of epochs. Here are two:

* ``Settled`` ends the stream when the weights hardly move any more, however the loss behaves;
* ``Averaged`` replaces each network by the mean of the last n: weights that oscillate around a minimum have a mean
  that lies closer to it (B. T. Polyak, A. B. Juditsky, SIAM J. Control Optim. 30, 1992). Training itself continues with
  its own weights, so it must be resumed from an epoch taken before this function, not after it.

Both are frozen dataclasses, so they print, compare and pickle, and both work for every kind of network.

    python examples/own_stream.py
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

import fnnet as fn
from fnnet import Array, Epoch, tree

P = TypeVar("P", bound=fn.Params)


@dataclass(frozen=True, slots=True)
class Settled:
    """Ends the stream after the first epoch that moved the weights by less than this share of their norm."""

    share: float

    def __call__(self, epochs: Iterable[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The epochs up to and including that one."""
        before: Array | None = None
        for epoch in epochs:
            weights = tree.ravel(epoch.state.params)
            yield epoch
            if before is not None and np.linalg.norm(weights - before) < self.share * np.linalg.norm(weights):
                return
            before = weights


@dataclass(frozen=True, slots=True)
class Averaged:
    """Replaces each epoch's network by the mean of the last n."""

    n: int

    def __call__(self, epochs: Iterable[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The epochs with the means."""
        nets: deque[P] = deque(maxlen=self.n)
        for epoch in epochs:
            nets.append(epoch.state.params)
            yield Epoch(replace(epoch.state, params=_mean(tuple(nets))))


def _mean(nets: tuple[P, ...]) -> P:
    return tree.map(lambda *leaves: np.mean(leaves, axis=0), nets[0], *nets[1:])


def problem(key: fn.Key) -> tuple[Array, Array]:
    """Noisy points of a curve."""
    x = 6 * fn.keys.uniform(key.child(0), (200, 1)) - 3
    return x, np.sin(x) + 0.3 * fn.keys.normal(key.child(1), (200, 1))


def falling(step: int) -> float:
    """A learning rate that lets the weights come to rest: a schedule is a function of the step."""
    return 0.03 / (1 + step / 500)


def epochs_of(x: Array, y: Array, lr: float | fn.Schedule) -> Iterator[Epoch[fn.Mlp]]:
    """The endless stream of training."""
    key = fn.Key(0)
    optimizer = fn.adam(lr)
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    return fn.train(step, fn.minibatches(x, y, batch_size=20), fn.start(fn.mlp(key, (1, 32, 1)), optimizer, key))


def distance(net: fn.Mlp) -> float:
    """How far the network is from the curve without noise: the root of the mean square."""
    grid = np.linspace(-3, 3, 121)[:, None]
    return float(np.sqrt(np.mean((fn.predict(net, grid) - np.sin(grid)) ** 2)))


def main() -> None:
    """Prints how noisy training is, and two remedies."""
    x, y = problem(fn.Key(1))

    for functions in ((), (Averaged(20),)):
        stream: Iterator[Epoch[fn.Mlp]] = epochs_of(x, y, 0.03)
        for function in functions:
            stream = function(stream)
        found = [distance(epoch.state.params) for epoch in fn.take(150)(stream)][-50:]
        name = " ".join(map(repr, functions)) or "the last 50 of 150 epochs"
        print(f"{name:26s} {np.mean(found):.4f} from the curve, between {min(found):.4f} and {max(found):.4f}")

    settled = fn.pipe(epochs_of(x, y, falling), Settled(0.002), fn.take(1000), fn.last)
    both = fn.pipe(epochs_of(x, y, falling), Averaged(20), Settled(0.002), fn.take(1000), fn.last)
    for name, epoch in ((repr(Settled(0.002)), settled), ("both", both)):
        print(f"{name:26s} {distance(epoch.state.params):.4f} from the curve, after {epoch.state.epoch} epochs")


if __name__ == "__main__":
    main()
