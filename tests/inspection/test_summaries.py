"""The summary of a network: every layer that a pass calls, whoever wrote it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Cache, Key, Params, tree
from fnnet.core.facts import replicas
from fnnet.numerics import sum_to
from tests.support.own_layers import Centred, Noise, Setting
from tests.support.strategies import Problem, composites


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Gated(Params):
    """y = gate a(x) + b(x): a user's composite with an array of its own."""

    branches: tuple[Params, Params]
    gate: Array


Saved = tuple[Cache[Params], Cache[Params], Array]


def gated_forward(p: Gated, x: Array) -> tuple[Array, Saved]:
    (a, first), (b, second) = fn.forward(p.branches[0], x), fn.forward(p.branches[1], x)
    return p.gate[..., None, :] * a + b, (first, second, a)


def gated_backward(p: Gated, saved: Saved, dy: Array) -> tuple[Gated, Array]:
    first, second, a = saved
    one, dx = fn.backward(p.branches[0], first, dy * p.gate[..., None, :])
    two, dx2 = fn.backward(p.branches[1], second, dy)
    gate: Array = np.add.reduce(dy * a, axis=-2)
    return Gated((one, two), gate), sum_to(dx + dx2, dx.shape)


fn.define_layer(Gated, forward=gated_forward, backward=gated_backward, replicas=lambda p: p.gate.shape[:-1])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tied(Params):
    """A user's composite that reads its child's arrays itself: y = x w wᵀ."""

    layer: fn.Linear


def tied_forward(p: Tied, x: Array) -> tuple[Array, Array]:
    return x @ p.layer.w @ p.layer.w.T, x


def tied_backward(p: Tied, x: Array, dy: Array) -> tuple[Tied, Array]:
    w = p.layer.w
    return Tied(fn.Linear(x.T @ dy @ w + dy.T @ x @ w, np.zeros_like(p.layer.b))), dy @ w @ w.T


fn.define_layer(Tied, forward=tied_forward, backward=tied_backward)


def _gated(n: int) -> Gated:
    return Gated((fn.linear(Key(0), 3, n), fn.serial(fn.linear(Key(1), 3, n), fn.Tanh())), np.ones(n, np.float32))


def test_own_layers_of_these_tests_are_right() -> None:
    x = fn.keys.normal(Key(2), (4, 3))
    assert fn.testing.check_gradients(_gated(2), x).error < 1e-6
    assert fn.testing.check_gradients(Tied(fn.linear(Key(0), 3, 2)), x).error < 1e-6


def test_summary() -> None:
    net = fn.serial(fn.Dropout(0.1), fn.mlp(Key(0), (8, 16, 3)), fn.serial(fn.Softmax()))
    found = fn.summary(net, batch=4)
    rows = [(row.path, row.layer, row.depth, row.output, row.parameters, row.bytes) for row in found.lines]
    assert rows == [
        ("layers.0", "Dropout", 0, (4, 8), 0, 0),
        ("layers.1", "Mlp", 0, (4, 3), 0, 0),
        ("layers.1.layers.0", "Linear", 1, (4, 16), 144, 576),
        ("layers.1.activation", "Relu", 1, (4, 16), 0, 0),
        ("layers.1.layers.1", "Linear", 1, (4, 3), 51, 204),
        ("layers.2", "Serial", 0, (4, 3), 0, 0),
        ("layers.2.layers.0", "Softmax", 1, (4, 3), 0, 0),
    ]
    assert (found.parameters, found.bytes) == (195, 780)
    first = 2 * 4 * 8 * 16
    flops = [(row.forward_flops, row.backward_flops) for row in found.lines]
    assert flops[2] == (first, 2 * first + 4 * 16)
    assert flops[3] == (64, 64)
    assert found.forward_flops == 32 + first + 64 + 2 * 4 * 16 * 3 + 12
    assert found.backward_flops == sum(backward for _, backward in flops if backward is not None)
    head = "layer output shape parameters bytes FLOPs forward FLOPs backward"
    assert str(found).splitlines()[0].split() == head.split()


