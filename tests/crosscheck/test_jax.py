"""Law 7: same weights, same batch, and JAX's own derivatives: loss and gradients agree to 1e-10 in float64.

Needs JAX, and therefore an environment of its own; without JAX this file is not collected.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Params, tree
from tests.catalogue import LAYERS, LOSSES, PENALTIES, is_weight
from tests.support.own_layers import Centred, Noise
from tests.support.strategies import Problem, composites, problems, target

jax: Any = import_module("jax")
jnp: Any = import_module("jax.numpy")
optax: Any = import_module("optax")
jax.config.update("jax_enable_x64", True)

Leaves = list[Any]
Reference = Callable[[Any, Leaves, Any], Any]


def _linear(p: Params, leaves: Leaves, x: Any) -> Any:
    w, b = leaves.pop(0), leaves.pop(0)
    return jnp.matmul(x, w) + b


def _layer_norm(p: Any, leaves: Leaves, x: Any) -> Any:
    scale, shift = leaves.pop(0), leaves.pop(0)
    z = (x - x.mean(axis=-1, keepdims=True)) / jnp.sqrt(x.var(axis=-1, keepdims=True) + p.eps)
    return scale * z + shift


def _rms_norm(p: Any, leaves: Leaves, x: Any) -> Any:
    return leaves.pop(0) * x / jnp.sqrt((x**2).mean(axis=-1, keepdims=True) + p.eps)


def _serial(p: Any, leaves: Leaves, x: Any) -> Any:
    for layer in p.layers:
        x = reference(layer, leaves, x)
    return x


def _mlp(p: Any, leaves: Leaves, x: Any) -> Any:
    for i, layer in enumerate(p.layers):
        x = reference(layer, leaves, x)
        if i < len(p.layers) - 1:
            x = reference(p.activation, leaves, x)
    return x


def _branches(p: Any, leaves: Leaves, x: Any) -> Any:
    outputs = [reference(layer, leaves, x[..., list(some)]) for some, layer in zip(p.columns, p.layers, strict=True)]
    return jnp.concatenate(outputs, axis=-1)


def _standardize(p: Params, leaves: Leaves, x: Any) -> Any:
    mean, scale = jax.lax.stop_gradient(leaves.pop(0)), jax.lax.stop_gradient(leaves.pop(0))
    return (x - mean) / scale


def _centred(p: Params, leaves: Leaves, x: Any) -> Any:
    scale, mean = leaves.pop(0), jax.lax.stop_gradient(leaves.pop(0))
    return (x - mean) * scale


REFERENCES: dict[type, Reference] = {
    fn.Linear: _linear,
    fn.Serial: _serial,
    fn.Mlp: _mlp,
    fn.Identity: lambda p, leaves, x: x,
    fn.Relu: lambda p, leaves, x: jax.nn.relu(x),
    fn.LeakyRelu: lambda p, leaves, x: jax.nn.leaky_relu(x, p.slope),
    fn.Elu: lambda p, leaves, x: jax.nn.elu(x, p.alpha),
    fn.Gelu: lambda p, leaves, x: jax.nn.gelu(x, approximate=False),
    fn.Silu: lambda p, leaves, x: jax.nn.silu(x),
    fn.Softplus: lambda p, leaves, x: jax.nn.softplus(x),
    fn.Tanh: lambda p, leaves, x: jnp.tanh(x),
    fn.Sigmoid: lambda p, leaves, x: jax.nn.sigmoid(x),
    fn.Softmax: lambda p, leaves, x: jax.nn.softmax(x, axis=-1),
    fn.Dropout: lambda p, leaves, x: x,
    fn.LayerNorm: _layer_norm,
    fn.RmsNorm: _rms_norm,
    fn.Branches: _branches,
    fn.Standardize: _standardize,
    fn.Portable: lambda p, leaves, x: reference(p.layer, leaves, x),
    fn.Residual: lambda p, leaves, x: x + reference(p.layer, leaves, x),
    Centred: _centred,
    Noise: lambda p, leaves, x: x,
}
"""Each layer once more, in JAX; the leaves are taken from the list in the network's own order."""


