"""Receipts: doing a run again gives its links, one changed bit does not, and a receipt cannot be edited."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, ReceiptError, Value, jit, tree
from fnnet.experiments.configurations import settings_of
from fnnet.experiments.digest_chains import Link, link
from fnnet.keys import normal
from tests.catalogue import OPTIMIZERS
from tests.support.strategies import KEYS

EPOCHS = 4
X, Y = normal(Key(0), (25, 4)), normal(Key(1), (25, 2))


def mean_size(prediction: Array, target: Array, /) -> fn.Value:
    """A metric of the user's."""
    return np.asarray(np.abs(prediction - target).mean())


@dataclass(frozen=True, eq=False)
class Experiment:
    """Everything that a run is made of, each part to be changed alone."""

    x: Array = field(default_factory=lambda: X)
    y: Array = field(default_factory=lambda: Y)
    seed: int = 0
    lr: float = 0.01
    momentum: float = 0.9
    size: int = 8
    rate: float = 0.3
    weight: Array | None = None
    slot: Array | None = None

    @property
    def parts(self) -> tuple[Any, Any, fn.TrainState[Any], Any]:
        """The step, the data, the start, and a stream that writes into the history."""
        net: fn.Params = fn.serial(fn.linear(Key(5), 4, 6), fn.Tanh(), fn.Dropout(self.rate), fn.linear(Key(6), 6, 2))
        if self.weight is not None:
            net = tree.at(net, "layers.0.w", lambda w: np.asarray(self.weight))
        optimizer = fn.sgd(fn.cosine_decay(self.lr, steps=30), momentum=self.momentum)
        step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
        first = fn.start(net, optimizer, Key(self.seed))
        if self.slot is not None:
            first = tree.at(first, "opt_state.slots.0.layers.0.b", lambda b: np.asarray(self.slot))
        data = fn.minibatches(self.x, self.y, batch_size=self.size)
        return step, data, first, fn.validate(X, Y, {"size": mean_size})

    def epochs(self, n: int = EPOCHS) -> Iterator[fn.Epoch[Any]]:
        """Its stream."""
        step, data, first, check = self.parts
        return fn.pipe(fn.train(step, data, first), check, fn.take(n))


RUN = Experiment()
RECEIPT = fn.receipt(RUN.epochs(), *RUN.parts)


