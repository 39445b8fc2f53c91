"""What users write by formulas and kernels and what fnnet has none of, by public names alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

import fnnet as fn
from fnnet import Array, Labels, Params
from fnnet.core import Numbers, Positive, Rate, Share
from fnnet.numerics import exp, log1p, tanh


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mish(Params):
    """y = x tanh(log(1 + e^(b x))) with a number b."""

    b: float = 1.0


def mish(p: Mish, x: Array) -> tuple[Array, tuple[Array, Array]]:
    t = tanh(log1p(exp(p.b * x)))
    return x * t, (x, t)


def mish_slope(p: Mish, saved: tuple[Array, Array]) -> Array:
    x, t = saved
    return t + x * (1 - t * t) * (p.b / (1 + exp(-p.b * x)))


fn.define_activation(Mish, mish, slope=mish_slope)


@dataclass(frozen=True, slots=True)
class Charbonnier(fn.EntryLoss):
    """The mean of √(d² + c²) - c."""

    c: Positive = 0.5

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        d = prediction - target
        root = np.sqrt(d * d + self.c**2)
        return root - self.c, d / root


@dataclass(frozen=True)
class Signed(fn.Elementwise):
    """The gradient's sign, softened, over a velocity."""

    lr: Rate
    decay: Share = 0.9
    soft: Positive = 0.1

    slots = 1

    def rule(self, numbers: Numbers, p: Array, g: Array, v: Array) -> tuple[Array, Array]:
        (lr,) = numbers
        v = self.decay * v + (1 - self.decay) * g
        return p - lr * np.where(np.abs(v) > self.soft, np.sign(v), v / self.soft), v


# --- of whole rows -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Margins(fn.RowLoss[Labels]):
    """The mean over rows of Σ_j max(0, margin + z_j - z_label), j ≠ label (J. Weston, C. Watkins, ESANN 1999)."""

    margin: Positive = 1.0

    def rows(self, prediction: Array, target: Labels, /) -> tuple[Array, Array]:
        fn.checks.labels("margins", prediction, target)
        own = np.eye(prediction.shape[-1], dtype=prediction.dtype)[target]
        short = np.maximum(self.margin + prediction - (own * prediction).sum(axis=-1, keepdims=True), 0) * (1 - own)
        missed = (short > 0).astype(prediction.dtype)
        return short.sum(axis=-1), missed - own * missed.sum(axis=-1, keepdims=True)


def row(z: Array, label: int, d: Array, margin: float) -> np.floating:
    value = z.dtype.type(0)
    d[label] = z.dtype.type(0)
    for j in range(z.size):
        short = z.dtype.type(margin) + z[j] - z[label]
        if j != label:
            d[j] = z.dtype.type(1 if short > 0 else 0)
            d[label] -= d[j]
            value += max(short, z.dtype.type(0))
    return value


fn.define_loss(Margins, row=row, is_labelled=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SumNorm(Params):
    """y = scale x / s with s = Σ_j |x_j| + eps."""

    scale: Array
    eps: float = 0.5


Saved = tuple[Array, Array]


def sum_norm_forward(p: SumNorm, x: Array) -> tuple[Array, Saved]:
    s = np.abs(x).sum(axis=-1, keepdims=True) + p.eps
    return p.scale[..., None, :] * (x / s), (x, s)


def sum_norm_backward(p: SumNorm, saved: Saved, dy: Array) -> tuple[SumNorm, Array]:
    x, s = saved
    z, dz = x / s, p.scale[..., None, :] * dy
    dx: Array = (dz - np.sign(x) * (dz * z).sum(axis=-1, keepdims=True)) / s
    return SumNorm((z * dy).sum(axis=-2), p.eps), fn.numerics.sum_to(dx, x.shape)


fn.define_layer(SumNorm, forward=sum_norm_forward, backward=sum_norm_backward, replicas=lambda p: p.scale.shape[:-1])


def total(x: Array, eps: float) -> np.floating:
    found = x.dtype.type(eps)
    for j in range(x.size):
        found += x.dtype.type(math.fabs(x[j]))
    return found


def forward(x: Array, w: Array, y: Array, eps: float) -> None:
    for i in range(x.shape[0]):
        s = total(x[i], eps)
        for j in range(x.shape[1]):
            y[i, j] = w[0, j] * x[i, j] / s


def backward(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array, eps: float) -> None:
    for j in range(x.shape[1]):
        dw[0, j] = x.dtype.type(0)
    for i in range(x.shape[0]):
        s, along = total(x[i], eps), x.dtype.type(0)
        for j in range(x.shape[1]):
            dw[0, j] += x[i, j] / s * dy[i, j]
            along += y[i, j] * dy[i, j]
        for j in range(x.shape[1]):
            dx[i, j] = (w[0, j] * dy[i, j] - np.sign(x[i, j]) * along) / s


fn.define_kernels(SumNorm, forward, backward)
