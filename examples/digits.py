"""Handwritten digits: 1,797 real images of 8 x 8 pixels, an MLP, Adam, in seconds on a CPU.

    python examples/digits.py --hidden 128 64 --epochs 30 --lr 0.002 --seed 0

Needs scikit-learn, for the images: pip install 'fnnet[examples]'.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import fnnet as fn
from fnnet import Array, Labels

Net = fn.Mlp


class Digits(NamedTuple):
    """Pixels in [0, 1] and the digits they show; a quarter is kept for the test, with the same share of every digit."""

    x: Array
    y: Labels
    x_test: Array
    y_test: Labels


def load(seed: int) -> Digits:
    """The stratified split for a seed."""
    pixels, labels = load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32)
    x, x_test, y, y_test = train_test_split(x, labels, test_size=0.25, random_state=seed, stratify=labels)
    return Digits(x, y, x_test, y_test)


def epochs_of(data: Digits, hidden: Sequence[int], lr: float, seed: int) -> Iterator[fn.Epoch[Net]]:
    """The endless stream of training: epochs are computed on demand."""
    key = fn.Key(seed)
    net = fn.mlp(key, (64, *hidden, 10))
    optimizer = fn.adam(lr)
    step = fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), optimizer)
    batches = fn.minibatches(data.x, data.y, batch_size=32)
    return fn.train(step, batches, fn.start(net, optimizer, key))


def shown(data: Digits, epochs: Iterable[fn.Epoch[Net]]) -> Iterator[fn.Epoch[Net]]:
    """Passes epochs on and prints a line for each: a stream function is a function."""
    for epoch in epochs:
        right = fn.metrics.accuracy(fn.predict(epoch.state.params, data.x), data.y)
        loss = float(epoch.record.loss)
        print(f"epoch {epoch.state.epoch:3d}   loss {loss:8.5f}   training accuracy {float(right):.4f}")
        yield epoch


def confusion(prediction: Array, labels: Labels) -> str:
    """How often each digit was read as which."""
    table = fn.metrics.confusion_matrix(prediction, labels)
    head = "read as  " + "".join(f"{digit:4d}" for digit in range(10))
    rows = [f"  a {i}    " + "".join(f"{n:4d}" if n else "   ." for n in row) for i, row in enumerate(table)]
    return "\n".join([head, *rows])


def drawn(images: Array) -> str:
    """Images side by side, each pixel two characters wide."""
    shades = " .:-=+*#%@"
    rows = [
        "   ".join("".join(2 * shades[round(float(p) * 9)] for p in image[8 * i : 8 * i + 8]) for image in images)
        for i in range(8)
    ]
    return "\n".join(row.rstrip() for row in rows)


def report(net: Net, data: Digits, misread: int = 4) -> str:
    """Test accuracy, confusion matrix and a few misread digits."""
    prediction = fn.predict(net, data.x_test)
    guesses = prediction.argmax(axis=-1)
    wrong = np.flatnonzero(guesses != data.y_test)
    lines = [f"test accuracy {float(fn.metrics.accuracy(prediction, data.y_test)):.4f}", ""]
    lines += [f"{len(wrong)} of {len(guesses)} misread", "", confusion(prediction, data.y_test)]
    if len(wrong):
        few = wrong[:misread]
        heads = [f"a {data.y_test[i]} read as {guesses[i]}".ljust(19) for i in few]
        lines += ["", "".join(heads).rstrip(), drawn(data.x_test[few])]
    return "\n".join(lines)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(description="Train an MLP on handwritten digits.")
    parser.add_argument("--hidden", type=int, nargs="*", default=[128, 64], help="sizes of the hidden layers")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--lr", type=float, default=0.002, help="learning rate of Adam")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the order")
    return parser.parse_args(given)


def main() -> None:
    """Trains, prints a line per epoch, and reports."""
    options = arguments()
    data = load(options.seed)
    epochs = epochs_of(data, options.hidden, options.lr, options.seed)
    final = fn.last(shown(data, fn.take(options.epochs)(epochs)))
    print()
    print(fn.summary(final.state.params))
    print()
    print(report(final.state.params, data))


if __name__ == "__main__":
    main()
