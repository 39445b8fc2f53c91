"""Diabetes: 442 real patients, 10 measurements each, and how far the disease had come a year later.

A small and noisy table, on which a network that is trained to the end is worse than a straight line. Early stopping
ends training when the patients kept aside are predicted no better any more, and ``best`` goes back to the epoch that
predicted them best.

    python examples/regression.py --seed 0

Needs scikit-learn, for the data: pip install 'fnnet[examples]'.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

import fnnet as fn
from fnnet import Array

PATIENCE, EPOCHS = 20, 300


class Part(NamedTuple):
    """Measurements, and a column of what they are to predict."""

    x: Array
    y: Array


def load(seed: int) -> tuple[Part, Part, Part]:
    """60 % to train, 20 % to stop by, 20 % to judge by, all standardized by the first part."""
    x, y = load_diabetes(return_X_y=True)
    x_rest, x_test, y_rest, y_test = train_test_split(x, y[:, None], test_size=0.2, random_state=seed)
    x_train, x_valid, y_train, y_valid = train_test_split(x_rest, y_rest, test_size=0.25, random_state=seed)
    x_mean, x_spread, y_mean, y_spread = x_train.mean(axis=0), x_train.std(axis=0), y_train.mean(), y_train.std()
    parts = (x_train, y_train), (x_valid, y_valid), (x_test, y_test)
    train, valid, test = [Part((x - x_mean) / x_spread, (y - y_mean) / y_spread) for x, y in parts]
    return train, valid, test


def epochs_of(train: Part, seed: int) -> Iterator[fn.Epoch[fn.Mlp]]:
    """The endless stream of training; a loss that is not finite would be told with its reason."""
    key = fn.Key(seed)
    optimizer = fn.adam(0.003)
    step = fn.stop_on_nonfinite(fn.train_step(fn.value_and_grad(fn.mse), optimizer))
    state = fn.start(fn.mlp(key, (10, 64, 64, 1)), optimizer, key)
    return fn.train(step, fn.minibatches(train.x, train.y, size=32), state)


def straight(train: Part, x: Array) -> Array:
    """The line of least squares, to compare with."""
    weights, *_ = np.linalg.lstsq(np.c_[train.x, np.ones(len(train.x))], train.y, rcond=None)
    predicted: Array = np.c_[x, np.ones(len(x))] @ weights
    return predicted


def sketch(curve: Sequence[float], chosen: int) -> str:
    """A curve in one line of characters, the chosen epoch under it."""
    low, high = min(curve), max(curve)
    bars = "".join(" .:-=+*#%@"[round(9 * (value - low) / ((high - low) or 1))] for value in curve)
    return f"|{bars}|\n {' ' * (chosen - 1)}^ epoch {chosen}"


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Predict the progress of diabetes by an MLP with early stopping.")
    parser.add_argument("--seed", type=int, default=0, help="of the parts, the weights and the order")
    return parser.parse_args(given)


def main() -> None:
    """Trains to the end and with early stopping, and compares."""
    seed = arguments().seed
    train, valid, test = load(seed)
    checked = fn.validate(valid.x, valid.y, {"r2": fn.metrics.r2})
    stop = fn.early_stopping(PATIENCE, metric="r2", mode="max")

    stopped = tuple(fn.pipe(epochs_of(train, seed), checked, stop, fn.take(EPOCHS)))
    best = fn.best("r2", "max")(stopped)
    curve = [float(record.metrics[0][1]) for record in stopped[-1].state.history]
    print(f"R² of the patients kept aside, epoch by epoch, until {PATIENCE} epochs in a row were no better:")
    print(sketch(curve, best.state.epoch))
    print()

    trained_on = fn.pipe(epochs_of(train, seed), fn.take(EPOCHS), fn.last)
    for name, prediction in (
        (f"the best epoch, {best.state.epoch}", fn.predict(best.state.params, test.x)),
        (f"the last epoch, {stopped[-1].state.epoch}", fn.predict(stopped[-1].state.params, test.x)),
        (f"without stopping, {trained_on.state.epoch} epochs", fn.predict(trained_on.state.params, test.x)),
        ("a straight line", straight(train, test.x)),
    ):
        print(f"test R² of {name:30s} {float(fn.metrics.r2(prediction, test.y)):7.3f}")


if __name__ == "__main__":
    main()
