"""The compiled path is the NumPy path: same signatures, same meaning, the same numbers to rounding."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, Params, jit, tree
from fnnet.jit import epochs
from fnnet.keys import normal, uniform
from fnnet.optimizers._base import Elementwise
from tests import catalogue
from tests.catalogue import KEEPING, LOSSES
from tests.own_layers import Noise, Setting
from tests.strategies import KEYS

PATHS: tuple[Any, ...] = (jit.train, fn.train)
ACTIVATIONS = sorted(set(KEEPING) - {"Standardize"})

OPTIMIZERS: dict[str, fn.Optimizer] = {
    "sgd": fn.sgd(0.001),
    "sgd with momentum": fn.sgd(0.0002, momentum=0.9),
    "sgd with Nesterov": fn.sgd(0.0002, momentum=0.9, nesterov=True),
    "adam": fn.adam(0.01, eps=1e-6),
    "adamw": fn.adamw(lambda step: 0.01 / (1 + step) ** 0.5, weight_decay=0.1, eps=1e-6),
    "nadam": fn.nadam(0.01, eps=1e-6),
    "adamax": fn.adamax(0.01, eps=1e-6),
    "amsgrad": fn.amsgrad(fn.cosine_decay(0.01, steps=100), eps=1e-6),
    "rmsprop": fn.rmsprop(0.01, eps=1e-6),
    "rmsprop with momentum": fn.rmsprop(0.001, momentum=0.9, eps=1e-6),
    "rmsprop in the root": fn.rmsprop(0.01, eps=1e-6, eps_in_sqrt=True),
    "rmsprop in the root with momentum": fn.rmsprop(0.001, momentum=0.9, eps=1e-6, eps_in_sqrt=True),
    "rmsprop centered": fn.rmsprop(0.01, eps=1e-3, centered=True, eps_in_sqrt=True),
    "rmsprop centered with momentum": fn.rmsprop(0.001, momentum=0.9, eps=1e-2, centered=True),
    "radam": fn.radam(0.01, eps=1e-6),
    "radam that waits": fn.radam(fn.cosine_decay(0.001, steps=100), b2=0.5, eps=1e-6),
    "adagrad": fn.adagrad(0.01, start=0.1),
    "adadelta": fn.adadelta(),
    "lion": fn.lion(0.001, weight_decay=0.1),
}
"""eps is not smaller, for Adam magnifies the rounding of a gradient that is all cancelled by lr / eps."""


def _run(train: Any, net: Params, loss: Any, optimizer: fn.Optimizer, x: Array, y: Any, epochs: int) -> Any:
    """The state after some epochs of batches of 16 rows, the last one smaller."""
    step, state = fn.train_step(fn.value_and_grad(loss), optimizer), fn.start(net, optimizer, Key(9))
    return fn.last(fn.take(epochs)(train(step, fn.minibatches(x, y, size=16), state))).state


def _distance(a: object, b: object) -> float:
    """The largest difference, of leaves of numbers above 1 (as Adam's slots are) as a share of their largest one."""
    pairs = zip(tree.leaves(a), tree.leaves(b), strict=True)
    return max(float(np.abs(p - q).max()) / max(1.0, float(np.abs(q).max())) for p, q in pairs)


def _net(activation: Params, dtype: fn.Dtype = np.float64, hidden: int = 7) -> Params:
    inside = fn.Tanh() if tree.leaves(activation) else activation  # in an Mlp it would be shared by all places
    first = fn.mlp(Key(1), (5, hidden, 6), activation=inside, dtype=dtype)
    return fn.serial(first, activation, fn.serial(fn.linear(Key(2), 6, 3, dtype=dtype)))


PAIRS = sorted(
    {(loss, optimizer) for loss in ("mse", "softmax_cross_entropy") for optimizer in OPTIMIZERS}
    | {(loss, optimizer) for loss in LOSSES for optimizer in ("rmsprop", "adamw")}
)
"""Every optimizer and every loss, but not each with each: the absolute error's gradients cancel to what is rounding
alone, and Lion takes its sign."""


def test_every_elementwise_optimizer_is_compiled() -> None:
    own = {type(optimizer) for optimizer in catalogue.OPTIMIZERS.values() if isinstance(optimizer, Elementwise)}
    assert {type(optimizer) for optimizer in OPTIMIZERS.values()} == own


@pytest.mark.parametrize(("loss", "optimizer"), PAIRS)
def test_a_hundred_steps_agree(loss: str, optimizer: str) -> None:
    case = LOSSES[loss]
    for i, activation in enumerate(ACTIVATIONS):
        net, x = _net(KEEPING[activation](Key(0), 6, 6)), normal(Key(i), (72, 5))
        y = case.target(Key(i).child(1), (72, 3))
        ours, theirs = (_run(train, net, case.loss, OPTIMIZERS[optimizer], x, y, 20) for train in PATHS)
        assert ours.opt_state.step == theirs.opt_state.step == 100
        assert _distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12, activation
        for a, b in zip(ours.history, theirs.history, strict=True):
            assert abs(float(a.loss) - float(b.loss)) <= 1e-12 * abs(float(b.loss))
        assert replace(ours, params=theirs.params, opt_state=theirs.opt_state).epoch == theirs.epoch


@given(KEYS, st.lists(st.integers(1, 40), min_size=2, max_size=5), st.integers(1, 40), st.integers(1, 40))
def test_all_sizes_agree(key: Key, sizes: list[int], rows: int, size: int) -> None:
    net = fn.mlp(key, sizes, activation=fn.Tanh(), dtype=np.float64)
    x, y = normal(key.child(1), (rows, sizes[0])), normal(key.child(2), (rows, sizes[-1]))
    optimizer = fn.sgd(0.01, momentum=0.5)
    step, state = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.start(net, optimizer, key)
    data = fn.minibatches(x, y, size=min(size, rows))
    ours, theirs = (fn.last(fn.take(2)(train(step, data, state))).state for train in PATHS)
    assert _distance(ours.params, theirs.params) <= 1e-12


def test_products_beyond_the_own_loops_agree() -> None:
    net, x = _net(fn.Relu(), hidden=300), normal(Key(0), (64, 5))
    y = normal(Key(1), (64, 3))
    ours, theirs = (_run(train, net, fn.mse, fn.adam(0.01, eps=1e-6), x, y, 5) for train in PATHS)
    assert _distance(ours.params, theirs.params) <= 1e-12
    wide = fn.mlp(Key(3), (5, 400, 300, 3), dtype=np.float64)  # too many numbers to be packed
    ours, theirs = (_run(train, wide, fn.mse, fn.adam(0.01, eps=1e-6), x, y, 2) for train in PATHS)
    assert _distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12


@pytest.mark.parametrize("activation", ["Relu", "Tanh", "Gelu"])
def test_float32_is_as_near_to_float64_as_the_numpy_path(activation: str) -> None:
    layer = KEEPING[activation](Key(0), 6, 6)
    x, y = normal(Key(0), (80, 5)), normal(Key(1), (80, 3))
    single, double = _net(layer, np.float32), tree.astype(_net(layer, np.float32), np.float64)
    optimizer = fn.sgd(0.05, momentum=0.9)
    for n in (1, 20):
        exact = _run(fn.train, double, fn.mse, optimizer, x, y, n).params
        ours, theirs = (_run(train, single, fn.mse, optimizer, x, y, n).params for train in PATHS)
        assert {leaf.dtype for leaf in tree.leaves(ours)} == {np.dtype(np.float32)}
        assert _distance(ours, exact) <= 2 * _distance(theirs, exact)
        if n == 1:
            assert _distance(ours, theirs) <= 1e-5


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_runs_are_pure_and_reproducible_and_fold(optimizer: str) -> None:
    net, x, y = _net(fn.Silu()), normal(Key(0), (50, 5)), normal(Key(1), (50, 3))
    step = fn.train_step(fn.value_and_grad(fn.mse), OPTIMIZERS[optimizer])
    data, state = fn.minibatches(x, y, size=16), fn.start(net, OPTIMIZERS[optimizer], Key(0))
    before = tree.digest((state, x, y))
    epochs = [epoch.state for epoch in islice(jit.train(step, data, state), 5)]
    again = [epoch.state for epoch in islice(jit.train(step, data, state), 5)]
    onward = [epoch.state for epoch in islice(jit.train(step, data, epochs[1]), 3)]
    assert [tree.digest(s) for s in epochs] == [tree.digest(s) for s in again]
    assert [tree.digest(s) for s in epochs[2:]] == [tree.digest(s) for s in onward]
    assert tree.digest((state, x, y)) == before
    assert not any(leaf.flags.writeable for leaf in tree.leaves(tuple(epochs)))


def test_an_epoch_under_way_is_finished() -> None:
    net, x, y = _net(fn.Tanh()), normal(Key(0), (50, 5)), normal(Key(1), (50, 3))
    optimizer = fn.adam(0.01, eps=1e-6)
    step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(x, y, size=16)
    state = fn.start(net, optimizer, Key(0))
    under_way = fn.last(fn.take(2)(fn.steps(step, data, state)))
    ours, theirs = next(jit.train(step, data, under_way)).state, next(fn.train(step, data, state)).state
    assert (ours.epoch, ours.batch, ours.rows) == (1, 0, 0)
    assert _distance(ours.params, theirs.params) <= 1e-12
    assert abs(float(ours.history[0].loss) - float(theirs.history[0].loss)) <= 1e-12


def test_schedules_are_read_step_by_step_from_where_the_state_is() -> None:
    seen: list[int] = []

    def own(step: int) -> float:
        seen.append(step)
        return 0.02 / (1 + step) if step < 9 else float("nan")

    once = fn.linear_warmup(fn.join((fn.cosine_decay(0.02, steps=4, restarts=True), own), (5,)), steps=3)
    step = fn.train_step(fn.value_and_grad(fn.mse), fn.adam(once, eps=1e-6))
    data = fn.minibatches(normal(Key(0), (50, 5)), normal(Key(1), (50, 3)), size=16)
    state = fn.start(_net(fn.Tanh()), fn.adam(0.1), Key(0))
    half, slower = replace(state.opt_state, scale=0.5), fn.last(fn.take(6)(fn.steps(step, data, state)))
    for begin, n in ((state, 4), (replace(state, opt_state=half), 4), (slower, 3)):
        seen.clear()
        theirs, asked = fn.last(fn.take(n)(fn.train(step, data, begin))).state, list(seen)
        seen.clear()
        ours = fn.last(fn.take(n)(jit.train(step, data, begin))).state
        assert seen == asked == list(range(8))  # its own steps, which begin at the eighth
        assert _distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12
    wrong = fn.train_step(fn.value_and_grad(fn.mse), fn.adam(own))
    with pytest.raises(ValueError, match="jit: lr, the schedule's at step 9, must be in"):
        fn.last(fn.take(3)(jit.train(wrong, data, state)))


def test_last_batches_are_kept_or_dropped() -> None:
    net, x, y = _net(fn.Tanh()), normal(Key(0), (50, 5)), normal(Key(1), (50, 3))
    step = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1))
    for last, count in (("keep", 4), ("drop", 3)):
        data = fn.minibatches(x, y, size=16, last=last, shuffle=False)  # type: ignore[arg-type]
        state = fn.start(net, fn.sgd(0.1), Key(0))
        ours, theirs = next(jit.train(step, data, state)).state, next(fn.train(step, data, state)).state
        assert ours.opt_state.step == theirs.opt_state.step == count
        assert _distance(ours.params, theirs.params) <= 1e-12