def test_composites_of_users_are_seen_through() -> None:
    net = fn.serial(_gated(2), Centred(np.ones(2, np.float32), np.zeros(2, np.float32)), Noise(Setting(0.1)))
    found = fn.summary(net, batch=5)
    assert [(row.path, row.layer, row.output, row.parameters, row.forward_flops) for row in found.lines] == [
        ("layers.0", "Gated", (5, 2), 2, 0),
        ("layers.0.branches.0", "Linear", (5, 2), 8, 60),
        ("layers.0.branches.1", "Serial", (5, 2), 0, 0),
        ("layers.0.branches.1.layers.0", "Linear", (5, 2), 8, 60),
        ("layers.0.branches.1.layers.1", "Tanh", (5, 2), 0, 10),
        ("layers.1", "Centred", (5, 2), 2, None),
        ("layers.2", "Noise", (5, 2), 0, None),
    ]
    assert (found.parameters, found.bytes) == (20, 88)  # of the mean the bytes alone
    lines = str(found).splitlines()
    assert [line.split()[-2:] for line in lines[7:9]] == [["-", "-"], ["-", "-"]]
    assert lines[-1].split() == ["total", "20", "88", "≥", "130", "≥", "270"]


def test_flops_an_entry() -> None:
    """Those of 5 rows of 4 numbers."""
    net = fn.serial(fn.standardize(np.eye(4)), fn.layer_norm(4), fn.rms_norm(4), fn.Identity(), fn.Dropout(0.5))
    found = fn.summary(net, batch=5)
    assert [(row.forward_flops, row.backward_flops) for row in found.lines] == [
        (40, 20), (140, 220), (80, 160), (0, 0), (20, 20)
    ]  # fmt: skip


def test_portable_networks_are_seen_through() -> None:
    net = fn.mlp(Key(0), (3, 4, 2), dtype=np.float64)
    rows, own = fn.summary(net).lines, fn.summary(fn.portable(net)).lines
    assert [(f"layer.{row.path}", row.layer, row.bytes, row.backward_flops) for row in rows] == [
        (row.path, row.layer, row.bytes, row.backward_flops) for row in own[-len(rows) :]
    ]


def test_what_cannot_be_seen_through_is_one_row() -> None:
    found = fn.summary(fn.serial(Tied(fn.linear(Key(0), 3, 2)), fn.Relu()), batch=2, features=3)
    assert [(row.path, row.layer, row.output, row.parameters, row.forward_flops) for row in found.lines] == [
        ("layers.0", "Tied", (2, 3), 8, None),
        ("layers.1", "Relu", (2, 3), 0, 6),
    ]
    assert str(fn.summary(Tied(fn.linear(Key(0), 3, 2)))).splitlines()[-1].split() == ["total", "8", "32", "-", "-"]


def test_errors_of_layers_are_their_own() -> None:
    net = fn.serial(fn.linear(Key(0), 3, 2), fn.serial(fn.linear(Key(0), 3, 2)))
    with pytest.raises(fn.ShapeError, match=r"linear: x must be \(..., batch, 3\), got \(1, 2\)"):
        fn.summary(net)


@given(composites())
def test_rows_add_up_and_end_with_the_output(problem: Problem) -> None:
    found = fn.summary(problem.net, batch=len(problem.x), features=problem.x.shape[-1])
    assert sum(row.parameters for row in found.lines) == found.parameters == tree.count(problem.net)
    assert sum(row.bytes for row in found.lines) == found.bytes
    assert next(row for row in found.lines[::-1] if row.depth == 0).output == problem.y.shape


def test_the_number_of_inputs_is_read_off() -> None:
    assert fn.summary(fn.serial(fn.Relu(), fn.serial(fn.linear(Key(0), 7, 7)))).lines[0].output == (1, 7)
    assert fn.summary(Centred(np.ones(6), np.zeros(6))).lines[0].output == (1, 6)
    assert fn.summary(_gated(4)).lines[1].output == (1, 4)
    assert fn.summary(fn.serial(fn.Relu()), features=7).lines[0].output == (1, 7)


