"""Receipts: doing a run again gives its links, one changed bit does not, and a receipt cannot be edited."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, ReceiptError, jit, tree
from fnnet.keys import normal
from fnnet.receipts import Link, link
from tests.catalogue import OPTIMIZERS
from tests.strategies import KEYS

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
        data = fn.minibatches(self.x, self.y, size=self.size)
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
    parts = step, fn.minibatches(X, Y, size=9), fn.start(fn.mlp(key, (4, 3, 2)), optimizer, key)
    made = fn.receipt(fn.take(2)(fn.train(*parts)), *parts)
    assert fn.verify(made, *parts)


@given(KEYS)
def test_a_run_with_all_there_is_to_a_step_is_the_run(key: Key) -> None:
    optimizer = fn.adam(fn.linear_warmup(0.1, steps=3))
    step = fn.train_step(fn.accumulate(fn.value_and_grad(fn.mse, penalty=fn.l2(0.01)), 2), optimizer)
    net = fn.serial(fn.linear(key, 4, 3), fn.Dropout(0.5), fn.linear(key.child(1), 3, 2))
    parts = fn.stop_on_nonfinite(step), fn.minibatches(X, Y, size=9, last="drop"), fn.start(net, optimizer, key)
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
    parts = whole, fn.minibatches(X, Y, size=25, shuffle=False), fn.start(fn.mlp(Key(0), (4, 3, 2)), whole, Key(0))
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
    fn.fit(first.params, X, Y, loss=fn.mse, optimizer=optimizer, key=Key(0), epochs=EPOCHS, size=8, streams=streams)
    assert fn.read_receipt(tmp_path / "run.json") == RECEIPT


def test_the_end_alone() -> None:
    step, data, _, check = RUN.parts
    end = fn.last(RUN.epochs()).state
    assert str(fn.verify(RECEIPT, step, data, end, check)) == "yes: the state is that of epoch 4's end"
    other = tree.at(end, "opt_state.slots.0.layers.3.b", flipped_one)
    verdict = fn.verify(RECEIPT, step, data, other, check)
    assert (verdict.epoch, verdict.parts) == (EPOCHS, ("opt_state",))
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
    assert (verdict.epoch, verdict.parts) == (epoch, (path.split(".")[0],))


def test_counters_and_keys_are_named() -> None:
    step, data, _, check = RUN.parts
    state = fn.last(RUN.epochs(2)).state
    verdict = fn.verify(RECEIPT, step, data, replace(state, key=Key(1)), check)
    assert (verdict.epoch, verdict.parts) == (2, ("key or counters",))
    assert [difference.name for difference in verdict.settings] == ["key"]
    assert fn.verify(RECEIPT, step, data, replace(state, rows=1), check).parts == ("key or counters",)
    scaled = replace(state, opt_state=replace(state.opt_state, step=0))
    assert fn.verify(RECEIPT, step, data, scaled, check).parts == ("opt_state",)


@pytest.mark.parametrize("epoch", range(EPOCHS))
def test_a_setting_of_the_network_is_named_in_any_epoch(epoch: int) -> None:
    step, data, first, check = RUN.parts
    state = [first, *[found.state for found in RUN.epochs()]][epoch]
    verdict = fn.verify(RECEIPT, step, data, tree.at(state, "params.layers.2.rate", lambda rate: 0.4), check)
    assert (verdict.epoch, verdict.parts) == (epoch, ("params",))
    assert [(found.name, found.now) for found in verdict.settings] == [("network.layers.2.rate", "0.4")]


def test_other_validation_data_change_the_history_alone() -> None:
    step, data, first, _ = RUN.parts
    verdict = fn.verify(RECEIPT, step, data, first, fn.validate(2 * X, Y, {"size": mean_size}))
    assert (verdict.epoch, verdict.parts) == (1, ("history",))
    assert [difference.name for difference in verdict.settings] == ["streams.0.x"]


def test_an_error_of_the_run_says_what_has_changed() -> None:
    step, _, first, check = RUN.parts
    with pytest.raises(fn.ShapeError) as caught:
        fn.verify(RECEIPT, step, fn.minibatches(X[:, :3], Y, size=8), first, check)
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
    "the batch": (replace(RUN, size=9), {"data.size"}, 1),
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
    assert (verdict.epoch, verdict.parts) == (epoch, ("params",))
    assert str(verdict) == f"no: epoch {epoch}, as it was given, is the first that differs, in params"


def test_a_later_epoch_that_differs_is_named() -> None:
    links = list(RECEIPT.links)
    links[3] = Link("0" * 64, "0" * 16, *links[3][2:])
    verdict = fn.verify(replace(RECEIPT, links=tuple(links)), *RUN.parts)
    assert (verdict.epoch, verdict.parts) == (3, ("params",))
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


SCRIPT = """
import sys
import numpy as np
import fnnet as fn

