"""Wrong uses of layers, losses, penalties, optimizers and schedules."""

import fnnet as fn
from fnnet import Array, Key, Labels, Linear, Mlp


def number(path: str) -> str:
    return path


def late(step: str) -> float:
    return float(step)


def toolbox(net: Mlp, x: Array, y: Array, labels: Labels, key: Key) -> None:
    fn.residual(fn.relu)  # E: attr-defined
    fn.residual(3)  # E: type-var
    wrong: Linear = fn.residual(fn.linear(key, 3, 3))  # E: assignment
    fn.residual(fn.linear(key, 3, 3)).layer.weight  # E: attr-defined
    fn.embedding(key, "5", 2)  # E: arg-type
    fn.layer_norm("3")  # E: arg-type
    fn.value_and_grad(fn.focal())(net, (x, "labels"), key)  # E: arg-type
    fn.value_and_grad(fn.focal)  # E: arg-type
    fn.quantile("0.9")  # E: arg-type
    fn.class_weighted(fn.mse, (1.0,))  # E: arg-type
    fn.value_and_grad(fn.mse, penalty=0.1)  # E: arg-type
    fn.value_and_grad(fn.mse, penalty=fn.l2)  # E: arg-type
    fn.l2(0.1, where=number)  # E: arg-type
    fn.adamax(late)  # E: arg-type
    fn.lion(fn.cosine_decay)  # E: arg-type
    fn.linear_warmup("0.1", steps=3)  # E: arg-type
    fn.join(0.1, (3,))  # E: arg-type
    fn.join((0.1, late), (3,))  # E: arg-type
    fn.piecewise((0.1, fn.inverse_sqrt(0.1, steps=3)), (3,))  # E: arg-type
    fn.cosine_decay(fn.inverse_sqrt(0.1, steps=3), steps=3)  # E: arg-type
    fn.cosine_decay(0.1, 100)  # E: call-arg
    fn.inverse_sqrt(0.1)(0.5)  # E: call-arg # E: arg-type
    fn.rmsprop(0.1, centered="no")  # E: arg-type
    fn.radam(0.1, threshold="5")  # E: arg-type
    fn.radam([0.1])  # E: arg-type
