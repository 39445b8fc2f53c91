"""Data from memory and from beyond it, orders, parts, metrics."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import fnnet as fn
from fnnet import Array, Key, Labels, Metric, Value, metrics
from fnnet.data.batches import Minibatches


class Pixels:
    """A user's own rows."""

    shape = (100, 784)
    dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        return 100

    def __getitem__(self, index: NDArray[np.int64], /) -> NDArray[np.uint8]:
        return np.zeros((len(index), 784), np.uint8)


def every_third(key: Key, rows: int, size: int, /) -> NDArray[np.int64]:
    return np.arange(0, rows, 3)


def data(x: Array, labels: Labels, weights: Array) -> None:
    mapped: np.memmap[tuple[int, ...], np.dtype[np.float32]] = np.memmap("x", np.float32, "r", shape=(100, 784))
    assert_type(fn.minibatches(mapped, labels, batch_size=2), Minibatches[Labels])
    assert_type(fn.minibatches(Pixels(), (labels, weights), batch_size=2), Minibatches[tuple[Labels, Array]])
    for order in (fn.stratified(labels), fn.balanced(labels)):
        assert_type(fn.minibatches(x, labels, batch_size=2, order=order), Minibatches[Labels])
    fn.minibatches(x, labels, batch_size=2, order=every_third)
    batches: fn.Data[Labels] = fn.minibatches(Pixels(), labels, batch_size=2)
    for x_batch, y_batch in batches(Key(0)):
        assert_type(x_batch, Array)
        assert_type(y_batch, Labels)


def parts(key: Key, x: Array, labels: Labels) -> None:
    train, test = fn.split(key, (x, labels), parts=(0.8, 0.2), stratify=labels)
    assert_type(train, tuple[Array, Labels])
    assert_type(test[1], Labels)
    train, valid, test = fn.split(key, (x, labels), parts=(80, 10, 10))
    assert_type(valid, tuple[Array, Labels])
    assert_type(fn.split(key, (x,), parts=[0.25, 0.25, 0.25, 0.25]), tuple[tuple[Array], ...])


def measures(x: Array, y: Array, labels: Labels) -> None:
    of_classes: dict[str, Metric[Labels]] = {
        "accuracy": metrics.accuracy,
        "top 3": metrics.top_k(3),
        "f1": metrics.F1("micro"),
        "precision": metrics.precision,
        "auc": metrics.roc_auc,
        "ece": metrics.ExpectedCalibrationError(10),
    }
    of_numbers: dict[str, Metric[Array]] = {
        "r2": metrics.r2,
        "rmse": metrics.rmse,
        "auc": metrics.binary(metrics.roc_auc),
    }
    fn.validate(x, labels, of_classes)
    fn.validate(x, y, of_numbers)
    assert_type(metrics.recall(x, labels), Value)
    assert_type(metrics.confusion_matrix(x, labels), NDArray[np.int64])
