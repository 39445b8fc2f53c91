"""What users write is compiled, by public names alone: activations, losses, optimizers and layers of whole rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, Key, Params, jit, tree
from fnnet.jit.activations import activation_loops
from fnnet.jit.losses import loss_loops
from fnnet.jit.optimizers import Compiled
from fnnet.jit.sources import linked
from fnnet.jit.updates import update_loops
from fnnet.keys import normal
from tests.support import own_formulas
from tests.support.compiled import PATHS, distance, net_around, run
from tests.support.own_formulas import Charbonnier, Margins, Mish, Signed, SumNorm
from tests.support.own_formulas import total as sum_of

X, Y = normal(Key(0), (72, 5)), normal(Key(1), (72, 3))


def test_an_activation_a_loss_and_an_optimizer_of_a_users_agree_after_a_hundred_steps() -> None:
    ours, theirs = (run(train, net_around(Mish(0.7)), Charbonnier(), Signed(0.01), X, Y, 20) for train in PATHS)
    assert ours.opt_state.step == 100
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12
    assert abs(float(ours.history[-1].loss) - float(theirs.history[-1].loss)) <= 1e-12


LABELS = np.arange(72) % 3


def test_a_layer_and_a_loss_of_whole_rows_of_a_users_agree_after_a_hundred_steps() -> None:
    """Several of each kind behind one another, with a bias in front and without."""
    layers = [SumNorm(np.linspace(1, 2, 6), 0.3), Mish(0.7), Mish(0.5), SumNorm(np.linspace(1, 2, 6))]
    ends = [fn.linear(Key(n), n, m, dtype=np.float64) for n, m in ((5, 6), (6, 3))]
    net = fn.serial(ends[0], Mish(0.7), *layers, ends[1])
    ours, theirs = (run(train, net, Margins(0.7), Signed(0.01), X, LABELS, 20) for train in PATHS)
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12
    assert abs(float(ours.history[-1].loss) - float(theirs.history[-1].loss)) <= 1e-12


def test_what_users_write_has_right_gradients() -> None:
    net = fn.serial(net_around(Mish(0.7)), SumNorm(np.array([0.5, 1.0, 2.0])))
    assert fn.testing.check_gradients(net, X[:5], loss=Charbonnier(), target=Y[:5]).error < 1e-6
    assert fn.testing.check_gradients(net, X[:5], loss=Margins(), target=LABELS[:5]).error < 1e-6


def test_kernels_run_without_a_compiler_too() -> None:
    layer, x, dy = SumNorm(np.array([0.5, 1.0, 2.0]), 0.3), X[:, :3], Y
    y, cache = fn.forward(layer, x)
    made, dw, dx = np.empty_like(x), np.empty((1, 3)), np.empty_like(x)
    own_formulas.forward(x, layer.scale[None], made, layer.eps)
    own_formulas.backward(x, layer.scale[None], made, dy, dw, dx, layer.eps)
    grads, right = fn.backward(layer, cache, dy)
    assert distance((made, dw, dx), (y, grads.scale[None], right)) <= 1e-14
    d, (values, slopes) = np.empty_like(Y), Margins(0.7).rows(Y, LABELS)
    rows = [own_formulas.row(Y[i], label, d[i], 0.7) for i, label in enumerate(LABELS.tolist())]
    assert distance((np.array(rows), d), (values, slopes)) <= 1e-14


@dataclass(frozen=True)
class Rooted(fn.EntryLoss):
    """A formula that makes a float of a setting."""

    scale: float

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        d, root = prediction - target, math.sqrt(self.scale)
        return root * d * d, 2 * root * d


@dataclass(frozen=True)
class Bent(fn.EntryLoss):
    """A formula that decides by its settings, and by what is made of them."""

    low: float
    high: float

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        d = prediction - target
        first = min(self.low, self.high)
        return (d * d, 2 * d) if self.high - self.low > 2 * first else (first * d, 0 * d + first)


class Quartic(fn.EntryLoss):
    """A loss that is no dataclass: it has no settings, and what it has is written into its formula."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        square = (prediction - target) * (prediction - target)
        return self.scale * square * square, 4 * self.scale * square * (prediction - target)


ALIKE: list[tuple[Any, Any, bool]] = [
    (Mish(0.5), Mish(2.0), True),
    (fn.Elu(0.5), fn.Elu(2.0), True),
    (fn.LeakyRelu(0.1), fn.LeakyRelu(0.2), True),
    (fn.LeakyRelu(0.0), fn.LeakyRelu(0.1), False),
    (fn.Huber(0.3), fn.Huber(0.7), True),
    (fn.Huber(0.3), fn.Huber(1e39), False),
    (Charbonnier(0.3), Charbonnier(0.7), True),
    (Margins(0.3), Margins(0.7), True),
    (Bent(1.0, 4.0), Bent(0.5, 7.0), True),
    (Bent(1.0, 4.0), Bent(1.0, 2.0), False),
    (Rooted(1.0), Rooted(2.0), False),
    (fn.sgd(0.1, momentum=0.5), fn.sgd(0.2, momentum=0.9), True),
    (fn.sgd(0.1, momentum=0.5), fn.sgd(0.1), False),
    (fn.adamw(0.1, weight_decay=0.1), fn.adamw(0.1, weight_decay=0.2), True),
    (Signed(0.1, soft=0.5), Signed(0.2, soft=0.7), True),
]


def _module(thing: Any) -> ModuleType:
    dtype = np.dtype(np.float32)
    if isinstance(thing, Params):
        return activation_loops(thing, dtype, False).module
    return (update_loops if isinstance(thing, fn.Elementwise) else loss_loops)(thing, dtype)[0]