RUN = """
import numpy as np, fnnet as fn
from fnnet import jit
x, y = fn.keys.normal(fn.Key(0), (300, 20)).astype(np.float32), fn.keys.permutation(fn.Key(1), 300) % 4
net = fn.mlp(fn.Key(2), (20, 64, 4), activation=fn.serial(fn.Gelu(), fn.Dropout(0.2)))
done = jit.fit(net, x, y, loss=fn.softmax_cross_entropy, optimizer=fn.adam(0.01), key=fn.Key(3), epochs=3, size=64)
print(fn.tree.digest(done.state))
"""


def test_processes_of_their_own_give_the_same_bytes() -> None:
    command = [sys.executable, "-c", RUN]
    shown = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert shown[0] == shown[1]
    assert len(shown[0].strip()) == 64


def test_residuals_in_residuals_and_norms_anywhere() -> None:
    norm = fn.layer_norm(5, dtype=np.float64)
    inner = fn.residual(
        fn.serial(fn.rms_norm(5, dtype=np.float64), fn.linear(Key(0), 5, 5, dtype=np.float64), fn.Relu())
    )
    outer = fn.residual(fn.residual(fn.serial(inner, fn.residual(fn.Dropout(0.2)), norm)))
    net = fn.serial(
        fn.residual(fn.Tanh()), norm, outer, fn.Relu(), fn.linear(Key(1), 5, 3, dtype=np.float64), fn.Relu()
    )
    x, y = normal(Key(0), (50, 5)), normal(Key(1), (50, 3))
    ours, theirs = (_run(train, net, fn.mse, fn.adam(0.01, eps=1e-6), x, y, 20) for train in PATHS)
    assert _distance((ours.params, ours.opt_state), (theirs.params, theirs.opt_state)) <= 1e-12


