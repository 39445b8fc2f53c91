"""A folder of checkpoints belongs to one run: whatever else comes is refused by name, and the run itself never."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, CheckpointError, Key, TrainState, jit, tree
from fnnet.keys import normal
from tests.catalogue import OPTIMIZERS

X, Y = normal(Key(9), (12, 3)), normal(Key(8), (12, 1))


@dataclass(frozen=True)
class Experiment:
    """All that a run is made of."""

    seed: int
    net: fn.Params
    optimizer: Any
    loss: Any
    x: Array
    y: Array
    size: int = 4
    order: Any = None
    penalty: Any = None
    train: Any = fn.train
    data: Any = None
    wrap: Callable[[Any], Any] = lambda step: step

    def first(self) -> TrainState[Any]:
        return fn.start(self.net, self.optimizer, Key(self.seed))

    def stream(self, state: TrainState[Any]) -> Iterator[Any]:
        step = self.wrap(fn.train_step(fn.value_and_grad(self.loss, penalty=self.penalty), self.optimizer))
        data = self.data or fn.minibatches(self.x, self.y, batch_size=self.size, order=self.order)
        return iter(self.train(step, data, state))

    def program(self, folder: Path, epochs: int, anyway: bool = False) -> TrainState[Any]:
        """What the README tells a user to write: to be started again and again."""
        first = self.first()
        begin = fn.resume(folder, first, anyway=anyway) if fn.checkpoints_in(folder) else first
        last: fn.Epoch[Any] = fn.last(
            fn.pipe(self.stream(begin), fn.checkpoint_to(folder, anyway=anyway), fn.take(epochs))
        )
        return last.state


PLAIN = Experiment(0, fn.linear(Key(0), 3, 1, dtype=np.float64), fn.adam(0.01), fn.mse, X, Y)


def _one_batch(key: Key) -> Iterator[tuple[Array, Array]]:
    yield X, Y


def _another_batch(key: Key) -> Iterator[tuple[Array, Array]]:
    yield X[::2], Y[::2]


def _changed(a: Array) -> Array:
    """With another last bit."""
    a = a.copy()
    a[(-1,) * a.ndim] = np.nextafter(a[(-1,) * a.ndim], 2)
    return a


OTHERS: dict[str, tuple[Experiment, str]] = {
    "seed": (replace(PLAIN, seed=1), r"resume: .* holds another run: key is Key\(seed=0.*\) there and Key\(seed=1"),
    "network": (replace(PLAIN, net=tree.map(_changed, PLAIN.net)), r"resume: .* network is numbers with the digest"),
    "rate": (
        replace(PLAIN, optimizer=fn.adam(0.02)),
        r"resume: .* optimizer\.lr is 0\.01 there and 0\.02 here; use",
    ),
    "schedule": (replace(PLAIN, optimizer=fn.adam(lambda step: 0.01)), r"resume: .* optimizer\.lr is 0\.01 there and "),
    "optimizer": (replace(PLAIN, optimizer=fn.adadelta()), r"resume: .* optimizer is Adam there and Adadelta here"),
    "wrapper": (replace(PLAIN, optimizer=fn.clip_by_value(1.0)(fn.adam(0.01))), r"opt_state"),
    "loss": (replace(PLAIN, loss=fn.mae), r"checkpoint_to: .* step\.gradient\.loss is MeanSquaredError there and Mean"),
    "penalty": (replace(PLAIN, penalty=fn.l2(0.1)), r"checkpoint_to: .* step\.gradient\.penalty is None there"),
    "step": (replace(PLAIN, wrap=fn.stop_on_nonfinite), r"checkpoint_to: .* step is TrainStep there and StopOn"),
    "x": (replace(PLAIN, x=_changed(X)), r"checkpoint_to: .* data\.x is <f8\[12, 3\] "),
    "y": (replace(PLAIN, y=_changed(Y)), r"checkpoint_to: .* data\.y is <f8\[12, 1\] "),
    "size": (replace(PLAIN, size=3), r"checkpoint_to: .* data\.batch_size is 4 there and 3 here"),
    "order": (replace(PLAIN, order=fn.balanced(np.arange(12) % 2)), r"checkpoint_to: .* data\.order is None there"),
    "own data": (replace(PLAIN, data=_one_batch), r"checkpoint_to: .* data is Minibatches there and _one_batch"),
    "plateau": (
        replace(PLAIN, train=fn.reduce_on_plateau(fn.train)),
        r"checkpoint_to: .* run is train there and Reduc",
    ),
    "compiled": (replace(PLAIN, train=jit.train), r"checkpoint_to: .* run is train there and jit\.train here"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_another_run_is_refused_by_name_and_leaves_the_folder_as_it_is(name: str, tmp_path: Path) -> None:
    PLAIN.program(tmp_path, 2)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other, message = OTHERS[name]
    with pytest.raises(CheckpointError, match=message):
        other.program(tmp_path, 2)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    PLAIN.program(tmp_path, 1)


@pytest.mark.parametrize("name", sorted(set(OTHERS) - {"wrapper"}))
def test_whoever_means_it_goes_on_anyway(name: str, tmp_path: Path) -> None:
    PLAIN.program(tmp_path, 2)
    other, _ = OTHERS[name]
    if name == "optimizer":
        other = replace(other, optimizer=fn.amsgrad(0.01))  # adam's slots are two, and so are not amsgrad's
        with pytest.raises(CheckpointError, match=r"is not like what was asked for: opt_state\.slots is a tuple of 2"):
            other.program(tmp_path, 2, anyway=True)
        return
    state = other.program(tmp_path, 2, anyway=True)
    assert state.epoch == 4
    if name == "seed":  # the key is part of the state
        assert state.key == Key(0)
        return
    other.program(tmp_path, 1)  # from now on the folder is the other run's
    with pytest.raises(CheckpointError, match="holds another run"):
        PLAIN.program(tmp_path, 1)


def _powered(power: int) -> Any:
    """A layer of one's own, of another formula each time but under one name."""

    @dataclass(frozen=True, slots=True, eq=False, repr=False)
    class Power(fn.Params):
        pass

    def forward(p: Power, x: Array) -> tuple[Array, Array]:
        return x**power, x

    fn.define_layer(Power, forward=forward, backward=lambda p, x, dy: (p, dy * power * x ** (power - 1)))
    return Power()


