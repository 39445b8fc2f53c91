"""Every loss and every layer that keeps the width, written once more in mpmath: what they are, without rounding.

A reference takes one row of exact numbers. It gives the value, or the row of outputs; and the size of what was added up
or rounded on the way, in whose last place an error may be. Infinity is a number beyond all floats here. Derivatives are
differences, over a step that is far below all floats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from mpmath import mp

import fnnet as fn
from fnnet import Dtype

Number: TypeAlias = Any
Row: TypeAlias = Sequence[Number]
Terms: TypeAlias = tuple[Number, Number]
"""A value, and its size."""

DIGITS: dict[Dtype, int] = {np.float32: 170, np.float64: 720}
"""Enough for the largest number beside the step."""
STEP: dict[Dtype, str] = {np.float32: "1e-80", np.float64: "1e-360"}
BEYOND: dict[Dtype, str] = {np.float32: "1e50", np.float64: "1e320"}


def number(a: float, kind: Dtype) -> Number:
    """A float as it is, infinity as a number beyond all floats."""
    return mp.sign(a) * mp.mpf(BEYOND[kind]) if np.isinf(a) else mp.mpf(float(a))


def _exp(v: Number) -> Number:
    """eᵛ; what is far below all floats is 0, and what is far beyond them some such number."""
    return mp.mpf(0) if v < -2000 else mp.exp(v) if v < 2000 else mp.exp(2000) * (v - 1999)


def _mean(terms: Sequence[Terms]) -> Terms:
    return sum(v for v, _ in terms) / len(terms), sum(s for _, s in terms) / len(terms)


def _log_sum(z: Row) -> Number:
    top = max(z)
    return top + mp.log(sum(_exp(v - top) for v in z))


def _surprise(z: Row, j: int) -> Number:
    """-log softmax(z)_j, without the loss of digits that Σ eᶻ near its largest term means."""
    if z[j] < max(z):
        return _log_sum(z) - z[j]
    return mp.log1p(sum(_exp(v - z[j]) for i, v in enumerate(z) if i != j))


def _cross_entropy(loss: Any, z: Row, label: Any) -> Terms:
    value = _surprise(z, int(label))
    return value, 1 + value


def _soft(z: Row, t: Row) -> Terms:
    value = sum(t) * _log_sum(z) - sum(share * v for share, v in zip(t, z, strict=True))
    return value, 1 + value


def _smoothed(loss: Any, z: Row, label: Any) -> Terms:
    n, rate = len(z), mp.mpf(loss.rate)
    return _soft(z, [(1 - rate) * (j == int(label)) + rate / n for j in range(n)])


def _focal(loss: Any, z: Row, label: Any) -> Terms:
    surprise = _surprise(z, int(label))
    value = (-mp.expm1(-surprise)) ** mp.mpf(loss.gamma) * surprise
    return value, 1 + value


def _hinge(loss: Any, z: Row, label: Any) -> Terms:
    rivals = [v for j, v in enumerate(z) if j != int(label)]
    margin = 1 + max(rivals) - z[int(label)] if rivals else mp.mpf(0)
    return max(margin, mp.mpf(0)), 1 + max(margin, mp.mpf(0))


def _binary(loss: Any, z: Number, t: Number) -> Terms:
    value = mp.log1p(_exp(-abs(z))) + abs(z) * (1 - t if z > 0 else t)
    return value, value


def _poisson(loss: Any, z: Number, t: Number) -> Terms:
    return _exp(z) - t * z, _exp(z) + t * abs(z)


def _binary_hinge(loss: Any, z: Number, t: Number) -> Terms:
    value = max(1 - (2 * t - 1) * z, mp.mpf(0))
    return value, 1 + value


def _of_difference(f: Callable[[Any, Number], Number]) -> Callable[[Any, Number, Number], Terms]:
    def entry(loss: Any, z: Number, t: Number) -> Terms:
        value = f(loss, z - t)
        return value, value

    return entry


def _huber(loss: Any, d: Number) -> Number:
    delta = mp.mpf(loss.delta)
    return d * d / 2 if abs(d) <= delta else delta * (abs(d) - delta / 2)


ENTRIES: dict[type, Callable[[Any, Number, Number], Terms]] = {
    type(fn.mse): _of_difference(lambda loss, d: d * d),
    type(fn.sum_squared_error): _of_difference(lambda loss, d: d * d),
    type(fn.mae): _of_difference(lambda loss, d: abs(d)),
    type(fn.huber): _of_difference(_huber),
    type(fn.log_cosh): _of_difference(lambda loss, d: abs(d) + mp.log1p((_exp(-2 * abs(d)) - 1) / 2)),
    fn.Quantile: _of_difference(lambda loss, d: max((1 - mp.mpf(loss.q)) * d, -mp.mpf(loss.q) * d)),
    type(fn.binary_cross_entropy): _binary,
    type(fn.poisson): _poisson,
    type(fn.binary_hinge): _binary_hinge,
}
"""Losses that are the mean of the columns, or their sum, by one entry."""

ROWS: dict[type, Callable[[Any, Row, Any], Terms]] = {
    type(fn.softmax_cross_entropy): _cross_entropy,
    type(fn.label_smoothing(0.1)): _smoothed,
    type(fn.soft_cross_entropy): lambda loss, z, t: _soft(z, t),
    fn.Focal: _focal,
    type(fn.hinge): _hinge,
}
"""Losses of whole rows."""


def row_loss(loss: Any, z: Row, t: Any) -> Terms:
    """The loss of one row; weights, where there are any, are the caller's."""
    if type(loss) in ROWS:
        return ROWS[type(loss)](loss, z, t)
    value, size = _mean([ENTRIES[type(loss)](loss, a, b) for a, b in zip(z, t, strict=True)])
    factor = len(z) if loss.is_sum else 1
    return factor * value, factor * size


