"""Ending a stream when the process is asked to end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
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
        asked: list[int] = []
        before: dict[int, Handler] = {}

        def note(number: int, frame: FrameType | None) -> None:
            asked.append(number)
            if number == signal.SIGINT:  # who presses Ctrl-C twice does not want to wait
                _put_back(number, before[number])

        try:
            for number in self.signals:
                before[number] = signal.getsignal(number)
                signal.signal(number, note)
            for item in stream:
                yield item
                if asked:
                    return
        finally:
            for number, handler in before.items():
                _put_back(number, handler)


def _put_back(number: int, handler: Handler) -> None:
    signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None is one that Python did not set


def stop_on_signal(*signals: int) -> StopOnSignal:
    """Ends a stream after the item under way when the process is asked to end, by SIGINT (Ctrl-C) or SIGTERM unless
    others are named: a stream of steps after the step, one of epochs after the epoch.

    The item under way passes on, so ``checkpoint_to`` writes it and the program goes on behind the stream. A second
    Ctrl-C acts as it would have without. Handlers are set while the stream is read and put back afterwards. Raises
    ValueError for what is no signal that can be handled, and, when it is read, outside the main thread, where Python
    allows no handlers.

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
