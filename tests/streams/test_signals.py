"""Signals beside a stream: noted while an item is made, and never swallowed, whatever way its loop is left."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import fnnet as fn
from fnnet import Key, TrainState

NET = fn.linear(Key(0), 1, 1)
ROOT = Path(__file__).parents[2]
NUMBER = signal.SIGUSR1


def states(sends: Iterable[int] = (), number: int = NUMBER) -> Iterator[TrainState[Any]]:
    """An endless stream, in the making of whose items of these numbers a signal comes."""
    for i in count(1):
        if i in sends:
            send(number)
        yield TrainState(NET, fn.OptState(i), Key(0))


def send(number: int = NUMBER) -> None:
    """The signal to this process."""
    os.kill(os.getpid(), number)


def stopped(stream: Iterator[TrainState[Any]]) -> Iterator[TrainState[Any]]:
    """The stream, ended by the signal."""
    return fn.stop_on_signal(NUMBER)(stream)


def number_of(state: TrainState[Any]) -> int:
    """Which item it is."""
    return state.opt_state.step


@pytest.fixture
def caught() -> Iterator[list[int]]:
    """The signals that the program's own handler has had."""
    found: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        found.append(number)

    before = signal.signal(NUMBER, note)
    yield found
    assert signal.getsignal(NUMBER) is note, "the handlers are not put back"
    signal.signal(NUMBER, before)


# --- at work -----------------------------------------------------------------------------------------------------
def test_the_item_under_way_is_the_last(caught: list[int]) -> None:
    assert [number_of(state) for state in stopped(states({3}))] == [1, 2, 3]
    assert caught == []


def _passing(stream: Iterable[Any]) -> Iterator[Any]:
    """A user's stream function, in which the signal comes with the third item."""
    for state in stream:
        yield _sent(state)


def _filtered(stream: Iterable[Any]) -> Iterator[Any]:
    return (_sent(state) for state in stream)


def _mapped(stream: Iterable[Any]) -> Iterator[Any]:
    return map(_sent, stream)


class _Reading:
    """A stream function that is a class."""

    def __init__(self, stream: Iterable[Any]) -> None:
        self.stream = iter(stream)

    def __iter__(self) -> _Reading:
        return self

    def __next__(self) -> Any:
        return _sent(next(self.stream))


def _sent(state: Any) -> Any:
    if number_of(state) == 3:
        send()
    return state


FUNCTIONS = pytest.mark.parametrize("function", [_passing, _filtered, _mapped, _Reading])


@FUNCTIONS
def test_while_what_stands_before_is_at_work_it_is_noted(function: Any, caught: list[int]) -> None:
    assert [number_of(state) for state in stopped(function(states()))] == [1, 2, 3]
    assert caught == []


@FUNCTIONS
def test_while_what_stands_behind_is_at_work_it_acts_as_it_would_have_without(function: Any, caught: list[int]) -> None:
    seen = [number_of(state) for state in fn.take(4)(function(stopped(states())))]
    assert seen == [1, 2, 3, 4]
    assert caught == [NUMBER]


def test_a_program_that_is_a_generator_is_the_readers_own_time(caught: list[int]) -> None:
    """As pytest's fixtures and context managers are."""

    def program() -> Iterator[int]:
        stream = stopped(states())
        for state in stream:
            yield number_of(state)
            break
        send()
        yield len(caught)

    assert list(program()) == [1, 1]


def test_a_checkpoint_that_is_written_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caught: list[int]
) -> None:
    sync = os.fsync

    def disturbed(handle: int) -> None:
        send()
        sync(handle)

    monkeypatch.setattr(os, "fsync", disturbed)
    state = fn.last(stopped(fn.checkpoint_to(tmp_path)(states())))
    assert fn.tree.equal(fn.resume(tmp_path, state), state)
    assert number_of(state) == 1
    assert caught == []