def test_masks_are_those_of_the_numpy_path_at_any_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = fn.mlp(Key(0), (5, 7, 6, 5), activation=fn.serial(fn.Tanh(), fn.Dropout(0.4)), dtype=np.float64)
    net = fn.serial(fn.Dropout(0.2), fn.serial(inner, fn.Dropout(0.3)), fn.linear(Key(1), 5, 3, dtype=np.float64))
    x, y = normal(Key(0), (50, 5)), normal(Key(1), (50, 3))
    expected = _run(fn.train, net, fn.mse, fn.adam(0.01, eps=1e-6), x, y, 5)
    for at_a_time in (1 << 26, 700, 1):
        monkeypatch.setattr("fnnet.jit.training.MASKS", at_a_time)
        ours = _run(jit.train, net, fn.mse, fn.adam(0.01, eps=1e-6), x, y, 5)
        assert _distance((ours.params, ours.opt_state), (expected.params, expected.opt_state)) <= 1e-12


def test_what_is_kept_on_disk_knows_what_it_was_made_of() -> None:
    digest = sha256()
    for name in ("kernels", "formulas", "norms", "updates"):
        digest.update(Path(epochs.__file__).with_name(f"{name}.py").read_bytes())
    assert digest.hexdigest()[:16] == epochs.SOURCES, "write the new digest into fnnet/jit/epochs.py"