def test_the_number_of_inputs_is_not_guessed() -> None:
    anything = Centred(np.ones(1), np.zeros(1))  # which takes every number of features
    for net in (anything, fn.serial(fn.Relu())):
        with pytest.raises(ValueError, match=r"the number of inputs cannot be read off this \w+; give features="):
            fn.summary(net)
    assert fn.summary(anything, features=3).lines[0].output == (1, 3)


def test_summary_of_stacked_networks() -> None:
    one = fn.summary(fn.mlp(Key(0), (3, 4, 2)), batch=4)
    nets = [fn.mlp(Key(k), (3, 4, 2)) for k in range(5)]
    found = fn.summary(tree.map(lambda *leaves: np.stack(leaves), *nets), batch=4)
    assert found.lines[0].output == (5, 4, 4)
    assert (found.parameters, found.bytes) == (5 * one.parameters, 5 * one.bytes)
    assert (found.forward_flops, found.backward_flops) == (5 * one.forward_flops, 5 * one.backward_flops)
    centred = fn.summary(tree.map(lambda a: np.stack([a] * 5), Centred(np.ones(6), np.zeros(6))))
    assert centred.lines[0].output == (5, 1, 6)


# --- whatever the network ----------------------------------------------------------------------------------------
@st.composite
def networks(draw: st.DrawFn) -> tuple[Params, int]:
    """Networks of the catalogue behind columns, norms and one another, and a number of features that they take."""
    problem = draw(composites())
    net, n = problem.net, problem.x.shape[-1]
    kind = draw(st.sampled_from(["as it is", "behind columns", "beside columns", "behind no arrays", "behind a norm"]))
    if kind in ("behind columns", "beside columns"):
        columns = draw(st.lists(st.integers(0, 7), min_size=n, max_size=n))
        more = [(columns, net), ([draw(st.integers(0, 7))], fn.linear(Key(1), 1, 2, dtype=np.float64))]
        more = draw(st.permutations(more))[: 1 if kind == "behind columns" else 2]
        own = fn.branches([some for some, _ in more], tuple([layer for _, layer in more]))
        return fn.serial(own, fn.Tanh()), max(max(some) for some, _ in more) + 1
    if kind == "behind no arrays":
        return fn.serial(fn.Tanh(), fn.residual(fn.Relu()), net), n
    if kind == "behind a norm":
        return fn.serial(fn.layer_norm(n, dtype=np.float64), net), n
    return net, n


@given(networks(), st.booleans())
def test_a_summary_is_right_or_asks(drawn: tuple[Params, int], is_stacked: bool) -> None:
    """Told or not, it is the same one; and where it has to be told, it says so."""
    net, n = drawn
    if is_stacked:
        net = tree.map(lambda leaf: np.stack([leaf, leaf]), net)
    if not replicas(net):  # what has no arrays cannot be stacked
        net = drawn[0]
    try:
        found = fn.summary(net, batch=3)
    except ValueError as error:
        assert "give features=" in str(error)
    else:
        assert found == fn.summary(net, batch=3, features=n)


def test_columns_of_branches_are_the_inputs() -> None:
    net = fn.branches([(0, 1), (2,)], (fn.linear(Key(0), 2, 3), fn.linear(Key(0), 1, 2)))
    assert fn.summary(net) == fn.summary(net, features=3) == fn.summary(net, features=9)
    table = fn.branches([(0,), range(1, 6)], (fn.embedding(Key(0), 4, 2), fn.Identity()))
    behind = fn.serial(table, fn.mlp(Key(0), (7, 4, 2)))
    assert fn.summary(behind).lines[0].output == (1, 7)
    assert fn.summary(fn.portable(tree.astype(behind, np.float64))).parameters == tree.count(behind)


def test_what_a_layer_raises_does_not_reach_the_one_who_asks() -> None:
    @dataclass(frozen=True, slots=True, eq=False, repr=False)
    class Halved(Params):
        scale: Array

    def onward(p: Halved, x: Array) -> tuple[Array, Array]:
        if x.shape[-1] % 2:
            raise ZeroDivisionError("a user's own")
        return x[..., ::2] * p.scale[..., ::2], x

    fn.define_layer(Halved, forward=onward, backward=lambda p, x, dy: (p, x))
    assert fn.summary(Halved(np.ones(6))).lines[0].output == (1, 3)
