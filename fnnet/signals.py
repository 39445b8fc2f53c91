"""Ending a stream when the process is asked to end."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from inspect import CO_GENERATOR
from types import FrameType
from typing import TypeVar

from fnnet.records import Moment

S = TypeVar("S", bound=Moment)

Handler = Callable[[int, FrameType | None], object] | int | None


@dataclass(frozen=True, slots=True)
class StopOnSignal:
    """What ``stop_on_signal(...)`` returns."""

    signals: tuple[int, ...]

    def __call__(self, stream: Iterable[S], /) -> Iterator[S]:
        """The stream up to the item under way when a signal comes."""
        watch = Watch()
        try:
            watch.begin(self.signals)
            for item in stream:
                yield item
                if watch.noted:
                    return
        finally:
            watch.end()


class Watch:
    """The handlers of one stream. Where nothing is at work on the stream, a signal is none of theirs: it is handed on
    to what was there before, so that it does not matter when a loop that was left lets go of the stream."""

    def __init__(self) -> None:
        self.noted: list[int] = []
        self.is_over = False
        self._before: dict[int, Handler] = {}

    def begin(self, numbers: Iterable[int]) -> None:
        """Sets the handlers. Raises ValueError outside the main thread."""
        for number in numbers:
            before = signal.getsignal(number)
            signal.signal(number, self.handle)
            self._before[number] = before

    def end(self) -> None:
        """Puts back what was there before, unless somebody else has set something since."""
        self.is_over = True
        for number in self._before:
            with suppress(ValueError):  # another thread may let go of the stream, and must not set handlers
                if signal.getsignal(number) == self.handle:
                    signal.signal(number, self._other(number))

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Notes a signal that comes while the stream is read, and hands on any other."""
        is_first = number not in self.noted or number != signal.SIGINT  # who presses Ctrl-C twice does not want to wait
        if is_first and any(_reads(caller, self) for caller in _stack(frame)):
            self.noted.append(number)
        else:
            self._hand_on(number, frame)

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        other = self._other(number)
        if callable(other):
            other(number, frame)
        elif other == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)  # which is the end, or a stop for a while, or nothing
            signal.signal(number, self.handle)

    def _other(self, number: int) -> Handler:
        """What was there before; None, which Python did not set, cannot be set again."""
        before = self._before[number]
        owner = getattr(before, "__self__", None)
        if isinstance(owner, Watch) and owner.is_over:
            return owner._other(number)
        return signal.SIG_DFL if before is None else before


# --- who reads a stream ----------------------------------------------------------------------------------------------
def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    """The calls under way that work on streams: generators, which are stream functions, and whatever is fnnet's."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if frame.f_code.co_flags & CO_GENERATOR or name.startswith("fnnet."):
            yield frame
        frame = frame.f_back


def _reads(frame: FrameType, watch: Watch) -> bool:
    """Whether a call has the stream of the watch, or iterators that lead to it."""
    waiting, seen = [*frame.f_locals.values()], set[int]()
    while waiting:
        node = waiting.pop()
        if node is watch:
            return True
        if isinstance(node, (Iterator, tuple)) and id(node) not in seen:
            seen.add(id(node))
            waiting += [child for child in gc.get_referents(node) if isinstance(child, (Watch, Iterator, tuple))]
    return False


def stop_on_signal(*signals: int) -> StopOnSignal:
    """Ends a stream after the item under way when the process is asked to end, by SIGINT (Ctrl-C) or SIGTERM unless
    others are named: a stream of steps after the step, one of epochs after the epoch.

    The item under way passes on through all stream functions behind, so ``checkpoint_to`` writes it, and the program
    goes on behind the stream. A second Ctrl-C acts as it would have without.

    A signal that comes while your own code has control, in the body of the loop that reads the stream or behind it,
    acts as it would have without: none is swallowed, whatever way the loop is left. (Work that a signal must not
    interrupt belongs into a stream function.) Handlers are set when the stream is first read, and put back when it ends
    or is let go of.

    Raises ValueError for what is no signal that can be handled, and, when it is read, outside the main thread, where
    Python allows no handlers.

    >>> stop_on_signal()
    StopOnSignal(signals=(2, 15))
    """
    for number in signals:
        if number not in set(signal.valid_signals()) - _NEVER:
            raise ValueError(
                f"stop_on_signal: signals must be such as signal.SIGTERM that can be handled, got {number!r}"
            )
    return StopOnSignal(tuple([int(number) for number in signals or (signal.SIGINT, signal.SIGTERM)]))


_NEVER = {number for name in ("SIGKILL", "SIGSTOP") if (number := getattr(signal, name, None)) is not None}
"""The signals that no process handles, where there are such."""
