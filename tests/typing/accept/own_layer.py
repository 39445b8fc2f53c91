"""A user's layer, with all rules, under --strict."""

from dataclasses import dataclass

import numpy as np

import fnnet as fn
from fnnet import Array, Cache, Key, Params


@dataclass(frozen=True, slots=True, eq=False)
class Noisy(Params):
    """x + std z, z normal, with a scale that is learned and a mean that is not."""

    scale: Array
    mean: Array = fn.constant()


def noisy_forward(p: Noisy, x: Array) -> tuple[Array, Array]:
    return (x - p.mean) * p.scale, x


def noisy_sample(p: Noisy, x: Array, key: Key) -> tuple[Array, Array]:
    x = x + fn.keys.normal(key, x.shape).astype(x.dtype)
    return noisy_forward(p, x)


def noisy_gradients(p: Noisy, x: Array, dy: Array) -> Noisy:
    return Noisy((dy * (x - p.mean)).sum(axis=0), np.zeros_like(p.mean))


def noisy_backward(p: Noisy, x: Array, dy: Array) -> tuple[Noisy, Array]:
    return noisy_gradients(p, x, dy), dy * p.scale


fn.define_layer(Noisy, forward=noisy_forward, backward=noisy_backward, sample=noisy_sample, gradients=noisy_gradients)


@dataclass(frozen=True, slots=True, eq=False)
class Twice(Params):
    """A composite: y = f(f(x))."""

    layer: Params


Caches = tuple[Cache[Params], Cache[Params]]


def twice_forward(p: Twice, x: Array, key: Key | None = None) -> tuple[Array, Caches]:
    h, first = fn.forward(p.layer, x, None if key is None else key.child(0))
    y, second = fn.forward(p.layer, h, None if key is None else key.child(1))
    return y, (first, second)


def twice_backward(p: Twice, caches: Caches, dy: Array) -> tuple[Twice, Array]:
    second, dh = fn.backward(p.layer, caches[1], dy)
    first, dx = fn.backward(p.layer, caches[0], dh)
    return Twice(fn.tree.map(np.add, first, second)), dx


fn.define_layer(Twice, forward=twice_forward, backward=twice_backward, sample=twice_forward, passes_key=True)