def flipped(a: Array, place: int = 3, bit: int = 0) -> Array:
    """The array with one bit changed."""
    out = a.copy()
    out.reshape(-1).view(np.uint8)[place * out.itemsize + bit // 8] ^= 1 << bit % 8
    return out


# --- yes ----------------------------------------------------------------------------------------------------------
def test_a_run_done_again_is_the_run() -> None:
    verdict = fn.verify(RECEIPT, *RUN.parts)
    assert verdict
    assert str(verdict) == "yes: epochs 1 to 4 gave the recorded bytes"
    assert RECEIPT.epochs == EPOCHS
    assert RECEIPT.metrics == {"loss": RECEIPT.metrics["loss"], "size": RECEIPT.metrics["size"]}


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(KEYS)
def test_a_run_with_any_optimizer_is_the_run(name: str, key: Key) -> None:
    optimizer = OPTIMIZERS[name]
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    parts = step, fn.minibatches(X, Y, batch_size=9), fn.start(fn.mlp(key, (4, 3, 2)), optimizer, key)
    made = fn.receipt(fn.take(2)(fn.train(*parts)), *parts)
    assert fn.verify(made, *parts)


@given(KEYS)
def test_a_run_with_all_there_is_to_a_step_is_the_run(key: Key) -> None:
    optimizer = fn.adam(fn.linear_warmup(0.1, steps=3))
    step = fn.train_step(fn.accumulate(fn.value_and_grad(fn.mse, penalty=fn.l2(0.01)), 2), optimizer)
    net = fn.serial(fn.linear(key, 4, 3), fn.Dropout(0.5), fn.linear(key.child(1), 3, 2))
    parts = fn.stop_on_nonfinite(step), fn.minibatches(X, Y, batch_size=9, last="drop"), fn.start(net, optimizer, key)
    made = fn.receipt(fn.take(3)(fn.train(*parts)), *parts)
    assert fn.verify(made, *parts)
    for state in [found.state for found in fn.take(2)(fn.train(*parts))]:
        assert fn.verify(made, *parts[:2], state, epoch=state.epoch + 1)


@pytest.mark.parametrize("epoch", range(1, EPOCHS + 1))
def test_one_epoch_alone(epoch: int) -> None:
    step, data, first, check = RUN.parts
    before = [first, *[found.state for found in RUN.epochs()]][epoch - 1]
    verdict = fn.verify(RECEIPT, step, data, before, check, epoch=epoch)
    assert str(verdict) == f"yes: epoch {epoch} gave the recorded bytes"
    net = tree.at(before.params, "layers.0.w", flipped)
    assert fn.verify(RECEIPT, step, data, replace(before, params=net), check, epoch=epoch).epoch == epoch - 1


def test_a_compiled_run() -> None:
    step, data, first, check = RUN.parts
    made = fn.receipt(fn.pipe(jit.train(step, data, first), check, fn.take(2)), *RUN.parts, run=jit.train)
    assert fn.verify(made, *RUN.parts, run=jit.train)
    verdict = fn.verify(made, *RUN.parts)
    assert verdict.epoch == 1  # other bits
    assert [difference.name for difference in verdict.settings] == ["run"]


def test_a_run_that_waits_on_plateaus() -> None:
    step, data, first, check = RUN.parts
    run = fn.reduce_on_plateau(fn.train, patience=1, factor=0.5, streams=(check,))
    made = fn.receipt(fn.take(EPOCHS)(run(step, data, first)), step, data, first, run=run)
    assert fn.verify(made, step, data, first, run=run)
    verdict = fn.verify(made, step, data, first, run=replace(run, factor=0.4))
    assert not verdict
    assert [difference.name for difference in verdict.settings] == ["run.factor"]


def test_stacked_networks_and_whole_batches() -> None:
    step, data, first, _ = RUN.parts
    stacked = fn.start(tree.map(lambda a: np.stack([a, -a]), first.params), step.optimizer, Key(0))
    made = fn.receipt(fn.take(2)(fn.train(step, data, stacked)), step, data, stacked)
    assert fn.verify(made, step, data, stacked)
    assert len(made.metrics["loss"]) == 2  # type: ignore[arg-type]
    whole: Any = fn.lbfgs(fn.value_and_grad(fn.mse), 3)
    parts = (
        whole,
        fn.minibatches(X, Y, batch_size=25, shuffle=False),
        fn.start(fn.mlp(Key(0), (4, 3, 2)), whole, Key(0)),
    )
    made = fn.receipt(fn.take(3)(fn.train(*parts)), *parts)
    assert fn.verify(made, *parts)


def test_the_states_of_steps_are_epochs_too() -> None:
    step, data, first, _ = RUN.parts
    made = fn.receipt(fn.take(11)(fn.steps(step, data, first)), step, data, first)
    assert made == fn.receipt(fn.take(2)(fn.train(step, data, first)), step, data, first)
    assert hash(made) == hash(replace(made, conditions=()))


def test_fit(tmp_path: Path) -> None:
    step, data, first, check = RUN.parts
    keep = fn.receipt_to(tmp_path / "run.json", step, data, first, check)
    optimizer, streams = step.optimizer, [check, keep]
    fn.fit(
        first.params, X, Y, loss=fn.mse, optimizer=optimizer, key=Key(0), epochs=EPOCHS, batch_size=8, streams=streams
    )
    assert fn.read_receipt(tmp_path / "run.json") == RECEIPT


def test_the_end_alone() -> None:
    step, data, _, check = RUN.parts
    end = fn.last(RUN.epochs()).state
    assert str(fn.verify(RECEIPT, step, data, end, check)) == "yes: the state is that of epoch 4's end"
    other = tree.at(end, "opt_state.slots.0.layers.3.b", flipped_one)
    verdict = fn.verify(RECEIPT, step, data, other, check)
    assert (verdict.epoch, verdict.differs_in) == (EPOCHS, ("opt_state",))
    empty = fn.receipt([], *RUN.parts)
    assert str(fn.verify(empty, *RUN.parts)) == "yes: the state is that before the first epoch"


def flipped_one(a: Array) -> Array:
    """One bit of the last entry changed."""
    return flipped(a, a.size - 1)


@pytest.mark.parametrize("path", tree.paths(fn.last(RUN.epochs(1)).state))
@pytest.mark.parametrize("epoch", range(EPOCHS))
def test_a_bit_of_any_array_of_any_state_is_named(path: str, epoch: int) -> None:
    step, data, first, check = RUN.parts
    state = [first, *[found.state for found in RUN.epochs()]][epoch]
    if path not in tree.paths(state):
        assert (path[:7], epoch) == ("history", 0)
        return
    verdict = fn.verify(RECEIPT, step, data, tree.at(state, path, flipped_one), check)
    assert (verdict.epoch, verdict.differs_in) == (epoch, (path.split(".")[0],))


def test_counters_and_keys_are_named() -> None:
    step, data, _, check = RUN.parts
    state = fn.last(RUN.epochs(2)).state
    verdict = fn.verify(RECEIPT, step, data, replace(state, key=Key(1)), check)
    assert (verdict.epoch, verdict.differs_in) == (2, ("key or counters",))
    assert [difference.name for difference in verdict.settings] == ["key"]
    assert fn.verify(RECEIPT, step, data, replace(state, rows=1), check).differs_in == ("key or counters",)
    scaled = replace(state, opt_state=replace(state.opt_state, step=0))
    assert fn.verify(RECEIPT, step, data, scaled, check).differs_in == ("opt_state",)


@pytest.mark.parametrize("epoch", range(EPOCHS))
def test_a_setting_of_the_network_is_named_in_any_epoch(epoch: int) -> None:
    step, data, first, check = RUN.parts
    state = [first, *[found.state for found in RUN.epochs()]][epoch]
    verdict = fn.verify(RECEIPT, step, data, tree.at(state, "params.layers.2.rate", lambda rate: 0.4), check)
    assert (verdict.epoch, verdict.differs_in) == (epoch, ("params",))
    assert [(found.name, found.now) for found in verdict.settings] == [("network.layers.2.rate", "0.4")]


def test_other_validation_data_change_the_history_alone() -> None:
    step, data, first, _ = RUN.parts
    verdict = fn.verify(RECEIPT, step, data, first, fn.validate(2 * X, Y, {"size": mean_size}))
    assert (verdict.epoch, verdict.differs_in) == (1, ("history",))
    assert [difference.name for difference in verdict.settings] == ["streams.0.x"]


def test_an_error_of_the_run_says_what_has_changed() -> None:
    step, _, first, check = RUN.parts
    with pytest.raises(fn.ShapeError) as caught:
        fn.verify(RECEIPT, step, fn.minibatches(X[:, :3], Y, batch_size=8), first, check)
    assert [note[:24] for note in caught.value.__notes__] == ["verify: setting data.x: "]


def test_metrics_need_what_writes_them(tmp_path: Path) -> None:
    step, data, first, _ = RUN.parts
    with pytest.raises(ReceiptError, match="the history has size, which training does not write; give what does"):
        fn.receipt(RUN.epochs(), step, data, first)
    with pytest.raises(ReceiptError, match="the history has size, which training does not write; give what does"):
        fn.last(fn.receipt_to(tmp_path / "run.json", step, data, first)(RUN.epochs()))
    with pytest.raises(ReceiptError, match="the history has size, which training does not write; give what does"):
        fn.receipt(RUN.epochs(), step, data, first, run=jit.train)


def test_numbers_that_are_none_come_back(tmp_path: Path) -> None:
    step, data, first, _ = RUN.parts
    check = fn.validate(X, Y, {"a": partial(constant, np.nan), "b": partial(constant, -np.inf)})
    made = fn.receipt(fn.pipe(fn.train(step, data, first), check, fn.take(2)), step, data, first, check)
    made.save(tmp_path / "run.json")
    assert fn.read_receipt(tmp_path / "run.json") == made
    assert (made.metrics["a"], made.metrics["b"]) == ("nan", "-inf")
    assert fn.verify(made, step, data, first, check)


def constant(value: float, prediction: Array, target: Array, /) -> fn.Value:
    """A metric that knows before."""
    return np.asarray(value)


# --- no, and what is the matter -----------------------------------------------------------------------------------
CHANGED: dict[str, tuple[Experiment, set[str], int]] = {
    "a bit of x": (replace(RUN, x=flipped(X, bit=40)), {"data.x"}, 1),
    "the last bit of x": (replace(RUN, x=flipped(X)), {"data.x"}, 1),
    "a bit of y": (replace(RUN, y=flipped(Y, bit=40)), {"data.y"}, 1),
    "the seed": (replace(RUN, seed=1), {"key"}, 0),
    "the rate": (replace(RUN, lr=float(np.nextafter(0.01, 1))), {"step.optimizer.lr.lr"}, 1),
    "the momentum": (replace(RUN, momentum=0.8), {"step.optimizer.momentum"}, 1),
    "the batch": (replace(RUN, size=9), {"data.batch_size"}, 1),
    "a setting of the network": (replace(RUN, rate=0.4), {"network.layers.2.rate"}, 0),
    "a bit of a parameter": (replace(RUN, weight=flipped(fn.linear(Key(5), 4, 6).w)), {"network.layers.0.w"}, 0),
    "a bit of a slot": (replace(RUN, slot=flipped(np.zeros(6, np.float32))), set(), 0),
}


@pytest.mark.parametrize("name", CHANGED)
def test_changes_are_found_and_named(name: str) -> None:
    changed, names, epoch = CHANGED[name]
    verdict = fn.verify(RECEIPT, *changed.parts)
    assert not verdict
    assert {difference.name for difference in verdict.settings} == names
    assert verdict.epoch is None or verdict.epoch >= epoch
    assert verdict.epoch is not None or names  # the last bit of a number may be lost in a sum of float32
    assert str(verdict).startswith("no: ")
    for setting in names:
        assert f"setting {setting}: " in str(verdict)


@given(st.integers(0, X.size - 1), st.integers(0, 63))
def test_every_bit_of_the_data_counts(place: int, bit: int) -> None:
    x = flipped(X, place, bit)
    if not np.isfinite(x).all() or np.abs(x).max() > 1e6:
        x = flipped(X, place, bit % 52)
    step, data, first, check = replace(RUN, x=x).parts
    verdict = fn.verify(RECEIPT, step, data, first, check, epoch=1)
    assert not verdict
    assert {difference.name for difference in verdict.settings} == {"data.x"}


@given(st.integers(1, EPOCHS), st.integers(0, 23), st.integers(0, 31))
def test_every_bit_of_every_epochs_state_counts(epoch: int, place: int, bit: int) -> None:
    step, data, _, check = RUN.parts
    state = [found.state for found in RUN.epochs()][epoch - 1]
    changed = tree.at(state, "params.layers.0.w", partial(flipped, place=place, bit=bit))
    assert link(RECEIPT.links[epoch - 1].chain, state) == RECEIPT.links[epoch]
    assert link(RECEIPT.links[epoch - 1].chain, changed) != RECEIPT.links[epoch]
    verdict = fn.verify(RECEIPT, step, data, changed, check)
    assert (verdict.epoch, verdict.differs_in) == (epoch, ("params",))
    assert str(verdict) == f"no: epoch {epoch}, as it was given, is the first that differs, in params"


def test_a_later_epoch_that_differs_is_named() -> None:
    links = list(RECEIPT.links)
    links[3] = Link("0" * 64, "0" * 16, *links[3][2:])
    verdict = fn.verify(replace(RECEIPT, links=tuple(links)), *RUN.parts)
    assert (verdict.epoch, verdict.differs_in) == (3, ("params",))
    assert str(verdict) == "no: epoch 3 is the first that differs, in params"


def test_conditions_that_differ_are_told() -> None:
    (begin, found) = RECEIPT.conditions[0]
    other = replace(RECEIPT, conditions=((begin, replace(found, numpy="1.99.0", threads="64")),))
    verdict = fn.verify(other, *RUN.parts)
    assert verdict  # the bytes are the same all the same
    assert {(c.name, c.recorded) for c in verdict.conditions} == {("numpy", "1.99.0"), ("threads", "64")}
    assert "condition numpy: 1.99.0 in the receipt, " in str(verdict)


def test_functions_count_by_their_code_and_what_they_enclose() -> None:
    def experiment(power: float) -> tuple[Any, ...]:
        step, data, first, _ = RUN.parts
        return step, data, first, fn.validate(X, Y, {"m": lambda p, t: np.asarray((np.abs(p - t) ** power).mean())})

    made = fn.receipt(fn.pipe(fn.train(*experiment(1)[:3]), experiment(1)[3], fn.take(2)), *experiment(1))
    assert fn.verify(made, *experiment(1))
    verdict = fn.verify(made, *experiment(2))
    assert verdict.epoch == 1
    assert [difference.name for difference in verdict.settings] == ["streams.0.metrics.0.1.power"]


LOSS = """
import numpy as np
import fnnet as fn
{before}
def f(p, t):
    {inside}
    value, gradient = fn.mse(p, t)
    return value, gradient
"""
STATES = {
    "a counter": ("calls = 0", "global calls; calls += 1"),
    "a memo": ("memo = {}", "memo[p.tobytes()] = 1"),
    "a list": ("seen = []", "seen.append(p)"),
    "random numbers": ("rng = np.random.default_rng(0)", "rng.normal()"),
    "a random number of Python": ("import random", "random.random()"),
}


def with_loss(loss: Any) -> tuple[Any, ...]:
    """A run with a loss of the user's."""
    step, data, first, _ = RUN.parts
    return fn.train_step(fn.value_and_grad(loss), step.optimizer), data, first


def loss_of(before: str, inside: str) -> Any:
    """A loss of the user's from its source."""
    namespace: dict[str, Any] = {"__name__": "losses_of_user"}
    exec(LOSS.format(before=before, inside=inside), namespace)
    return namespace["f"]


@pytest.mark.parametrize("name", STATES)
def test_a_loss_with_a_state_is_the_same_run_and_the_state_is_said_not_to_be_covered(name: str) -> None:
    loss = loss_of(*STATES[name])
    made = fn.receipt(fn.take(2)(fn.train(*with_loss(loss))), *with_loss(loss))
    for parts in (with_loss(loss), with_loss(loss_of(*STATES[name]))):
        verdict = fn.verify(made, *parts)
        assert verdict
        assert [place.split(".")[:3] for place in verdict.not_covered] == [["step", "gradient", "loss"]]
        assert str(verdict).startswith("yes: epochs 1 to 2 gave the recorded bytes\n  not covered: step.gradient.loss.")


def test_a_docstring_is_no_setting() -> None:
    made = fn.receipt(fn.take(2)(fn.train(*with_loss(fn.mse))), *with_loss(loss_of("", '"Squared."')))
    for inside in ('"The squared error."', "pass", "# squared"):
        assert str(fn.verify(made, *with_loss(loss_of("", inside)))) == "yes: epochs 1 to 2 gave the recorded bytes"


def test_what_a_run_changes_in_a_way_that_no_code_tells_is_no_setting() -> None:
    made_by = {
        "before": "state = {'n': 0}",
        "inside": "[*map(type(state).update, [state], [{'n': state['n'] + 1}])]",
    }
    loss = loss_of(**made_by)
    made = fn.receipt(fn.take(2)(fn.train(*with_loss(loss))), *with_loss(loss_of(**made_by)))
    verdict = fn.verify(made, *with_loss(loss))
    assert verdict
    assert "it changed while the run was done again" in str(verdict)


WAYS: dict[str, Any] = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "Fortran's order": lambda value: tree.map(np.asfortranarray, value),
    "a native byte order by name": lambda value: tree.map(lambda a: a.astype(a.dtype.newbyteorder("=")), value),
    "strides": lambda value: tree.map(lambda a: np.repeat(a, 2, axis=0)[::2], value),
    "read-only": lambda value: tree.map(read_only, value),
}


