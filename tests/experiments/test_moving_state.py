"""What a run's own code keeps is no setting, wherever it is and however it is written: the run is never refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Array, Key, TrainState, tree
from fnnet.keys import normal

X, Y = normal(Key(0), (12, 3)), normal(Key(1), (12, 1))


# --- how something is kept, in ways that code does not tell ----------------------------------------------------------
class Added:
    """Counts, added to by a function of NumPy's."""

    def __init__(self) -> None:
        self.counts = np.zeros(100)

    def note(self, number: float) -> None:
        np.add.at(self.counts, [int(abs(number) * 10) % 100], 1)


class Length:
    """A number in an array, which a function writes to by its place among the arguments."""

    def __init__(self) -> None:
        self.length = np.zeros(1)

    def note(self, number: float) -> None:
        np.hypot(self.length, number + 3, self.length)


class Listed:
    """A list, which is appended to by a method that was bound before."""

    def __init__(self) -> None:
        self.numbers: list[float] = []
        self.add = {"add": self.numbers.append}

    def note(self, number: float) -> None:
        list(map(self.add["add"], [number]))


class Fitted:
    """An object of a package, which keeps what it was fitted to."""

    def __init__(self) -> None:
        self.scaler: Any = import_module("sklearn.preprocessing").StandardScaler()

    def note(self, number: float) -> None:
        self.scaler.partial_fit([[number]])


KEEPERS: dict[str, Callable[[], Any]] = {"added": Added, "length": Length, "listed": Listed, "fitted": Fitted}


# --- where it is kept ------------------------------------------------------------------------------------------------
@dataclass
class Noting:
    """A loss, a schedule or a metric that keeps something of what it is called with."""

    keeper: Any
    function: Any

    def __call__(self, *arguments: Any) -> Any:
        self.keeper.note(float(np.mean(arguments[0])))
        return self.function(*arguments)


@dataclass
class Source:
    """Data that keep something of every batch."""

    keeper: Any

    def __call__(self, key: Key) -> Iterator[tuple[Array, Array]]:
        for rows in np.split(fn.keys.permutation(key, 12), 3):
            self.keeper.note(float(X[rows].mean()))
            yield X[rows], Y[rows]


@dataclass
class Order:
    """An order that keeps something of every epoch."""

    keeper: Any

    def __call__(self, key: Key, rows: int, size: int) -> Any:
        order = fn.keys.permutation(key, rows)
        self.keeper.note(float(order[0]))
        return order


def layer_of(function: Any) -> fn.Params:
    """A layer of the user's own, whose forward is a function that keeps something."""

    @dataclass(frozen=True, slots=True, eq=False, repr=False)
    class Layer(fn.Params):
        pass

    fn.define_layer(Layer, forward=lambda p, x: (function(x), None), backward=lambda p, saved, dy: (p, dy))
    return Layer()


@dataclass
class Run:
    """All that a run is made of, with a keeper somewhere."""

    place: str
    keeper: Any
    penalty: Any = None

    def __post_init__(self) -> None:
        def noting(place: str, function: Any) -> Any:
            return Noting(self.keeper, function) if self.place == place else function

        order = Order(self.keeper) if self.place == "order" else None
        self.data: Any = fn.minibatches(X, Y, batch_size=4, order=order)
        self.data = Source(self.keeper) if self.place == "data" else self.data
        self.optimizer = fn.sgd(noting("rate", lambda step: 0.1))
        self.step = fn.train_step(fn.value_and_grad(noting("loss", fn.mse), penalty=self.penalty), self.optimizer)
        self.streams = (fn.validate(X, Y, {"m": noting("metric", fn.metrics.mae)}),)
        inner = [fn.validate(X, Y, {"i": noting("inner metric", fn.metrics.mae)})]
        self.train: Any = fn.reduce_on_plateau(fn.train, streams=inner) if self.place == "inner metric" else fn.train
        net: Any = fn.linear(Key(0), 3, 1)
        net = fn.serial(layer_of(noting("layer", np.asarray)), net) if self.place == "layer" else net
        self.first = fn.start(net, self.optimizer, Key(0))

    def go_on(self, folder: Path, count: int, by_steps: bool) -> TrainState[Any]:
        """Some more epochs or steps of the run in a folder."""
        begin = fn.resume(folder, self.first) if fn.checkpoints_in(folder) else self.first
        streams = () if by_steps else self.streams
        given = (self.step, self.data, begin)
        keep = fn.receipt_to(folder / "run.json", *given, *streams, run=self.train)
        stream: Any = fn.steps(*given) if by_steps else self.train(*given)
        for function in (*streams, keep, fn.checkpoint_to(folder), fn.take(count)):
            stream = function(stream)
        last = fn.last(stream)
        state: TrainState[Any] = last if by_steps else last.state
        return state


PLACES = ["loss", "rate", "metric", "inner metric", "data", "order", "layer"]
STEPWISE = ["loss", "rate", "data", "order", "layer"]


@pytest.mark.parametrize("is_new", [True, False], ids=["new objects", "the same objects"])
@pytest.mark.parametrize("counts", [(1, 1, 1), (1, 3), (2, 1), (3, 2)], ids=str)
@pytest.mark.parametrize("keeper", KEEPERS)
@pytest.mark.parametrize("place", PLACES)
def test_a_run_goes_on_whatever_it_keeps(
    place: str, keeper: str, counts: tuple[int, ...], is_new: bool, tmp_path: Path
) -> None:
    """After any number of epochs and of steps, in the process of before or, so to speak, in a new one."""
    for by_steps in (False, True) if place in STEPWISE else (False,):
        folder = tmp_path / str(by_steps)
        folder.mkdir()
        run = Run(place, KEEPERS[keeper]())
        for count in counts:
            run = Run(place, KEEPERS[keeper]()) if is_new else run
            found = run.go_on(folder, count, by_steps)
        (tmp_path / f"{by_steps} through").mkdir()
        through = Run(place, KEEPERS[keeper]()).go_on(tmp_path / f"{by_steps} through", sum(counts), by_steps)
        assert tree.equal(found, through)
        made = fn.read_receipt(folder / "run.json")
        streams = () if by_steps else run.streams
        if made.epochs:
            verified = fn.verify(made, run.step, run.data, run.first, *streams, run=run.train)
            assert verified, verified


@pytest.mark.parametrize("place", PLACES)
def test_what_is_kept_hides_no_other_setting(place: str, tmp_path: Path) -> None:
    run = Run(place, Added())
    run.go_on(tmp_path, 1, False)
    other = Run(place, Added(), fn.l2(0.1))
    with pytest.raises(fn.ReceiptError, match="penalty"):
        other.go_on(tmp_path, 1, False)
    (tmp_path / "run.json").unlink()
    stream = other.train(other.step, other.data, fn.resume(tmp_path, other.first))
    with pytest.raises(fn.CheckpointError, match="penalty"):
        fn.pipe(stream, *other.streams, fn.checkpoint_to(tmp_path), fn.take(1), fn.last)
