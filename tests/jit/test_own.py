"""What users write by one formula is compiled: an activation, a loss and an optimizer that fnnet does not know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, Key, Params, jit, tree
from fnnet.core.settings import Positive, Rate, Share
from fnnet.jit.activations import activation_loops
from fnnet.keys import normal
from fnnet.losses.reductions import EntryLoss
from fnnet.numerics import exp, log1p, tanh
from fnnet.numerics.programs import Numbers
from fnnet.optimizers.elementwise import Elementwise
from tests.support.compiled import PATHS, distance, net_around, run


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mish(Params):
    """y = x tanh(log(1 + e^(b x))) with a number b."""

    b: float = 1.0


def mish(p: Mish, x: Array) -> tuple[Array, tuple[Array, Array]]:
    t = tanh(log1p(exp(p.b * x)))
    return x * t, (x, t)


def mish_slope(p: Mish, saved: tuple[Array, Array]) -> Array:
    x, t = saved
    return t + x * (1 - t * t) * (p.b / (1 + exp(-p.b * x)))


fn.define_activation(Mish, mish, slope=mish_slope)


@dataclass(frozen=True, slots=True)
class Charbonnier(EntryLoss):
    """The mean of √(d² + c²) - c."""

    c: float = 0.5

    def entries(self, prediction: Array, target: Array, /) -> tuple[Array, Array]:
        d = prediction - target
        root = np.sqrt(d * d + self.c**2)
        return root - self.c, d / root


@dataclass(frozen=True)
class Signed(Elementwise):
    """The gradient's sign, softened, over a velocity."""

    lr: Rate
    decay: Share = 0.9
    soft: Positive = 0.1

    slots = 1

    def rule(self, numbers: Numbers, p: Array, g: Array, v: Array) -> tuple[Array, Array]:
        (lr,) = numbers
        v = self.decay * v + (1 - self.decay) * g
        return p - lr * np.where(np.abs(v) > self.soft, np.sign(v), v / self.soft), v


X, Y = normal(Key(0), (72, 5)), normal(Key(1), (72, 3))


def test_an_activation_a_loss_and_an_optimizer_of_a_users_agree_after_a_hundred_steps() -> None:
    ours, theirs = (run(train, net_around(Mish(0.7)), Charbonnier(), Signed(0.01), X, Y, 20) for train in PATHS)
    assert ours.opt_state.step == 100
    assert distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12
    assert abs(float(ours.history[-1].loss) - float(theirs.history[-1].loss)) <= 1e-12


def test_a_users_activation_has_right_gradients() -> None:
    assert fn.testing.check_gradients(net_around(Mish(0.7)), X[:5]).error < 1e-6


def test_settings_are_data_unless_a_formula_decides_by_them() -> None:
    some: list[tuple[Params, Params, bool]] = [
        (Mish(0.5), Mish(2.0), True),
        (fn.Elu(0.5), fn.Elu(2.0), True),
        (fn.LeakyRelu(0.0), fn.LeakyRelu(0.1), False),
    ]
    for a, b, is_one in some:
        one, other = (activation_loops(layer, np.dtype(np.float64), False).module for layer in (a, b))
        assert (one is other) == is_one


def test_an_optimizer_of_a_users_has_compiled_updates_too() -> None:
    net = net_around(fn.Tanh())
    grads = tree.map(lambda leaf: normal(Key(leaf.size), leaf.shape), net)
    own, compiled = Signed(0.1), jit.optimizers.Compiled(Signed(0.1))
    a, b = own.update(net, grads, own.init(net)), compiled.update(net, grads, compiled.init(net))
    assert tree.equal(a, b)


# --- what is no formula ------------------------------------------------------------------------------------------
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


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Sorted(), "layers.0.activation is a Sorted, whose formula is not compiled: a formula works entry by entry"),
        (Deciding(), "layers.0.activation is a Deciding, whose formula is not compiled: .* has no attribute 'all'"),
        (
            Unwritten(),
            "layers.0.activation is a Unwritten, whose formula is not compiled: spacing has no compiled form",
        ),
    ],
)
def test_what_is_no_formula_is_refused_by_name(layer: Params, message: str) -> None:
    with pytest.raises(fn.LayerError, match=message):
        run(jit.train, net_around(layer), fn.mse, fn.sgd(0.1), X, Y, 1)
