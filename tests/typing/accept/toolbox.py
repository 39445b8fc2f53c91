"""Layers, losses, penalties, optimizers and schedules keep the types of what they are given."""

from typing import TypeVar, assert_type

import numpy as np

import fnnet as fn
from fnnet import (
    Array,
    Branches,
    Dropout,
    Embedding,
    Key,
    LayerNorm,
    Linear,
    Mlp,
    OptState,
    Params,
    Penalty,
    Relu,
    Residual,
    Schedule,
    Serial,
    Standardize,
    Value,
    tree,
)

P = TypeVar("P", bound=Params)


def layers(key: Key, x: Array) -> None:
    net = fn.residual(fn.serial(fn.layer_norm(3), fn.linear(key, 3, 3), fn.Relu(), fn.Dropout(0.1)))
    assert_type(net, Residual[Serial[LayerNorm, Linear, Relu, Dropout]])
    assert_type(net.layer.layers[1].w, Array)
    y, cache = fn.forward(net, x, key)
    grads, dx = fn.backward(net, cache, y)
    assert_type(grads, Residual[Serial[LayerNorm, Linear, Relu, Dropout]])
    assert_type(dx, Array)
    wide = fn.branches([(0,), range(1, 3)], (fn.embedding(key, 5, 2), fn.standardize(x)))
    assert_type(wide, Branches[Embedding, Standardize])
    assert_type(wide.layers[0].w, Array)
    assert_type(fn.rms_norm(3).scale, Array)


def ridge(params: P, /) -> tuple[Value, P]:
    return np.asarray((tree.ravel(params) ** 2).sum()), tree.map(lambda w: 2 * w, params)


def penalties(net: Mlp, x: Array, y: Array, key: Key) -> None:
    own: Penalty = ridge
    for penalty in (fn.l1(0.1), fn.l2(0.1, where=lambda path: path.endswith("w")), fn.elastic_net(0.1, 0.1), own):
        value, grads = fn.value_and_grad(fn.mse, penalty=penalty)(net, (x, y), key)
        assert_type(value, Value)
        assert_type(grads, Mlp)


def losses(net: Mlp, x: Array, y: Array, labels: fn.Labels, key: Key) -> None:
    for loss in (fn.poisson, fn.log_cosh, fn.quantile(0.9)):
        assert_type(fn.value_and_grad(loss)(net, (x, y), key), tuple[Value, Mlp])
    for scored in (fn.focal(), fn.hinge, fn.label_smoothing(0.1), fn.class_weighted(fn.hinge, (1.0, 2.0))):
        assert_type(fn.value_and_grad(scored)(net, (x, labels), key), tuple[Value, Mlp])


def falling(step: int) -> float:
    return 0.1 / (1 + step)


def optimizers(net: Mlp, grads: Mlp) -> None:
    rate: Schedule = fn.linear_warmup(fn.cosine_decay(0.1, steps=100), steps=10)
    joined: Schedule = fn.join((rate, falling, 0.01), (100, 200))
    for optimizer in (fn.nadam(rate), fn.adamax(joined), fn.amsgrad(falling), fn.rmsprop(0.1), fn.lion(1e-4)):
        state = optimizer.init(net)
        assert_type(state, OptState[Mlp])
        assert_type(optimizer.update(net, grads, state), tuple[Mlp, OptState[Mlp]])
    assert_type(fn.adagrad(0.1).init(net), OptState[Mlp])
    assert_type(fn.adadelta().init(net), OptState[Mlp])
    centered = fn.rmsprop(fn.piecewise((0.1, 0.01), (100,)), centered=True, eps_in_sqrt=True)
    for other in (fn.radam(fn.inverse_sqrt(0.1, steps=10), threshold=4), centered):
        assert_type(other.update(net, grads, other.init(net)), tuple[Mlp, OptState[Mlp]])
    assert_type(rate(3), float)