def loss(prediction, target):
    value, gradient = fn.mse(prediction, target)
    return FACTOR * value, FACTOR * gradient

FACTOR = np.float32(2)
x, y = np.eye(4), np.ones((4, 1))
optimizer = fn.sgd(lambda step: 0.1 / (1 + step))
step, data = fn.train_step(fn.value_and_grad(loss), optimizer), fn.minibatches(x, y, size=2)
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


def test_mapped_files_count_by_their_bytes(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = replace(RUN, x=np.load(tmp_path / "x.npy", mmap_mode="r"))
    assert fn.verify(RECEIPT, *mapped.parts)


# --- on disk ------------------------------------------------------------------------------------------------------
def test_a_receipt_comes_back_from_its_file(tmp_path: Path) -> None:
    RECEIPT.save(tmp_path / "run.json")
    assert fn.read_receipt(tmp_path / "run.json") == RECEIPT
    assert (tmp_path / "run.json").stat().st_size < 6000


@pytest.mark.parametrize("stop", range(1, EPOCHS))
def test_the_receipt_of_a_resumed_run_is_that_of_the_uninterrupted_one(stop: int, tmp_path: Path) -> None:
    step, data, first, check = RUN.parts
    path = tmp_path / "run.json"

    def stream(state: fn.TrainState[Any], n: int) -> fn.Epoch[Any]:
        keep = fn.receipt_to(path, step, data, state, check)
        return fn.last(fn.pipe(fn.train(step, data, state), check, keep, fn.take(n)))

    halfway = stream(first, stop).state
    assert fn.read_receipt(path).epochs == stop
    stream(halfway, EPOCHS - stop)
    assert fn.read_receipt(path) == RECEIPT
    stream(halfway, 1)  # gone on once more, from where it stopped before
    assert fn.read_receipt(path).epochs == stop + 1


def test_a_run_that_goes_on_inside_an_epoch(tmp_path: Path) -> None:
    step, data, first, check = RUN.parts
    path = tmp_path / "run.json"
    fn.last(fn.pipe(RUN.epochs(2), fn.receipt_to(path, step, data, first, check)))
    behind = fn.last(fn.take(10)(fn.steps(step, data, [e.state for e in RUN.epochs(2)][-1])))
    assert (behind.epoch, behind.batch) == (4, 2)
    with pytest.raises(ReceiptError, match="ends before epoch 4, where the run goes on; put receipt_to in front of"):
        next(fn.receipt_to(path, step, data, behind, check)(fn.train(step, data, behind)))


@pytest.mark.parametrize("stop", range(1, 3 * 4))
def test_a_run_of_steps_goes_on_after_any_step(stop: int, tmp_path: Path) -> None:
    step, data, first, _ = RUN.parts
    path = tmp_path / "run.json"

    def states(state: fn.TrainState[Any], n: int) -> fn.TrainState[Any]:
        return fn.last(fn.pipe(fn.steps(step, data, state), fn.receipt_to(path, step, data, state), fn.take(n)))

    halfway = states(first, stop)
    states(halfway, 3 * 4 - stop)
    assert fn.read_receipt(path) == fn.receipt(fn.take(3)(fn.train(step, data, first)), step, data, first)


def test_a_change_of_conditions_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, data, first, check = RUN.parts
    path = tmp_path / "run.json"
    half = fn.last(fn.pipe(RUN.epochs(2), fn.receipt_to(path, step, data, first, check))).state
    now = replace(RECEIPT.conditions[0][1], threads="99")
    monkeypatch.setattr("fnnet.receipts.conditions", lambda: now)
    fn.last(fn.pipe(fn.train(step, data, half), check, fn.take(2), fn.receipt_to(path, step, data, half, check)))
    found = fn.read_receipt(path)
    assert found.links == RECEIPT.links
    assert [(epoch, span.threads) for epoch, span in found.conditions][1:] == [(2, "99")]
    fn.last(fn.pipe(fn.train(step, data, half), check, fn.take(2), fn.receipt_to(path, step, data, half, check)))
    assert fn.read_receipt(path) == found  # and once more from the same epoch
    monkeypatch.setattr("fnnet.verification.conditions", lambda: now)
    assert [c.name for c in fn.verify(found, step, data, first, check, epoch=2).conditions] == ["threads"]
    assert fn.verify(found, step, data, first, check).conditions == ()


# --- bad input ----------------------------------------------------------------------------------------------------
def edits() -> Iterator[tuple[str, Any]]:
    """The receipt with any one value of its JSON changed."""
    told = json.loads(RECEIPT.to_json())
    for name in told["configuration"]:
        yield f"configuration.{name}", {**told, "configuration": {**told["configuration"], name: "edited"}}
    for name in told["conditions"][0]:
        yield f"conditions.{name}", {**told, "conditions": [{**told["conditions"][0], name: "edited"}]}
    for i in range(len(told["links"])):
        links = [*told["links"][:i], "0" * 64, *told["links"][i + 1 :]]
        yield f"links.{i}", {**told, "links": links}
    for name in told["metrics"]:
        yield f"metrics.{name}", {**told, "metrics": {**told["metrics"], name: 0.0}}
    for i in (1, 2, 3):
        words = told["links"][-1].split(" ")
        words[i] = "0" * 16
        yield f"part {i} of a link", {**told, "links": [*told["links"][:-1], " ".join(words)]}
    yield "one link less", {**told, "links": told["links"][:-1]}
    yield "the seal", {**told, "seal": "0" * 64}
    yield "no seal", {name: value for name, value in told.items() if name != "seal"}
    yield "one thing more", {**told, "more": 1}


@pytest.mark.parametrize(("name", "told"), list(edits()), ids=[name for name, _ in edits()])
def test_an_edited_receipt_is_refused(name: str, told: object, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(told))
    with pytest.raises(ReceiptError, match=r"run\.json was changed after it was written: its seal does not fit"):
        fn.read_receipt(tmp_path / "run.json")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "{}", '{"seal": 1}', '"x"', "[" * 100_000, "\x00", '{"links": []}']
)
def test_what_is_no_receipt_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ReceiptError, match=r"read_receipt: .*run\.json is no "):
        fn.read_receipt(tmp_path / "run.json")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    text = RECEIPT.to_json().rstrip()
    for n in range(len(text)):
        (tmp_path / "run.json").write_text(text[:n])
        with pytest.raises(ReceiptError):
            fn.read_receipt(tmp_path / "run.json")