def test_layers_of_ones_own_are_told_apart_by_their_code(tmp_path: Path) -> None:
    first, same, other = [replace(PLAIN, net=fn.serial(PLAIN.net, _powered(power))) for power in (2, 2, 3)]
    first.program(tmp_path, 1)
    same.program(tmp_path, 1)
    with pytest.raises(CheckpointError, match=r"resume: .* layers\..*Power.*forward\.power is 2 there and 3 here"):
        other.program(tmp_path, 1)


def test_data_of_ones_own_are_told_apart_by_their_code(tmp_path: Path) -> None:
    replace(PLAIN, data=_one_batch).program(tmp_path, 2)
    replace(PLAIN, data=_one_batch).program(tmp_path, 1)
    with pytest.raises(CheckpointError, match=r"checkpoint_to: .* data is _one_batch.* there and _another_batch"):
        replace(PLAIN, data=_another_batch).program(tmp_path, 1)


def test_what_makes_the_epochs_is_told_with_its_settings(tmp_path: Path) -> None:
    waiting = replace(PLAIN, train=fn.reduce_on_plateau(fn.train, patience=2))
    waiting.program(tmp_path, 2)
    waiting.program(tmp_path, 1)
    with pytest.raises(CheckpointError, match=r"checkpoint_to: .* run\.patience is 2 there and 7 here; use a folder"):
        replace(PLAIN, train=fn.reduce_on_plateau(fn.train, patience=7)).program(tmp_path, 1)
    with pytest.raises(CheckpointError, match=r"checkpoint_to: .* run is ReduceOnPlateau there and train here"):
        PLAIN.program(tmp_path, 1)