def test_fit_is_fit() -> None:
    x, y = normal(Key(0), (50, 5)), (uniform(Key(1), (50,)) * 3).astype(np.int64)
    settings_of: Any = {"loss": fn.softmax_cross_entropy, "optimizer": fn.adam(0.01, eps=1e-6), "key": Key(0)}
    ours, theirs = (f(_net(fn.Relu()), x, y, **settings_of, epochs=3, valid=(x, y)) for f in (jit.fit, fn.fit))
    assert _distance(ours.state.params, theirs.state.params) <= 1e-12
    assert [name for name, _ in ours.history[-1].metrics] == ["valid_loss"]


# --- optimizers ---------------------------------------------------------------------------------------------------
COMPILED: dict[str, tuple[fn.Optimizer, fn.Optimizer]] = {
    "sgd": (jit.sgd(0.1), fn.sgd(0.1)),
    "sgd with momentum": (jit.sgd(0.1, momentum=0.9), fn.sgd(0.1, momentum=0.9)),
    "sgd with Nesterov": (jit.sgd(0.1, momentum=0.9, nesterov=True), fn.sgd(0.1, momentum=0.9, nesterov=True)),
    "adam": (jit.adam(0.1), fn.adam(0.1)),
    "adamw": (jit.adamw(0.1, weight_decay=0.2), fn.adamw(0.1, weight_decay=0.2)),
    "radam": (jit.radam(0.1, b2=0.9), fn.radam(0.1, b2=0.9)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [3, 500])
@pytest.mark.parametrize("name", COMPILED)
def test_compiled_updates_are_the_same_bits(name: str, width: int, dtype: fn.Dtype) -> None:
    ours, theirs = COMPILED[name]
    net = fn.mlp(Key(0), (4, width, width, 2), dtype=dtype)
    grads = tree.map(lambda leaf: normal(Key(leaf.size), leaf.shape).astype(dtype), net)
    a, b = (net, ours.init(net)), (net, theirs.init(net))
    for _ in range(3):
        a, b = ours.update(a[0], grads, a[1]), theirs.update(b[0], grads, b[1])
    assert tree.equal(a, b)
    assert not any(leaf.flags.writeable for leaf in tree.leaves(a))
    assert tree.equal(jit.sgd_update(net, grads, 0.1), fn.sgd_update(net, grads, 0.1))


def test_compiled_optimizers_train_everything() -> None:
    x, y = normal(Key(0), (20, 5)), normal(Key(1), (20, 3))
    net = fn.serial(fn.Dropout(0.1), fn.linear(Key(0), 5, 3, dtype=np.float64))
    ours, theirs = (
        fn.fit(net, x, y, loss=fn.mse, optimizer=optimizer, key=Key(0), epochs=2, size=5).state.params
        for optimizer in (jit.adam(0.1), fn.adam(0.1))
    )
    assert tree.equal(ours, theirs)


# --- what is not compiled is refused by name ----------------------------------------------------------------------
X, Y = normal(Key(0), (20, 5)), normal(Key(1), (20, 3))
STEP = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1))
LINEAR = fn.linear(Key(0), 5, 3, dtype=np.float64)

