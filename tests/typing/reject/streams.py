"""Wrong uses of stream functions and of guarded steps."""

from collections.abc import Iterator

import fnnet as fn
from fnnet import Array, Epoch, Labels, Mlp


def streams(net: Mlp, epochs: Iterator[Epoch[Mlp]], x: Array, y: Array, labels: Labels, key: fn.Key) -> None:
    fn.early_stopping("5")  # E: arg-type
    fn.early_stopping(5, mode="lowest")  # E: arg-type
    fn.early_stopping(5, "loss")  # E: call-arg
    fn.best("loss", "highest")  # E: arg-type
    fn.best(fn.metrics.r2)  # E: arg-type
    fn.record(3)  # E: arg-type
    fn.time_limit("60")  # E: arg-type
    fn.until("60")  # E: arg-type
    fitted = fn.fit(net, x, y, loss=fn.mse, optimizer=fn.sgd(0.1), key=key, epochs=1)
    fn.predict(fitted, x)  # E: arg-type
    fn.start(fitted, fn.sgd(0.1), key)  # E: type-var
    fitted.history[0.5]  # E: call-overload
    fn.fit(net, x, labels, loss=fn.mse, optimizer=fn.sgd(0.1), key=key, epochs=1)  # E: arg-type
    fn.progress(1.5)  # E: arg-type
    fn.early_stopping(5)(net)  # E: arg-type
    fn.early_stopping(5)([1, 2])  # E: arg-type
    fn.pipe(epochs, fn.best("loss"), fn.early_stopping(5))  # E: misc
    wrong: Epoch[fn.Linear] = fn.pipe(epochs, fn.time_limit(1), fn.best("loss"))  # E: misc
    none: fn.StreamFn = fn.best("loss")  # E: assignment
    fn.fit(net, x, y, loss=fn.mse, optimizer=fn.sgd(0.1), key=key, epochs=1, streams=[fn.best()])  # E: list-item
    fn.validate(x, labels, {"r2": fn.metrics.r2})  # E: misc
    fn.stop_on_nonfinite(fn.mse)  # E: arg-type


def guarded(x: Array, y: Array, state: fn.TrainState[Mlp]) -> None:
    step = fn.stop_on_nonfinite(fn.train_step(fn.value_and_grad(fn.softmax_cross_entropy), fn.sgd(0.1)))
    fn.train(step, fn.minibatches(x, y, batch_size=2), state)  # E: misc
    try:
        fn.last(fn.train(step, fn.minibatches(x, y.argmax(-1), batch_size=2), state))
    except fn.NonFiniteError as error:
        loss: float = error.loss  # E: assignment
        fn.train(step, fn.minibatches(x, y.argmax(-1), batch_size=2), error.state)  # E: arg-type
