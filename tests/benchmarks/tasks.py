"""Real tasks: one recipe of fnnet's for all of them beside scikit-learn's perceptron and its linear model.

python -m tests.benchmarks.tasks

Five folds, stratified where there are classes, shuffled anew by each of the seeds 0 to 4, the same for all contenders;
accuracy, or for the regression R^2, is the mean over the 25 test folds. Inputs, and the targets of the regression, are
standardized by the training fold. scikit-learn's models have their defaults, with as many iterations as they need to
converge. fnnet trains K networks stacked as one, with dropout and decoupled weight decay, for a fixed number of epochs;
the mean of their predictions counts.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from statistics import mean
from typing import Any, NamedTuple

from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor

import fnnet as fn
from fnnet import Array
from fnnet.keys import INIT

SEEDS, FOLDS, ITERATIONS = 5, 5, 5000
MARGIN = 0.01
"""How much below the linear model a network may be: where the truth is linear, it cannot be above."""


@dataclass(frozen=True)
class Recipe:
    """How fnnet trains, on every task."""

    networks: int
    hidden: int
    input_dropout: float
    dropout: float
    lr: float
    weight_decay: float
    epochs: int
    size: int


class Task(NamedTuple):
    """A data set, and whether its targets are numbers."""

    load: Callable[..., tuple[Array, Any]]
    is_regression: bool = False


TASKS = {
    "breast cancer": Task(load_breast_cancer),
    "digits": Task(load_digits),
    "wine": Task(load_wine),
    "diabetes": Task(load_diabetes, is_regression=True),
}


class Fold(NamedTuple):
    """The rows to train on and to test on; y a column of numbers, or labels."""

    x: Array
    y: Any
    x_test: Array
    y_test: Any


def folds(task: Task, seed: int) -> Iterator[Fold]:
    """The folds of a seed, standardized."""
    x, y = task.load(return_X_y=True)
    y = y[:, None] if task.is_regression else y
    splitter = (KFold if task.is_regression else StratifiedKFold)(FOLDS, shuffle=True, random_state=seed)
    for train, test in splitter.split(x, y):
        inputs = standardized(x[train], x[test])
        targets = standardized(y[train], y[test]) if task.is_regression else (y[train], y[test])
        yield Fold(inputs[0], targets[0], inputs[1], targets[1])


def standardized(train: Array, test: Array) -> tuple[Array, Array]:
    """Both by the mean and the deviation of the first; a constant column stays at 0."""
    spread = train.std(axis=0)
    spread[spread == 0] = 1
    return (train - train.mean(axis=0)) / spread, (test - train.mean(axis=0)) / spread


# --- contenders --------------------------------------------------------------------------------------------------
def ours(recipe: Recipe, is_regression: bool, seed: int, fold: Fold) -> float:
    """fnnet: K networks in one, the mean of their predictions."""
    key = fn.Key(seed)
    outputs = 1 if is_regression else int(fold.y.max()) + 1
    nets = [network(recipe, key.child(INIT, k), fold.x.shape[1], outputs) for k in range(recipe.networks)]
    stacked = fn.stack(nets)
    loss: Any = fn.mse if is_regression else fn.softmax_cross_entropy
    optimizer = fn.adamw(recipe.lr, weight_decay=recipe.weight_decay)
    epochs, size = recipe.epochs, recipe.size
    fitted = fn.fit(stacked, fold.x, fold.y, loss=loss, optimizer=optimizer, key=key, epochs=epochs, batch_size=size)
    prediction = fn.predict(fitted.state.params, fold.x_test)
    if is_regression:
        return float(fn.metrics.r2(prediction.mean(axis=0), fold.y_test))
    shares, _ = fn.forward(fn.Softmax(), prediction)
    return float(fn.metrics.accuracy(shares.mean(axis=0), fold.y_test))


def network(recipe: Recipe, key: fn.Key, n_in: int, n_out: int) -> fn.Serial[fn.Dropout, fn.Mlp]:
    """One of the K."""
    activation = fn.serial(fn.Relu(), fn.Dropout(recipe.dropout))
    return fn.serial(fn.Dropout(recipe.input_dropout), fn.mlp(key, (n_in, recipe.hidden, n_out), activation=activation))


def perceptron(is_regression: bool, seed: int, fold: Fold) -> float:
    """scikit-learn's MLPClassifier or MLPRegressor."""
    model = (MLPRegressor if is_regression else MLPClassifier)(max_iter=ITERATIONS, random_state=seed)
    return float(model.fit(fold.x, fold.y.ravel()).score(fold.x_test, fold.y_test.ravel()))


def linear(is_regression: bool, seed: int, fold: Fold) -> float:
    """scikit-learn's LogisticRegression or Ridge."""
    model = Ridge() if is_regression else LogisticRegression(max_iter=ITERATIONS)
    return float(model.fit(fold.x, fold.y.ravel()).score(fold.x_test, fold.y_test.ravel()))


def scores(recipe: Recipe, run: tuple[str, int]) -> list[tuple[float, float, float]]:
    """fnnet, perceptron and linear model on the folds of a task and a seed."""
    (name, seed), contenders = run, (partial(ours, recipe), perceptron, linear)
    task = TASKS[name]
    found = [[contender(task.is_regression, seed, fold) for contender in contenders] for fold in folds(task, seed)]
    return [(a, b, c) for a, b, c in found]


# --- the table ---------------------------------------------------------------------------------------------------
def line(name: str, found: list[tuple[float, float, float]]) -> tuple[str, bool]:
    """A task's line, and whether fnnet has kept both its promises."""
    mine, theirs, straight = [mean(column) for column in zip(*found, strict=True)]
    kept = mine >= theirs, mine >= straight - MARGIN
    verdict = " and ".join(
        f"{'at least' if is_kept else 'BELOW'} {than}"
        for is_kept, than in zip(kept, ("the perceptron", f"the linear model - {MARGIN}"), strict=True)
    )
    return f"{name:14s} {mine:8.4f} {theirs:11.4f} {straight:8.4f}   {verdict}", all(kept)


def recipe_of(given: list[str] | None = None) -> Recipe:
    """The command line, whose defaults are the recipe."""
    parser = argparse.ArgumentParser(description="fnnet beside scikit-learn on real tasks.")
    parser.add_argument("--networks", type=int, default=10, help="stacked and averaged")
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--input-dropout", type=float, default=0.1)
    parser.add_argument("--dropout", type=float, default=0.3, help="of the hidden layer")
    parser.add_argument("--lr", type=float, default=0.002, help="of adamw")
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--size", type=int, default=32, help="of a batch")
    return Recipe(**vars(parser.parse_args(given)))


def main() -> None:
    """Prints the recipe and the table; exits with 1 where a promise is not kept."""
    recipe = recipe_of()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before the processes start: threads of two would fight for the cores
    runs = [(name, seed) for name in TASKS for seed in range(SEEDS)]
    print(recipe)
    print(f"{'':14s} {'fnnet':>8s} {'perceptron':>11s} {'linear':>8s}")
    kept = True
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        found = pool.map(partial(scores, recipe), runs)
        for name in TASKS:
            text, is_kept = line(name, [score for _ in range(SEEDS) for score in next(found)])
            print(text, flush=True)
            kept = kept and is_kept
    raise SystemExit(0 if kept else 1)


if __name__ == "__main__":
    main()
