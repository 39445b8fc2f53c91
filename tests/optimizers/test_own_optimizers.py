"""An optimizer of a user's: what it gives has to be like the parameters, whatever it computes; or one formula."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

import fnnet as fn
from fnnet import Array, DtypeError, Key, OptState, ShapeError, tree
from fnnet.core.settings import Rate, Share
from fnnet.numerics.programs import Numbers
from fnnet.optimizers.elementwise import Elementwise

P = TypeVar("P", bound=fn.Params)


@dataclass(frozen=True)
class Own:
    """p' = f(p, g)."""

    f: Callable[[Array, Array], NDArray[Any]]

    def init(self, params: P, /) -> OptState[P]:
        return OptState(0)

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        return tree.map(self.f, params, grads), OptState(state.step + 1)


def trained(f: Callable[[Array, Array], NDArray[Any]], net: fn.Params) -> fn.TrainState[fn.Params]:
    optimizer = Own(f)
    step: Any = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    data = fn.minibatches(np.ones((6, 3)), np.ones((6, 2)), batch_size=2)
    return fn.last(fn.take(3)(fn.steps(step, data, fn.start(net, optimizer, Key(0)))))


NETS = {"one layer": fn.linear(Key(0), 3, 2), "two layers": fn.mlp(Key(0), (3, 4, 2))}


@pytest.mark.parametrize("name", NETS)
def test_a_plain_formula_trains(name: str) -> None:
    with_own = trained(lambda p, g: p - 0.1 * g, NETS[name])
    sgd = fn.sgd(0.1)
    step = fn.train_step(fn.value_and_grad(fn.mse), sgd)
    data = fn.minibatches(np.ones((6, 3)), np.ones((6, 2)), batch_size=2)
    expected = fn.last(fn.take(3)(fn.steps(step, data, fn.start(NETS[name], sgd, Key(0)))))
    assert tree.allclose(with_own.params, expected.params, 1e-6, 1e-7)


@pytest.mark.parametrize("name", NETS)
def test_another_dtype_or_shape_is_refused_by_its_path(name: str) -> None:
    path = tree.paths(NETS[name])[0]
    with pytest.raises(DtypeError, match=rf"the dtype of {path}, float32, got float64; a setting that is a NumPy"):
        trained(lambda p, g: p - np.float64(0.1) * g, NETS[name])
    with pytest.raises(DtypeError, match=rf"the dtype of {path}, float32, got int64"):
        trained(lambda p, g: (p - g).astype(np.int64), NETS[name])
    with pytest.raises(ShapeError, match=rf"the optimizer must keep the shape of {path}, \("):
        trained(lambda p, g: (p - 0.1 * g)[None], NETS[name])


@dataclass(frozen=True)
class Signed(Elementwise):
    """m' = b m + (1 - b) g, p' = p - lr sign(m'), with a dictionary beside its slots."""

    lr: Rate
    b: Share = 0.9

    slots = 1

    def rule(self, numbers: Numbers, p: Array, g: Array, m: Array) -> tuple[Array, Array]:
        (lr,) = numbers
        m = self.b * m + (1 - self.b) * g
        return p - lr * np.sign(m), m


def test_one_formula_is_an_optimizer() -> None:
    """Lion with one b."""
    optimizer: Any = Signed(lambda step: 0.1 / (1 + step))
    net = fn.mlp(Key(0), (3, 4, 2))
    ours, theirs = net, net
    state, expected = optimizer.init(net), fn.lion(optimizer.lr, b1=0.9, b2=0.9).init(net)
    for t in range(5):
        grads = tree.map(lambda p, t=t: np.cos(p + t), net)
        ours, state = optimizer.update(ours, grads, state)
        theirs, expected = fn.lion(optimizer.lr, b1=0.9, b2=0.9).update(theirs, grads, expected)
    assert tree.equal((ours, state), (theirs, expected))


def test_its_settings_are_checked_and_it_pickles() -> None:
    with pytest.raises(ValueError, match=r"^signed: b must be in \[0, 1\), got 1$"):
        Signed(0.1, 1)
    optimizer, net = Signed(0.1), fn.mlp(Key(0), (3, 4, 2))
    optimizer.update(net, net, optimizer.init(net))
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer


def test_one_that_is_no_formula_is_refused() -> None:
    class Mean(Signed):
        def rule(self, numbers: Numbers, p: Array, g: Array, m: Array) -> tuple[Array, Array]:
            return p - numbers[0] * g / np.linalg.norm(g), m

    net, optimizer = NETS["one layer"], Mean(0.1)
    with pytest.raises(TypeError, match="a formula works entry by entry"):
        optimizer.update(net, net, optimizer.init(net))


WRONG: dict[str, tuple[Callable[..., Any], str]] = {
    "an array": (lambda n, p, g, m: p - g, r"rule must be a formula .*: a formula gives a tuple of fresh arrays"),
    "no slots": (lambda n, p, g, m: (p - g,), r"rule must give 1 \+ 1 arrays, \(parameters, \*slots\), got 1"),
    "too many": (lambda n, p, g, m: (p - g, m + g, m * g), r"rule must give 1 \+ 1 arrays, .* got 3"),
    "what it was given": (lambda n, p, g, m: (p - g, m), r"a formula gives fresh arrays, got x2"),
    "norms": (
        lambda n, p, g, m: (p - g / np.linalg.norm(g), m + g),
        r"wrong: rule must be a formula .* an update of its",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_rule_that_is_no_formula_of_its_arrays_is_refused(name: str) -> None:
    formula, message = WRONG[name]

    @dataclass(frozen=True)
    class Wrong(fn.Elementwise):
        lr: float
        slots = 1

        def rule(self, numbers: Numbers, *arrays: Array) -> Any:
            return formula(numbers, *arrays)

    net, optimizer = fn.linear(Key(0), 2, 1), Wrong(0.1)
    with pytest.raises(TypeError, match=message):
        optimizer.update(net, net, optimizer.init(net))


class Coming(NamedTuple):
    """The numbers of a step, by name."""

    lr: float
    t: float


@dataclass(frozen=True)
class Named(fn.Elementwise):
    """Descent with rates that shrink."""

    lr: float
    slots = 0

    def numbers(self, lr: float, t: int) -> Coming:
        return Coming(lr, float(t))

    def rule(self, numbers: Any, p: Array, g: Array) -> tuple[Array]:
        return (p - numbers.lr / numbers.t * g,)


def test_numbers_may_have_names() -> None:
    net, optimizer = fn.Linear(np.ones((1, 2)), np.zeros(2)), Named(0.5)
    new, state = optimizer.update(net, net, optimizer.init(net))
    new, _ = optimizer.update(new, net, state)
    assert new.w.tolist() == [[0.25, 0.25]]