def reference(p: Params, leaves: Leaves, x: Any) -> Any:
    """The network's output by JAX."""
    return REFERENCES[type(p)](p, leaves, x)


def _huber(delta: float) -> Callable[[Any, Any], Any]:
    def loss(y: Any, t: Any) -> Any:
        d = jnp.abs(y - t)
        return jnp.where(d <= delta, d**2 / 2, delta * (d - delta / 2)).mean()

    return loss


def _cross_entropies(y: Any, t: Any) -> Any:
    return -jnp.take_along_axis(jax.nn.log_softmax(y, axis=-1), t[:, None], axis=-1)[:, 0]


def _binary(y: Any, t: Any) -> Any:
    return -(t * jax.nn.log_sigmoid(y) + (1 - t) * jax.nn.log_sigmoid(-y)).mean()


def _pinball(q: float) -> Callable[[Any, Any], Any]:
    return lambda y, t: jnp.where(t > y, q * (t - y), (1 - q) * (y - t)).mean()


def _focal(gamma: float) -> Callable[[Any, Any], Any]:
    def loss(y: Any, t: Any) -> Any:
        u = -_cross_entropies(y, t)
        r = -jnp.expm1(u)
        return -(
            jnp.where(r > 0, jnp.where(r > 0, r, 1) ** gamma, 0) * u
        ).mean()  # or its derivative at 0 is not a number

    return loss


def _margins(y: Any, t: Any) -> Any:
    mine = jnp.take_along_axis(y, t[:, None], axis=-1)[:, 0]
    others = jnp.where(jnp.arange(y.shape[-1]) == t[:, None], -jnp.inf, y).max(axis=-1)
    return jnp.maximum(0, 1 + others - mine)


def _smoothed(y: Any, t: Any) -> Any:
    wanted = 0.8 * jax.nn.one_hot(t, y.shape[-1]) + 0.2 / y.shape[-1]
    return -(wanted * jax.nn.log_softmax(y, axis=-1)).sum(axis=-1).mean()


REFERENCE_LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "mse": lambda y, t: ((y - t) ** 2).mean(),
    "sum_squared_error": lambda y, t: ((y - t) ** 2).sum(),
    "mae": lambda y, t: jnp.abs(y - t).mean(),
    "huber": _huber(1.0),
    "Huber": _huber(0.3),
    "softmax_cross_entropy": lambda y, t: _cross_entropies(y, t).mean(),
    "binary_cross_entropy": _binary,
    "poisson": lambda y, t: (jnp.exp(y) - t * y).mean(),
    "log_cosh": lambda y, t: jnp.log1p(2 * jnp.sinh((y - t) / 2) ** 2).mean(),
    "quantile": _pinball(0.8),
    "Quantile": _pinball(0.3),
    "focal": _focal(2.0),
    "Focal": _focal(0.5),
    "hinge": lambda y, t: _margins(y, t).mean(),
    "binary_hinge": lambda y, t: optax.losses.hinge_loss(y, 2 * t - 1).mean(),
    "soft_cross_entropy": lambda y, t: optax.losses.softmax_cross_entropy(y, t).mean(),
    "label_smoothing": _smoothed,
    "class_weighted": lambda y, t: (_cross_entropies(y, t) * (0.5 + t)).sum() / (0.5 + t).sum(),
    "class_weighted hinge": lambda y, t: (_margins(y, t) * (0.5 + t)).sum() / (0.5 + t).sum(),
    "weighted": lambda y, t: (((y - t[0]) ** 2).mean(axis=-1) * t[1]).sum() / t[1].sum(),
    "weighted softmax_cross_entropy": lambda y, t: (_cross_entropies(y, t[0]) * t[1]).sum() / t[1].sum(),
    "weighted sum_squared_error": lambda y, t: (((y - t[0]) ** 2).sum(axis=-1) * t[1]).sum(),
}