def slopes(f: Callable[[Row], Number], z: Row, kind: Dtype) -> list[tuple[Number, Number]]:
    """The derivatives of f to both sides of each coordinate, the smaller one first: at a kink they differ."""
    h, center, found = mp.mpf(STEP[kind]), f(z), []
    for j in range(len(z)):
        up, down = [f([*z[:j], z[j] + s * h, *z[j + 1 :]]) for s in (1, -1)]
        right, left = (up - center) / h, (center - down) / h
        found.append((min(left, right), max(left, right)))
    return found


# --- layers --------------------------------------------------------------------------------------------------------
Outputs: TypeAlias = tuple[Row, Number, Number]
"""The outputs of a row, their size, and that of a slope."""


def _activation(
    f: Callable[[Any, Number], Number], slope: Callable[[Number], Number] = lambda v: mp.mpf(1)
) -> Callable[[Any, Row], Outputs]:
    """Outputs whose rounding is that of x where x is small, and slopes whose rounding is that of 1, or of ``slope``."""

    def row(layer: Any, x: Row) -> Outputs:
        return [f(layer, v) for v in x], max(min(abs(v), 40) for v in x), max(slope(v) for v in x)

    return row


def _normal(v: Number) -> Number:
    return mp.mpf(0) if v < -200 else mp.mpf(1) if v > 200 else mp.erfc(-v / mp.sqrt(2)) / 2


def _tanh(v: Number) -> Number:
    return mp.sign(v) * (mp.mpf(1) if abs(v) > 2000 else abs(mp.tanh(v)))


def _softmax(layer: Any, x: Row) -> Outputs:
    return (
        [1 / (1 + sum(_exp(w - v) for j, w in enumerate(x) if j != i)) for i, v in enumerate(x)],
        mp.mpf(1),
        mp.mpf(1),
    )


def _parameters(a: Any) -> Row:
    return [mp.mpf(float(v)) for v in a]


def _normed(layer: Any, c: Row, shift: Row) -> Outputs:
    r = mp.sqrt(sum(v * v for v in c) / len(c) + mp.mpf(layer.eps))
    y = [v / r * s + b for v, s, b in zip(c, _parameters(layer.scale), shift, strict=True)]
    return y, mp.mpf(2), 2 / r


def _layer_norm(layer: Any, x: Row) -> Outputs:
    mean = sum(x) / len(x)
    y, size, slope = _normed(layer, [v - mean for v in x], _parameters(layer.shift))
    return y, size + max(abs(v) for v in x) * slope, slope  # the mean is known to the last place of x


def _standardize(layer: Any, x: Row) -> Outputs:
    pairs = list(zip(x, _parameters(layer.mean), _parameters(layer.scale), strict=True))
    return [(v - m) / s for v, m, s in pairs], mp.mpf(0), 1 / min(s for _, _, s in pairs)


LAYERS: dict[type, Callable[[Any, Row], Outputs]] = {
    fn.Identity: _activation(lambda layer, v: v),
    fn.Dropout: _activation(lambda layer, v: v),
    fn.Relu: _activation(lambda layer, v: max(v, mp.mpf(0))),
    fn.LeakyRelu: _activation(lambda layer, v: v if v > 0 else mp.mpf(layer.slope) * v),
    fn.Elu: _activation(lambda layer, v: v if v > 0 else mp.mpf(layer.alpha) * mp.expm1(v)),
    fn.Gelu: _activation(lambda layer, v: v * _normal(v)),
    fn.Silu: _activation(lambda layer, v: v / (1 + _exp(-v)), lambda v: 1 + min(abs(v), 40) / 40),  # x times 1 - σ
    fn.Softplus: _activation(lambda layer, v: max(v, mp.mpf(0)) + mp.log1p(_exp(-abs(v)))),
    fn.Tanh: _activation(lambda layer, v: _tanh(v)),
    fn.Sigmoid: _activation(lambda layer, v: 1 / (1 + _exp(-v))),
    fn.Softmax: _softmax,
    fn.LayerNorm: _layer_norm,
    fn.RmsNorm: lambda layer, x: _normed(layer, x, [mp.mpf(0)] * len(x)),
    fn.Standardize: _standardize,
}