REFUSED: dict[str, tuple[Any, Any, Params, type[Exception], str]] = {
    "a layer of the user's": (
        STEP,
        fn.minibatches(X, Y, size=5),
        fn.serial(LINEAR, fn.serial(fn.Tanh(), Noise(Setting(0.1)))),
        fn.LayerError,
        "jit: layers.1.layers.1 is a Noise, which is not compiled; use fnnet.train",
    ),
    "a portable network": (
        STEP,
        fn.minibatches(X, Y, size=5),
        fn.portable(LINEAR),
        fn.LayerError,
        "jit: the network is a Portable, which is not compiled; use fnnet.train",
    ),
    "a portable loss": (
        fn.train_step(fn.value_and_grad(fn.portable(fn.mse)), fn.sgd(0.1)),
        fn.minibatches(X, Y, size=5),
        LINEAR,
        TypeError,
        r"jit: loss PortableLoss\(loss=MeanSquaredError\(\)\) is not compiled",
    ),
    "nothing to train": (
        STEP, fn.minibatches(X, X, size=5), fn.serial(fn.Tanh()), fn.LayerError, "have parameters to train, got Serial"
    ),
    "parameters in several places": (
        STEP,
        fn.minibatches(X, Y, size=5),
        fn.mlp(Key(0), (5, 3, 3, 3), activation=fn.linear(Key(0), 3, 3)),
        fn.LayerError,
        "jit: activation is a Linear, which is not compiled where it stands in several places",
    ),
    "stacked networks": (
        STEP,
        fn.minibatches(X, Y, size=5),
        tree.map(lambda a: np.stack([a, a]), LINEAR),
        fn.LayerError,
        r"stacked networks are not compiled, got replica axes \(2,\)",
    ),
    "a gradient of another kind": (
        fn.train_step(fn.accumulate(fn.value_and_grad(fn.mse), 2), fn.sgd(0.1)),
        fn.minibatches(X, Y, size=5),
        LINEAR,
        TypeError,
        r"step must be train_step\(value_and_grad\(loss\), optimizer\)",
    ),
    "data of another kind": (STEP, lambda key: [(X, Y)], LINEAR, TypeError, r"data must be minibatches\(...\)"),
    "a loss of a user's": (
        fn.train_step(fn.value_and_grad(lambda p, t: (np.asarray(0.0), p)), fn.sgd(0.1)),
        fn.minibatches(X, Y, size=5),
        LINEAR,
        TypeError,
        "loss must be one of fnnet's",
    ),
    "targets of another shape": (
        STEP, fn.minibatches(X, Y[:, :2], size=5), LINEAR, fn.ShapeError, "mse: target must have the prediction's shape"
    ),
    "features of another number": (
        STEP, fn.minibatches(X[:, :2], Y, size=5), LINEAR, fn.ShapeError, r"linear: x must be \(..., batch, 5\)"
    ),
    "an optimizer that is not compiled": (
        fn.train_step(fn.value_and_grad(fn.mse), fn.pipe(fn.radam(0.1), fn.ema(0.9))),
        fn.minibatches(X, Y, size=5),
        LINEAR,
        TypeError,
        r"optimizer must be one of sgd, adam, .*, lion, got Wrapped\(optimizer=Radam\(",
    ),
    "another optimizer's state": (
        fn.train_step(fn.value_and_grad(fn.mse), fn.adam(0.1)),
        fn.minibatches(X, Y, size=5),
        LINEAR,
        fn.TreeError,
        "state must have 2 slots",
    ),
    "weights that are all 0": (
        fn.train_step(fn.value_and_grad(fn.weighted(fn.mse)), fn.sgd(0.1)),
        fn.minibatches(X, (Y, np.zeros(20)), size=5),
        LINEAR,
        ValueError,
        "the weights of a batch must not all be 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    step, data, net, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        next(jit.train(step, data, fn.start(net, fn.sgd(0.1), Key(0))))


def test_an_optimizer_of_a_users_is_refused() -> None:
    class Own:
        def init(self, params: Any, /) -> fn.OptState[Any]:
            return fn.OptState(0)

        def update(self, params: Any, grads: Any, state: Any, /) -> Any:
            return params, state

    step = fn.train_step(fn.value_and_grad(fn.mse), Own())
    with pytest.raises(TypeError, match=r"optimizer must be one of sgd, adam, .*, lion, got"):
        jit.train(step, fn.minibatches(X, Y, size=5), fn.start(LINEAR, Own(), Key(0)))


def test_a_state_beyond_its_data_and_what_is_no_state_are_refused() -> None:
    data, state = fn.minibatches(X, Y, size=5), fn.start(LINEAR, fn.sgd(0.1), Key(0))
    for train in PATHS:
        with pytest.raises(ValueError, match="data must give more than 4 batches in epoch 0, got no more"):
            next(train(STEP, data, replace(state, batch=4)))
        with pytest.raises(fn.TreeError, match="state must be a TrainState"):
            train(STEP, data, LINEAR)