def read_only(a: Array) -> Array:
    """A copy that cannot be written to."""
    copied = a.copy()
    copied.flags.writeable = False
    return copied


@pytest.mark.parametrize("way", WAYS)
def test_what_came_another_way_is_the_same(way: str) -> None:
    x, y = WAYS[way]((X, Y))
    step, _, first, check = RUN.parts
    state = (
        WAYS[way](first) if way in ("pickle", "copy", "deepcopy") else replace(first, params=WAYS[way](first.params))
    )
    verdict = fn.verify(RECEIPT, step, fn.minibatches(x, y, batch_size=8), state, check)
    assert str(verdict) == "yes: epochs 1 to 4 gave the recorded bytes"
    if way in ("pickle", "deepcopy"):  # and the settings
        step, check = WAYS[way]((step, check))
        assert fn.verify(RECEIPT, step, WAYS[way](RUN.parts[1]), first, check)


def test_settings_are_told_without_drawing_data() -> None:
    step, _, first, _ = RUN.parts

    def data(key: Key) -> Any:
        raise AssertionError("drawn")

    told = settings_of(step, data, fn.train, first.key)
    assert told["step.optimizer.momentum"] == "0.9"
    assert told["key"] == "Key(seed=0, path=())"
    assert not [name for name in told if name.startswith(("network", "data.first"))]


