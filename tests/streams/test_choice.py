"""Best among epochs of which a function before it has dropped some: the same with a stop and without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import CheckpointError, Epoch, Key
from fnnet.keys import normal

X, Y = normal(Key(0), (8, 2)), normal(Key(1), (8, 1))
STEP = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1))
DATA = fn.minibatches(X, Y, batch_size=4)
FIRST = fn.start(fn.linear(Key(0), 2, 1), STEP.optimizer, Key(0))


def only(wanted: Iterable[int]) -> Any:
    """A function that hands on the epochs with these numbers."""

    def some(epochs: Iterable[Epoch[Any]]) -> Iterator[Epoch[Any]]:
        return (epoch for epoch in epochs if epoch.state.epoch in wanted)

    return some


def metric(numbers: dict[int, float]) -> Any:
    """The metric "m" that has these values by epoch."""
    values = iter([numbers[i] for i in sorted(numbers)])
    return fn.validate(X, Y, {"m": lambda prediction, target: np.asarray(next(values))})


VALUES = {1: 3.0, 2: 1.0, 3: 2.0, 4: 0.5, 5: 4.0, 6: 5.0}


@pytest.mark.parametrize(
    ("kept", "number"), [((4, 5), 4), ((1, 2, 4), 4), ((1, 3, 5), None), ((5, 6), None), ((1, 2, 3, 4, 5, 6), 4)]
)
def test_a_dropped_epoch_counts(kept: tuple[int, ...], number: int | None) -> None:
    stream = fn.pipe(fn.train(STEP, DATA, FIRST), metric(VALUES), fn.take(6), only(kept))
    if number is None:
        with pytest.raises(CheckpointError, match=r"is epoch 4, with 0\.5, which (was dropped|came before this)"):
            fn.best("m")(stream)
    else:
        assert fn.best("m")(stream).state.epoch == number


def test_what_was_dropped_before_the_stop_is_read(tmp_path: Path) -> None:
    keep = fn.checkpoint_to(tmp_path, keep_best="loss")
    fn.last(fn.pipe(fn.train(STEP, DATA, FIRST), keep, fn.take(3)))
    begin = fn.resume(tmp_path, FIRST)
    through = fn.pipe(fn.train(STEP, DATA, begin), fn.take(3), fn.best("loss"))
    assert through.state.epoch == fn.pipe(fn.train(STEP, DATA, FIRST), fn.take(6), fn.best("loss")).state.epoch
