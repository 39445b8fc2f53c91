"""What stream functions refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fnnet import Key, ShapeError, TreeError
from tests.support.refusals import GRADIENT, NET, SGD, Case, X, Y, check, fitted, fn, stream

CASES: dict[str, Case] = {
    "a metric without a name": (lambda: fn.validate(X, Y, {1: fn.metrics.mae}), ValueError, "have names that are text"),
    "a metric named loss": (
        lambda: fn.validate(X, Y, {"loss": fn.metrics.r2}),
        ValueError,
        "validate: metrics must have names other than 'loss', which is the training loss, and 'epoch', got 'loss'",
    ),
    "a loss for a metric": (
        lambda: fn.validate(X, Y, {"valid_loss": fn.mse}),
        ValueError,
        r"validate: metric 'valid_loss' must be a metric, got the loss MeanSquared.*; of a loss, .* take lambda p, t:",
    ),
    "a function that is a loss for a metric": (
        lambda: stream(fn.validate(X, Y, {"a": lambda p, t: (np.mean(p), p)})),
        ShapeError,
        r"(?s)validate: metric 'a' must give one number, got .*; of a loss, which gives \(value, gradient\), take lam",
    ),
    "validation without rows": (
        lambda: fn.validate(X[:0], Y[:0], {"r2": fn.metrics.r2}),
        ShapeError,
        "validate: x must have at least one row",
    ),
    "validation without metrics": (lambda: fn.validate(X, Y, {}), ValueError, "metrics must name at least one metric"),
    "patience 0": (
        lambda: fn.early_stopping(0),
        ValueError,
        "early_stopping: patience must be a whole number from 1 up, got 0",
    ),
    "patience 1.5": (lambda: fn.early_stopping(1.5), ValueError, "patience must be a whole number from 1 up, got 1.5"),
    "negative min_delta": (
        lambda: fn.early_stopping(3, min_delta=-0.1),
        ValueError,
        r"early_stopping: min_delta must be in \[0, inf\), got -0.1",
    ),
    "an unknown mode": (
        lambda: fn.early_stopping(3, mode="lowest"),
        ValueError,
        "early_stopping: mode must be 'min' or 'max', got 'lowest'",
    ),
    "an unknown mode of best": (
        lambda: fn.best("loss", "Max"),
        ValueError,
        "best: mode must be 'min' or 'max', got 'Max'",
    ),
    "a metric that is a function": (
        lambda: fn.best(fn.metrics.r2),
        ValueError,
        "best: metric must be a name such as 'loss' or 'valid_loss', got the function r2",
    ),
    "an unknown metric": (
        lambda: stream(fn.validate(X, Y, {"r2": fn.metrics.r2}), fn.early_stopping(3, metric="accuracy")),
        ValueError,
        "early_stopping: metric must be one of 'loss', 'r2', which this epoch has, got 'accuracy'; what adds it",
    ),
    "an unknown metric of best": (
        lambda: stream(fn.take(1), fn.best("valid_loss")),
        ValueError,
        "best: metric must be one of 'loss', which this epoch has, got 'valid_loss'",
    ),
    "best of nothing": (lambda: fn.best("loss")([]), ValueError, "best: the stream is empty, so it has no best epoch"),
    "empty validation data in fit": (
        lambda: fitted(valid=(X[:0], Y[:0])),
        ShapeError,
        "validate: x must have at least one row",
    ),
    "a negative time limit": (
        lambda: fn.time_limit(-1),
        ValueError,
        r"time_limit: seconds must be in \[0, inf\), got -1",
    ),
    "until no epoch": (lambda: fn.until(0), ValueError, "until: epoch must be a whole number from 1 up, got 0"),
    "until of numbers": (
        lambda: list(fn.until(3)([1, 2])),
        TreeError,
        "until: the stream must be of epochs or of states, got a int",
    ),
    "an endless time limit": (
        lambda: fn.time_limit(float("inf")),
        ValueError,
        r"seconds must be in \[0, inf\), got inf",
    ),
    "a total of 0": (lambda: fn.progress(0), ValueError, "progress: total must be a whole number from 1 up, got 0"),
    "a file of another kind": (
        lambda: fn.record("run.txt"),
        ValueError,
        "record: paths must end in .json or .csv, got 'run.txt'",
    ),
    "a path that is none": (lambda: fn.record(3), ValueError, "record: paths must end in .json or .csv, got 3"),
    "no path": (lambda: fn.record(), ValueError, r"record: paths must be at least one, and no one twice, got \[\]"),
    "a path twice": (
        lambda: fn.record("a.csv", "a.csv"),
        ValueError,
        r"record: paths must be at least one, and no one twice, got \['a.csv', 'a.csv'\]",
    ),
    "a folder that is not there": (
        lambda: stream(fn.record("no/such/folder/run.json")),
        FileNotFoundError,
        "record: the path must be that of a file that can be written: No such file .*: '.*no/such/folder/run.json'",
    ),
    "metrics in a list": (lambda: fn.validate(X, Y, [fn.metrics.r2]), ValueError, "metrics must"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    check(CASES[name])


EPOCHS_ONLY = {
    "validate": fn.validate(X, Y, {"r2": fn.metrics.r2}),
    "early_stopping": fn.early_stopping(3, metric="loss"),
    "progress": fn.progress(),
    "time_limit": fn.time_limit(60),
    "record": fn.record,
    "best": fn.best("loss"),
}


@pytest.mark.parametrize("name", EPOCHS_ONLY)
def test_states_are_no_epochs(name: str, tmp_path: Path) -> None:
    """What reads epochs says so where it is given the states of ``steps``."""
    function: Any = fn.record(tmp_path / "run.csv") if name == "record" else EPOCHS_ONLY[name]
    state = fn.start(NET, SGD, Key(0))
    states: Any = fn.take(2)(fn.steps(fn.train_step(GRADIENT, SGD), fn.minibatches(X, Y, batch_size=5), state))
    with pytest.raises(TreeError, match=f"{name}: the stream must be of epochs, as train gives them, got a TrainState"):
        list(function(states))