def test_every_two_optimizers_are_told_apart(tmp_path: Path) -> None:
    states = {name: fn.start(PLAIN.net, optimizer, Key(0)) for name, optimizer in OPTIMIZERS.items()}
    for name, optimizer in OPTIMIZERS.items():
        replace(PLAIN, optimizer=optimizer).program(tmp_path / name, 1)
    for one, other in combinations(OPTIMIZERS, 2):
        for folder, asked in ((one, other), (other, one)):
            with pytest.raises(CheckpointError, match=r"holds another run: optimizer|is not like what was asked for"):
                fn.resume(tmp_path / folder, states[asked])


# --- the run itself --------------------------------------------------------------------------------------------------
def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("passage", [lambda value: value, _pickled, copy.deepcopy, copy.copy])
def test_the_same_run_is_never_refused(passage: Callable[[Any], Any], tmp_path: Path) -> None:
    given = {name: getattr(PLAIN, name) for name in ("net", "loss", "optimizer", "x", "y")}
    again = replace(PLAIN, **{name: passage(value) for name, value in given.items()})
    PLAIN.program(tmp_path / "a", 2)
    resumed = again.program(tmp_path / "a", 3)
    assert tree.equal(resumed, PLAIN.program(tmp_path / "b", 5))


PROGRAM = """
import sys
import numpy as np
import fnnet as fn

SCALE = {"loss": 2.0}

def loss(prediction, target):
    value, gradient = fn.mse(prediction, target)
    return value * SCALE["loss"], gradient * SCALE["loss"]

x = np.linspace(0, 1, 12)[:, None]
optimizer = fn.sgd(lambda step: 0.1 / (1 + step), momentum=0.9)
step, data = fn.train_step(fn.value_and_grad(loss), optimizer), fn.minibatches(x, x, batch_size=5)
first = fn.start(fn.linear(fn.Key(0), 1, 1), optimizer, fn.Key(0))
begin = fn.resume(sys.argv[1], first) if fn.checkpoints_in(sys.argv[1]) else first
print(fn.last(fn.pipe(fn.train(step, data, begin), fn.checkpoint_to(sys.argv[1]), fn.take(2))).state.epoch)
"""


