"""Law 5: K networks stacked along a new first axis are trained as each of them alone with ``key.child(k)``."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Params, tree
from fnnet.core.facts import replicas
from fnnet.keys import normal
from tests.catalogue import LAYERS, LOSSES, OPTIMIZERS, WIDENING
from tests.support.strategies import KEYS, SIZES

CLOSE = 1e-12


def alone(net: Params, k: int) -> Params:
    """The k-th of K."""
    return fn.unstack(net)[k] if replicas(net) else net


def _agree(a: object, b: object) -> None:
    assert tree.allclose(a, b, CLOSE, CLOSE)


@pytest.mark.parametrize("name", LAYERS)
@given(KEYS, st.integers(1, 3), SIZES, SIZES, SIZES, st.booleans(), st.booleans())
def test_every_layer(
    name: str, key: Key, count: int, batch: int, n_in: int, n_out: int, is_shared: bool, is_noisy: bool
) -> None:
    n_out = n_out if name in WIDENING else n_in
    nets = [LAYERS[name](key.child(k), n_in, n_out) for k in range(count)]
    net = fn.stack(nets)
    is_shared = is_shared and bool(replicas(net))
    x = normal(key.child(9), (batch, n_in) if is_shared else (count, batch, n_in))
    noise = key.child(7) if is_noisy else None
    y, cache = fn.forward(net, x, noise)
    dy = normal(key.child(8), y.shape)
    grads, dx = fn.backward(net, cache, dy)
    assert y.shape == (count, batch, n_out)
    assert dx.shape == x.shape
    total: Array = np.zeros_like(dx)
    for k, single in enumerate(nets):
        mine = x if is_shared else x[k]
        y_k, cache_k = fn.forward(single, mine, None if noise is None else noise.child(k))
        grads_k, dx_k = fn.backward(single, cache_k, dy[k])
        _agree(y[k], y_k)
        _agree(alone(grads, k), grads_k)
        if is_shared:
            total = total + dx_k
        else:
            _agree(dx[k], dx_k)
    if is_shared:
        _agree(dx, total)


@pytest.mark.parametrize("name", LOSSES)
@given(KEYS, st.integers(1, 3), SIZES, SIZES, st.booleans())
def test_every_loss(name: str, key: Key, count: int, batch: int, n: int, is_shared: bool) -> None:
    case = LOSSES[name]
    prediction = normal(key.child(0), (count, batch, n))
    target = case.target(key.child(1), prediction.shape[1:] if is_shared else prediction.shape)
    loss = case.of(n)
    value, grad = loss(prediction, target)
    assert value.shape == (count,)
    for k in range(count):
        mine = target if is_shared else tree.map(lambda leaf, k=k: leaf[k], target)
        value_k, grad_k = loss(prediction[k], mine)
        _agree(value[k, None], value_k[None])
        _agree(grad[k], grad_k)


def _noisy(key: Key) -> Params:
    first, last = fn.linear(key, 3, 5, dtype=np.float64), fn.linear(key.child(1), 5, 2, dtype=np.float64)
    return fn.serial(fn.Dropout(0.2), first, fn.Tanh(), fn.serial(fn.Dropout(0.5), last))


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(KEYS, st.integers(1, 3), st.integers(1, 6), st.integers(1, 3))
def test_training(name: str, key: Key, count: int, rows: int, epochs: int) -> None:
    optimizer = OPTIMIZERS[name]
    x, y = normal(key.child(5), (rows, 3)), normal(key.child(6), (rows, 2))
    data = fn.minibatches(x, y, batch_size=-(-rows // 2), shuffle=False)
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)

    def final(net: Params, run_key: Key) -> fn.TrainState[Params]:
        stream = fn.train(step, data, fn.start(net, optimizer, run_key))
        return fn.last(islice(stream, epochs)).state

    nets = [_noisy(key.child(10 + k)) for k in range(count)]
    together = final(fn.stack(nets), key)
    assert together.history[-1].loss.shape == (count,)
    for k, net in enumerate(nets):
        single = final(net, key.child(k))
        _agree(alone(together.params, k), single.params)
        _agree(together.history[-1].loss[k, None], single.history[-1].loss[None])


@pytest.mark.parametrize("name", LOSSES)
@given(KEYS, st.integers(1, 3), st.integers(2, 4), SIZES, st.booleans(), st.booleans())
def test_accumulating(
    name: str, key: Key, count: int, rows: int, n: int, is_target_shared: bool, is_x_shared: bool
) -> None:
    """As many rows as networks and as columns included, where shapes alone do not tell what a target's axes are."""
    case = LOSSES[name]
    nets: list[Params] = [fn.linear(key.child(10 + k), 3, n, dtype=np.float64) for k in range(count)]
    x = normal(key.child(5), (rows, 3) if is_x_shared else (count, rows, 3))
    target = case.target(key.child(6), (rows, n) if is_target_shared else (count, rows, n))
    gradient = fn.value_and_grad(case.of(n))
    pieces = key.seed % rows + 1
    _agree(
        fn.accumulate(gradient, pieces)(fn.stack(nets), (x, target), key), gradient(fn.stack(nets), (x, target), key)
    )


