"""Wrappers keep the types of what they wrap, and L-BFGS is a step."""

from dataclasses import dataclass
from typing import TypeVar, assert_type

import fnnet as fn
from fnnet import Array, Epoch, Key, Labels, Mlp, Optimizer, OptState, Params, RateCurve, Step, TrainState, Value

P = TypeVar("P", bound=Params)


def first(path: str) -> bool:
    return path.startswith("layers.0.")


def pipes(net: Mlp, grads: Mlp, key: Key) -> None:
    optimizer = fn.pipe(
        fn.adam(1e-3),
        fn.weight_decay(lambda step: 1e-5 / (1 + step), where=first),
        fn.scale_rate(first, 0.1),
        fn.clip_by_value(1.0),
        fn.clip_by_global_norm(1.0),
        fn.freeze(first),
        fn.lookahead(5, 0.5),
        fn.ema(0.999),
    )
    ready: Optimizer = optimizer
    state = optimizer.init(net)
    assert_type(state, OptState[Mlp])
    assert_type(optimizer.update(net, grads, state), tuple[Mlp, OptState[Mlp]])
    assert_type(fn.averaged(state), Mlp)
    assert_type(fn.averaged(fn.start(net, ready, key)), Mlp)


@dataclass(frozen=True, slots=True)
class Loud:
    """An optimizer of a user's."""

    optimizer: Optimizer

    def init(self, params: P, /) -> OptState[P]:
        return self.optimizer.init(params)

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        print(state.step)
        return self.optimizer.update(params, grads, state)


def loud(optimizer: Optimizer) -> Loud:
    """A wrapper of a user's."""
    return Loud(optimizer)


def own(net: Mlp) -> None:
    optimizer = fn.pipe(fn.sgd(0.1), fn.ema(0.9), loud, fn.clip_by_value(1.0), loud)
    assert_type(optimizer, Loud)
    assert_type(optimizer.init(net), OptState[Mlp])


def whole(net: Mlp, x: Array, labels: Labels, key: Key) -> None:
    step = fn.lbfgs(fn.value_and_grad(fn.softmax_cross_entropy), memory=5, iterations=10)
    ready: Step[Labels] = step
    state = fn.start(net, step, key)
    assert_type(state, TrainState[Mlp])
    assert_type(step(state, (x, labels), key), tuple[TrainState[Mlp], Value])
    stream = fn.train(ready, fn.minibatches(x, labels, batch_size=len(x), shuffle=False), state)
    assert_type(fn.pipe(stream, fn.take(3), fn.last), Epoch[Mlp])


def rates(net: Mlp, x: Array, labels: Labels, key: Key) -> None:
    optimizer = fn.sgd(1.0)
    step = fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), optimizer)
    data, state = fn.minibatches(x, labels, batch_size=32), fn.start(net, optimizer, key)
    assert_type(fn.find_rate(step, data, state), RateCurve)
    valid = fn.validate(x, labels, {"accuracy": fn.metrics.accuracy})
    train = fn.reduce_on_plateau(fn.train, metric="accuracy", mode="max", streams=(valid,))
    assert_type(fn.pipe(train(step, data, state), fn.take(3), fn.last), Epoch[Mlp])
    twice = fn.reduce_on_plateau(train, patience=10)
    assert_type(fn.last(twice(step, data, state)).state.params, Mlp)