def test_a_program_with_code_of_its_own_goes_on_in_another_process(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    shown = [subprocess.run([sys.executable, script, tmp_path / "run"], capture_output=True, text=True) for _ in "ab"]
    assert [run.stdout for run in shown] == ["2\n", "4\n"], shown[-1].stderr


def test_a_state_that_no_run_made_knows_its_key_only(tmp_path: Path) -> None:
    step, state = fn.train_step(fn.value_and_grad(fn.mse), PLAIN.optimizer), PLAIN.first()
    own = replace(step(state, (X, Y), Key(1))[0], origin=None)
    assert len(list(fn.checkpoint_to(tmp_path)([own]))) == 1
    assert tree.equal(fn.resume(tmp_path, OTHERS["rate"][0].first()), own)
    with pytest.raises(CheckpointError, match="key is Key"):
        fn.resume(tmp_path, OTHERS["seed"][0].first())


def test_what_one_part_of_a_run_does_not_know_the_earlier_part_has_told(tmp_path: Path) -> None:
    PLAIN.program(tmp_path, 2)
    loaded = replace(fn.load(fn.checkpoints_in(tmp_path)[-1], like=PLAIN.first()), epoch=2)
    assert loaded.origin is None
    fn.last(fn.pipe(PLAIN.stream(loaded), fn.checkpoint_to(tmp_path), fn.take(1)))
    with pytest.raises(CheckpointError, match="network is numbers with"):
        OTHERS["network"][0].program(tmp_path, 1)


def test_an_origin_is_no_part_of_the_tree_and_keeps_no_data_alive() -> None:
    epoch = next(PLAIN.stream(PLAIN.first()))
    state = epoch.state
    gc.collect()
    assert state.origin is not None and state.origin.run() is None
    bare = replace(state, origin=None)
    assert tree.equal(state, bare) and repr(state) == repr(bare) and tree.paths(state) == tree.paths(bare)
    assert pickle.dumps(state) == pickle.dumps(bare) and pickle.loads(pickle.dumps(state)).origin is None


@pytest.mark.parametrize("train", [fn.train, jit.train, fn.reduce_on_plateau(fn.train), fn.steps])
def test_every_state_of_a_run_knows_it(train: Any) -> None:
    stream = replace(PLAIN, train=train).stream(PLAIN.first())
    for _ in range(5):
        item = next(stream)
        origin = (item.state if isinstance(item, fn.Epoch) else item).origin
        assert origin is not None
        assert origin.network == tree.digest(PLAIN.first().params)
        run: Any = origin.run()
        assert run is not None and run.data.x is X and run.optimizer is PLAIN.optimizer


WORK = np.zeros((4, 1))


def _with_a_work_array(prediction: Array, target: Array) -> tuple[fn.Value, Array]:
    """A loss that keeps its differences, in a way that its code does not tell."""
    for work in [WORK]:
        work[...] = prediction - target
    return fn.mse(prediction, target)


def test_what_a_step_changes_by_itself_is_no_setting(tmp_path: Path) -> None:
    """From the second state on the folder knows what the run has changed; until then the first one is its own."""
    own = replace(PLAIN, loss=_with_a_work_array)
    own.program(tmp_path, 3)
    own.program(tmp_path, 2)
    with pytest.raises(CheckpointError, match=r"step\.gradient\.penalty is None there"):
        replace(own, penalty=fn.l2(0.1)).program(tmp_path, 1)


# --- runs one behind another ---------------------------------------------------------------------------------------
def _phases(state: TrainState[Any], is_finer: bool = True) -> Iterator[fn.Epoch[Any]]:
    """Three epochs on half of the rows, then all rows with a smaller rate."""
    gradient = fn.value_and_grad(fn.mse)
    first = fn.train_step(gradient, fn.adam(0.01)), fn.minibatches(X[:6], Y[:6], batch_size=4)
    then = fn.train_step(gradient, fn.adam(0.001 if is_finer else 0.005)), fn.minibatches(X, Y, batch_size=4)
    for step, data in (first, then) if state.epoch < 3 else (then,):
        epochs = fn.train(step, data, state)
        for epoch in fn.take(3 - state.epoch)(epochs) if step is first[0] else epochs:
            state = epoch.state
            yield epoch


@pytest.mark.parametrize("stop", [1, 2, 4, 5])
def test_a_run_in_phases_is_resumed_in_any_of_them(tmp_path: Path, stop: int) -> None:
    begin = PLAIN.first()
    fn.pipe(_phases(begin), fn.checkpoint_to(tmp_path), fn.take(stop), fn.last)
    resumed = fn.resume(tmp_path, PLAIN.first())
    again = fn.pipe(_phases(resumed), fn.checkpoint_to(tmp_path), fn.take(6 - stop), fn.last)
    assert tree.equal(again.state, fn.last(fn.take(6)(_phases(begin))).state)
    with pytest.raises(CheckpointError, match=r"step\.optimizer\.lr is 0\.001 there and 0\.005 here"):
        fn.pipe(_phases(again.state, is_finer=False), fn.checkpoint_to(tmp_path), fn.take(1), fn.last)


def test_a_run_in_phases_that_was_stopped_between_two_of_them_says_what_changed(tmp_path: Path) -> None:
    """The state is one of the first phase, and the second one looks like another run."""
    fn.pipe(_phases(PLAIN.first()), fn.checkpoint_to(tmp_path), fn.take(3), fn.last)
    resumed = fn.resume(tmp_path, PLAIN.first())
    with pytest.raises(CheckpointError, match=r"data\.x is .* there and .* here"):
        fn.pipe(_phases(resumed), fn.checkpoint_to(tmp_path), fn.take(1), fn.last)
    fn.pipe(_phases(resumed), fn.checkpoint_to(tmp_path, anyway=True), fn.take(1), fn.last)
