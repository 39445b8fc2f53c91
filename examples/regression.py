"""Diabetes: 442 real patients, 10 measurements each, and how far the disease had come a year later.

The table is small and noisy: a network that is trained for long predicts worse than a straight line. Early stopping
ends training when predictions for held-out patients no longer improve, and ``best`` goes back to the epoch that
predicted them best. One split of so few rows says little, so the whole is repeated for several.

    python examples/regression.py --splits 5

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
    """Measurements, and the column to predict from them."""

    x: Array
    y: Array


def load(seed: int) -> tuple[Part, Part, Part]:
    """60 % to train on, 20 % to stop by, 20 % to judge by, all standardized with the statistics of the first part."""
    x, y = load_diabetes(return_X_y=True)
    x_rest, x_test, y_rest, y_test = train_test_split(x, y[:, None], test_size=0.2, random_state=seed)
    x_train, x_valid, y_train, y_valid = train_test_split(x_rest, y_rest, test_size=0.25, random_state=seed)
    x_mean, x_spread, y_mean, y_spread = x_train.mean(axis=0), x_train.std(axis=0), y_train.mean(), y_train.std()
    parts = (x_train, y_train), (x_valid, y_valid), (x_test, y_test)
    train, valid, test = [Part((x - x_mean) / x_spread, (y - y_mean) / y_spread) for x, y in parts]
    return train, valid, test


def epochs_of(train: Part, seed: int) -> Iterator[fn.Epoch[fn.Mlp]]:
    """The endless stream of training; a loss that is not finite would be reported with its reason."""
    key = fn.Key(seed)
    net = fn.mlp(key, (10, 64, 1), activation=fn.serial(fn.Relu(), fn.Dropout(0.2)))
    optimizer = fn.adamw(0.003)
    step = fn.stop_on_nonfinite(fn.train_step(fn.value_and_grad(fn.mse), optimizer))
    return fn.train(step, fn.minibatches(train.x, train.y, batch_size=32), fn.start(net, optimizer, key))


def straight(train: Part, x: Array) -> Array:
    """The predictions of linear least squares, for comparison."""
    weights, *_ = np.linalg.lstsq(np.c_[train.x, np.ones(len(train.x))], train.y, rcond=None)
    predicted: Array = np.c_[x, np.ones(len(x))] @ weights
    return predicted


class Row(NamedTuple):
    """A split: which epoch was best, after which training stopped, and R² on the test part."""

    best: int
    stopped: int
    r2_best: float
    r2_to_the_end: float
    r2_straight: float


def row(seed: int) -> Row:
    """Trains with early stopping, and without it to the end."""
    train, valid, test = load(seed)
    checked = fn.validate(valid.x, valid.y, {"r2": fn.metrics.r2})
    stop = fn.early_stopping(PATIENCE, metric="r2", mode="max")
    best = fn.pipe(epochs_of(train, seed), checked, stop, fn.take(EPOCHS), fn.best("r2", "max"))
    stopped = fn.pipe(epochs_of(train, seed), checked, stop, fn.take(EPOCHS), fn.last)
    to_the_end = fn.pipe(epochs_of(train, seed), fn.take(EPOCHS), fn.last)
    mine, last = [fn.predict(epoch.state.params, test.x) for epoch in (best, to_the_end)]
    found = [float(fn.metrics.r2(prediction, test.y)) for prediction in (mine, last, straight(train, test.x))]
    return Row(best.state.epoch, stopped.state.epoch, *found)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(description="Predict the progress of diabetes by an MLP with early stopping.")
    parser.add_argument("--splits", type=int, default=5, help="how many splits; each has its own weights and order")
    return parser.parse_args(given)


def main() -> None:
    """Prints one line per split, and the means."""
    rows = [row(seed) for seed in range(arguments().splits)]
    print(f"R² of the test: that of the best epoch, after {EPOCHS} epochs without stopping, and of a straight line")
    print(f"{'split':6s} {'best epoch':>10s} {'stopped at':>10s} {'best':>8s} {'all':>8s} {'line':>8s}")
    for name, (best, stopped, mine, last, line) in [*enumerate(rows), ("mean", np.mean(rows, axis=0))]:
        print(f"{name!s:6s} {best:10.0f} {stopped:10.0f} {mine:8.3f} {last:8.3f} {line:8.3f}")


if __name__ == "__main__":
    main()
