"""A user's activation, losses, optimizer and settings by formulas and kernels, by public names, under --strict."""

from dataclasses import KW_ONLY, dataclass
from typing import assert_type

import numpy as np

import fnnet as fn
from fnnet import Array, Key, Labels, Linear, Params, Serial, Value
from fnnet.core import Flag, NonNegative, Numbers, Positive, Rate, Settings, Share, Size


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Swish(Params):
    """y = x / (1 + e^(-b x))."""

    b: float = 1.0


def swish(p: Swish, x: Array) -> tuple[Array, tuple[Array, Array]]:
    s = fn.numerics.sigmoid(p.b * x)
    return x * s, (x, s)


def swish_slope(p: Swish, saved: tuple[Array, Array]) -> Array:
    x, s = saved
    return s + p.b * x * s * (1 - s)


fn.define_activation(Swish, swish, slope=swish_slope)


@dataclass(frozen=True, slots=True)
class Expectile(fn.EntryLoss):
    """The mean of |q - [d > 0]| d²."""

    q: Share

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        d = prediction - target
        w = np.where(d > 0, 1 - self.q, self.q)
        return w * d * d, 2 * w * d


@dataclass(frozen=True, slots=True)
class Perceptron(fn.RowLoss[Labels]):
    """max_j z_j - z_label."""

    def rows(self, prediction: Array, target: Labels, /) -> tuple[Array, Array]:
        n = np.arange(prediction.shape[-1])
        d = (n == prediction.argmax(axis=-1)[:, None]).astype(prediction.dtype) - (n == target[:, None])
        return (d * prediction).sum(axis=-1), d


def perceptron_row(z: Array, label: int, d: Array) -> np.floating:
    best = 0
    for j in range(z.size):
        best = j if z[j] > z[best] else best
        d[j] = z.dtype.type(0)
    d[best] += z.dtype.type(1)
    d[label] -= z.dtype.type(1)
    difference: np.floating = z[best] - z[label]
    return difference


fn.define_loss(Perceptron, row=perceptron_row, is_labelled=True)


@dataclass(frozen=True, slots=True)
class Decayed(fn.Elementwise):
    """p' = p - lr (g + decay p), scaled."""

    lr: Rate
    _: KW_ONLY
    decay: NonNegative = 0.0
    scale: Positive = 1.0

    slots = 0

    def numbers(self, lr: float, t: int) -> Numbers:
        return lr * self.scale, 1 - lr * self.decay

    def rule(self, numbers: Numbers, p: Array, g: Array) -> tuple[Array]:
        lr, shrink = numbers
        return (shrink * p - lr * g,)


@dataclass(frozen=True, slots=True)
class Sawtooth(Settings):
    """A schedule with settings that are checked."""

    lr: NonNegative
    steps: Size = 10
    is_falling: Flag = True

    def __call__(self, step: int, /) -> float:
        share = step % self.steps / self.steps
        return self.lr * (1 - share if self.is_falling else share)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Flip(Params):
    """y = x in reversed order."""


def flip_rows(x: Array, w: Array, y: Array) -> None:
    for i in range(x.shape[0]):
        y[i] = x[i, ::-1]


def flip_rows_back(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array) -> None:
    flip_rows(dy, w, dx)


fn.define_layer(Flip, forward=lambda p, x: (x[..., ::-1], None), backward=lambda p, _, dy: (p, dy[..., ::-1]))
fn.define_kernels(Flip, flip_rows, flip_rows_back)


def used(net: Serial[Linear, Swish, Flip], x: Array, y: Array, labels: Labels, key: Key) -> None:
    loss: fn.Loss[Array] = Expectile(0.3)
    labelled: fn.Loss[Labels] = Perceptron()
    assert_type(loss(x, y), tuple[Value, Array])
    assert_type(labelled.rows(x, labels), tuple[Array, Array])
    optimizer: fn.Optimizer = Decayed(Sawtooth(0.1), decay=1e-4)
    assert_type(optimizer.update(net, net, optimizer.init(net))[0], Serial[Linear, Swish, Flip])
    assert_type(fn.value_and_grad(loss)(net, (x, y), key), tuple[Value, Serial[Linear, Swish, Flip]])
