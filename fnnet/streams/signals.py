"""Ending a stream when the process receives a signal."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType
from typing import TypeVar

from fnnet.core.states import Moment
from fnnet.stages import close, stage

S = TypeVar("S", bound=Moment)

Handler = Callable[[int, FrameType | None], object] | int | None


@dataclass(frozen=True, slots=True)
class StopOnSignal:
    """What ``stop_on_signal(...)`` returns."""

    signals: tuple[int, ...]

    @stage
    def __call__(self, items: Iterator[S], /) -> Iterator[S]:
        """The stream up to the item being made when a signal comes. Handlers are set only while items are made."""
        noted = list[int]()
        while not noted:
            with ExitStack() as handlers:
                for number in self.signals:
                    _note(number, noted, handlers)
                item = next(items, None)
            if item is None:
                return
            yield item
        close(items)  # now, not when Python collects it: an error of its end is raised here


def _note(number: int, noted: list[int], handlers: ExitStack) -> None:
    """Sets a handler that notes a signal, until the stack is left; a second Ctrl-C goes to the previous handler.

    Raises ValueError outside the main thread, and for a handler that could not be restored.
    """
    before: Handler = signal.getsignal(number)
    if before is None:
        raise ValueError(
            f"stop_on_signal: signal {number} has a handler that was not set by Python and could not be put back; "
            f"name other signals, as in stop_on_signal(signal.SIGTERM)"
        )

    def note(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and number in noted:  # a second Ctrl-C means: now
            signal.signal(number, before)
            signal.raise_signal(number)
        noted.append(number)

    def put_back() -> None:
        if signal.getsignal(number) is note:  # unless something else has set another one since
            signal.signal(number, before)

    handlers.callback(put_back)
    signal.signal(number, note)


def stop_on_signal(*signals: int) -> StopOnSignal:
    """Ends a stream after the current item, a step or an epoch, when the process receives one of ``signals``: by
    default SIGINT (Ctrl-C) or SIGTERM.

    It comes last in a pipe: functions before it, such as a ``checkpoint_to`` that is writing, are not interrupted and
    end as they do before a ``take``. In functions after it, and in the body of the loop that reads the stream, a signal
    acts as usual and none is swallowed, however the loop is left: handlers are set when an item is requested, and
    restored before it is yielded. A second Ctrl-C acts at once.

    Raises ValueError for a signal that cannot be handled; and, when the stream is read, outside the main thread, where
    Python allows no handlers, and for a signal whose handler was not set by Python.

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
"""The signals that no process can handle, on platforms that have them."""
