"""Wherever a run was interrupted, ``receipt_to`` goes on with its own receipt and refuses that of any other run."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, Key, ReceiptError, TrainState, tree
from fnnet.keys import normal

X, Y = normal(Key(0), (12, 4)), normal(Key(1), (12, 2))
NET, SGD = fn.linear(Key(0), 4, 2), fn.sgd(0.01, momentum=0.9)
BATCHES, EPOCHS = 3, 3
STEPS = BATCHES * EPOCHS


@dataclass(frozen=True, eq=False)
class Run:
    """All that makes a run."""

    net: fn.Params = NET
    key: Key = Key(0)
    optimizer: Any = SGD
    loss: Any = fn.mse
    x: Array = field(default_factory=lambda: X)
    y: Array = field(default_factory=lambda: Y)
    order: Any = None
    begin: Callable[[TrainState[Any]], TrainState[Any]] = lambda state: state

    @property
    def step(self) -> fn.Step[Any]:
        return fn.train_step(fn.value_and_grad(self.loss), self.optimizer)

    @property
    def data(self) -> fn.Data[Any]:
        return fn.minibatches(self.x, self.y, batch_size=len(self.x) // BATCHES, order=self.order)

    @property
    def first(self) -> TrainState[Any]:
        return self.begin(fn.start(self.net, self.optimizer, self.key))

    def states(self, state: TrainState[Any]) -> Iterator[TrainState[Any]]:
        return fn.steps(self.step, self.data, state)

    def after(self, steps: int) -> TrainState[Any]:
        """The state after so many steps of a run that nobody has looked at."""
        return fn.last(fn.take(steps)(self.states(self.first))) if steps else self.first

    def go_on(self, state: TrainState[Any], path: Path, steps: int, anyway: bool = False) -> None:
        keep = fn.receipt_to(path, self.step, self.data, state, anyway=anyway)
        fn.pipe(self.states(state), keep, fn.take(steps), fn.last)


def _last_bit(a: Array) -> Array:
    changed = a.copy()
    changed.flat[-1] = np.nextafter(changed.flat[-1], changed.dtype.type(9))
    return changed


RUN = Run()
WARM = Run(begin=lambda state: tree.at(state, "params.w", _last_bit))  # a start that was made of another one
REPLACED = Run(begin=lambda state: replace(state, params=tree.map(_last_bit, state.params)))
RUNS = {"as start gives it": RUN, "a start that was changed": WARM, "a start with other parameters": REPLACED}
OTHERS: dict[str, tuple[Run, str]] = {
    "start network": (replace(RUN, net=fn.linear(Key(1), 4, 2)), "the network at the start"),
    "its last bit": (replace(RUN, net=tree.map(_last_bit, RUN.net)), "the network at the start"),
    "a start that was changed": (WARM, "the network at the start"),
    "a start with other parameters": (REPLACED, "the network at the start"),
    "key": (replace(RUN, key=Key(1)), "key"),
    "x": (replace(RUN, x=_last_bit(X)), r"data\.x"),
    "y": (replace(RUN, y=_last_bit(Y)), r"data\.y"),
    "size": (replace(RUN, x=X[:6], y=Y[:6]), r"data\.batch_size"),
    "order": (replace(RUN, order=fn.balanced(np.arange(12) % 2)), r"data\.order"),
    "rate": (replace(RUN, optimizer=fn.sgd(0.02, momentum=0.9)), r"step\.optimizer\.lr"),
    "optimizer": (replace(RUN, optimizer=fn.adam(0.01)), r"step\.optimizer"),
    "loss": (replace(RUN, loss=fn.mae), r"step\.gradient\.loss"),
}  # fmt: skip


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """The receipts of the runs that were never interrupted."""
    folder = tmp_path_factory.mktemp("through")

    @cache
    def made(name: str) -> bytes:
        RUNS[name].go_on(RUNS[name].first, folder / f"{name}.json", STEPS)
        return (folder / f"{name}.json").read_bytes()

    return made


@pytest.mark.parametrize("place", range(STEPS))
@pytest.mark.parametrize("name", RUNS)
def test_its_own_receipt_is_completed(name: str, place: int, through: Callable[[str], bytes], tmp_path: Path) -> None:
    """From the state itself, from a checkpoint, and with a receipt that had got on further."""
    run, path = RUNS[name], tmp_path / "run.json"
    for written in sorted({place, min(place + BATCHES, STEPS), STEPS} - {0}):
        run.go_on(run.first, path, written)
        if place:
            fn.pipe(run.states(run.first), fn.take(place), fn.checkpoint_to(tmp_path / str(written)), fn.last)
        resumed = fn.resume(tmp_path / str(written), run.first) if place else run.first
        for state in (run.after(place), resumed):
            before = path.read_bytes()
            run.go_on(state, path, STEPS - place)
            assert path.read_bytes() == through(name)
            path.write_bytes(before)


@pytest.mark.parametrize("place", range(1, STEPS))
@pytest.mark.parametrize("name", OTHERS)
def test_that_of_another_run_is_refused_by_name(
    name: str, place: int, through: Callable[[str], bytes], tmp_path: Path
) -> None:
    (other, difference), path, plain = OTHERS[name], tmp_path / "run.json", through("as start gives it")
    path.write_bytes(plain)
    with pytest.raises(ReceiptError, match=rf"is the receipt of another run; .* what differs: .*({difference})"):
        other.go_on(other.after(place), path, 1)
    assert path.read_bytes() == plain


SETTINGS = ["x", "y", "size", "order", "rate", "loss"]


@pytest.mark.parametrize("place", [1, BATCHES, BATCHES + 1])
@pytest.mark.parametrize("name", SETTINGS)
def test_whoever_means_it_goes_on_with_other_settings(
    name: str, place: int, through: Callable[[str], bytes], tmp_path: Path
) -> None:
    """Which nothing vouches for from then on; what was before and what is after is said, and can be repeated."""
    (other, difference), path = OTHERS[name], tmp_path / "run.json"
    path.write_bytes(through("as start gives it"))
    state = RUN.after(place)
    with pytest.raises(ReceiptError, match=r"of its own, or receipt_to\(\.\.\., anyway=True\) to continue neverthe"):
        other.go_on(state, path, 1)
    other.go_on(state, path, STEPS - place, anyway=True)
    made = fn.read_receipt(path)
    assert made.epochs == EPOCHS
    if state.batch == 0:
        found = fn.verify(made, other.step, other.data, state)
        assert found
        assert all(re.fullmatch(r".* up to epoch 1, .* after", why) for why in found.not_covered.values())
        assert any(re.match(difference, setting) for setting in found.not_covered)
    found = fn.verify(made, RUN.step, RUN.data, RUN.first)
    assert found.epoch == state.epoch + 1 or (name in "xy" and found)  # the last bit is lost in rounding
    assert found.settings == ()


@pytest.mark.parametrize("name", ["start network", "key"])
def test_a_chain_is_never_joined_to_a_state_that_it_does_not_have(
    name: str, through: Callable[[str], bytes], tmp_path: Path
) -> None:
    (other, _), path = OTHERS[name], tmp_path / "run.json"
    path.write_bytes(through("as start gives it"))
    with pytest.raises(ReceiptError, match=r"give this one a file of its own; what differs: .*the state of epoch 1"):
        other.go_on(other.after(BATCHES), path, 1, anyway=True)
    assert path.read_bytes() == through("as start gives it")


@pytest.mark.parametrize(
    "passage", [lambda state: replace(state, origin=None), lambda s: pickle.loads(pickle.dumps(s))]
)
def test_a_state_of_the_first_epoch_has_to_tell_where_it_began(
    passage: Callable[[Any], Any], through: Callable[[str], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(through("as start gives it"))
    with pytest.raises(ReceiptError, match=r"may be the receipt of another run, .* does not tell the network"):
        RUN.go_on(passage(RUN.after(2)), path, 1)
    RUN.go_on(passage(RUN.after(BATCHES + 2)), path, STEPS - BATCHES - 2)  # later ones have a history
    assert path.read_bytes() == through("as start gives it")


@pytest.mark.parametrize("by_steps", [False, True])
def test_a_receipt_is_not_lost_to_a_stream_that_begins_elsewhere(by_steps: bool, tmp_path: Path) -> None:
    """The start was given, and the stream is that of a resumed state."""
    run, path = Run(), tmp_path / "run.json"
    first = fn.start(run.net, run.optimizer, run.key)
    keep, given = fn.receipt_to(path, run.step, run.data, first), (run.step, run.data)
    last = fn.last(fn.pipe(fn.train(*given, first), keep, fn.take(2)))
    before = path.read_bytes()
    stream: Any = fn.steps(*given, last.state) if by_steps else fn.train(*given, last.state)
    with pytest.raises(ReceiptError, match=r"epoch 1 must come next, got epoch [23]"):
        fn.last(fn.pipe(stream, keep, fn.take(1)))
    assert path.read_bytes() == before
