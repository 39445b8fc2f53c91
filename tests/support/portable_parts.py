"""Every layer, loss and optimizer of the catalogue and every metric, computed portably, as digests: for test_portable.

python -m tests.support.portable_parts: a line of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

import fnnet as fn
from fnnet import Array, Key, Params, tree
from fnnet.keys import normal
from fnnet.numerics.bits import portably
from tests.catalogue import LAYERS, LOSSES, OPTIMIZERS, WIDENING

X, Y, LABELS = normal(Key(1), (300, 40)), normal(Key(2), (300, 5)), np.arange(300) % 5


def layers() -> Iterator[tuple[str, object]]:
    """Outputs and gradients with chance and without, of shapes that no kernel likes."""
    for name, make in LAYERS.items():
        for i, (n, m, rows) in enumerate([(3, 4, 5), (37, 37, 61), (300, 290, 123)]):
            net = fn.portable(make(Key(i), n, m if name in WIDENING else n))
            x = 3 * normal(Key(9), (rows, n))
            yield f"{name} {n} to {m}", tuple([passes(net, x, key) for key in (None, Key(5))])
            yield f"{name} {n} to {m}, x float32", passes(net, x.astype(np.float32), Key(5))


def passes(net: Params, x: Array, key: Key | None) -> object:
    """Both ways through a network."""
    y, cache = fn.forward(net, x, key)
    return y, fn.backward(net, cache, normal(Key(3), y.shape))


def losses() -> Iterator[tuple[str, object]]:
    """Values, rows and gradients."""
    for name, case in LOSSES.items():
        for rows, n in ((5, 3), (777, 300)):
            prediction = 4 * normal(Key(rows), (rows, n))
            loss, target = fn.portable(case.of(n)), case.target(Key(rows).child(2), prediction.shape)
            yield f"{name} of {rows}", (loss(prediction, target), loss.rows(prediction, target))


def trainings() -> Iterator[tuple[str, object]]:
    """A few steps of every optimizer, and of L-BFGS."""
    net = fn.portable(fn.mlp(Key(0), (40, 120, 5), activation=fn.Silu(), dtype=np.float64))
    gradient = fn.value_and_grad(fn.mse, penalty=fn.elastic_net(1e-3, 1e-3))
    for name, optimizer in OPTIMIZERS.items():
        first = fn.start(net, optimizer, Key(0))
        yield (
            name,
            fn.last(
                fn.take(8)(fn.steps(fn.train_step(gradient, optimizer), fn.minibatches(X, Y, batch_size=70), first))
            ),
        )
    whole = fn.lbfgs(gradient)
    first = fn.start(net, whole, Key(0))
    yield "lbfgs", fn.last(fn.take(5)(fn.steps(whole, fn.minibatches(X, Y, batch_size=300, shuffle=False), first)))


def metrics() -> Iterator[tuple[str, object]]:
    """Those of classes and those of numbers."""
    found = fn.metrics
    for of_classes in (found.log_loss, found.brier, found.roc_auc, found.f1, found.expected_calibration_error):
        yield str(of_classes), np.asarray(portably(of_classes, Y, LABELS))
    for of_numbers in (found.mae, found.rmse, found.r2, found.explained_variance):
        yield str(of_numbers), np.asarray(portably(of_numbers, Y, Y + X[:, :5]))


def main() -> None:
    """One line with a digest for each."""
    parts = [*layers(), *losses(), *trainings(), *metrics()]
    print(json.dumps([(name.split(" at ")[0], tree.digest(part)) for name, part in parts]))


if __name__ == "__main__":
    main()
