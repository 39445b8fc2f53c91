"""Wrong uses of losses, gradients, optimizers and streams."""

from collections.abc import Iterator

import fnnet as fn
from fnnet import Array, Epoch, Key, Labels, Mlp


def training(net: Mlp, x: Array, y: Array, labels: Labels, weights: Array, key: Key) -> None:
    optimizer = fn.adam(1e-3)
    step = fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), optimizer)
    data, targets = fn.minibatches(x, labels, batch_size=32), fn.minibatches(x, y, batch_size=32)
    state = fn.start(net, optimizer, key)
    fn.train(step, targets, state)  # E: misc
    fn.train(step, data, net)  # E: arg-type
    fn.train(optimizer, data, state)  # E: arg-type
    fn.value_and_grad(fn.softmax_cross_entropy)(net, (x, x), key)  # E: arg-type
    fn.value_and_grad(fn.weighted(fn.mse))(net, (x, y), key)  # E: arg-type
    fn.value_and_grad(3)  # E: arg-type
    fn.weighted(lambda prediction, target: (prediction, target))  # E: arg-type
    fn.sgd("fast")  # E: arg-type
    fn.sgd(lambda step: "fast")  # E: arg-type
    fn.train_step(fn.mse, optimizer)  # E: arg-type
    fn.train_step(fn.value_and_grad(fn.mse), fn.sgd)  # E: arg-type
    fn.minibatches(x, labels)  # E: call-arg
    fn.minibatches(x, labels, batch_size=2, last="cut")  # E: arg-type
    fn.pipe(fn.train(step, data, state), fn.mse)  # E: arg-type
    fn.take("3")  # E: arg-type
    number: int = fn.last(fn.train(step, data, state))  # E: assignment
    fn.metrics.accuracy(x, y)  # E: arg-type


def not_a_stream(epochs: Iterator[Epoch[Mlp]]) -> int:
    return 0


bad: fn.StreamFn = not_a_stream  # E: assignment
