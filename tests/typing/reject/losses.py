"""Wrong uses of losses and penalties."""

import fnnet as fn
from fnnet import Array, Key, Labels, Mlp, Value


def only_mlp(params: Mlp) -> tuple[Value, Mlp]:
    return fn.l2(1.0)(params)


def no_gradients(params: Mlp) -> Value:
    return fn.l2(1.0)(params)[0]


def losses(net: Mlp, x: Array, y: Array, labels: Labels, key: Key) -> None:
    fn.poisson(x, labels)  # E: arg-type
    fn.quantile(0.5)(x, labels)  # E: arg-type
    fn.hinge(x, y)  # E: arg-type
    fn.focal(2.0)(x, y)  # E: arg-type
    fn.label_smoothing(x, labels)  # E: call-arg  # E: arg-type
    fn.value_and_grad(fn.label_smoothing(0.1))(net, (x, y), key)  # E: arg-type
    fn.value_and_grad(fn.label_smoothing)  # E: arg-type
    fn.class_weighted(fn.hinge, {0: 1.0})  # E: arg-type
    fn.class_weighted(fn.hinge, (1.0, 2.0))(x, (labels, y))  # E: arg-type
    fn.soft_cross_entropy(x, labels)  # E: arg-type


def penalties(net: Mlp, x: Array, y: Array, key: Key) -> None:
    fn.l2("0.1")  # E: arg-type
    fn.l2(0.1, "layers.0.w")  # E: call-arg  # E: arg-type
    fn.l2(0.1, where="layers.0.w")  # E: arg-type
    fn.l2(0.1, where=lambda path: path)  # E: arg-type  # E: return-value
    fn.elastic_net(0.1)  # E: call-arg
    fn.value_and_grad(fn.mse, fn.l2(0.1))  # E: call-arg
    fn.value_and_grad(fn.mse, penalty=only_mlp)  # E: arg-type
    fn.value_and_grad(fn.mse, penalty=no_gradients)  # E: arg-type
    number: float = fn.l1(0.1)(net)  # E: assignment