def test_every_changed_character_is_refused(tmp_path: Path) -> None:
    text = RECEIPT.to_json()
    inside = [i for i, c in enumerate(text) if not c.isspace()]
    for i in inside:
        (tmp_path / "run.json").write_text(text[:i] + chr(ord(text[i]) ^ 1) + text[i + 1 :])
        with pytest.raises(ReceiptError):
            fn.read_receipt(tmp_path / "run.json")


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    key = '"key": "Key(seed=0, path=())"'
    (tmp_path / "run.json").write_text(RECEIPT.to_json().replace(key, f'"key": "Key(seed=1, path=())", {key}', 1))
    with pytest.raises(ReceiptError, match="a name stands twice in one object, so it was changed"):
        fn.read_receipt(tmp_path / "run.json")


def test_what_is_no_receipt_is_not_written_over(tmp_path: Path) -> None:
    step, data, first, check = RUN.parts
    (tmp_path / "run.json").write_text("notes")
    with pytest.raises(ReceiptError, match="is there already and no whole receipt, and is not written over"):
        next(fn.receipt_to(tmp_path / "run.json", step, data, first, check)(RUN.epochs()))
    assert (tmp_path / "run.json").read_text() == "notes"


def sealed(told: dict[str, Any]) -> str:
    """A forged file: its seal fits."""
    from fnnet.receipts import _seal

    return json.dumps({**told, "seal": _seal(told)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fnnet receipt": 2}, "has format version 2, this fnnet reads 1"),
        ({"links": []}, "is no receipt of fnnet"),
        ({"links": [1]}, "is no receipt of fnnet"),
        ({"conditions": []}, "is no receipt of fnnet"),
        ({"conditions": [{"from epoch": 0}]}, "is no receipt of fnnet"),
        ({"conditions": 3}, "is no receipt of fnnet"),
        ({"configuration": 3}, "is no receipt of fnnet"),
        ({"configuration": {"a": 1}}, "is no receipt of fnnet"),
        ({"links": None}, "is no receipt of fnnet"),
        ({"links": ["a b c"]}, "is no receipt of fnnet"),
        ({"metrics": 3}, "is no receipt of fnnet"),
        (
            {"conditions": [{**json.loads(RECEIPT.to_json())["conditions"][0], "from epoch": 2}]},
            "is no receipt of fnnet",
        ),
        ({"conditions": [{**json.loads(RECEIPT.to_json())["conditions"][0], "threads": 2}]}, "is no receipt of fnnet"),
    ],
)
def test_forged_receipts_are_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    told = {name: value for name, value in json.loads(RECEIPT.to_json()).items() if name != "seal"}
    (tmp_path / "run.json").write_text(sealed({**told, **change}))
    with pytest.raises(ReceiptError, match=message):
        fn.read_receipt(tmp_path / "run.json")