@given(KEYS, st.integers(1, 3), st.integers(2, 5))
def test_accumulating_draws_for_each_network(key: Key, count: int, rows: int) -> None:
    nets = [_noisy(key.child(10 + k)) for k in range(count)]
    x, y = normal(key.child(5), (rows, 3)), normal(key.child(6), (rows, 2))
    gradient = fn.accumulate(fn.value_and_grad(fn.mse), 2)
    value, grads = gradient(fn.stack(nets), (x, y), key)
    for k, net in enumerate(nets):
        value_k, grads_k = gradient(net, (x, y), key.child(k))
        _agree(value[k, None], value_k[None])
        _agree(alone(grads, k), grads_k)


class Anything(fn.RowLoss[Array]):
    """A loss of a user's that takes whatever comes."""

    def rows(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        """The sum of the columns, whatever the target."""
        return prediction.sum(axis=-1), np.ones_like(prediction)


def test_accumulating_refuses_what_may_be_one_for_all_or_one_a_network() -> None:
    net, x = fn.stack([fn.linear(Key(k), 3, 2) for k in range(4)]), np.ones((4, 3))
    gradient = fn.accumulate(fn.value_and_grad(Anything()), 2)
    with pytest.raises(fn.ShapeError, match="takes the target for 4 stacked networks and 4 rows as one for all and as"):
        gradient(net, (x, np.ones((4, 4))), Key(0))
    gradient(net, (x, np.ones((4, 2))), Key(0))
    with pytest.raises(fn.ShapeError, match="mse: target must have the prediction's shape") as caught:
        fn.accumulate(fn.value_and_grad(fn.mse), 2)(net, (x, np.ones((4, 4))), Key(0))
    assert caught.value.__context__ is None
    with pytest.raises(ValueError, match=r"softmax_cross_entropy: labels must be in \[0, 2\)"):
        fn.accumulate(fn.value_and_grad(fn.softmax_cross_entropy), 2)(net, (x, np.full((4, 4), 2)), Key(0))


def test_replica_axes_that_are_not_the_parameters_are_refused() -> None:
    net = fn.stack([fn.linear(Key(k), 3, 2) for k in range(4)])
    with pytest.raises(fn.ShapeError, match=r"the replica axes of the parameters, \(4,\), or none, got \(5,\)"):
        fn.forward(net, np.ones((5, 2, 3)))
    with pytest.raises(fn.ShapeError, match=r"replica axes of the parameters, \(\), or none, got \(4,\)"):
        fn.forward(fn.linear(Key(0), 3, 2), np.ones((4, 2, 3)))
