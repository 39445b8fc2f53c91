"""Losses know their targets, penalties the type of the network."""

from dataclasses import dataclass
from typing import TypeVar, assert_type

import fnnet as fn
from fnnet import Array, Key, Labels, Linear, Mlp, Params, Part, Serial, Value, ValueLike

P = TypeVar("P", bound=Params)
Net = Serial[Linear, Linear]


def of_numbers(net: Net, x: Array, y: Array, weights: Array, key: Key) -> None:
    numbers: tuple[fn.Loss[Array], ...] = (
        fn.poisson,
        fn.log_cosh,
        fn.quantile(0.9),
        fn.binary_hinge,
        fn.soft_cross_entropy,
    )
    for loss in numbers:
        assert_type(loss(x, y), tuple[Value, Array])
        assert_type(fn.value_and_grad(loss)(net, (x, y), key), tuple[Value, Serial[Linear, Linear]])
        assert_type(fn.weighted(loss)(x, (y, weights)), tuple[Value, Array])


def of_labels(net: Net, x: Array, labels: Labels, weights: Array, key: Key) -> None:
    classes: tuple[fn.Loss[Labels], ...] = (
        fn.focal(2.0),
        fn.hinge,
        fn.label_smoothing(0.1),
        fn.class_weighted(fn.softmax_cross_entropy, (1.0, 2.0)),
        fn.class_weighted(fn.label_smoothing(0.1), weights),
    )
    for loss in classes:
        assert_type(loss.rows(x, labels), tuple[Array, Array])
        part = fn.value_and_grad(loss).part(net, (x, labels), key)
        assert_type(part, Part[Serial[Linear, Linear]])
    fn.value_and_grad(fn.weighted(fn.focal(0.5)))(net, (x, (labels, weights)), key)


def square(params: P) -> tuple[Value, P]:
    """A penalty that is a function."""
    value, grads = fn.l2(2.0)(params)
    return value, grads


@dataclass(frozen=True, slots=True)
class Halved:
    """A penalty around a penalty."""

    penalty: fn.Penalty

    def __call__(self, params: P, /) -> tuple[ValueLike, P]:
        value, grads = self.penalty(params)
        return value / 2, fn.tree.map(lambda g: g / 2, grads)


def first(path: str) -> bool:
    return path.startswith("layers.0.")


def penalties(net: Net, mlp: Mlp, x: Array, y: Array, key: Key) -> None:
    chosen: list[fn.Penalty] = [
        fn.l1(1e-4),
        fn.l2(1e-4, where=lambda path: path.endswith("w")),
        fn.elastic_net(1e-4, 1e-3, where=first),
        square,
        Halved(square),
    ]
    for penalty in chosen:
        assert_type(penalty(net), tuple[ValueLike, Serial[Linear, Linear]])
        gradient = fn.value_and_grad(fn.mse, penalty=penalty)
        assert_type(gradient(net, (x, y), key), tuple[Value, Serial[Linear, Linear]])
        assert_type(fn.accumulate(gradient, 2)(mlp, (x, y), key), tuple[Value, Mlp])
        fn.testing.check_gradients(net, x, loss=fn.mse, target=y, penalty=penalty)
