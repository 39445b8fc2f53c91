"""Law 8: the losses of the textbook class-based program, to 1e-12, from the same weights."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key
from fnnet.keys import normal, uniform
from tests.support.class_based import ClassMlp
from tests.support.strategies import KEYS

EXAMPLE = Path(__file__).parents[2] / "examples" / "article.py"


def by_classes(net: fn.Mlp, x: Array, y: Array, lr: float, epochs: int) -> list[float]:
    """The losses of the program that overwrites its weights."""
    program = ClassMlp([(layer.w, layer.b) for layer in net.layers])
    return [program.step(x, y, lr) for _ in range(epochs)]


def by_hand(net: fn.Mlp, x: Array, y: Array, lr: float, epochs: int) -> list[float]:
    """The losses of forward, backward, sgd_update."""
    losses = []
    for _ in range(epochs):
        prediction, cache = fn.forward(net, x)
        losses.append(float(fn.mse(prediction, y)[0]))
        grads, _ = fn.backward(net, cache, fn.sum_squared_error(prediction, y)[1])
        net = fn.sgd_update(net, grads, lr)
    return losses


def by_train(net: fn.Mlp, x: Array, y: Array, lr: float, epochs: int) -> list[float]:
    """The losses of the stream of epochs."""
    optimizer = fn.sgd(lr)
    step = fn.train_step(fn.value_and_grad(fn.sum_squared_error), optimizer)
    data = fn.minibatches(x, y, batch_size=len(x), shuffle=False)
    stream = fn.train(step, data, fn.start(net, optimizer, Key(0)))
    return [float(epoch.record.loss) / y.size for epoch in fn.take(epochs)(stream)]


def test_the_article() -> None:
    sizes = (8, 16, 16, 16, 16, 3)
    for seed in range(20):
        key = Key(seed)
        net = fn.mlp(key, sizes, init=fn.uniform(0.0, 0.001), dtype=np.float64)
        problem = net, uniform(key.child(0), (2, 8)), uniform(key.child(1), (2, 3)), 0.1, 10
        textbook = by_classes(*problem)
        np.testing.assert_allclose(by_hand(*problem), textbook, rtol=1e-12)
        np.testing.assert_allclose(by_train(*problem), textbook, rtol=1e-12)


@given(KEYS, st.integers(1, 6), st.lists(st.integers(1, 12), min_size=2, max_size=7), st.floats(0, 0.02))
def test_any_sizes_depths_and_data(key: Key, rows: int, sizes: list[int], lr: float) -> None:
    net = fn.mlp(key, sizes, init=fn.normal(0.3), bias_init=fn.normal(0.1), dtype=np.float64)
    problem = net, normal(key.child(0), (rows, sizes[0])), normal(key.child(1), (rows, sizes[-1])), lr, 10
    textbook = by_classes(*problem)
    np.testing.assert_allclose(by_hand(*problem), textbook, rtol=1e-12)
    np.testing.assert_allclose(by_train(*problem), textbook, rtol=1e-12)


def test_the_example_prints_the_same_ten_lines_twice(capsys: pytest.CaptureFixture[str]) -> None:
    example = runpy.run_path(str(EXAMPLE))
    example["main"]()
    first, second = capsys.readouterr().out.strip().split("\n\n")
    assert first == second
    lines = first.splitlines()
    assert all(re.fullmatch(rf"\[Epoch: {i} / 10\] \[loss: \d\.\d+\]", line) for i, line in enumerate(lines))
    shown = [float(line.split("loss: ")[1][:-1]) for line in lines]
    net, x, y = example["problem"]()
    np.testing.assert_allclose(shown, by_classes(net, x, y, 0.1, 10), atol=1e-12)
    assert len(lines) == 10