def close(ours: list[Any], theirs: list[Any]) -> None:
    """1e-10 of the largest entry of all."""
    scale = max(float(np.abs(np.asarray(value)).max(initial=0.0)) for value in theirs)
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(our), np.asarray(their), rtol=0, atol=1e-10 * scale)


def agree(problem: Problem, name: str) -> None:
    """Loss, gradients of the parameters and of x, by both."""
    case, wanted = LOSSES[name], target(LOSSES[name], problem)

    def loss(leaves: tuple[Any, ...], x: Any) -> Any:
        return REFERENCE_LOSSES[name](reference(problem.net, list(leaves), x), wanted)

    leaves = tree.leaves(problem.net)
    value, (d_leaves, dx) = jax.value_and_grad(loss, argnums=(0, 1))(leaves, problem.x)
    prediction, cache = fn.forward(problem.net, problem.x)
    our_value, d_prediction = case.of(prediction.shape[-1])(prediction, wanted)
    grads, our_dx = fn.backward(problem.net, cache, d_prediction)
    close([our_value], [value])
    close([our_dx, *tree.leaves(grads)], [dx, *d_leaves])


def test_every_layer_and_loss_has_a_reference() -> None:
    assert {name for name in LAYERS if " " not in name} == {kind.__name__ for kind in REFERENCES}
    assert set(LOSSES) == set(REFERENCE_LOSSES)
    assert math.isclose(float(jnp.ones((), jnp.float64) / 3), 1 / 3, rel_tol=1e-15)


@pytest.mark.parametrize("name", LAYERS)
@given(st.data())
def test_every_layer(name: str, data: st.DataObject) -> None:
    agree(data.draw(problems(name)), "mse")


@pytest.mark.parametrize("name", LOSSES)
@given(problems("Mlp"))
def test_every_loss(name: str, problem: Problem) -> None:
    agree(problem, name)


REFERENCE_PENALTIES: dict[str, Callable[[Any, Any], Any]] = {
    "l1": lambda every, some: 0.3 * jnp.abs(every).sum(),
    "l2": lambda every, some: 0.15 * (every**2).sum(),
    "l2 of some": lambda every, some: 0.15 * (some**2).sum(),
    "elastic_net": lambda every, some: 0.2 * jnp.abs(every).sum() + 0.15 * (every**2).sum(),
    "elastic_net of some": lambda every, some: 0.1 * jnp.abs(some).sum() + 0.1 * (some**2).sum(),
}
"""Each penalty of the vector of all parameters, and of the vector of those that ``is_weight`` takes."""


@pytest.mark.parametrize("name", PENALTIES)
@given(problems("Mlp"))
def test_every_penalty(name: str, problem: Problem) -> None:
    paths, y = tree.paths(problem.net), np.zeros_like(problem.y)

    def loss(leaves: tuple[Any, ...]) -> Any:
        every = jnp.concatenate([leaf.ravel() for leaf in leaves])
        some = jnp.concatenate([leaf.ravel() for leaf, path in zip(leaves, paths, strict=True) if is_weight(path)])
        prediction = reference(problem.net, list(leaves), problem.x)
        return ((prediction - y) ** 2).mean() + REFERENCE_PENALTIES[name](every, some)

    value, d_leaves = jax.value_and_grad(loss)(tree.leaves(problem.net))
    gradient = fn.value_and_grad(fn.mse, penalty=PENALTIES[name])
    our_value, grads = gradient(problem.net, (problem.x, y), problem.key)
    close([our_value], [value])
    close(list(tree.leaves(grads)), list(d_leaves))


@given(composites(depth=3), st.sampled_from(sorted(LOSSES)))
def test_random_composites(problem: Problem, name: str) -> None:
    agree(problem, name)
