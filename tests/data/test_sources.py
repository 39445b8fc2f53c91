"""Batches from wherever they come: training is the loop over them that one would write, and nothing is read twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fnnet as fn
from fnnet import Array, Key, tree
from fnnet.keys import NOISE, ORDER, normal
from tests.support.strategies import KEYS

Batch = tuple[Array, Array]
Batches = Callable[[Key], Iterable[Batch]]

OPTIMIZER = fn.adam(0.01)
STEP: fn.Step[Array] = fn.train_step(fn.value_and_grad(fn.mse), OPTIMIZER)
NET = fn.serial(fn.linear(Key(0), 2, 3), fn.Dropout(0.3), fn.linear(Key(1), 3, 1))
SIZE = 2


def rows_of(key: Key, n: int) -> list[Batch]:
    """n batches that no other key has."""
    x, y = normal(key.child(0), (n, SIZE, 2)), normal(key.child(1), (n, SIZE, 1))
    return list(zip(x, y, strict=True))


# --- sources -----------------------------------------------------------------------------------------------------
def listed(n: int) -> Batches:
    """All of them at once."""
    return lambda key: rows_of(key, n)


def generated(n: int) -> Batches:
    """One after another."""
    return lambda key: iter(rows_of(key, n))


def into_one_buffer(n: int) -> Batches:
    """As readers of files do: each batch is written over the one before it, and the end over the last one."""

    def data(key: Key) -> Iterator[Batch]:
        x, y = np.empty((SIZE, 2)), np.empty((SIZE, 1))
        for x[:], y[:] in rows_of(key, n):
            yield x, y
        x[:], y[:] = np.nan, np.nan

    return data


def into_two_buffers(n: int) -> Batches:
    """As readers with a thread of their own do."""

    def data(key: Key) -> Iterator[Batch]:
        buffers = cycle([(np.empty((SIZE, 2)), np.empty((SIZE, 1))) for _ in range(2)])
        for (x, y), (x[:], y[:]) in zip(buffers, rows_of(key, n), strict=False):
            yield x, y

    return data


class Reader:
    """An iterator that is a class, and gives no batch when it has none."""

    def __init__(self, n: int, key: Key) -> None:
        self.rest = rows_of(key, n)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if not self.rest:
            raise StopIteration
        return self.rest.pop(0)


def mapped(n: int) -> Batches:
    """Rows of a file, each batch a view of it."""

    def data(key: Key) -> Iterator[Batch]:
        file = np.lib.format.open_memmap(FOLDER / "rows.npy", "w+", np.float64, (n, SIZE, 3))
        for i, (x, y) in enumerate(rows_of(key, n)):
            file[i, :, :2], file[i, :, 2:] = x, y
        plain = file.view(np.ndarray)
        yield from ((plain[i, :, :2], plain[i, :, 2:]) for i in range(n))

    return data


FOLDER = Path()


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """That of mapped files."""
    global FOLDER
    FOLDER = tmp_path_factory.mktemp("mapped")


SOURCES: dict[str, Callable[[int], Batches]] = {
    "list": listed,
    "generator": generated,
    "one buffer": into_one_buffer,
    "two buffers": into_two_buffers,
    "iterator": lambda n: lambda key: Reader(n, key),
    "mapped": mapped,
}


# --- the loop ----------------------------------------------------------------------------------------------------
def loop(data: Batches, key: Key, epochs: int) -> Iterator[tuple[fn.Params, float | None]]:
    """After each step the network, and after an epoch's last one its loss: written as one would, from the start."""
    state = fn.start(NET, OPTIMIZER, key)
    for epoch in range(epochs):
        found, total, n = [], 0.0, 0
        for i, batch in enumerate(data(key.child(ORDER, epoch))):
            state, value = STEP(state, batch, key.child(NOISE, epoch, i))
            total, n = total + value.item() * len(batch[0]), n + len(batch[0])
            found.append(state.params)
        yield from [(params, None) for params in found[:-1]]
        yield found[-1], total / n


def agree(states: Iterable[fn.TrainState[Any]], explicit: Iterable[tuple[fn.Params, float | None]]) -> None:
    """The same networks, and a record where an epoch is over and nowhere else."""
    for state, (params, loss) in zip(states, explicit, strict=True):
        assert tree.equal(state.params, params)
        assert (state.batch == 0) == (loss is not None)
        assert loss is None or float(state.history[-1].loss) == loss


