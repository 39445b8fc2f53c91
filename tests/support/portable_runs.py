"""Trains portable networks on real data and prints what the bits depend on and what came out: for test_portable, which
runs it under many settings of BLAS and NumPy.

python -m tests.support.portable_runs: a line of JSON.
"""

from __future__ import annotations

import json

import numpy as np
from sklearn.datasets import load_diabetes, load_digits

import fnnet as fn
from fnnet import Key, tree

EPOCHS = 3


def classifier() -> str:
    """Digits with dropout, layer norm, GELU, label smoothing, Adam with a schedule, clipping: its state, its
    predictions of other rows and its metrics."""
    x, y = load_digits(return_X_y=True)
    key = Key(0)
    first, second = (
        fn.linear(key.child(0), 64, 300, dtype=np.float64),
        fn.linear(key.child(1), 300, 10, dtype=np.float64),
    )
    norm = fn.layer_norm(300, dtype=np.float64)
    net = fn.portable(
        fn.serial(fn.standardize(x[:1500], dtype=np.float64), first, norm, fn.Gelu(), fn.Dropout(0.2), second)
    )
    optimizer = fn.pipe(fn.adam(fn.cosine_decay(3e-3, steps=60)), fn.clip_by_global_norm(1.0))
    step = fn.train_step(fn.value_and_grad(fn.label_smoothing(0.1)), optimizer)
    data = fn.minibatches(x[:1500], y[:1500], batch_size=75)
    check = fn.validate(x[1500:], y[1500:], {"log_loss": fn.metrics.log_loss, "accuracy": fn.metrics.accuracy})
    end = fn.last(fn.pipe(fn.train(step, data, fn.start(net, optimizer, key)), check, fn.take(EPOCHS))).state
    return tree.digest((end, fn.predict(end.params, x[1500:])))


def regression() -> str:
    """Diabetes with tanh, Huber's loss with weights, momentum, a penalty: its state and its predictions."""
    x, y = load_diabetes(return_X_y=True)
    target, weights = ((y - 150) / 77)[:, None], 1 + (np.arange(len(y)) % 3) / 2
    net = fn.portable(fn.mlp(Key(1), (10, 130, 70, 1), activation=fn.Tanh(), dtype=np.float64))
    optimizer = fn.sgd(fn.exponential_decay(0.05, steps=10, factor=0.9), momentum=0.9)
    step = fn.train_step(fn.value_and_grad(fn.weighted(fn.huber), penalty=fn.l2(1e-3)), optimizer)
    data = fn.minibatches(x, (target, weights), batch_size=64)
    end = fn.last(fn.pipe(fn.train(step, data, fn.start(net, optimizer, Key(1))), fn.take(EPOCHS))).state
    return tree.digest((end, fn.predict(end.params, x[:7])))


def main() -> None:
    """One line that tells the classifier, the regression, and NumPy's features."""
    print(json.dumps({"classifier": classifier(), "regression": regression()}))


if __name__ == "__main__":
    main()