SCRIPT = """
import sys
import tracemalloc
import numpy as np
import fnnet as fn

def loss(prediction, target):
    value, gradient = fn.mse(prediction, target)
    return FACTOR * value, FACTOR * gradient

FACTOR = np.float32(2)
x, y = np.eye(4), np.ones((4, 1))
optimizer = fn.sgd(lambda step: 0.1 / (1 + step))
step, data = fn.train_step(fn.value_and_grad(loss), optimizer), fn.minibatches(x, y, batch_size=2)
first = fn.start(fn.linear(fn.Key(0), 4, 1), optimizer, fn.Key(0))
if __name__ == "__main__":
    fn.receipt(fn.take(3)(fn.train(step, data, first)), step, data, first).save(sys.argv[1])
"""


def test_a_program_that_was_run_is_verified_by_one_that_imports_it(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(SCRIPT)
    (tmp_path / "check.py").write_text(
        "import fnnet as fn, run\nprint(fn.verify(fn.read_receipt('run.json'), run.step, run.data, run.first))"
    )

    def shown(*command: str) -> str:
        run = [sys.executable, "-B", *command]  # a compiled file of the same second would hide the change
        env = {"PYTHONPATH": str(Path(fn.__file__).parent.parent)}
        return subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path, env=env).stdout

    shown("run.py", "run.json")
    assert shown("check.py") == "yes: epochs 1 to 3 gave the recorded bytes\n"
    (tmp_path / "run.py").write_text(SCRIPT.replace("np.float32(2)", "np.float32(3)"))
    assert shown("check.py").splitlines()[:2] == [
        "no: epoch 1 is the first that differs, in params, history",
        "  setting step.gradient.loss.FACTOR: np.float32(2.0) in the receipt, np.float32(3.0) now",
    ]


