"""Portable networks and losses, checkpoints and receipts keep the types of what they are given."""

from typing import assert_type

import numpy as np

import fnnet as fn
from fnnet import Array, Key, Labels, Mlp, Portable, Receipt, TrainState, Value, Verification, jit


def portable(x: Array, y: Array, labels: Labels, key: Key) -> None:
    net = fn.portable(fn.mlp(key, (4, 8, 2), dtype=np.float64))
    assert_type(net, Portable[Mlp])
    prediction, cache = fn.forward(net, x)
    grads, dx = fn.backward(net, cache, prediction)
    assert_type(grads, Portable[Mlp])
    assert_type(dx, Array)
    assert_type(net.layer.layers[0].w, Array)
    assert_type(fn.value_and_grad(fn.portable(fn.mse))(net, (x, y), key), tuple[Value, Portable[Mlp]])
    assert_type(fn.value_and_grad(fn.portable(fn.softmax_cross_entropy))(net, (x, labels), key)[1], Portable[Mlp])


def receipts(net: Mlp, x: Array, y: Array, key: Key, folder: str) -> None:
    optimizer = fn.adam(0.1)
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=2)
    first = fn.start(net, optimizer, key)
    check = fn.validate(x, y, {"mae": fn.metrics.mae})
    keep = fn.receipt_to(f"{folder}/run.json", step, data, first, check)
    final = fn.pipe(fn.train(step, data, first), check, keep, fn.checkpoint_to(folder), fn.take(3), fn.last)
    assert_type(final.state, TrainState[Mlp])
    assert_type(fn.resume(folder, first), TrainState[Mlp])
    by_steps = fn.pipe(fn.steps(step, data, first), fn.receipt_to("run.json", step, data, first), fn.take(9), fn.last)
    assert_type(by_steps, TrainState[Mlp])
    chain: list[fn.StreamFn] = [check, keep]
    fn.fit(net, x, y, loss=fn.mse, optimizer=optimizer, key=key, epochs=3, streams=chain)
    fn.receipt(fn.take(9)(fn.steps(step, data, first)), step, data, first)
    fn.receipt(jit.train(step, data, first), step, data, first, check, run=fn.reduce_on_plateau(fn.train))
    made = fn.receipt(fn.take(3)(fn.train(step, data, first)), step, data, first)
    assert_type(made, Receipt)
    verdict = fn.verify(fn.read_receipt(f"{folder}/run.json"), step, data, first, check, epoch=2, run=jit.train)
    assert_type(verdict, Verification)
    assert_type(verdict.epoch, int | None)
    assert_type(verdict.differs_in, tuple[str, ...])
    assert_type(made.links[0].chain, str)
    assert_type([difference.name for difference in verdict.settings], list[str])
    assert_type(fn.fingerprint().differences(fn.fingerprint()), tuple[str, ...])
