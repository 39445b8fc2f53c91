"""Wrong uses of the contract, each an error of mypy and the only ones of this file."""

import numpy as np

import fnnet as fn
from fnnet import Array, Cache, Dropout, Key, Linear, Relu, Serial


def contract(x: Array, key: Key, labels: fn.Labels) -> None:
    net = fn.serial(fn.linear(key, 4, 3), Relu(), fn.linear(key, 3, 2))
    y, cache = fn.forward(net, x)
    h, inner = fn.forward(net.layers[0], x)
    fn.backward(net, inner, h)  # E: misc
    fn.backward(net.layers[0], cache, h)  # E: misc
    fn.forward("not a network", x)  # E: type-var
    fn.forward(net, [[1.0]])  # E: arg-type
    fn.forward(net, x, 7)  # E: arg-type
    net.layers[0].w = x  # E: misc
    net.layers[3]  # E: misc
    net.layers[1].w  # E: attr-defined
    grads, dx = fn.backward(net, cache, y)
    wrong: Serial[Linear, Relu, Relu] = grads  # E: assignment
    text: str = grads.layers[0].w  # E: assignment
    net = fn.sgd_update(net, net.layers[0], lr=0.1)  # E: arg-type
    fn.sgd_update(net, grads, lr="0.1")  # E: arg-type
    fn.mlp(key, (4, 3), dtype=np.float16)  # E: arg-type
    fn.mlp(key, (4, 3), activation=np.tanh)  # E: arg-type
    fn.linear(0, 4, 3)  # E: arg-type
    Dropout("0.5")  # E: arg-type
    Key(0).seed = 1  # E: misc


def other_backward(p: Relu, mask: int, dy: Array) -> tuple[Relu, Array]:
    raise NotImplementedError


def relu_forward(p: Relu, x: Array) -> tuple[Array, Array]:
    raise NotImplementedError


def relu_backward(p: Relu, y: Array, dy: Array) -> tuple[Relu, Array]:
    raise NotImplementedError


def linear_gradients(p: Linear, x: Array, dy: Array) -> Linear:
    raise NotImplementedError


fn.define_layer(Relu, forward=relu_forward, backward=other_backward)  # E: misc
fn.define_layer(Relu, forward=relu_forward, backward=relu_backward, gradients=linear_gradients)  # E: arg-type
cache: Cache[str]  # E: type-var
