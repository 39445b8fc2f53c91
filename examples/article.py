"""The whole training of a neural network in NumPy: the well-known exercise, with no mutation anywhere.

8 inputs, hidden layers of 16, 3 outputs, 5 Linear layers with ReLU between them, 2 samples, weights rand * 0.001, zero
biases, learning rate 0.1, 10 epochs with one line of loss each. As in the exercise, the mean squared error is printed,
while the steps follow the gradient 2 (prediction - target), which is that of the sum of squares.

It runs first as an explicit fold of ``forward``, ``backward`` and ``sgd_update``, then with ``train``, and prints the
same lines twice.

    python examples/article.py
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial, reduce

import numpy as np

import fnnet as fn
from fnnet import Array

SEED, EPOCHS, LR = 0, 10, 0.1


def line(epoch: int, loss: float) -> str:
    """One line of the exercise's output."""
    return f"[Epoch: {epoch} / {EPOCHS}] [loss: {loss:.12f}]"


def problem() -> tuple[fn.Mlp, Array, Array]:
    """The network and its two samples, in float64."""
    key = fn.Key(SEED)
    net = fn.mlp(key, (8, 16, 16, 16, 16, 3), init=fn.uniform(0.0, 0.001), dtype=np.float64)
    return net, fn.keys.uniform(key.child(0), (2, 8)), fn.keys.uniform(key.child(1), (2, 3))


def explicit(net: fn.Mlp, x: Array, y: Array) -> tuple[str, ...]:
    """A fold over the epochs: from (network, lines so far) to (new network, lines plus one)."""

    def epoch(so_far: tuple[fn.Mlp, tuple[str, ...]], number: int) -> tuple[fn.Mlp, tuple[str, ...]]:
        net, lines = so_far
        prediction, cache = fn.forward(net, x)
        loss, _ = fn.mse(prediction, y)
        _, d_prediction = fn.sum_squared_error(prediction, y)
        grads, _ = fn.backward(net, cache, d_prediction)
        return fn.sgd_update(net, grads, lr=LR), (*lines, line(number, float(loss)))

    start: tuple[fn.Mlp, tuple[str, ...]] = (net, ())
    return reduce(epoch, range(EPOCHS), start)[1]


def streamed(net: fn.Mlp, x: Array, y: Array) -> tuple[str, ...]:
    """The same with ``train``: an epoch's record has the sum of squares, which divided by y.size is the mean."""
    optimizer = fn.sgd(LR)
    step = fn.train_step(fn.value_and_grad(fn.sum_squared_error), optimizer)
    data = fn.minibatches(x, y, batch_size=2, shuffle=False)
    state = fn.start(net, optimizer, fn.Key(SEED))
    return fn.pipe(fn.train(step, data, state), fn.take(EPOCHS), partial(lines_of, y.size))


def lines_of(size: int, epochs: Iterable[fn.Epoch[fn.Mlp]]) -> tuple[str, ...]:
    """One line per epoch."""
    return tuple(line(i, float(epoch.record.loss) / size) for i, epoch in enumerate(epochs))


def main() -> None:
    """Prints the ten lines twice."""
    first, second = explicit(*problem()), streamed(*problem())
    print("\n".join(first))
    print()
    print("\n".join(second))
    if first != second:
        raise SystemExit("the two differ")


if __name__ == "__main__":
    main()
