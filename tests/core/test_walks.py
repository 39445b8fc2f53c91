"""Passes through networks of networks: chains of a user's own, stretches, and where errors come up."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Cache, Key, LayerError, Params, ShapeError, tree
from fnnet.inspection.traces import Call, trace
from fnnet.testing import check_gradients
from fnnet.tree import nodes, structures
from tests import catalogue
from tests.support.strategies import KEYS, Problem, composites

X = np.ones((5, 3), np.float32)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Folded(Params):
    """A chain of a user's: one Linear twice, whose transposed matrix stands between; ``rest`` has no part in it."""

    w: Array
    b: Array
    rest: fn.Linear


fn.define_chain(Folded, lambda p: (fn.Linear(p.w, p.b), fn.Dropout(0.5), fn.Tanh(), fn.Linear(p.w, p.b)))


def _folded(key: Key, n: int = 3) -> Folded:
    layer = fn.linear(key, n, n, bias_init=fn.normal(1.0), dtype=np.float64)
    return Folded(layer.w, layer.b, layer)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Strange(Params):
    """A chain of layers that are not its own."""

    w: Array


fn.define_chain(Strange, lambda p: (fn.linear(Key(0), 3, 3, dtype=np.float64),))


def test_a_layer_in_two_places_gets_the_sum_of_its_shares_and_one_in_none_gets_zeros() -> None:
    net = _folded(Key(0))
    check_gradients(net, X.astype(np.float64), key=Key(1))
    y, cache = fn.forward(net, X.astype(np.float64), Key(2))
    grads, _ = fn.backward(net, cache, y)
    assert tree.equal(grads.rest, tree.map(np.zeros_like, net.rest))
    assert tree.equal(fn.forward(net, X.astype(np.float64), Key(2))[0], y)
    assert not tree.equal(fn.forward(net, X.astype(np.float64), Key(3))[0], y)


def test_the_layers_of_a_chain_are_made_of_its_arrays() -> None:
    with pytest.raises(LayerError, match=r"Strange: the layers of its chain must be made of its arrays"):
        fn.forward(Strange(np.ones((3, 3))), X)


@given(composites(), KEYS)
def test_a_chain_of_chains_is_one_chain(problem: Problem, key: Key) -> None:
    """To the bit, there and back."""
    net, wrapped = problem.net, fn.serial(fn.serial(problem.net))
    one, cache = fn.forward(net, problem.x)
    two, caches = fn.forward(wrapped, problem.x)
    assert tree.equal(one, two)
    mine, theirs = fn.backward(net, cache, one), fn.backward(wrapped, caches, two)
    assert tree.equal((tree.leaves(mine[0]), mine[1]), (tree.leaves(theirs[0]), theirs[1]))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Twice(Params):
    """A chain of a user's with one layer in two places."""

    layer: Params


fn.define_chain(Twice, lambda p: (p.layer, fn.Tanh(), p.layer))

N = 3
KEPT = catalogue.KEEPING | {name: catalogue.WIDENING[name] for name in ("Mlp", "Serial", "Portable", "Branches")}


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("of_layer", ["a chain", "an Mlp", "a chain in a Residual", "a Residual in a chain"])
def test_the_gradient_of_a_layer_in_two_places_is_the_sum_of_its_shares(name: str, of_layer: str) -> None:
    layer, first = KEPT[name](Key(0), N, N), fn.linear(Key(1), N, N, dtype=np.float64)
    made: dict[str, Callable[[], Params]] = {
        "a chain": lambda: Twice(layer),
        "an Mlp": lambda: fn.Mlp((first, first, first), layer),
        "a chain in a Residual": lambda: fn.residual(Twice(layer)),
        "a Residual in a chain": lambda: Twice(fn.residual(layer)),
    }
    check_gradients(made[of_layer](), fn.keys.normal(Key(2), (4, N)))


@pytest.mark.parametrize("name", KEPT)
def test_what_is_remembered_of_a_structure_is_true_of_a_layer_that_stands_in_it_twice(name: str) -> None:
    """The very same object in two fields is two layers of equal numbers, and others of that form stay right."""
    layer, x = KEPT[name](Key(0), N, N), fn.keys.normal(Key(2), (4, 2 * N))
    columns = [range(N), range(N, 2 * N)]
    net = fn.serial(fn.branches(columns, (layer, layer)), fn.residual(fn.branches(columns, (layer, layer))))
    alike = tree.map(np.copy, net)
    for one in (net, alike):
        check_gradients(one, x)
    passes = [fn.forward(one, x) for one in (net, alike)]
    grads = [fn.backward(one, cache, y) for one, (y, cache) in zip((net, alike), passes, strict=True)]
    assert tree.equal(*[(tree.leaves(mine), dx) for mine, dx in grads])
    paths = list(_paths(trace(net, x)))
    assert len(set(paths)) == len(paths)


