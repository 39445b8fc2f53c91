"""Breast cancer: 569 real tumours, 30 measurements each, malignant or benign, in seconds on a CPU.

The rows are split into three parts: one to train on, one to choose the epoch by, and one to judge by, once, at the end.
Inputs are standardized with the statistics of the first part alone.

    python examples/classification.py --seed 0

Needs scikit-learn, for the data: pip install 'fnnet[examples]'.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

import fnnet as fn
from fnnet import Array, Labels, Value

Net = fn.Serial[fn.Dropout, fn.Mlp]

MALIGNANT, BENIGN = 0, 1


class Part(NamedTuple):
    """Measurements, and whether the tumours were malignant or benign."""

    x: Array
    y: Labels


def load(seed: int) -> tuple[Part, Part, Part]:
    """60 % to train, 20 % to choose, 20 % to judge, standardized; both kinds have the same share in every part."""
    x, y = load_breast_cancer(return_X_y=True)
    x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=0.2, random_state=seed, stratify=y)
    x_train, x_valid, y_train, y_valid = train_test_split(
        x_rest, y_rest, test_size=0.25, random_state=seed, stratify=y_rest
    )
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
    parts = (x_train, y_train), (x_valid, y_valid), (x_test, y_test)
    train, valid, test = [Part((x - mean) / deviation, y) for x, y in parts]
    return train, valid, test


def valid_loss(prediction: Array, target: Labels) -> Value:
    """A metric is a function: the loss without its gradient."""
    return fn.softmax_cross_entropy(prediction, target)[0]


def recall(prediction: Array, target: Labels) -> Value:
    """The share of malignant tumours that were found."""
    return np.asarray(np.mean(prediction[target == MALIGNANT].argmax(axis=-1) == MALIGNANT))


METRICS = {"valid_loss": valid_loss, "accuracy": fn.metrics.accuracy, "recall": recall}


def trained(train: Part, valid: Part, seed: int) -> tuple[fn.Epoch[Net], fn.Epoch[Net]]:
    """The best epoch by the loss on the second part, and the one after which training stopped."""
    key = fn.Key(seed)
    activation = fn.serial(fn.Relu(), fn.Dropout(0.3))
    net = fn.serial(fn.Dropout(0.1), fn.mlp(key, (30, 64, 2), activation=activation))
    optimizer = fn.adamw(0.002)
    step = fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), optimizer)
    epochs = tuple(
        fn.pipe(
            fn.train(step, fn.minibatches(train.x, train.y, batch_size=32), fn.start(net, optimizer, key)),
            fn.validate(valid.x, valid.y, METRICS),
            fn.progress(200),
            fn.early_stopping(20),
            fn.take(200),
        )
    )
    return fn.best("valid_loss")(epochs), epochs[-1]


def line(name: str, net: Net, part: Part) -> str:
    """All metrics on one part."""
    prediction = fn.predict(net, part.x)
    return f"{name:10s}" + "".join(
        f"   {key} {float(metric(prediction, part.y)):.4f}" for key, metric in METRICS.items()
    )


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(description="Train an MLP to tell malignant from benign tumours.")
    parser.add_argument("--seed", type=int, default=0, help="of the parts, the weights, the order and the dropout")
    return parser.parse_args(given)


def main() -> None:
    """Trains, chooses the best epoch, and judges it."""
    seed = arguments().seed
    train, valid, test = load(seed)
    best, last = trained(train, valid, seed)
    net = best.state.params
    print(f"stopped after epoch {last.state.epoch}; the best one was {best.state.epoch}")
    for name, part in (("train", train), ("validation", valid), ("test", test)):
        print(line(name, net, part))
    guesses = fn.predict(net, test.x).argmax(axis=-1)
    missed, alarmed = (test.y == MALIGNANT) & (guesses == BENIGN), (test.y == BENIGN) & (guesses == MALIGNANT)
    print(
        f"of {len(test.y)} tumours in the test {missed.sum()} malignant were missed, {alarmed.sum()} benign suspected"
    )


if __name__ == "__main__":
    main()