def test_a_second_interrupt_acts_at_once() -> None:
    def items() -> Iterator[TrainState[Any]]:
        yield from states({2}, signal.SIGINT)

    def twice(stream: Iterable[Any]) -> Iterator[Any]:
        for state in stream:
            if number_of(state) == 2:
                send(signal.SIGINT)
            yield state

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stream = fn.stop_on_signal()(twice(items()))
        assert number_of(next(stream)) == 1
        with pytest.raises(KeyboardInterrupt):
            next(stream)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_end_of_what_stands_before_is_waited_for_and_its_errors_are_raised(caught: list[int]) -> None:
    def ending(stream: Iterable[Any]) -> Iterator[Any]:
        try:
            yield from stream
        finally:
            send()
            raise LookupError("the last write")

    stream = stopped(ending(states({2})))
    assert [number_of(next(stream)) for _ in range(2)] == [1, 2]
    with pytest.raises(LookupError, match="the last write"):
        next(stream)
    assert caught == [NUMBER]


@pytest.mark.parametrize("between", [fn.take(9), fn.pipe], ids=["a take", "nothing"])
def test_what_stands_before_a_take_is_ended_too(between: Any, caught: list[int]) -> None:
    """As in a program that goes on after a stop: checkpoint_to, take, stop_on_signal."""
    ends: list[int] = []

    def ending(stream: Iterable[Any]) -> Iterator[Any]:
        try:
            yield from stream
        finally:
            send()  # noted, for the stream is at its end under stop_on_signal
            ends.append(len(caught))
            raise LookupError("the last write")

    with pytest.raises(LookupError, match="the last write"):
        list(stopped(between(ending(states({2})))))
    assert ends == [1]  # the signal in the last write acts as it would have without


def stages(folder: Path) -> dict[str, Any]:
    """Every stream function of fnnet that hands on a stream."""
    optimizer = fn.sgd(0.1)
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    x = np.ones((2, 1))
    start = fn.start(fn.linear(Key(0), 1, 1), optimizer, Key(0))
    return {
        "take": fn.take(3),
        "until": fn.until(3),
        "early_stopping": fn.early_stopping(3, metric="loss"),
        "time_limit": fn.time_limit(60),
        "progress": fn.progress(3),
        "validate": fn.validate(x, x, {"r2": fn.metrics.rmse}),
        "record": fn.record(folder / "run.csv"),
        "checkpoint_to": fn.checkpoint_to(folder),
        "receipt_to": fn.receipt_to(folder / "run.json", step, fn.minibatches(x, x, batch_size=1), start),
        "stop_on_signal": fn.stop_on_signal(NUMBER),
    }


@pytest.mark.parametrize("name", stages(Path()))
def test_closing_a_stage_closes_what_stands_before_it(name: str, tmp_path: Path) -> None:
    """And to let go of a stage does not."""
    function, ends = stages(tmp_path)[name], list[str]()
    keep = function if name == "receipt_to" else stages(tmp_path)["receipt_to"]

    def ending() -> Iterator[Any]:
        try:
            yield from fn.train(keep.step, keep.data, keep.state)
        finally:
            ends.append("closed")

    stream = ending()
    next(function(stream))
    gc.collect()
    assert ends == []
    function(stream).close()
    assert ends == ["closed"]


def passing(stream: Iterable[Any]) -> Iterator[Any]:
    """A stream function of a user's own."""
    yield from stream


PIPES: dict[str, Any] = {
    "take": lambda stream, write: fn.pipe(stream, write, fn.take(2), fn.last),
    "take outside": lambda stream, write: fn.last(fn.pipe(stream, write, fn.take(2))),
    "until": lambda stream, write: fn.last(fn.pipe(stream, write, fn.until(2))),
    "own function": lambda stream, write: fn.pipe(stream, write, passing, fn.take(2), fn.last),
    "own function at the end": lambda stream, write: fn.last(fn.pipe(stream, write, fn.take(2), passing)),
    "map": lambda stream, write: list(fn.pipe(stream, write, fn.take(2), lambda epochs: map(id, epochs))),
    "stop_on_signal": lambda stream, write: fn.last(fn.pipe(stream, write, fn.take(2), fn.stop_on_signal(NUMBER))),
    "early_stopping": lambda stream, write: fn.last(
        fn.pipe(stream, write, fn.early_stopping(1, metric="loss", min_delta=1e9), fn.take(9))
    ),
    "best": lambda stream, write: fn.pipe(stream, write, fn.take(2), fn.best("loss")),
    "closed": lambda stream, write: close_after_two(fn.pipe(stream, write, passing)),
}
"""Ways to end a pipe in whose midst checkpoints are written."""


def close_after_two(stream: Any) -> None:
    """Two items, and an end that is asked for."""
    next(stream)
    next(stream)
    stream.close()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("name", PIPES)