def test_layers_that_a_chain_makes_are_called_by_their_number() -> None:
    assert [call.path for call in trace(_folded(Key(0)), X).calls] == ["0", "1", "2", "3"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Times(Params):
    """A layer with what no tree can hold."""

    factor: np.float32 | list[int]


fn.define_layer(Times, forward=lambda p, x: (x * 2, None), backward=lambda p, saved, dy: (p, dy * 2))


def test_gradients_of_what_is_no_tree_are_refused() -> None:
    net = fn.serial(fn.linear(Key(0), 3, 3), Times([2]), fn.linear(Key(1), 3, 2))
    y, cache = fn.forward(net, X)
    with pytest.raises(fn.TreeError, match="a list can be no part of a tree"):
        fn.backward(net, cache, y)
    assert fn.backward(Times([2]), fn.forward(Times([2]), X)[1], X)[1].tolist() == (2 * X).tolist()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DoubledLinear(fn.Linear):
    """A layer that is derived from one of fnnet's, and has rules of its own."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DoubledRelu(fn.Relu):
    """Another one."""


def _double(kind: type[Params], like: type[Params]) -> None:
    def plain(p: Params) -> Params:
        return like(*nodes.layout(like).values(p))

    def forward(p: Params, x: Array) -> tuple[Array, Cache[Params]]:
        y, cache = fn.forward(plain(p), x)
        return 2 * y, cache

    def backward(p: Params, cache: Cache[Params], dy: Array) -> tuple[Params, Array]:
        grads, dx = fn.backward(plain(p), cache, 2 * dy)
        return kind(*nodes.layout(like).values(grads)), dx

    fn.define_layer(kind, forward=forward, backward=backward, replicas=lambda p: ())


_double(DoubledLinear, fn.Linear)
_double(DoubledRelu, fn.Relu)


@pytest.mark.parametrize("place", range(5))
def test_a_class_derived_from_a_layer_keeps_its_own_rules_wherever_it_stands(place: int) -> None:
    linears = [fn.linear(Key(i), N, N, dtype=np.float64) for i in range(3)]
    layers: list[Params] = [linears[0], fn.Relu(), linears[1], fn.Relu(), linears[2]]
    layers[place] = DoubledRelu() if place % 2 else DoubledLinear(linears[place // 2].w, linears[place // 2].b)
    net, x = fn.serial(*layers), fn.keys.normal(Key(5), (4, N))
    expected: Array = x
    for layer in layers:
        expected, _ = fn.forward(layer, expected)
    np.testing.assert_allclose(fn.forward(net, x)[0], expected, 1e-12)
    check_gradients(net, x)


@contextmanager
def _limit(numbers: int) -> Generator[None, None, None]:
    """Networks of more numbers than this have no vector."""
    before = structures.LIMIT, structures._STRUCTURES
    structures.LIMIT, structures._STRUCTURES = numbers, WeakValueDictionary()
    try:
        yield
    finally:
        structures.LIMIT, structures._STRUCTURES = before


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scale(Params):
    """A factor, one for all columns or one for each, whose gradient is added up in float64, and left in it."""

    s: Array


def _scale_back(p: Scale, x: Array, dy: Array) -> tuple[Scale, Array]:
    return Scale(np.asarray((x * dy).sum(axis=0 if p.s.ndim else None, dtype=np.float64))), dy * p.s


fn.define_layer(Scale, forward=lambda p, x: (x * p.s, x), backward=_scale_back)


@given(composites(), st.sampled_from(["adam", "clip_by_global_norm of sgd", "freeze of adam", "ema of all"]))
def test_networks_of_any_size_are_trained_alike(problem: Problem, name: str) -> None:
    """Also those that have no vector, while layers in them have one."""
    net, x = fn.serial(Scale(np.ones(())), problem.net), problem.x
    y, _ = fn.forward(net, x)
    assume(len(x) > 1 and any(path.endswith("w") for path in tree.paths(net)))
    gradient = fn.accumulate(fn.value_and_grad(fn.mse, penalty=fn.l2(0.1)), 2)
    step, optimizer = fn.train_step(gradient, catalogue.OPTIMIZERS[name]), catalogue.OPTIMIZERS[name]
    ends = []
    for numbers in (structures.LIMIT, 30, 5, 0):
        with _limit(numbers):
            state = fn.start(tree.map(np.copy, net), optimizer, Key(0))
            for _ in range(2):
                state, _ = step(state, (x, y + 1), Key(1))
            ends.append(tree.leaves((state.params, state.opt_state)))
    for leaves in ends[1:]:
        for mine, theirs in zip(leaves, ends[0], strict=True):
            np.testing.assert_allclose(mine, theirs, 1e-9, 1e-12)


def test_errors_of_gradients_name_the_layer_whose_they_are() -> None:
    """A layer of layers beside it has one leaf, whose gradient is a vector meanwhile."""
    beside = fn.branches([(0,), (1,)], (fn.embedding(Key(0), 5, 3), fn.Identity()))
    net = fn.serial(beside, Scale(np.ones(4, np.float32)))
    y, cache = fn.forward(net, np.array([[1.0, 2.0], [0.0, 1.0]]))
    grads, _ = fn.backward(net, cache, y)
    assert grads.layers[0].layers[0].w.shape == (5, 3)
    with pytest.raises(fn.DtypeError, match=r"sgd: layers\.1\.s must have the parameters' dtype float32, got float64"):
        fn.sgd(0.1).update(net, grads, fn.sgd(0.1).init(net))


def _paths(call: Call) -> Iterator[str]:
    yield call.path
    for inside in call.calls:
        yield from _paths(inside)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Made(Params):
    """A layer whose constructor makes arrays of what it is given."""

    s: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "s", np.maximum(np.array(self.s, np.float64), 0.5))


fn.define_layer(
    Made,
    forward=lambda p, x: (x * p.s, x),
    backward=lambda p, x, dy: (Made((x * dy).sum(axis=0)), dy * p.s),
    replicas=lambda p: (),
)


def test_a_constructor_may_make_its_arrays() -> None:
    given: list[float] = [2.0, 0.25, 1.0]
    layer = Made(given)  # type: ignore[arg-type]  # which it takes all the same
    x = fn.keys.normal(Key(2), (4, N))
    for net in (layer, fn.serial(layer, fn.linear(Key(0), N, 2, dtype=np.float64)), Twice(layer)):
        y, cache = fn.forward(net, x)
        fn.backward(net, cache, y)
    assert fn.forward(layer, x)[0].tolist() == (x * [2.0, 0.5, 1.0]).tolist()


WRONG = fn.linear(Key(0), 4, 3)
NETS: dict[str, tuple[Params, str]] = {
    "layers.1: linear: x": (fn.serial(fn.Relu(), WRONG), r"layers\.1: linear: x must be"),
    "in a chain of chains": (fn.serial(fn.Tanh(), fn.serial(WRONG)), r"^layers\.1\.layers\.0: linear: x must be"),
    "in a residual": (fn.serial(fn.Relu(), fn.residual(fn.serial(WRONG))), r"^layers\.1\.layer\.layers\.0: linear: x"),
    "in branches": (fn.branches([(0,), (1, 2)], (fn.Relu(), WRONG)), r"^layers\.1: linear: x must be"),
    "the network itself": (WRONG, r"^linear: x must be"),
    "parameters": (fn.serial(fn.Relu(), fn.Linear(np.ones((3, 2)), np.ones(3))), r"^layers\.1: linear: w must be"),
}


@pytest.mark.parametrize("name", NETS)
def test_errors_name_the_path_of_the_layer(name: str) -> None:
    net, message = NETS[name]
    with pytest.raises(ShapeError, match=message):
        fn.forward(net, X)


def test_parameters_are_checked_once_a_structure() -> None:
    asked: list[Params] = []

    @dataclass(frozen=True, slots=True, eq=False, repr=False)
    class Shift(Params):
        b: Array

    fn.define_layer(
        Shift,
        forward=lambda p, x: (x + p.b, None),
        backward=lambda p, s, dy: (Shift(dy.sum(0)), dy),
        check=asked.append,
    )
    step = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1))
    state = fn.start(fn.serial(Shift(np.zeros(3, np.float32)), fn.linear(Key(0), 3, 3)), fn.sgd(0.1), Key(0))
    before = len(asked)
    for _ in range(3):
        state, _ = step(state, (X, X), Key(0))
    assert len(asked) == before + 1