def test_data_of_the_users_count_by_their_batches() -> None:
    def experiment(x: Array) -> tuple[Any, ...]:
        step, _, first, _ = RUN.parts
        return step, lambda key: [(x[i : i + 5], Y[i : i + 5]) for i in (0, 5, 10)], first

    made = fn.receipt(fn.take(2)(fn.train(*experiment(X))), *experiment(X))
    assert fn.verify(made, *experiment(X.copy()))
    assert "data.first epoch" in {d.name for d in fn.verify(made, *experiment(flipped(X))).settings}


def test_batches_of_one_buffer_count_each_by_its_own_numbers() -> None:
    """``Data`` may fill one buffer again and again: each batch is read before the next one is asked for."""

    def experiment(x: Array) -> tuple[Any, ...]:
        step, _, first, _ = RUN.parts

        def data(key: Key) -> Iterator[tuple[Array, Array]]:
            buffer = np.empty_like(x[:5])
            for i in (0, 5, 10):
                buffer[:] = x[i : i + 5]
                yield buffer, Y[i : i + 5]

        return step, data, first

    def told(x: Array) -> str:
        return fn.receipt([], *experiment(x)).configuration["data.first epoch"]

    others = [X + (np.arange(len(X)) == i)[:, None] for i in range(15)]
    assert told(X) == told(X.copy())
    assert len({told(x) for x in [X, *others]}) == 16


