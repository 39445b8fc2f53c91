"""What shows a run: a bar or a line where somebody watches, lines of a log where nobody does."""

from __future__ import annotations

import shutil
import sys
import time
from typing import NamedTuple, Protocol, TextIO

PAUSE = 0.1
"""Seconds between two looks at a line: more often nobody reads it."""
LOG_PAUSE = 1.0
"""Seconds between two epochs in a log."""
LOG_BATCHES = 10.0
"""Seconds before a log says at which batch a long epoch is."""


class News(NamedTuple):
    """How far a run is, in words: the epoch under way, or the one just finished where ``batch`` is empty."""

    epoch: int
    batch: str
    curve: str
    values: str


class Display(Protocol):
    """Something that shows one piece of news after another."""

    def show(self, news: News, /) -> None: ...
    def close(self, is_failed: bool, /) -> None: ...


def display_for(total: int | None, done: int) -> Display:
    """The display that fits where the program runs, after so many epochs."""
    is_notebook = in_notebook()
    file = sys.stdout if is_notebook else sys.stderr  # notebooks show standard error in red
    try:
        if file is None or not (is_notebook or file.isatty()):
            return Silence() if file is None else Log(file, total)
    except ValueError:  # a closed file
        return Silence()
    try:
        return Bar(total, done)
    except Exception:  # above all ImportError: the extra is not installed
        return Line(file, total)


def in_notebook() -> bool:
    """Whether the program runs in a kernel of Jupyter, by the sign that tqdm looks for too."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "IPKernelApp" in getattr(shell, "config", ())


class Silence:
    """Shows nothing."""

    def show(self, news: News, /) -> None:
        """Nothing."""

    def close(self, is_failed: bool, /) -> None:
        """Nothing."""


class Bar:
    """A bar of tqdm's, which counts from the stream's first epoch: in a notebook a widget, where these are installed,
    else a line of text."""

    def __init__(self, total: int | None, done: int) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(total=total, initial=done, unit="epoch", dynamic_ncols=True)

    def show(self, news: News, /) -> None:
        """Moves the bar on to the last finished epoch."""
        text = " ".join(filter(None, [news.curve, news.values]))
        self._bar.set_postfix_str(", ".join(filter(None, [news.batch, text])), refresh=bool(news.batch))
        self._bar.update(news.epoch - bool(news.batch) - self._bar.n)

    def close(self, is_failed: bool, /) -> None:
        """Leaves the bar as it is. In a notebook tqdm makes one red that ends before its total, as after an error: a
        run that has stopped early is none."""
        self._bar.close()
        widget = getattr(self._bar, "container", None)
        if widget is not None and not is_failed and widget.children[1].bar_style == "danger":
            widget.children[1].bar_style = ""


class Line:
    """One line that is overwritten again and again."""

    def __init__(self, file: TextIO, total: int | None) -> None:
        self._file, self._total = file, total
        self._text, self._is_written, self._next = "", False, 0.0

    def show(self, news: News, /) -> None:
        """Rewrites the line, unless it was written only a moment ago."""
        self._text, self._is_written = _line(news, self._total, news.curve), False
        if time.monotonic() >= self._next:
            self._write()
            self._next = time.monotonic() + PAUSE

    def _write(self) -> None:
        width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be written over
        self._file.write("\r" + self._text[:width].ljust(width))
        self._file.flush()
        self._is_written = True

    def close(self, is_failed: bool, /) -> None:
        """Ends the line with what was shown last."""
        if not self._is_written:
            self._write()
        self._file.write("\n")
        self._file.flush()


class Log:
    """A line for an epoch, at most one in a while, and one for the last epoch."""

    def __init__(self, file: TextIO, total: int | None) -> None:
        self._file, self._total = file, total
        self._unwritten, self._next, self._next_batch = "", 0.0, time.monotonic() + LOG_BATCHES

    def show(self, news: News, /) -> None:
        """Writes the line where it is time for one, and keeps that of an epoch where not."""
        line, now = _line(news, self._total, ""), time.monotonic()
        if now >= (self._next_batch if news.batch else self._next):
            self._write(line)
            self._next, self._next_batch = now + LOG_PAUSE, now + LOG_BATCHES
        elif not news.batch:
            self._unwritten = line

    def _write(self, line: str) -> None:
        self._file.write(f"{line}\n")
        self._file.flush()
        self._unwritten = ""

    def close(self, is_failed: bool, /) -> None:
        """Writes the last epoch, where that is still to be done."""
        if self._unwritten:
            self._write(self._unwritten)


def _line(news: News, total: int | None, curve: str) -> str:
    """The news in a line: ``epoch 3/40, batch 12/80: █▅▁ loss 0.31``."""
    where = ", ".join(filter(None, [f"epoch {news.epoch}{f'/{total}' if total else ''}", news.batch]))
    return f"{where}: {' '.join(filter(None, [curve, news.values]))}"
