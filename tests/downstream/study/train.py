"""Trains, saves and loads: python -m study.train"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import fnnet as fn
from fnnet import Array
from study.layers import gate
from study.losses import Asymmetric, absolute, small_weights, squared
from study.metrics import Within, bias, worst
from study.optimizers import Descent, SignDescent
from study.streams import StopBelow


def table(key: fn.Key, rows: int) -> tuple[Array, Array]:
    """Five columns, of which the first two matter."""
    x = fn.keys.normal(key, (rows, 5))
    return x, np.sin(x[:, :1]) + 0.5 * x[:, 1:2]


def main() -> None:
    """One network by each loss and optimizer, and what a file gives back."""
    key = fn.Key(0)
    train, valid = fn.split(key, table(key.child(1), 400), parts=(0.8, 0.2))
    metrics: dict[str, fn.Metric[Array]] = {"worst": worst, "bias": bias, "within": Within(0.5)}
    net = fn.serial(gate(5), fn.mlp(key.child(2), (5, 16, 1)))
    fn.testing.check_gradients(net, train[0][:4], loss=Asymmetric(), target=train[1][:4])

    optimizer = SignDescent(0.003)
    gradient = fn.value_and_grad(squared, penalty=small_weights)
    data = fn.minibatches(*train, batch_size=32)
    final = fn.pipe(
        fn.train(fn.train_step(gradient, optimizer), data, fn.start(net, optimizer, key)),
        fn.validate(*valid, metrics),
        StopBelow(0.05),
        fn.take(40),
        fn.last,
    )
    found = dict(final.record.metrics)
    print(f"{final.state.epoch} epochs, worst error {float(found['worst']):.2f}, bias {float(found['bias']):+.2f}")

    plain = fn.fit(final.state.params, *train, loss=absolute, optimizer=Descent(0.01), key=key, epochs=5)
    fitted = fn.fit(plain.state.params, *train, loss=Asymmetric(3.0), optimizer=fn.adam(0.003), key=key, epochs=5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.safetensors")
        fn.save(path, fitted.state.params)
        same = fn.load(path, like=net)
        assert same.layers[0].a.shape == (5,)
        assert np.array_equal(fn.predict(fn.load(path), valid[0]), fn.predict(same, valid[0]))
    share = Within(0.5)(fn.predict(same, valid[0]), valid[1])
    print(f"loss {float(fitted.history[-1].loss):.3f}, within 0.5: {share:.0%}")


if __name__ == "__main__":
    main()
