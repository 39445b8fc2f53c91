"""Trees: structure, paths, and the vectors behind small networks."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, LayerError, Params, ShapeError, TreeError, tree
from fnnet.keys import normal
from fnnet.tree import fields
from fnnet.tree.structures import _STRUCTURES, LIMIT, structure_of
from fnnet.tree.vectors import blocks, frozen, pack, vector_behind, vector_of
from tests.support.own_layers import Noise, Setting
from tests.support.strategies import KEYS, Problem, composites


@dataclass(frozen=True, slots=True, eq=False)
class Centred(Params):
    """A constant and a trained array."""

    mean: Array = fields.constant()
    scale: Array = fields.constant()


@given(composites())
def test_leaves_and_rebuild_are_inverse(problem: Problem) -> None:
    net = problem.net
    assert tree.equal(tree.rebuild(net, tree.leaves(net)), net)
    assert len(tree.paths(net)) == len(tree.leaves(net))
    assert tree.count(net) == sum(leaf.size for leaf in tree.trainable(net)) == tree.ravel(net).size


@given(composites())
def test_map_keeps_the_structure(problem: Problem) -> None:
    doubled = tree.map(lambda a, b: a + b, problem.net, problem.net)
    assert tree.allclose(doubled, tree.map(lambda a: 2 * a, problem.net), 0, 0)
    assert type(doubled) is type(problem.net)


@given(composites())
def test_at_replaces_one_leaf(problem: Problem) -> None:
    for i, path in enumerate(tree.paths(problem.net)):
        changed = tree.leaves(tree.at(problem.net, path, lambda leaf: leaf + 1))
        for j, (new, old) in enumerate(zip(changed, tree.leaves(problem.net), strict=True)):
            assert np.array_equal(new, old + (i == j))


def test_paths_and_static_fields() -> None:
    net = fn.serial(fn.linear(Key(0), 2, 3), fn.LeakyRelu(0.1), fn.linear(Key(1), 3, 1))
    assert tree.paths(net) == ("layers.0.w", "layers.0.b", "layers.2.w", "layers.2.b")
    assert tree.at(net, "layers.1.slope", lambda slope: 0.5).layers[1].slope == 0.5
    with pytest.raises(TreeError, match=r"there is no path 'layers.3.w': '3' is none of 0, 1, 2"):
        tree.at(net, "layers.3.w", lambda w: w)
    with pytest.raises(TreeError, match=r"'layers.0' must name an array or a static field, not a Linear"):
        tree.at(net, "layers.0", lambda layer: layer)


def test_structures_that_differ_are_named_by_path() -> None:
    a, b = fn.linear(Key(0), 2, 3), fn.linear(Key(1), 3, 3)
    cases = [
        (fn.serial(a, fn.Relu(), b), fn.serial(a, fn.Tanh(), b), r"at layers\.1: Relu against Tanh"),
        (fn.serial(a, fn.Relu()), fn.serial(a, fn.Relu(), b), r"at layers: a tuple of 2 against a tuple of 3"),
        (fn.serial(a, fn.LeakyRelu(0.1)), fn.serial(a, fn.LeakyRelu(0.2)), r"at layers\.1\.slope: 0\.1 against 0\.2"),
        (a, fn.Relu(), r"at the root: Linear against Relu"),
        (fn.Linear(a.w, a.b), fn.Linear(a.w, (a.b,)), r"at b: an array against a tuple of 1"),  # type: ignore[arg-type]
    ]
    for x, y, where in cases:
        with pytest.raises(TreeError, match=f"tree.map: the structures differ {where}"):
            tree.map(np.add, x, y)


def test_a_bool_is_not_an_int_and_an_int_not_a_float() -> None:
    for a, b in [(True, 1), (1, 1.0)]:
        with pytest.raises(TreeError, match="the structures differ at 0"):
            tree.map(np.add, (a, np.ones(1)), (b, np.ones(1)))
        assert not tree.equal((a,), (b,))


def test_counters_keys_and_histories_are_taken_from_the_first_tree() -> None:
    optimizer = fn.adam(0.1)
    x, y = np.ones((4, 2)), np.ones((4, 1))
    start = fn.start(fn.linear(Key(0), 2, 1), optimizer, Key(5))
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    later = fn.last(fn.take(3)(fn.train(step, fn.minibatches(x, y, batch_size=2), start))).state
    mean = tree.map(lambda a, b: (a + b) / 2, later, start)
    assert (mean.epoch, mean.opt_state.step, len(mean.history), mean.key) == (3, 6, 3, Key(5))
    np.testing.assert_allclose(mean.params.w, (later.params.w + start.params.w) / 2)


@pytest.mark.parametrize("value", [[np.ones(1)], {"w": np.ones(1)}, {1}, np.float32(1), np.ma.ones(1), object()])
def test_what_no_tree_can_hold(value: object) -> None:
    with pytest.raises(TreeError, match=f"a {type(value).__name__} can be no part of a tree; a tree holds arrays"):
        tree.leaves((value,))


def test_classes_that_no_tree_can_hold() -> None:
    @dataclass
    class Mutable:
        w: Array

    @dataclass(frozen=True)
    class Derived:
        w: Array
        n: int = field(default=1, init=False)

    with pytest.raises(TreeError, match="Mutable must be frozen"):
        tree.leaves(Mutable(np.ones(1)))
    with pytest.raises(TreeError, match="Derived must be made of all its fields: no init=False"):
        tree.leaves(Derived(np.ones(1)))


def test_fields_that_are_given_by_name() -> None:
    @dataclass(frozen=True, eq=False)
    class Named(fn.Params):
        rate: float = field(kw_only=True)
        w: Array
        b: Array = field(kw_only=True)
        settings: fn.Schedule = field(default=fn.cosine_decay(1.0, steps=3), kw_only=True)

    named = Named(np.ones(2), b=np.zeros(3), rate=0.5)
    assert tree.paths(named) == ("w", "b")
    doubled = tree.map(lambda a: 2 * a + 1, named)
    assert (doubled.rate, doubled.w.tolist(), doubled.b.tolist()) == (0.5, [3, 3], [1, 1, 1])
    assert tree.equal(tree.map(lambda a: (a - 1) / 2, doubled), named)
    assert tree.at(named, "rate", lambda rate: 2 * rate).rate == 1
    (unpacked, copied) = frozen((named, named))
    assert (copied.rate, copied.w.flags.writeable) == (0.5, False) and tree.equal(unpacked, named)
    optimizer = fn.sgd(0.1)
    new, _ = optimizer.update(named, named, optimizer.init(named))
    assert (new.rate, new.settings, new.w.tolist()) == (0.5, named.settings, [0.9, 0.9])
    assert tree.equal(pickle.loads(pickle.dumps(fn.linear(Key(0), 1, 1))), fn.linear(Key(0), 1, 1))


@pytest.mark.parametrize(
    "setting", [float("nan"), float("inf"), -0.0, 10**30, True, None, "nan", (float("nan"), 1)], ids=repr
)
def test_a_setting_of_any_value_is_equal_to_its_copy(setting: object) -> None:
    """NaN too, as a layer has it that fills in what is missing: a state that was pickled is trained on."""
    net = _Set(setting, fn.linear(Key(0), 2, 1))
    optimizer = fn.adam(0.1)
    state = fn.start(net, optimizer, Key(0))
    copies = pickle.loads(pickle.dumps(state)), copy.deepcopy(state)
    news = [optimizer.update(s.params, s.params, s.opt_state) for s in (state, *copies)]
    assert tree.equal(*[new for new, _ in news[:2]]) and tree.equal(news[0], news[2])
    assert len({tree.digest(new) for new, _ in news}) == 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Set(fn.Params):
    setting: object
    layer: fn.Linear


fn.define_chain(_Set, lambda p: (p.layer,))


def test_digest_tells_everything() -> None:
    a = fn.linear(Key(0), 2, 2, dtype=np.float64)
    others = [
        fn.Linear(a.w, a.b.astype(np.float32)),
        fn.Linear(a.w.T, a.b),
        fn.Linear(a.w.reshape(4, 1), a.b),
        fn.Linear(a.w, -a.b),
        fn.serial(a),
        fn.serial(a, fn.LeakyRelu(0.1)),
        fn.serial(a, fn.LeakyRelu(0.2)),
        fn.serial(a, fn.Relu()),
    ]
    assert len({tree.digest(net) for net in (a, *others)}) == 9
    assert tree.digest(fn.Linear(np.asfortranarray(a.w), a.b)) == tree.digest(a)


def test_astype() -> None:
    net = fn.serial(fn.linear(Key(0), 2, 2))
    double = tree.astype(net, np.float64)
    assert double.layers[0].w.dtype == np.float64
    assert tree.equal(tree.astype(double, np.float32), net)
    with pytest.raises(fn.DtypeError, match="dtype must be float32 or float64, got float16"):
        tree.astype(net, np.float16)  # type: ignore[arg-type]


def test_constant_fields_are_passed_by() -> None:
    net = Centred(np.ones(2), np.ones(2))
    assert tree.count(net) == 0
    assert len(tree.leaves(net)) == 2
    assert tree.astype(net, np.float32).mean.dtype == np.float32
    optimizer = fn.adamw(0.1, weight_decay=0.5)
    new, _ = optimizer.update(net, tree.map(np.ones_like, net), optimizer.init(net))
    assert tree.equal(new, net)


def test_repr_is_one_line() -> None:
    assert repr(fn.serial(fn.linear(Key(0), 2, 3), fn.Dropout(0.5))) == (
        "Serial(layers=(Linear(w=float32[2, 3], b=float32[3]), Dropout(rate=0.5)))"
    )


def test_digests_know_whose_class_it_is() -> None:
    @dataclass(frozen=True, slots=True, eq=False)
    class Linear(Params):
        w: Array
        b: Array

    Linear.__qualname__ = "Linear"
    ours = fn.linear(Key(0), 2, 3)
    assert not tree.equal(ours, Linear(ours.w, ours.b))
    with pytest.raises(fn.DtypeError, match=r"tree.digest: arrays must hold numbers, got dtype object"):
        tree.digest((np.array([None]),))


def test_a_single_leaf_has_the_empty_path() -> None:
    assert tree.paths(np.ones(1)) == ("",)
    assert tree.at(np.ones(1), "", lambda a: 2 * a) == 2.0


# --- structures and vectors -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("a", "b"), [(Setting(0.1), Setting(0.9)), (Setting(0.0), Setting(-0.0))])
def test_no_network_gets_another_ones_settings(a: Setting, b: Setting) -> None:
    w = fn.linear(Key(0), 2, 2)
    first, second = (fn.start(fn.serial(w, Noise(s)), fn.sgd(0.1), Key(0)).params for s in (a, b))
    assert repr(first.layers[1].setting) == repr(a)
    assert repr(second.layers[1].setting) == repr(b)
    assert repr(fn.sgd_update(second, second, 0.1).layers[1].setting) == repr(b)
    if a != b:
        with pytest.raises(TreeError, match=r"differ at layers.1.setting.rate: 0.1 against 0.9"):
            fn.sgd_update(first, second, 0.1)


def test_structures_live_as_long_as_their_trees() -> None:
    before = len(_STRUCTURES)
    nets = [pack(fn.serial(fn.linear(Key(0), 2, 2), fn.Dropout(i / 64 + 0.001))) for i in range(20)]
    assert len(_STRUCTURES) == before + 20
    del nets
    assert len(_STRUCTURES) == before


@given(composites(), KEYS)
def test_packing_changes_nothing(problem: Problem, key: Key) -> None:
    net = pack(problem.net)
    assert tree.equal(net, problem.net)
    assert tree.equal(fn.forward(net, problem.x, key)[0], fn.forward(problem.net, problem.x, key)[0])
    if tree.trainable(net):
        (vector,) = blocks(net)
        assert vector is vector_behind(net)
        assert np.array_equal(vector, tree.ravel(net))
        assert all(np.shares_memory(leaf, vector) for leaf in tree.trainable(net))


@given(KEYS, st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(1, 200))
def test_packing_a_perceptron_changes_no_bit(key: Key, sizes: list[int], rows: int) -> None:
    plain, x, dy = fn.mlp(key, sizes), normal(key, (rows, sizes[0])), normal(key.child(1), (rows, sizes[-1]))
    passes = [fn.forward(net, x) for net in (plain, pack(plain))]
    assert tree.equal(passes[0][0], passes[1][0])
    backs = [fn.backward(net, cache, dy) for net in (plain, pack(plain)) for _, cache in passes]
    assert all(tree.equal(back, backs[0]) for back in backs)


@given(KEYS, st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(1, 200))
def test_small_passes_are_the_layers_one_by_one(key: Key, sizes: list[int], rows: int) -> None:
    net, x = fn.mlp(key, sizes, bias_init=fn.normal(0, 1), dtype=np.float64), normal(key, (rows, sizes[0]))
    layers = [layer for linear in net.layers for layer in (linear, fn.Relu())][:-1]
    y, cache = fn.forward(net, x)
    expected, caches = fn.forward(fn.serial(*layers), x)
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    ours, theirs = fn.backward(net, cache, y), fn.backward(fn.serial(*layers), caches, y)
    for a, b in zip(tree.leaves(ours), tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * max(1, np.abs(b).max()))


def test_the_cache_of_a_small_pass_fits_its_own_sizes_only() -> None:
    net, other = fn.mlp(Key(0), (3, 4, 2)), fn.mlp(Key(0), (3, 5, 2))
    y, cache = fn.forward(net, np.ones((2, 3), np.float32))
    with pytest.raises(
        ShapeError, match=r"Mlp: the cache must come from a pass through Linear layers of sizes \(3, 5, 2\) in float32"
    ):
        fn.backward(other, cache, y)
    with pytest.raises(LayerError, match="got that of one through Linear, Relu, Linear"):
        fn.backward(fn.mlp(Key(0), (3, 4, 4, 2)), cache, y)
    with pytest.raises(LayerError, match="got that of one through Linear, Relu, Linear"):
        fn.backward(fn.mlp(Key(0), (3, 4, 2), activation=fn.Tanh()), cache, y)
    with pytest.raises(
        ShapeError, match=r"\(3, 4, 2\) in float64 with ReLUs between them, got that of one .*\(3, 4, 2\) in float32"
    ):
        fn.backward(tree.astype(net, np.float64), cache, y)


@dataclass(frozen=True, slots=True, eq=False)
class Positive(fn.Params):
    """A layer that checks itself when it is made."""

    w: Array

    def __post_init__(self) -> None:
        assert (self.w > 0).all()


@dataclass(frozen=True, eq=False)
class Defaulted(fn.Params):
    """A class without slots, whose default would hide a field that is not there yet."""

    w: Array
    factor: float = 2.0


def test_every_layer_of_a_network_that_was_built_knows_its_structure_and_what_holds_several_its_vector() -> None:
    mlp = fn.mlp(Key(0), (2, 3, 2))
    net = pack(fn.serial(fn.Standardize(np.ones(2), np.ones(2)), fn.residual(mlp), fn.linear(Key(1), 2, 1)))
    assert net.layers[1].layer.layers[0].w is net.layers[1].layer.layers[0].w
    for node in (net, net.layers[1], net.layers[1].layer):
        vector = vector_behind(node)
        assert vector is not None
        assert np.array_equal(vector, tree.ravel(node))
        assert np.shares_memory(vector, net.layers[1].layer.layers[0].w)
    for built, plain in [(net.layers[1].layer, mlp), (net.layers[1].layer.layers[0], mlp.layers[0])]:
        assert structure_of(built) is structure_of(plain)
    assert not any(leaf.flags.writeable for leaf in tree.leaves(net))


def test_networks_that_were_built_are_values_all_the_same() -> None:
    net = pack(fn.linear(Key(0), 2, 3))
    assert not hasattr(net, "weight")
    copies = pickle.loads(pickle.dumps(net)), copy.deepcopy(net), copy.copy(net)
    assert all(tree.equal(other, net) for other in copies)
    with pytest.raises(AssertionError):
        fn.sgd_update(Positive(np.ones(2)), Positive(np.ones(2)), 2.0)
    assert pack(Defaulted(np.ones(2), 3.0)).factor == 3.0


@given(composites(), KEYS)
def test_packed_and_plain_networks_are_updated_alike(problem: Problem, key: Key) -> None:
    optimizer = fn.adamw(0.1)
    y, cache = fn.forward(problem.net, problem.x, key)
    grads = fn.param_gradients(problem.net, cache, np.ones_like(y))
    plain = optimizer.update(problem.net, grads, optimizer.init(problem.net))
    for net in (pack(problem.net), tree.map(np.copy, pack(problem.net))):
        assert tree.equal(optimizer.update(net, pack(grads), optimizer.init(net)), plain)


def test_what_is_large_or_mixed_has_no_vector() -> None:
    large = fn.linear(Key(0), LIMIT, 1)
    for net in (large, fn.Linear(np.ones((1, 1)), np.ones(1, np.float32)), Centred(np.ones(1), np.ones(1))):
        assert vector_behind(pack(net)) is None
    optimizer = fn.sgd(0.5)
    new, _ = optimizer.update(large, tree.map(np.ones_like, large), optimizer.init(large))
    np.testing.assert_array_equal(new.w, large.w - np.float32(0.5))


def test_a_new_tree_does_not_inherit_a_vector() -> None:
    net = pack(fn.linear(Key(0), 2, 2))
    assert vector_behind(tree.map(np.copy, net)) is None
    assert vector_behind(tree.at(net, "b", lambda b: b + 1)) is None
    swapped = fn.serial(pack(fn.serial(net, net)).layers[1], net)
    assert vector_behind(swapped) is None


def test_zeros_of_two_signs_are_two_settings_of_whatever_float() -> None:
    """A network in a vector keeps its own, whichever one of the same form was there before."""

    def made(value: float) -> fn.TrainState[fn.Params]:
        return fn.start(fn.serial(fn.linear(Key(0), 2, 2), Odd(value)), fn.sgd(0.1), Key(0))

    for kind in (float, np.float64):
        kept = [made(kind(0.0)), made(kind(-0.0))]
        assert [str(state.params.layers[1].value) for state in kept] == [str(kind(0.0)), str(kind(-0.0))]  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Odd(fn.Params):
    """A layer with a setting that does nothing."""

    value: float


fn.define_layer(Odd, forward=lambda p, x: (x, None), backward=lambda p, saved, dy: (p, dy))


class OfNumbers(fn.Linear):
    """A layer of no dataclass of its own, whose constructor brings w into [-1, 1]."""

    __slots__ = ()

    def __init__(self, w: Array, b: Array) -> None:
        super().__init__(np.clip(w, -1, 1), b)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Clipped(fn.Params):
    """One that the dataclass leaves its constructor."""

    w: Array

    def __init__(self, w: Array) -> None:
        object.__setattr__(self, "w", np.clip(w, -1, 1))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClippedAfter(fn.Params):
    """One with a __post_init__."""

    w: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "w", np.clip(self.w, -1, 1))


@pytest.mark.parametrize(
    "net", [OfNumbers(np.zeros((2, 2)), np.zeros(2)), Clipped(np.zeros(2)), ClippedAfter(np.zeros(2))]
)
def test_whatever_a_constructor_does_it_does_wherever_a_tree_is_made(net: Any) -> None:
    low = tree.map(np.ones_like, net)
    made = [
        fn.sgd_update(net, low, 5.0),
        tree.map(lambda a: a - 5, net),
        structure_of(net).build((vector_of(net) - 5,)),
        pickle.loads(pickle.dumps(tree.map(lambda a: a - 5, net))),
    ]
    assert [float(one.w.min()) for one in made] == [-1.0] * 4