def test_a_receipt_of_data_beyond_memory_holds_one_batch_at_a_time() -> None:
    """200 batches of 160 kB."""
    step, _, first, _ = RUN.parts

    def data(key: Key) -> Iterator[tuple[Array, Array]]:
        return ((np.ones((3300, X.shape[1])), np.ones((3300, Y.shape[1]))) for _ in range(200))

    fn.receipt([], step, data, first)
    tracemalloc.start()
    try:
        fn.receipt([], step, data, first)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * 8 * 3300 * (X.shape[1] + Y.shape[1])


def test_mapped_files_count_by_their_bytes(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = replace(RUN, x=np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert fn.verify(RECEIPT, *mapped.parts)


# --- bad input ----------------------------------------------------------------------------------------------------
def test_epochs_have_to_follow_each_other() -> None:
    epochs = list(RUN.epochs())
    with pytest.raises(ReceiptError, match="receipt: epoch 2 must come next, got epoch 3"):
        fn.receipt([epochs[0], epochs[2]], *RUN.parts)
    step, data, _, check = RUN.parts
    with pytest.raises(ReceiptError, match="receipt: epoch 1 must come next, got epoch 0"):
        fn.receipt([RUN.parts[2]], *RUN.parts)
    with pytest.raises(fn.TreeError, match="the stream must give epochs, as train does, or states, as steps does"):
        fn.receipt([3], *RUN.parts)  # type: ignore[arg-type]
    with pytest.raises(ReceiptError, match="receipt: a run's receipt begins with its start, got a state of epoch 1"):
        fn.receipt(epochs[1:], step, data, epochs[0].state, check)


@pytest.mark.parametrize("epoch", [0, -1, EPOCHS + 1, 1.5, True, "2"])
def test_epochs_that_the_receipt_does_not_have(epoch: Any) -> None:
    with pytest.raises(ValueError, match=r"verify: epoch must be in \(0, 4\], got"):
        fn.verify(RECEIPT, *RUN.parts, epoch=epoch)


def test_states_and_receipts_that_do_not_fit() -> None:
    step, data, first, check = RUN.parts
    inside = fn.last(fn.take(2)(fn.steps(step, data, first)))
    with pytest.raises(ReceiptError, match="verify: state must be the start or the end of an epoch of the run"):
        fn.verify(RECEIPT, step, data, inside, check)
    with pytest.raises(ReceiptError, match="verify: receipt must be a Receipt, as read_receipt gives it"):
        fn.verify("run.json", step, data, first, check)  # type: ignore[arg-type]
    for wrong in (3, None):
        with pytest.raises(ValueError, match=r"verify: run must be a function"):
            fn.verify(RECEIPT, *RUN.parts, run=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"verify: streams\[1\] must be a function"):
        fn.verify(RECEIPT, *RUN.parts, 3)  # type: ignore[arg-type]
    with pytest.raises(ReceiptError, match="verify: the run ended before epoch 3 of 4; leave out streams that end it"):
        fn.verify(RECEIPT, step, data, first, check, fn.take(2))


def test_a_receipt_of_another_history_is_not_gone_on_with_in_mid_epoch(tmp_path: Path) -> None:
    step, data, first = with_loss(fn.mse)
    other = fn.start(tree.map(lambda a: a + 1, first.params), step.optimizer, first.key)
    list(fn.pipe(fn.steps(step, data, first), fn.receipt_to(tmp_path / "r.json", step, data, first), fn.take(9)))
    middle = next(state for state in fn.steps(step, data, other) if state.batch and state.epoch)
    with pytest.raises(ReceiptError, match="is the receipt of another run"):
        next(fn.receipt_to(tmp_path / "r.json", step, data, middle)(fn.steps(step, data, middle)))


# --- containers that fill themselves ---------------------------------------------------------------------------------
class _Missing(dict[str, float]):
    """A dictionary that makes what it has not."""

    def __missing__(self, key: str) -> float:
        self[key] = 1.0
        return 1.0


def _filling() -> dict[str, Callable[[], float]]:
    """Ways to a number that leave something behind where no code shows a write."""
    default: defaultdict[str, float] = defaultdict(lambda: 1.0)
    missing, seen, vector = _Missing(), list[int](), np.zeros(1)
    by_memoize = import_module("toolz").memoize(lambda a: 1.0)

    def into() -> float:
        np.add.at(vector, [0], 1.0)
        return 1.0

    return {
        "a default dict": lambda: default["a"],
        "a dict with __missing__": lambda: missing["a"],
        "a memory of a package's": lambda: by_memoize(1),
        "a list by operator": lambda: float(seen is import_module("operator").iadd(seen, [1])),
        "an array by ufunc.at": into,
    }


@pytest.mark.parametrize("name", _filling())
def test_what_a_run_has_filled_makes_no_other_run_of_it(name: str, tmp_path: Path) -> None:
    number = _filling()[name]

    def loss(prediction: Array, target: Array) -> tuple[Value, Array]:
        value, grad = fn.mse(prediction, target)
        return value * number(), grad * number()

    optimizer, x = fn.sgd(0.1), np.eye(4)
    step, data = fn.train_step(fn.value_and_grad(loss), optimizer), fn.minibatches(x, x, batch_size=2)
    first = fn.start(fn.linear(Key(0), 4, 4), optimizer, Key(0))
    keep = fn.receipt_to(tmp_path / "run.json", step, data, first)
    stopped = fn.pipe(fn.steps(step, data, first), keep, fn.checkpoint_to(tmp_path / "run"), fn.take(3), fn.last)
    again = fn.resume(tmp_path / "run", first)
    assert again.batch == stopped.batch == 1
    keep = fn.receipt_to(tmp_path / "run.json", step, data, again)
    fn.pipe(fn.train(step, data, again), keep, fn.checkpoint_to(tmp_path / "run"), fn.take(2), fn.last)
    made = fn.receipt(fn.take(3)(fn.train(step, data, first)), step, data, first)
    for receipt in (made, fn.read_receipt(tmp_path / "run.json")):
        assert str(fn.verify(receipt, step, data, first)).startswith("yes: epochs 1 to 3 gave the recorded bytes")
