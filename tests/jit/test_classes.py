"""The compiled path knows a class by itself: one that a user derives from it has rules of its own, and is refused."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Key, Params, jit, tree
from fnnet.core.formulas import ACTIVATIONS
from fnnet.core.kernels import KERNELS
from fnnet.core.network import backward, forward
from fnnet.core.rules import Chain, rule_of
from fnnet.jit import losses, optimizers, plans
from fnnet.jit.layers import LAYERS as WRITTEN
from fnnet.keys import normal
from fnnet.losses.weighted import ClassWeighted, Weighted
from fnnet.optimizers.elementwise import Elementwise
from tests import catalogue

X, Y = normal(Key(0), (20, 4)), normal(Key(1), (20, 4))


def _derived(kind: type, **own: Any) -> Any:
    """A class as a user derives it, its name that of its base with Own before it."""
    return dataclass(frozen=True, slots=True, repr=False, eq=False)(
        type(f"Own{kind.__name__}", (kind,), {"__module__": __name__, **own})
    )


def _as(kind: Any, value: Any) -> Any:
    """A value of a class with the fields of another's."""
    return kind(**{f.name: getattr(value, f.name) for f in fields(value)})


def _refused(name: str, step: Any, data: Any, net: Params) -> None:
    """NumPy's path trains it, the compiled one refuses it by its name."""
    state = fn.start(net, step.optimizer, Key(0))
    assert np.isfinite(next(fn.train(step, data, state)).record.loss)
    with pytest.raises((fn.LayerError, TypeError), match=rf"jit: .*\b{name}\b"):
        next(jit.train(step, data, state))


def _step(loss: Any = fn.mse, optimizer: Any = fn.sgd(1e-4)) -> Any:  # noqa: B008
    return fn.train_step(fn.value_and_grad(loss), optimizer)


# --- layers ------------------------------------------------------------------------------------------------------
MADE = {type(layer): layer for make in catalogue.LAYERS.values() for layer in [make(Key(0), 4, 4)]}
COMPILED = [*WRITTEN, fn.Serial, fn.Mlp, *KERNELS, *ACTIVATIONS]
LAYERS = [kind for kind in COMPILED if kind in MADE]


def _layer(kind: type[Params]) -> Any:
    """A layer of a class derived from one of fnnet's, whose output is twice that of its base."""
    own, rule = _derived(kind), rule_of(MADE[kind])

    def twice(p: Any, x: Any) -> Any:
        y, cache = forward(_as(kind, p), x)
        return 2 * y, cache

    def back(p: Any, cache: Any, dy: Any) -> Any:
        grads, dx = backward(_as(kind, p), cache, 2 * dy)
        return _as(own, grads), dx

    def sample(p: Any, x: Any, key: Key) -> Any:
        y, cache = forward(_as(kind, p), x, key)
        return 2 * y, cache

    passes_key = isinstance(rule, Chain) or rule.passes_key
    rules: Any = {"sample": sample, "passes_key": passes_key} if isinstance(rule, Chain) or rule.sample else {}
    fn.define_layer(own, forward=twice, backward=back, **rules)
    return _as(own, MADE[kind])


OWN = {kind: _layer(kind) for kind in LAYERS}