@pytest.mark.parametrize("kind", SOURCES)
@given(KEYS, st.integers(1, 5), st.integers(1, 3))
def test_training_is_the_loop_whatever_the_source(kind: str, key: Key, n: int, epochs: int) -> None:
    data = SOURCES[kind](n)
    agree(islice(fn.steps(STEP, data, fn.start(NET, OPTIMIZER, key)), n * epochs), loop(data, key, epochs))
    seen = [e.state.params for e in islice(fn.train(STEP, data, fn.start(NET, OPTIMIZER, key)), epochs)]
    ends = [params for params, loss in loop(data, key, epochs) if loss is not None]
    assert [tree.digest(params) for params in seen] == [tree.digest(params) for params in ends]


def test_a_batch_is_trained_on_before_the_next_one_is_asked_for() -> None:
    told: list[str] = []

    def data(key: Key) -> Iterator[Batch]:
        for i, batch in enumerate(rows_of(key, 3)):
            told.append(f"asked {i}")
            yield batch
        told.append("the end")

    def step(state: fn.TrainState[Any], batch: Batch, key: Key) -> Any:
        told.append("trained")
        return STEP(state, batch, key)

    next(fn.train(step, data, fn.start(NET, OPTIMIZER, Key(0))))
    assert told == ["asked 0", "trained", "asked 1", "trained", "asked 2", "trained", "the end"]


def test_a_source_without_an_end_is_one_endless_epoch() -> None:
    def data(key: Key) -> Iterator[Batch]:
        for i in range(10**9):
            yield rows_of(key.child(i), 1)[0]

    states = list(islice(fn.steps(STEP, data, fn.start(NET, OPTIMIZER, Key(0))), 20))
    assert [(state.epoch, state.batch) for state in states] == [(0, i) for i in range(1, 21)]


# --- errors ------------------------------------------------------------------------------------------------------
class ReadError(Exception):
    """A reader's own."""


def breaking(data: Batches, epoch: int, at: int) -> Batches:
    """The same batches; in one epoch an error in place of that one, or behind the last."""

    def broken(key: Key) -> Iterator[Batch]:
        batches = iter(data(key))
        if key.path[-1] == epoch:
            yield from islice(batches, at)
            raise ReadError("the disk")
        yield from batches

    return broken


def until_error(stream: Iterable[Any]) -> list[Any]:
    """The items before the reader's error."""
    found: list[Any] = []
    with suppress(ReadError):
        for item in stream:
            found.append(item)
    return found


@pytest.mark.parametrize("kind", SOURCES)
@given(KEYS, st.integers(1, 4), st.integers(0, 2), st.data())
def test_an_error_of_the_reader_costs_no_step(kind: str, key: Key, n: int, epoch: int, drawn: st.DataObject) -> None:
    """Every step before it is handed on, and going on from there is never having stopped."""
    at, data, first = drawn.draw(st.integers(0, n)), SOURCES[kind](n), fn.start(NET, OPTIMIZER, key)
    states = until_error(fn.steps(STEP, breaking(data, epoch, at), first))
    assert len(states) == epoch * n + at
    whole = [tree.digest(state) for state in islice(fn.steps(STEP, data, first), (epoch + 2) * n)]
    assert [tree.digest(state) for state in states[: epoch * n + min(at, n - 1)]] == whole[: epoch * n + min(at, n - 1)]
    last = [first, *states][-1]
    assert (last.epoch, last.batch) == (epoch, at)
    left = 2 * n - at + (at == n)  # behind the last batch the end of its epoch is still to come
    rest = [tree.digest(state) for state in islice(fn.steps(STEP, data, last), left)]
    assert rest == whole[len(whole) - left :]


def test_an_error_of_the_reader_comes_once_and_as_it_is() -> None:
    stream = fn.steps(STEP, breaking(listed(3), 0, 2), fn.start(NET, OPTIMIZER, Key(0)))
    assert [next(stream).batch, next(stream).batch] == [1, 2]
    with pytest.raises(ReadError, match="the disk") as caught:
        next(stream)
    assert caught.value.__context__ is None
    assert next(stream, None) is None


def test_an_error_behind_the_items_that_are_taken_is_not_met() -> None:
    data = breaking(listed(3), 0, 2)
    assert len(list(fn.take(2)(fn.steps(STEP, data, fn.start(NET, OPTIMIZER, Key(0)))))) == 2


def test_data_that_end_before_the_state_are_refused() -> None:
    first = fn.start(NET, OPTIMIZER, Key(0))
    fourth = fn.last(fn.take(4)(fn.steps(STEP, listed(5), first)))
    for n in (0, 3):
        with pytest.raises(ValueError, match="train: data must give more than 4 batches in epoch 0, got no more"):
            next(fn.steps(STEP, listed(n), fourth))
