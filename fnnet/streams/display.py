"""How far training is, for whoever watches a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TextIO, TypeVar

from fnnet.core import Epoch, Params, Record, Value
from fnnet.core.settings import Settings, Size
from fnnet.functional import stage
from fnnet.streams.measures import check_epoch, values

P = TypeVar("P", bound=Params)

PAUSE = 0.1
"""Seconds between two looks at a line: more often nobody reads it."""


@dataclass(frozen=True, slots=True)
class Progress(Settings):
    """Shows epoch, loss and metrics on the terminal of standard error while the epochs pass on as they are.

    With the optional extra ``progress`` (tqdm) it is a bar, with the remaining time where ``total``, the number of the
    last epoch, is given; without it one plain line. It is silent where standard error is not a terminal. Whatever goes
    wrong in the display ends the display and nothing else. Of K stacked networks the lowest and the highest value are
    shown. Raises ValueError for a total below 1.

    >>> import fnnet as fn
    >>> fn.progress(100)
    Progress(total=100)
    """

    total: Size | None = None

    @stage
    def __call__(self, epochs: Iterator[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The epochs as they are."""
        display: Display | None = None
        try:
            for epoch in epochs:
                check_epoch("progress", epoch)
                display = _show(display or _display(self.total, epoch.state.epoch), epoch.state.epoch, epoch.record)
                yield epoch
        finally:
            _close(display)


progress = Progress


def described(record: Record) -> str:
    """The loss and the metrics of an epoch in a line."""
    return ", ".join([f"{name} {_short(value)}" for name, value in values(record).items()])


def _short(value: Value) -> str:
    return f"{value.item():.4g}" if value.size == 1 else f"{value.min():.4g} to {value.max():.4g}"


# --- displays ----------------------------------------------------------------------------------------------------
class Display(Protocol):
    """Something that shows one epoch after another."""

    def show(self, epoch: int, text: str, /) -> None: ...
    def close(self) -> None: ...


def _show(display: Display, epoch: int, record: Record) -> Display:
    """The display, which shows the epoch; after the first failure one that shows nothing."""
    try:
        display.show(epoch, described(record))
    except Exception:  # a closed terminal, a missing character, a future tqdm: no reason to end training
        return Silence()
    return display


def _close(display: Display | None) -> None:
    try:
        if display is not None:
            display.close()
    except Exception:  # as above
        return


def _display(total: int | None, epoch: int) -> Display:
    """The display for a stream that begins with this epoch."""
    try:
        if sys.stderr is None or not sys.stderr.isatty():
            return Silence()
    except ValueError:  # a closed file
        return Silence()
    try:
        return Bar(total, epoch)
    except Exception:  # above all ImportError: the extra is not installed
        return Line(sys.stderr, total)


class Silence:
    """Shows nothing."""

    def show(self, epoch: int, text: str, /) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Bar:
    """A bar of tqdm's, which counts from the stream's first epoch."""

    def __init__(self, total: int | None, epoch: int) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, initial=epoch, unit="epoch", dynamic_ncols=True)

    def show(self, epoch: int, text: str, /) -> None:
        """Moves the bar on to the epoch."""
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(epoch - self._bar.n)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()


class Line:
    """One line that is overwritten again and again."""

    def __init__(self, file: TextIO, total: int | None) -> None:
        self._file, self._of = file, f"/{total}" if total else ""
        self._text, self._is_written, self._next = "", False, 0.0

    def show(self, epoch: int, text: str, /) -> None:
        """Rewrites the line, unless it was written only a moment ago."""
        self._text, self._is_written = f"epoch {epoch}{self._of}: {text}", False
        if time.monotonic() >= self._next:
            self._write()
            self._next = time.monotonic() + PAUSE

    def _write(self) -> None:
        width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be written over
        self._file.write("\r" + self._text[:width].ljust(width))
        self._file.flush()
        self._is_written = True

    def close(self) -> None:
        """Ends the line with what was shown last."""
        if not self._is_written:
            self._write()
        self._file.write("\n")
        self._file.flush()