@pytest.mark.parametrize(("a", "b", "is_one"), ALIKE, ids=repr)
def test_settings_are_data_of_one_compiled_form_where_a_formula_decides_alike(a: Any, b: Any, is_one: bool) -> None:
    assert (_module(a) is _module(b)) == is_one


@pytest.mark.parametrize(
    "loss", [Bent(1.0, 4.0), Bent(2.0, 1.0), Rooted(2.0), fn.Huber(0.1), Quartic(0.1), Quartic(0.2)]
)
def test_a_formula_that_decides_by_settings_is_compiled_as_it_decides(loss: Any) -> None:
    net = net_around(fn.LeakyRelu(0.3))
    ours, theirs = (run(train, net, loss, fn.sgd(0.01, momentum=0.3), X, Y, 3) for train in PATHS)
    assert distance(ours.params, theirs.params) <= 1e-12


def test_an_optimizer_of_a_users_has_compiled_updates_too() -> None:
    net = net_around(fn.Tanh())
    grads = tree.map(lambda leaf: normal(Key(leaf.size), leaf.shape), net)
    own, compiled = Signed(0.1), Compiled(Signed(0.1))
    a, b = own.update(net, grads, own.init(net)), compiled.update(net, grads, compiled.init(net))
    assert tree.equal(a, b)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Window(Params):
    """y = x where any of two comparisons holds, and 2 x where both of two others hold."""


def _inside(x: Array) -> Array:
    some = (x > -0.5) + (x < 0.5) + np.where(x > 0, x < 0.1, x > -0.1)
    return np.where(some, 1 + (x > -0.2) * np.minimum(x < 0.2, x != 0), 0).astype(x.dtype)


fn.define_activation(Window, lambda p, x: (_inside(x) * x, x), slope=lambda p, x: _inside(x))


def test_arithmetic_of_comparisons_is_true_or_false_as_numpy_has_it() -> None:
    ours, theirs = (run(train, net_around(Window()), fn.mse, fn.sgd(0.1), X, Y, 3) for train in PATHS)
    assert distance(ours.params, theirs.params) <= 1e-12


# --- what is not compiled ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sorted(Params):
    """No function of single entries."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Deciding(Params):
    """Python's if instead of np.where."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Unwritten(Params):
    """A ufunc that has no compiled form."""


def _define(kind: Any, formula: Callable[[Any, Array], Any]) -> None:
    fn.define_activation(kind, formula, slope=lambda p, saved: 1.0)


_define(Sorted, lambda p, x: (np.sort(x), None))
_define(Deciding, lambda p, x: (x if (x > 0).all() else -x, None))
_define(Unwritten, lambda p, x: (np.spacing(x), None))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reading(Params):
    """A kernel that uses what cannot be copied."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Shifted(Params):
    """Kernels, and an array that is no vector."""

    shift: Array


for _kind in (Reading, Shifted):
    fn.define_layer(_kind, forward=lambda p, x: (x, None), backward=lambda p, saved, dy: (p, dy))
TABLE = {"one": 1.0}


def _reading(x: Array, w: Array, y: Array) -> None:
    y[:] = TABLE["one"]


def _reading_back(x: Array, w: Array, y: Array, dy: Array, dw: Array, dx: Array) -> None:
    dx[:] = dy


fn.define_kernels(Reading, _reading, _reading_back)
fn.define_kernels(Shifted, own_formulas.forward, own_formulas.backward)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Sorted(), "layers.1 is a Sorted, whose formula is not compiled: a formula works entry by entry"),
        (Deciding(), "layers.1 is a Deciding, whose formula is not compiled: .* has no attribute 'all'"),
        (Unwritten(), "layers.1 is an Unwritten, whose formula is not compiled: spacing has no compiled form"),
        (
            Reading(),
            "layers.1 is a Reading, whose kernels are not compiled: _reading uses TABLE, which is no number, function",
        ),
        (
            Shifted(np.ones((1, 3))),
            "layers.1 is a Shifted, which is compiled with vectors of its 3 features and no",
        ),
    ],
)
def test_layers_that_are_not_compiled_are_refused_by_name(layer: Params, message: str) -> None:
    net = fn.serial(fn.linear(Key(0), 5, 3, dtype=np.float64), layer)
    with pytest.raises(fn.LayerError, match=message):
        run(jit.train, net, fn.mse, fn.sgd(0.1), X, Y, 1)


@dataclass(frozen=True)
class Median(fn.EntryLoss):
    """No function of single entries."""

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        d = prediction - target - np.median(prediction - target)
        return d * d, 2 * d


def test_a_loss_that_is_not_compiled_is_refused_by_name() -> None:
    message = "jit: loss is a Median, whose formula or kernel is not compiled: a formula works entry by entry .*; use"
    with pytest.raises(TypeError, match=message):
        run(jit.train, fn.linear(Key(0), 5, 3), Median(), fn.sgd(0.1), X, Y, 1)


def _twice(x: Array) -> np.floating:
    return sum_of(x, 0.0) + sum_of(x, 0.0)


def total(x: Array) -> np.floating:
    return sum_of(x, 0.0)


def test_names_of_kernels_mean_one_thing() -> None:
    assert "\nsum_of = total\n" in linked(_twice)
    with pytest.raises(TypeError, match=r"^total means two things"):
        linked(total)


class Smoothed(fn.EntryLoss):
    """The squares of differences from targets that it changes."""

    def checked(self, prediction: Array, target: Array, /) -> Array:
        return 0.9 * fn.EntryLoss.checked(self, prediction, target) + 0.05

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        return (prediction - target) ** 2, 2 * (prediction - target)


def test_a_loss_that_changes_its_targets_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="loss must be that of its targets as they are, Smoothed changes them"):
        run(jit.train, net_around(fn.Tanh()), Smoothed(), fn.sgd(0.1), X, Y, 1)
