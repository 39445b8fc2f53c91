"""Wrong uses of data, orders, parts and metrics."""

import fnnet as fn
from fnnet import Array, Key, Labels, metrics


def data(x: Array, labels: Labels) -> None:
    fn.minibatches([[1.0]], labels, batch_size=1)  # E: arg-type
    fn.minibatches(x, labels, batch_size=2, order=labels)  # E: arg-type
    fn.minibatches(x, labels, batch_size=2, order=fn.balanced)  # E: arg-type
    fn.minibatches(x, labels, batch_size=2, order=lambda key: labels)  # E: arg-type
    fn.stratified(x)  # E: arg-type


def parts(key: Key, x: Array, labels: Labels) -> None:
    fn.split(key, (x, labels))  # E: call-overload
    fn.split(key, x, parts=(0.5, 0.5))  # E: call-overload
    fn.split(key, (x, labels), parts=(0.5, 0.5), stratify=x)  # E: arg-type
    train, valid, test = fn.split(key, (x, labels), parts=(0.5, 0.5))  # E: misc
    (a, b), (c, d) = fn.split(key, (x,), parts=(0.5, 0.5))  # E: misc


def measures(x: Array, y: Array, labels: Labels) -> None:
    metrics.f1(x, y)  # E: arg-type
    metrics.F1("weighted")  # E: arg-type
    metrics.top_k(0.5)  # E: arg-type
    metrics.binary(metrics.accuracy)(x, labels)  # E: arg-type
    metrics.binary(metrics.r2)  # E: arg-type
    fn.validate(x, labels, {"table": metrics.confusion_matrix})  # E: dict-item
    fn.validate(x, labels, {"r2": metrics.r2})  # E: misc
