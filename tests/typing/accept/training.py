"""Losses, gradients, optimizers, states and streams carry the types of the network and of the target."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar, assert_type

import numpy as np
from numpy.typing import NDArray

import fnnet as fn
from fnnet import Array, Epoch, Key, Labels, Linear, Mlp, OptState, Params, Part, Serial, TrainState, Value, jit

P = TypeVar("P", bound=Params)
Net = Serial[Linear, Linear]


def gradients(net: Net, x: Array, y: Array, labels: Labels, weights: Array, key: Key) -> None:
    value, grads = fn.value_and_grad(fn.mse)(net, (x, y), key)
    assert_type(value, Value)
    assert_type(grads, Serial[Linear, Linear])
    fn.value_and_grad(fn.softmax_cross_entropy)(net, (x, labels), key)
    part = fn.value_and_grad(fn.weighted(fn.softmax_cross_entropy)).part(net, (x, (labels, weights)), key)
    assert_type(part, Part[Serial[Linear, Linear]])
    pieces = fn.accumulate(fn.value_and_grad(fn.huber), 4)
    assert_type(pieces(net, (x, y), key), tuple[Value, Serial[Linear, Linear]])


def optimizers(net: Net, grads: Net) -> None:
    for optimizer in (fn.sgd(0.1, momentum=0.9), fn.adam(1e-3), fn.adamw(lambda step: 0.1 / (1 + step))):
        state = optimizer.init(net)
        assert_type(state, OptState[Serial[Linear, Linear]])
        assert_type(state.slots[0], Serial[Linear, Linear])
        assert_type(
            optimizer.update(net, grads, state), tuple[Serial[Linear, Linear], OptState[Serial[Linear, Linear]]]
        )


@dataclass(frozen=True, slots=True)
class Printed:
    """A user's stream function."""

    every: int

    def __call__(self, epochs: Iterable[Epoch[P]], /) -> Iterator[Epoch[P]]:
        for epoch in epochs:
            if epoch.state.epoch % self.every == 0:
                print(float(epoch.record.loss))
            yield epoch


def streams(net: Net, x: Array, labels: Labels, key: Key) -> None:
    optimizer = fn.adam(1e-3)
    step = fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), optimizer)
    data = fn.minibatches(x, labels, batch_size=32)
    state = fn.start(net, optimizer, key)
    assert_type(state, TrainState[Serial[Linear, Linear]])
    assert_type(fn.steps(step, data, state), Iterator[TrainState[Serial[Linear, Linear]]])
    checked = fn.validate(x, labels, {"accuracy": fn.metrics.accuracy})
    final = fn.pipe(fn.train(step, data, state), checked, Printed(10), fn.take(100), fn.last)
    assert_type(final, Epoch[Serial[Linear, Linear]])
    assert_type(final.state.params.layers[0].w, Array)
    fit = fn.fit(
        net,
        x,
        labels,
        loss=fn.softmax_cross_entropy,
        optimizer=optimizer,
        key=key,
        epochs=10,
        valid=(x, labels),
        streams=(checked, Printed(5)),
    )
    assert_type(fit, fn.Fit[Serial[Linear, Linear]])
    assert_type(fit.state.params, Serial[Linear, Linear])
    assert_type(fit.history, fn.History)
    assert_type(fit.best, Epoch[Serial[Linear, Linear]])
    assert_type(fit.continue_(3).params, Serial[Linear, Linear])
    assert_type(fit.predict(x), Array)
    assert_type(fit.predict_proba(x, batch_size=10), Array)
    assert_type(fit.predict_labels(x), Labels)
    jitted = jit.fit(net, x, labels, loss=fn.softmax_cross_entropy, optimizer=optimizer, key=key, epochs=3)
    assert_type(jitted, fn.Fit[Serial[Linear, Linear]])


def settings_of_fit(net: Mlp, x: Array, y: Array, labels: Labels, key: Key) -> None:
    fn.fit(
        net,
        x,
        (labels, x[:, 0]),
        loss=fn.weighted(fn.softmax_cross_entropy),
        optimizer=fn.adam(0.01),
        key=key,
        epochs=3,
        penalty=fn.l2(1e-4),
        valid=(x, (labels, x[:, 0])),
        metrics={"accuracy": fn.metrics.accuracy, "f1": fn.metrics.F1("macro")},
        patience=3,
    )
    plain = fn.fit(net, x, y, loss=squared, optimizer=SignDescent(0.1), key=key, epochs=3)
    assert_type(plain.history["loss"], NDArray[np.float64])
    assert_type(plain.history[-1]["loss"], Value)
    assert_type(plain.history.names, tuple[str, ...])
    for name in plain.history[0]:
        assert_type(name, str)
    plain.save("net.safetensors")


# --- what a user may bring, without inheriting ------------------------------------------------------------------
def squared(prediction: Array, target: Array) -> tuple[Value, Array]:
    """A plain function as a loss."""
    value, grad = fn.mse(prediction, target)
    return value, grad


@dataclass(frozen=True, slots=True)
class SignDescent:
    """An optimizer."""

    lr: float

    def init(self, params: P, /) -> OptState[P]:
        return OptState(0)

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        import numpy as np

        return fn.tree.map(lambda p, g: p - self.lr * np.sign(g), params, grads), OptState(state.step + 1)


@dataclass(frozen=True, slots=True)
class Halved:
    """A gradient."""

    gradient: fn.GradFn[Array]

    def part(self, params: P, batch: tuple[Array, Array], key: Key, /) -> Part[P]:
        return self.gradient.part(params, batch, key)

    def __call__(self, params: P, batch: tuple[Array, Array], key: Key, /) -> tuple[Value, P]:
        value, grads = self.gradient(params, batch, key)
        return value, fn.tree.map(lambda g: g / 2, grads)


@dataclass(frozen=True, slots=True)
class Verbose:
    """A step around a step."""

    step: fn.Step[Array]

    def __call__(self, state: TrainState[P], batch: tuple[Array, Array], key: Key, /) -> tuple[TrainState[P], Value]:
        after, value = self.step(state, batch, key)
        print(float(value))
        return after, value


def own_data(x: Array, y: Array) -> fn.Data[Array]:
    def batches(key: Key, /) -> Iterable[tuple[Array, Array]]:
        return [(x, y)]

    return batches


def own_parts(net: Mlp, x: Array, y: Array, key: Key) -> None:
    optimizer: fn.Optimizer = SignDescent(0.01)
    step = Verbose(fn.train_step(fn.accumulate(Halved(fn.value_and_grad(squared)), 2), optimizer))
    last = fn.pipe(fn.train(step, own_data(x, y), fn.start(net, optimizer, key)), fn.take(3), fn.last)
    assert_type(last.state.params, Mlp)
    schedule: Callable[[int], float] = lambda step: 0.1  # noqa: E731
    assert_type(fn.sgd(schedule).update(net, net, fn.OptState(0))[0], Mlp)


def stacked(net: Net, key: Key) -> None:
    assert_type(fn.stack([net, net]), Serial[Linear, Linear])
    assert_type(fn.unstack(net), tuple[Serial[Linear, Linear], ...])
    assert_type(fn.init_many(lambda own: fn.mlp(own, (3, 4, 2)), key, 5), Mlp)