def test_files_that_are_not_there_or_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ReceiptError, match=r"read_receipt: .*none\.json could not be read"):
        fn.read_receipt(tmp_path / "none.json")
    with pytest.raises(ReceiptError, match=r"read_receipt: .* could not be read"):
        fn.read_receipt(tmp_path)
    with pytest.raises(ReceiptError, match=r"receipt: .*run\.json could not be written"):
        RECEIPT.save(tmp_path / "no such folder" / "run.json")
    for never in ("/dev/zero", "a\0b"):
        with pytest.raises(ReceiptError, match="read_receipt: "):
            fn.read_receipt(never)
        with pytest.raises(ReceiptError, match="could not be written"):
            RECEIPT.save(never)


def test_a_resumed_run_needs_its_own_receipt(tmp_path: Path) -> None:
    step, data, _, check = RUN.parts
    half = [found.state for found in RUN.epochs(2)][-1]
    path = tmp_path / "run.json"
    with pytest.raises(ReceiptError, match="could not be read"):
        next(fn.receipt_to(path, step, data, half, check)(fn.train(step, data, half)))
    other = replace(RUN, lr=0.5)
    fn.receipt(other.epochs(), *other.parts).save(path)
    before = path.read_bytes()
    with pytest.raises(
        ReceiptError, match=r"is the receipt of another run; .* differs: step.optimizer.lr.lr, the state of"
    ):
        next(fn.receipt_to(path, step, data, half, check)(fn.train(step, data, half)))
    assert path.read_bytes() == before


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
    for wrong in ({"run": 3}, {"run": None}):
        with pytest.raises(ValueError, match=r"verify: run must be a function"):
            fn.verify(RECEIPT, *RUN.parts, **wrong)
    with pytest.raises(ValueError, match=r"verify: streams\[1\] must be a function"):
        fn.verify(RECEIPT, *RUN.parts, 3)  # type: ignore[arg-type]
    with pytest.raises(ReceiptError, match="verify: the run ended before epoch 3 of 4; leave out streams that end it"):
        fn.verify(RECEIPT, step, data, first, check, fn.take(2))