PLACES: dict[str, Callable[[Any], Params]] = {
    "alone": lambda layer: layer,
    "first": lambda layer: fn.serial(layer, catalogue.LAYERS["Linear"](Key(0), 4, 4)),
    "in a residual": lambda layer: fn.serial(catalogue.LAYERS["Linear"](Key(0), 4, 4), fn.residual(layer)),
    "between the layers of an Mlp": lambda layer: fn.mlp(Key(0), (4, 4, 4, 4), activation=layer, dtype=np.float64),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", LAYERS)
def test_layers_derived_from_those_that_are_compiled_are_refused(kind: type[Params], place: str) -> None:
    _refused(f"Own{kind.__name__}", _step(), fn.minibatches(X, Y, batch_size=5), PLACES[place](OWN[kind]))


# --- losses ------------------------------------------------------------------------------------------------------
CASES = {type(case.loss): case for case in catalogue.LOSSES.values()}
INNER = {kind: known for kind, case in CASES.items() if (known := losses.kernels_of(case.of(4))) is not None}
LOSSES = (*INNER, *losses.WRAPPERS)


def _loss(kind: Any) -> Any:
    """The loss of a class derived from one of fnnet's, with twice its values."""

    def rows(self: Any, prediction: Any, target: Any, /) -> Any:
        values, grads = kind.rows(self, prediction, target)
        return 2 * values, 2 * grads

    return _as(_derived(kind, rows=rows), CASES[kind].of(4))


def _weighed(loss: Any, target: Any) -> list[tuple[Any, Any]]:
    """A loss alone and with weights, each with its target."""
    weighed = Weighted(loss)
    given = (target, np.full(20, 0.5))
    return [(loss, target), (weighed, given), (ClassWeighted(weighed, (1.0, 2.0, 3.0, 4.0)), target)]


@pytest.mark.parametrize("kind", LOSSES)
def test_losses_derived_from_those_that_are_compiled_are_refused(kind: type) -> None:
    net = catalogue.LAYERS["Linear"](Key(0), 4, 4)
    loss, target = _loss(kind), CASES[kind].target(Key(2), (20, 4))
    is_labelled = kind in INNER and INNER[kind].is_labelled
    for some, y in _weighed(loss, target) if is_labelled else [(loss, target)]:
        _refused(f"Own{kind.__name__}", _step(some), fn.minibatches(X, y, batch_size=5), net)


def test_weights_of_weights_are_refused() -> None:
    """Where they are made, by the class too: no path has to know them."""
    with pytest.raises(TypeError, match=r"^weighted: loss must weigh all rows alike, got ClassWeighted"):
        Weighted(CASES[ClassWeighted].of(4))


# --- optimizers, steps, data -------------------------------------------------------------------------------------
def _optimizer(kind: Any) -> Any:
    """An optimizer of a class derived from one of fnnet's, whose steps are twice as long."""

    def numbers(self: Any, lr: float, t: int) -> Any:
        return kind.numbers(self, 2 * lr, t)

    made = next(some for some in catalogue.OPTIMIZERS.values() if type(some) is kind)
    return _as(_derived(kind, numbers=numbers), made)


OPTIMIZERS = {type(some): some for some in catalogue.OPTIMIZERS.values() if type(some).update is Elementwise.update}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimizers_derived_from_fnnets_are_compiled_by_their_own_rule(kind: type) -> None:
    own, net = _optimizer(kind), catalogue.LAYERS["Linear"](Key(0), 4, 4)
    step, data = _step(optimizer=own), fn.minibatches(X, Y, batch_size=5)
    ours, theirs = (next(train(step, data, fn.start(net, own, Key(0)))).state for train in (jit.train, fn.train))
    assert tree.allclose(ours.params, theirs.params, 1e-12, 1e-12)


@pytest.mark.parametrize("name", ["init", "update"])
def test_optimizers_with_a_step_of_their_own_are_refused(name: str) -> None:
    kind: Any = type(fn.sgd(0.1))
    own = _as(_derived(kind, **{name: lambda self, *given: getattr(kind, name)(self, *given)}), fn.sgd(0.1))
    net = catalogue.LAYERS["Linear"](Key(0), 4, 4)
    _refused("OwnSgd", _step(optimizer=own), fn.minibatches(X, Y, batch_size=5), net)
    with pytest.raises(TypeError, match=r"jit: optimizer must have a formula for its rule.* got OwnSgd"):
        optimizers.Compiled(own)


@pytest.mark.parametrize("kind", [*plans.READ, optimizers.Compiled])
def test_steps_gradients_data_and_compiled_optimizers_that_are_derived_are_refused(kind: type) -> None:
    step, data = _step(), fn.minibatches(X, Y, batch_size=5)
    own: dict[Any, Callable[[], Any]] = {
        type(step): lambda: (_as(_derived(kind), step), data),
        type(step.gradient): lambda: (fn.train_step(_as(_derived(kind), step.gradient), fn.sgd(0.1)), data),
        type(data): lambda: (step, _as(_derived(kind), data)),
        optimizers.Compiled: lambda: (_step(optimizer=_as(_derived(kind), jit.sgd(0.1))), data),
    }
    given, batches = own[kind]()
    _refused(f"Own{kind.__name__}", given, batches, catalogue.LAYERS["Linear"](Key(0), 4, 4))


def test_orders_and_schedules_of_a_users_are_asked_themselves() -> None:
    def backwards(key: Key, rows: int, size: int) -> Any:
        return np.arange(rows)[::-1]

    kind = type(fn.cosine_decay(0.1, steps=10))
    own = _as(_derived(kind, __call__=lambda self, step: 0.01 * (step + 1)), fn.cosine_decay(0.1, steps=10))
    step, data = _step(optimizer=fn.sgd(own)), fn.minibatches(X, Y, batch_size=6, order=backwards)
    state = fn.start(catalogue.LAYERS["Mlp"](Key(0), 4, 4), step.optimizer, Key(0))
    ours, theirs = (fn.last(fn.take(2)(train(step, data, state))).state for train in (jit.train, fn.train))
    assert tree.allclose(ours.params, theirs.params, 1e-12, 1e-12)


# --- what is read of a class is all that there is ----------------------------------------------------------------
READ: dict[type, tuple[str, ...]] = {
    fn.Linear: ("w", "b"),
    fn.Dropout: ("rate",),
    fn.Embedding: ("w",),
    fn.Residual: ("layer",),
    fn.Branches: ("columns", "layers"),
    **losses.WRAPPERS,
    **plans.READ,
}
"""What is written by hand; of formulas and kernels every setting is read by the formula itself, or handed on."""


@pytest.mark.parametrize("kind", READ)
def test_every_setting_of_what_is_compiled_is_read(kind: type) -> None:
    assert sorted(READ[kind]) == sorted([f.name for f in fields(kind)]), "a new setting has to be compiled or refused"


def test_what_is_compiled_by_hand_is_here() -> None:
    assert {*WRITTEN, *losses.WRAPPERS, *plans.READ} == set(READ)


@pytest.mark.parametrize("path", sorted(Path(plans.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_no_class_of_fnnets_is_asked_for_by_isinstance(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("isinstance", "issubclass")
        ):
            asked = node.args[1].elts if isinstance(node.args[1], ast.Tuple) else [node.args[1]]
            names = {ast.unparse(kind) for kind in asked}
            assert names <= {"tuple", "np.ndarray", "np.ma.MaskedArray"}, (
                f"{path.name}:{node.lineno}: write type(...) is"
            )