def test_what_is_raised_in_a_last_write_comes_through_and_nothing_is_lost(
    name: str, kind: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizer, x = fn.sgd(0.1), np.ones((2, 1))
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    epochs = fn.train(step, fn.minibatches(x, x, batch_size=1), fn.start(NET, optimizer, Key(0)))
    sync, failing = os.fsync, [True]

    def fails(handle: int) -> None:
        if failing:
            raise kind("in the last write")
        sync(handle)

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises((KeyboardInterrupt, fn.CheckpointError, OSError), match="in the last write"):
        PIPES[name](epochs, fn.checkpoint_to(tmp_path, every=100))
    failing.clear()
    gc.collect()
    assert [path.name[:14] for path in fn.checkpoints_in(tmp_path)] == ["epoch-00000002"]


def test_a_take_that_is_let_go_of_leaves_its_stream_open() -> None:
    stream = states()
    assert [number_of(state) for state in fn.take(2)(stream)] == [1, 2]
    for state in fn.take(5)(stream):
        assert number_of(state) == 3
        break
    assert number_of(next(stream)) == 4


# --- the reader's own time ---------------------------------------------------------------------------------------
def test_in_the_body_of_the_loop_it_acts_as_it_would_have_without(caught: list[int]) -> None:
    seen = []
    for state in fn.take(4)(stopped(states())):
        send()
        seen.append((number_of(state), len(caught)))
    assert seen == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_an_interrupt_in_the_body_of_the_loop_comes_at_once(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stream = fn.pipe(states(), fn.checkpoint_to(tmp_path, every=100), fn.stop_on_signal())
        with pytest.raises(KeyboardInterrupt):
            for state in stream:
                if number_of(state) == 3:
                    send(signal.SIGINT)
        del stream
        assert number_of(fn.resume(tmp_path, state)) == 3
    finally:
        signal.signal(signal.SIGINT, before)


# --- every way to leave a loop -----------------------------------------------------------------------------------
Stream = Iterator[TrainState[Any]]
HELD: list[Any] = []


def _break(stream: Stream) -> None:
    HELD.append(stream)
    for state in stream:
        if number_of(state) == 2:
            break


def _return(stream: Stream) -> TrainState[Any]:
    HELD.append(stream)
    for state in stream:
        return state
    raise AssertionError


def _error_in_the_body(stream: Stream) -> None:
    HELD.append(stream)
    with suppress(LookupError):
        for _ in stream:
            raise LookupError


def _next(stream: Stream) -> None:
    HELD.append(stream)
    next(stream)


def _part(stream: Stream) -> None:
    HELD.append(stream)
    list(islice(stream, 3))


def _taken(stream: Stream) -> None:
    HELD.append(fn.take(100)(stream))
    next(HELD[-1])


def _behind(stream: Stream) -> None:
    HELD.append(_passing(fn.take(100)(stream)))
    next(HELD[-1])


def _close(stream: Stream) -> None:
    HELD.append(stream)
    next(stream)
    stream.close()  # type: ignore[attr-defined]


def _throw(stream: Stream) -> None:
    HELD.append(stream)
    next(stream)
    with suppress(LookupError):
        stream.throw(LookupError)  # type: ignore[attr-defined]


def _exhaust(stream: Stream) -> None:
    HELD.append(stream)
    list(fn.take(100)(stream))


def _let_go(stream: Stream) -> None:
    next(stream)


def _never_read(stream: Stream) -> None:
    HELD.append(stream)


def _twice(stream: Stream) -> None:
    HELD.append(stopped(stream))
    next(HELD[-1])


def _two(stream: Stream) -> None:
    HELD.extend([stream, stopped(states())])
    next(stream), next(HELD[-1])


def _two_and_the_first_ends(stream: Stream) -> None:
    HELD.append(stopped(states()))
    next(stream), next(HELD[-1])
    stream.close()  # type: ignore[attr-defined]


def _in_a_cycle(stream: Stream) -> None:
    next(stream)
    cycle: list[Any] = [stream]
    cycle.append(cycle)


WAYS: list[Callable[[Stream], object]] = [
    _break,
    _return,
    _error_in_the_body,
    _next,
    _part,
    _taken,
    _behind,
    _close,
    _throw,
    _exhaust,
    _let_go,
    _never_read,
    _twice,
    _two,
    _two_and_the_first_ends,
    _in_a_cycle,
]


@pytest.mark.parametrize("leave", WAYS)
def test_whatever_way_a_loop_is_left_no_signal_is_swallowed(
    leave: Callable[[Stream], object], caught: list[int]
) -> None:
    """Not while somebody still has the stream, and not when it has been let go of."""
    mine = signal.getsignal(NUMBER)
    leave(stopped(states()))
    for n in (1, 2, 3):
        assert signal.getsignal(NUMBER) is mine
        send()
        assert len(caught) == n
    HELD.clear()
    gc.collect()
    send()
    assert len(caught) == 4


@pytest.mark.parametrize("leave", WAYS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_program_that_has_left_its_loop_ends_by_a_signal(leave: Callable[[Stream], object], number: int) -> None:
    """As any program does, whose handlers are the system's, at its module's level too."""
    pid = os.fork()
    if not pid:
        signal.signal(number, signal.SIG_DFL)
        leave(fn.stop_on_signal()(states()))
        send(number)
        os._exit(7)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -number


SCRIPT = """
import os, signal, sys
import fnnet as fn
from tests.support.killing import training
signal.signal(signal.SIGINT, signal.default_int_handler)
step, data, first = training()
stream = fn.pipe(fn.train(step, data, first), fn.take(100), fn.stop_on_signal())
for epoch in stream:
    if epoch.state.epoch == 2:
        break
print("left", flush=True)
os.kill(os.getpid(), getattr(signal, sys.argv[1]))
print("still there")
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_script_that_breaks_off_is_ended(name: str) -> None:
    command = [sys.executable, "-c", SCRIPT, name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout == "left\n"
    assert done.returncode == -getattr(signal, name)


# --- other handlers ----------------------------------------------------------------------------------------------
def test_a_handler_that_the_program_sets_meanwhile_stays(caught: list[int]) -> None:
    before, mine = signal.getsignal(NUMBER), list[int]()
    stream = stopped(states())
    next(stream)
    signal.signal(NUMBER, lambda number, frame: mine.append(number))
    kept = signal.getsignal(NUMBER)
    stream.close()  # type: ignore[attr-defined]
    assert signal.getsignal(NUMBER) is kept
    send()
    assert mine == [NUMBER]
    signal.signal(NUMBER, before)


def test_a_signal_that_was_ignored_is_ignored_again() -> None:
    before = signal.signal(NUMBER, signal.SIG_IGN)
    try:
        stream = stopped(states({3}))
        next(stream)
        send()
        assert [number_of(state) for state in stream] == [2, 3]
        assert signal.getsignal(NUMBER) is signal.SIG_IGN
    finally:
        signal.signal(NUMBER, before)


def test_a_handler_that_is_set_while_an_item_is_made_stays(caught: list[int]) -> None:
    before, mine = signal.getsignal(NUMBER), list[int]()

    def items() -> Iterator[TrainState[Any]]:
        signal.signal(NUMBER, lambda number, frame: mine.append(number))
        yield from states()

    next(stopped(items()))
    send()
    assert mine == [NUMBER]
    signal.signal(NUMBER, before)


def test_a_handler_that_could_not_be_put_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program that embeds Python has set before, Python cannot set again."""
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    with pytest.raises(ValueError, match=rf"stop_on_signal: signal {NUMBER} has a handler that was not set by Python"):
        next(stopped(states()))


def test_all_handlers_are_put_back_where_one_of_them_raises_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(number: int, frame: FrameType | None) -> None:
        raise InterruptedError

    def disturbed(number: int, handler: Any) -> Any:
        was = sets(number, handler)
        if handler is raises:
            send(number)
        return was

    numbers, sets = (signal.SIGUSR1, signal.SIGUSR2), signal.signal
    before = [signal.signal(number, raises) for number in numbers]
    monkeypatch.setattr(signal, "signal", disturbed)
    with pytest.raises(InterruptedError):
        next(fn.stop_on_signal(*numbers)(states()))
    monkeypatch.undo()
    assert [signal.getsignal(number) for number in numbers] == [raises, raises]
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_a_stream_that_another_thread_lets_go_of(caught: list[int]) -> None:
    held = [stopped(states())]
    next(held[0])
    thread = threading.Thread(target=held.clear)
    thread.start()
    thread.join()
    send()
    assert caught == [NUMBER]
