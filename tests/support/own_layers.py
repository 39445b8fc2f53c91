"""Layers of the kinds that users write and fnnet has none of: the laws hold for them too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import fnnet as fn
from fnnet import Array, Key, Params, constant, keys
from fnnet.numerics import sum_to


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Centred(Params):
    """y = (x - mean) scale, where only the scale is trained."""

    scale: Array
    mean: Array = constant()


def centred_forward(p: Centred, x: Array) -> tuple[Array, Array]:
    return (x - p.mean[..., None, :]) * p.scale[..., None, :], x


def centred_backward(p: Centred, x: Array, dy: Array) -> tuple[Centred, Array]:
    d_scale: Array = (dy * (x - p.mean[..., None, :])).sum(axis=-2)
    return Centred(d_scale, np.zeros_like(p.mean)), sum_to(dy * p.scale[..., None, :], x.shape)


fn.define_layer(
    Centred,
    forward=centred_forward,
    backward=centred_backward,
    replicas=lambda p: p.scale.shape[:-1],
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A record of a user's that is no layer."""

    rate: float


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Noise(Params):
    """y = x + rate * z, z from N(0, 1) in a stochastic pass and 0 else."""

    setting: Setting


def noise_forward(p: Noise, x: Array) -> tuple[Array, tuple[int, ...]]:
    return x.copy(), x.shape


def noise_sample(p: Noise, x: Array, key: Key) -> tuple[Array, tuple[int, ...]]:
    return x + (p.setting.rate * keys.normal(key, x.shape)).astype(x.dtype), x.shape


def noise_backward(p: Noise, shape: tuple[int, ...], dy: Array) -> tuple[Noise, Array]:
    return p, sum_to(dy.copy(), shape)


fn.define_layer(Noise, forward=noise_forward, sample=noise_sample, backward=noise_backward)
