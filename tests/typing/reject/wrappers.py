"""Wrong uses of wrappers, L-BFGS, the plateau and the range finder."""

import fnnet as fn
from fnnet import Array, Key, Labels, Linear, Mlp


def number(path: str) -> str:
    return path


def wrappers(net: Mlp, layer: Linear, x: Array, y: Array, labels: Labels, key: Key) -> None:
    gradient = fn.value_and_grad(fn.softmax_cross_entropy)
    optimizer = fn.pipe(fn.adam(1e-3), fn.ema(0.999))
    fn.ema(0.999)(gradient)  # E: arg-type
    fn.pipe(fn.adam(1e-3), fn.ema)  # E: arg-type
    fn.start(net, fn.ema(0.999), key)  # E: arg-type
    fn.clip_by_value("1")  # E: arg-type
    fn.freeze("layers.0")  # E: arg-type
    fn.freeze(number)  # E: arg-type
    fn.scale_rate(lambda path: True)  # E: call-arg
    fn.weight_decay(0.1, where="w")  # E: arg-type
    optimizer.update(net, layer, optimizer.init(net))  # E: misc
    average: Linear = fn.averaged(optimizer.init(net))  # E: assignment
    fn.averaged(net)  # E: arg-type
    step = fn.lbfgs(gradient)
    fn.ema(0.9)(step)  # E: arg-type
    fn.train_step(gradient, step)  # E: arg-type
    fn.lbfgs(fn.mse)  # E: arg-type
    step(fn.start(net, step, key), (x, y), key)  # E: arg-type
    fn.train(step, fn.minibatches(x, y, batch_size=2), fn.start(net, step, key))  # E: misc
    fn.reduce_on_plateau(fn.fit)  # E: arg-type
    fn.reduce_on_plateau(fn.train, mode="least")  # E: arg-type
    fn.find_rate(fn.train_step(gradient, optimizer), fn.minibatches(x, labels, batch_size=2), net)  # E: arg-type
