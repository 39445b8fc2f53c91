"""Law 2: inputs are byte-identical after every public call, and the same call twice gives the same bytes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, tree
from fnnet.keys import normal
from fnnet.layers.portable import has_portable
from fnnet.tree.nodes import read_only
from tests.catalogue import INITIALIZERS, LAYERS, LOSSES, OPTIMIZERS, PENALTIES
from tests.support import user_optimizers
from tests.support.strategies import DTYPES, KEYS, SIZES, Problem, composites, problems, target, values

R = TypeVar("R")


def pure(f: Callable[..., R], *arguments: object) -> R:
    """The law for one call: arguments as they were, and the same result again."""
    before = [pickle.dumps(argument) for argument in arguments]
    first = f(*arguments)
    seen = tree.digest(first)
    second = f(*arguments)
    assert tree.digest(second) == tree.digest(first) == seen
    assert [pickle.dumps(argument) for argument in arguments] == before
    return first


def _forward(net: fn.Params, x: Array, key: Key | None) -> Array:
    return fn.forward(net, x, key)[0]


def _backward(net: fn.Params, x: Array, key: Key | None) -> object:
    y, cache = fn.forward(net, x, key)
    dy = np.ones_like(y)
    first, second = fn.backward(net, cache, dy), fn.backward(net, cache, dy)
    assert tree.equal(first, second)
    assert tree.equal(first[0], fn.param_gradients(net, cache, dy))
    return first


@pytest.mark.parametrize("name", LAYERS)
@given(st.data())
def test_forward_and_backward_of_layers(name: str, data: st.DataObject) -> None:
    problem = data.draw(problems(name))
    dtype: fn.Dtype = np.float64 if has_portable(problem.net) else data.draw(DTYPES)
    net, x = tree.astype(problem.net, dtype), data.draw(values(problem.x.shape, dtype))
    key = data.draw(st.none() | KEYS)
    pure(_forward, net, x, key)
    pure(_backward, net, x, key)
    assert fn.forward(net, x, key)[0].dtype == dtype


@given(composites(), st.none() | KEYS)
def test_forward_and_backward_of_composites(problem: Problem, key: Key | None) -> None:
    pure(_forward, problem.net, problem.x, key)
    pure(_backward, problem.net, problem.x, key)


@given(composites())
def test_the_output_is_not_the_input(problem: Problem) -> None:
    y, cache = fn.forward(problem.net, problem.x)
    dy = np.ones_like(y)
    grads, dx = fn.backward(problem.net, cache, dy)
    assert not np.shares_memory(y, problem.x)
    for given_array in (problem.x, dy, *tree.leaves(problem.net)):
        assert not any(np.shares_memory(mine, given_array) for mine in (dx, *tree.leaves(grads)))


@pytest.mark.parametrize("name", LOSSES)
@given(problems("Linear"), DTYPES)
def test_losses(name: str, problem: Problem, dtype: fn.Dtype) -> None:
    case = LOSSES[name]
    prediction, wanted = tree.astype(problem.y, dtype), target(case, problem)
    loss = case.of(prediction.shape[-1])
    pure(loss, prediction, wanted)
    pure(loss.rows, prediction, wanted)
    value, grad = loss(prediction, wanted)
    assert value.dtype == grad.dtype == dtype
    assert value.shape == ()


@pytest.mark.parametrize("name", PENALTIES)
@given(problems("Serial"))
def test_penalties(name: str, problem: Problem) -> None:
    pure(PENALTIES[name], problem.net)
    gradient = fn.value_and_grad(fn.mse, penalty=PENALTIES[name])
    pure(gradient, problem.net, (problem.x, np.zeros_like(problem.y)), problem.key)


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(composites(depth=2), DTYPES)
def test_optimizers(name: str, problem: Problem, dtype: fn.Dtype) -> None:
    optimizer = OPTIMIZERS[name]
    net = tree.astype(problem.net, dtype)
    state = optimizer.init(net)
    grads = tree.map(np.ones_like, net)
    pure(optimizer.init, net)
    pure(optimizer.update, net, grads, state)
    new, after = optimizer.update(net, grads, state)
    assert all(not leaf.flags.writeable and leaf.dtype == dtype for leaf in tree.leaves((new, after)))
    assert type(new) is type(net)


@pytest.mark.parametrize("name", INITIALIZERS)
@given(KEYS, SIZES, SIZES)
def test_initializers(name: str, key: Key, n_in: int, n_out: int) -> None:
    pure(INITIALIZERS[name], key, (n_in, n_out))


@given(composites(), KEYS, st.sampled_from(sorted(OPTIMIZERS)))
def test_steps(problem: Problem, key: Key, name: str) -> None:
    gradient = fn.value_and_grad(fn.mse)
    state = fn.start(problem.net, OPTIMIZERS[name], key)
    batch = (problem.x, np.zeros_like(problem.y))
    pure(gradient, state.params, batch, key)
    pure(gradient.part, state.params, batch, key)
    pure(fn.train_step(gradient, OPTIMIZERS[name]), state, batch, key)
    pure(fn.accumulate(gradient, len(problem.x)), state.params, batch, key)


@given(composites(), KEYS)
def test_runs(problem: Problem, key: Key) -> None:
    target, optimizer = np.zeros_like(problem.y), fn.adam(0.1)
    data = pure(partial(fn.minibatches, batch_size=1), problem.x, target)
    pure(lambda data, key: tuple(data(key)), data, key)
    valid = fn.validate(problem.x, target, {"r2": fn.metrics.r2})
    state, step = fn.start(problem.net, optimizer, key), fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    pure(lambda data, state: fn.last(fn.take(2)(valid(fn.train(step, data, state)))), data, state)
    pure(lambda data, state: fn.last(fn.take(3)(fn.steps(step, data, state))), data, state)
    pure(lambda net: str(fn.summary(net, features=problem.x.shape[-1])), problem.net)
    once = partial(fn.fit, loss=fn.mse, optimizer=optimizer, key=key, epochs=1, batch_size=1)
    pure(lambda net, x, y: once(net, x, y).state, problem.net, problem.x, target)


@given(composites())
def test_metrics_predictions_and_summaries(problem: Problem) -> None:
    pure(fn.predict, problem.net, problem.x, 2)
    pure(fn.metrics.r2, problem.y, np.zeros_like(problem.y))
    pure(fn.metrics.accuracy, problem.y, np.zeros(len(problem.y), np.int64))
    pure(tree.leaves, problem.net)
    pure(tree.ravel, problem.net)
    pure(read_only, problem.net)


@given(composites(), KEYS)
def test_what_enters_a_state_is_copied_and_read_only(problem: Problem, key: Key) -> None:
    mine = tree.map(np.copy, problem.net)
    state = fn.start(mine, fn.adam(0.1), key)
    before = tree.digest(state)
    for leaf in tree.leaves(mine):
        leaf += 1
    assert tree.digest(state) == before
    for copied in (state, pickle.loads(pickle.dumps(state)), copy.deepcopy(state)):
        assert tree.digest(copied) == before
        for leaf in tree.leaves(copied):
            with pytest.raises(ValueError, match="read-only"):
                leaf[...] = 0


def _states(net: fn.Params, optimizer: fn.Optimizer, kind: str, key: Key) -> Iterator[object]:
    """Some states of a run of three batches an epoch."""
    x, y = normal(key, (5, 3)), normal(key.child(1), (5, 2))
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, batch_size=2)
    first = fn.start(net, optimizer, key)
    if kind == "steps":
        return iter([first, *fn.take(7)(fn.steps(step, data, first))])
    if kind == "guarded steps":
        return fn.take(4)(fn.steps(fn.stop_on_nonfinite(step), data, first))
    run = fn.reduce_on_plateau(fn.train, patience=1) if kind == "a plateau" else fn.train
    valid = fn.validate(x, y, {"mae": fn.metrics.mae})
    return fn.take(3)(valid(run(step, data, first)) if kind == "validation" else run(step, data, first))


@pytest.mark.parametrize("kind", ["steps", "guarded steps", "epochs", "validation", "a plateau"])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("is_stacked", [False, True])
def test_all_arrays_of_all_states_are_read_only(kind: str, name: str, is_stacked: bool) -> None:
    """In the midst of an epoch too, of one network and of two side by side; and of one with a constant."""
    nets = [
        fn.serial(fn.Standardize(np.zeros(3), np.ones(3)), fn.mlp(Key(k), (3, 4, 2), dtype=np.float64))
        for k in range(2)
    ]
    is_stacked = is_stacked and kind != "a plateau"  # which is for one network
    net = tree.map(lambda *leaves: np.stack(leaves), *nets) if is_stacked else nets[0].layers[1]
    for state in _states(net, OPTIMIZERS[name], kind, Key(0)):
        for copied in (state, pickle.loads(pickle.dumps(state)), copy.deepcopy(state)):
            assert not any(leaf.flags.writeable for leaf in tree.leaves(copied))


def _bases(leaf: Array) -> Iterator[Array]:
    """An array and those that it is a view of."""
    base: object = leaf
    while isinstance(base, np.ndarray):
        yield base
        base = base.base


@pytest.mark.parametrize("inner", ["sgd with momentum", "adam"])
@pytest.mark.parametrize("form", user_optimizers.made(fn.sgd(0.1)))
@pytest.mark.parametrize("is_packed", [False, True])
def test_nobody_can_write_to_the_states_of_a_users_optimizer(inner: str, form: str, is_packed: bool) -> None:
    """Not to what its arrays are views of either, so that a state is what it was for ever."""
    net: fn.Params = fn.mlp(Key(0), (3, 4, 2), dtype=np.float64)
    if not is_packed:
        net = fn.serial(fn.Standardize(np.zeros(3), np.ones(3)), net)
    optimizer = user_optimizers.made(fn.adam(0.1) if inner == "adam" else fn.sgd(0.1, momentum=0.9))[form]
    states, seen = [], []
    for state in _states(net, optimizer, "steps", Key(0)):
        states.append(state)
        seen.append(tree.digest(state))
        for leaf in tree.leaves(state):
            assert leaf.flags.c_contiguous
            assert not any(base.flags.writeable for base in _bases(leaf))
    assert [tree.digest(state) for state in states] == seen


@pytest.mark.parametrize("memory", [{"m": np.ones(3)}, [np.ones(3)], {1.0}, np.float32(1.0)])
def test_a_memory_that_is_no_tree_is_refused_at_the_start(memory: object) -> None:
    """And not by the first checkpoint, hours later."""
    optimizer = user_optimizers.Own(fn.sgd(0.1), lambda p, s: (s, memory), lambda g, s, a: (a, memory), lambda s: s[0])
    with pytest.raises(fn.TreeError, match=r"tree: a .* can be no part of a tree; a tree holds arrays, frozen"):
        fn.start(fn.mlp(Key(0), (3, 4, 2)), optimizer, Key(0))


def test_an_output_that_is_its_own_cache_is_read_only() -> None:
    for layer in (fn.Relu(), fn.Elu(), fn.Tanh(), fn.Sigmoid(), fn.Softmax()):
        y, _ = fn.forward(layer, np.ones((2, 2)))
        with pytest.raises(ValueError, match="read-only"):
            y += 1
