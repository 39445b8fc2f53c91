"""What is loaded has the type of what it is like; streams keep theirs through checkpoints and signals."""

from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import numpy as np

import fnnet as fn
from fnnet import Array, Epoch, History, Key, Linear, OptState, Params, Relu, Serial, TrainState

Net = Serial[Linear, Relu, Linear]


def loaded(net: Net, state: TrainState[Net], path: Path) -> None:
    fn.save(path, net)
    fn.save("state.safetensors", (state, state.history))
    assert_type(fn.load(path), Params)
    assert_type(fn.predict(fn.load(path), np.ones((2, 3))), Array)
    assert_type(fn.load(path, like=net), Serial[Linear, Relu, Linear])
    assert_type(fn.load(path, net).layers[2].w, Array)
    assert_type(fn.load("state", like=state), TrainState[Serial[Linear, Relu, Linear]])
    assert_type(fn.load(path, like=state.opt_state), OptState[Serial[Linear, Relu, Linear]])
    assert_type(fn.load(path, like=Epoch(state)), Epoch[Serial[Linear, Relu, Linear]])
    assert_type(fn.load(path, like=state.history), History)
    assert_type(fn.load(path, like=state.key), Key)
    assert_type(fn.load_torch(path, net), Serial[Linear, Relu, Linear])


def resumed(step: fn.Step[Array], data: fn.Data[Array], first: TrainState[Net], folder: Path) -> None:
    state = fn.resume(folder, first)
    assert_type(state, TrainState[Serial[Linear, Relu, Linear]])
    assert_type(fn.checkpoints_in(folder), tuple[Path, ...])
    write, stop = fn.checkpoint_to(folder, every=10, keep=2), fn.stop_on_signal()
    assert_type(write(fn.train(step, data, state)), Iterator[Epoch[Serial[Linear, Relu, Linear]]])
    assert_type(write(fn.steps(step, data, state)), Iterator[TrainState[Serial[Linear, Relu, Linear]]])
    assert_type(stop(fn.steps(step, data, state)), Iterator[TrainState[Serial[Linear, Relu, Linear]]])
    epoch = fn.pipe(fn.train(step, data, state), stop, fn.early_stopping(5, metric="loss"), write, fn.take(9), fn.last)
    assert_type(epoch.state.params.layers[0].w, Array)
    last = fn.pipe(fn.steps(step, data, state), stop, write, fn.take(99), fn.last)
    assert_type(last, TrainState[Serial[Linear, Relu, Linear]])


def best(step: fn.Step[Array], data: fn.Data[Array], first: TrainState[Net], folder: Path) -> None:
    begin, lowest = fn.resume(folder, first, missing_ok=True), fn.best("r2", "max")
    keep = fn.checkpoint_to(folder, keep_best="loss"), fn.checkpoint_to(folder, keep_best=lowest)
    epochs = fn.pipe(fn.train(step, data, begin), keep[0], keep[1], fn.take(9))
    assert_type(lowest(epochs, default=Epoch(begin)), Epoch[Serial[Linear, Relu, Linear]])


def as_stream_functions(net: Net, x: Array, y: Array, key: Key) -> None:
    chain: list[fn.StreamFn] = [fn.stop_on_signal(), fn.checkpoint_to("run")]
    fitted = fn.fit(net, x, y, loss=fn.mse, optimizer=fn.adam(0.01), key=key, epochs=9, streams=chain)
    assert_type(fitted.state, TrainState[Serial[Linear, Relu, Linear]])
