"""Wrong uses of portable networks, checkpoints and receipts."""

import fnnet as fn
from fnnet import Array, Key, Labels, Mlp, Receipt


def reproducing(net: Mlp, x: Array, y: Array, labels: Labels, key: Key, made: Receipt) -> None:
    optimizer = fn.adam(0.1)
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=2)
    first = fn.start(net, optimizer, key)
    fn.portable(3)  # E: call-overload
    wrong: Mlp = fn.portable(net)  # E: assignment
    fn.portable(net).layers  # E: attr-defined
    fn.value_and_grad(fn.portable(fn.mse))(net, (x, "target"), key)  # E: arg-type
    fn.portable(lambda p, t: p)  # E: call-overload
    fn.verify("run.json", step, data, first)  # E: arg-type
    fn.verify(made, step, data, net)  # E: arg-type
    fn.verify(made, step, data, first, epoch="2")  # E: arg-type
    fn.verify(made, step, data, first, fn.mse)  # E: arg-type
    fn.receipt([], step, data)  # E: call-arg
    fn.receipt([net], step, data, first)  # E: arg-type
    fn.receipt([], step, data, first, run=3)  # E: arg-type
    fn.receipt_to("run.json", step, data, first)([1])  # E: type-var
    fn.receipt_to(3, step, data, first)  # E: arg-type
    made.links = ()  # E: misc
    fn.resume(3, first)  # E: arg-type
    fn.fingerprint().differences("x")  # E: arg-type
