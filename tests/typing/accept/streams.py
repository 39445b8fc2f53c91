"""Stream functions keep the type of the network, in every order; a guarded step is a step."""

from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import fnnet as fn
from fnnet import Array, Epoch, Labels, Linear, Relu, Serial, TrainState

Net = Serial[Linear, Relu, Linear]


def pipes(epochs: Iterator[Epoch[Net]], x: Array, labels: Labels) -> None:
    checked = fn.validate(x, labels, {"accuracy": fn.metrics.accuracy})
    fn.validate(x, (labels, x[:, 0]), {"accuracy": fn.metrics.accuracy, "f1": fn.metrics.F1("micro")})
    stop = fn.early_stopping(5, metric="accuracy", mode="max", min_delta=0.001)
    assert_type(stop(epochs), Iterator[Epoch[Serial[Linear, Relu, Linear]]])
    assert_type(fn.progress(100)(epochs), Iterator[Epoch[Serial[Linear, Relu, Linear]]])
    assert_type(fn.record("run.json", Path("run.csv"))(epochs), Iterator[Epoch[Serial[Linear, Relu, Linear]]])
    assert_type(fn.time_limit(60)(epochs), Iterator[Epoch[Serial[Linear, Relu, Linear]]])
    found = fn.pipe(
        epochs, checked, stop, fn.take(100), fn.record("run.csv"), fn.progress(), fn.best("accuracy", "max")
    )
    assert_type(found, Epoch[Serial[Linear, Relu, Linear]])
    assert_type(found.state.params.layers[2].w, Array)
    limited = fn.pipe(epochs, fn.time_limit(0.5), fn.take(3), checked, stop, fn.last)
    assert_type(limited, Epoch[Serial[Linear, Relu, Linear]])


def resumable(epochs: Iterator[Epoch[Net]], states: Iterator[TrainState[Net]], begin: TrainState[Net]) -> None:
    assert_type(fn.until(40)(epochs), Iterator[Epoch[Serial[Linear, Relu, Linear]]])
    assert_type(fn.until(40)(states), Iterator[TrainState[Serial[Linear, Relu, Linear]]])
    final = fn.last(fn.pipe(epochs, fn.progress(40), fn.until(40)), default=Epoch(begin))
    assert_type(final, Epoch[Serial[Linear, Relu, Linear]])
    limit: fn.StreamFn = fn.until(40)
    assert_type(fn.pipe(epochs, limit, fn.last), Epoch[Serial[Linear, Relu, Linear]])


def stream_functions(net: Net, x: Array, y: Array, key: fn.Key) -> None:
    chain: list[fn.StreamFn] = [fn.early_stopping(3), fn.progress(), fn.record("run.json"), fn.time_limit(1.5)]
    fitted = fn.fit(
        net, x, y, loss=fn.mse, optimizer=fn.adam(0.01), key=key, epochs=9, valid=(x, y), streams=[*chain, chain[0]]
    )
    assert_type(fitted.state, TrainState[Serial[Linear, Relu, Linear]])


def guarded(net: Net, x: Array, labels: Labels, key: fn.Key) -> None:
    optimizer = fn.adam(1e-3)
    step = fn.stop_on_nonfinite(fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), optimizer))
    kept: fn.Step[Labels] = step
    data, state = fn.minibatches(x, labels, batch_size=32), fn.start(net, optimizer, key)
    assert_type(fn.train(kept, data, state), Iterator[Epoch[Serial[Linear, Relu, Linear]]])
    try:
        fn.last(fn.train(step, data, state))
    except fn.NonFiniteError as error:
        assert_type(error.tensor, str)
        assert_type(error.loss, float | None)
        if isinstance(error.state, TrainState):
            fn.train(step, data, error.state)
