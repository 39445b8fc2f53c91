"""The types of networks, caches and gradients."""

from typing import assert_type

import numpy as np

import fnnet as fn
from fnnet import Array, Cache, Dropout, Key, Linear, Relu, Serial


def contract(x: Array, key: Key) -> None:
    net = fn.serial(fn.linear(key, 4, 3), Relu(), Dropout(0.5), Linear(np.zeros((3, 2)), np.zeros(2)))
    assert_type(net, Serial[Linear, Relu, Dropout, Linear])
    assert_type(net.layers[0].w, Array)
    assert_type(net.layers[2].rate, float)
    y, cache = fn.forward(net, x, key)
    assert_type(y, Array)
    assert_type(cache, Cache[Serial[Linear, Relu, Dropout, Linear]])
    grads, dx = fn.backward(net, cache, y)
    assert_type(grads, Serial[Linear, Relu, Dropout, Linear])
    assert_type(grads.layers[3].b, Array)
    assert_type(dx, Array)
    assert_type(fn.param_gradients(net, cache, y), Serial[Linear, Relu, Dropout, Linear])
    assert_type(fn.sgd_update(net, grads, lr=0.1), Serial[Linear, Relu, Dropout, Linear])
    nested = fn.serial(net, fn.serial(Relu()))
    assert_type(nested.layers[0].layers[0].w, Array)
    h, inner = fn.forward(nested.layers[1].layers[0], x)
    assert_type(inner, Cache[Relu])
    assert_type(fn.mlp(key, (4, 3, 2)).layers[0].w, Array)
    assert_type(fn.predict(net, x, batch_size=10), Array)
    assert_type(fn.tree.map(np.negative, net), Serial[Linear, Relu, Dropout, Linear])
    assert_type(fn.tree.at(net, "layers.0.b", np.negative), Serial[Linear, Relu, Dropout, Linear])
    assert_type(h, Array)
