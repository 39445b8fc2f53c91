"""The displays of a run: a bar or a line on a terminal or in a notebook, lines in a log."""

from __future__ import annotations

import shutil
import sys
import time
from typing import NamedTuple, Protocol, TextIO

PAUSE = 0.1
"""Seconds between two updates of a line."""
LOG_PAUSE = 1.0
"""Seconds between two epochs in a log."""
LOG_BATCHES = 10.0
"""Seconds before a log shows the current batch of a long epoch."""


class News(NamedTuple):
    """The progress of a run, as text: the current epoch, or the one just finished where ``batch`` is empty."""

    epoch: int
    batch: str
    curve: str
    values: str


class Display(Protocol):
    """Something that shows one piece of news after another."""

    def show(self, news: News, /) -> None: ...
    def close(self, is_failed: bool, /) -> None: ...


def display_for(total: int | None, done: int) -> Display:
    """The display for where the program runs, which starts after ``done`` epochs."""
    is_notebook = in_notebook()
    file = sys.stdout if is_notebook else sys.stderr  # notebooks show standard error in red
    try:
        if file is None or not (is_notebook or file.isatty()):
            return Silence() if file is None else Log(file, total)
    except ValueError:  # a closed file
        return Silence()
    try:
        return Bar(total, done)
    except Exception:  # usually ImportError: the extra is not installed
        return Line(file, total)


def in_notebook() -> bool:
    """Whether the program runs in a Jupyter kernel, by the same sign that tqdm looks for."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return "IPKernelApp" in getattr(shell, "config", ())


class Silence:
    """Shows nothing."""

    def show(self, news: News, /) -> None:
        """Nothing."""

    def close(self, is_failed: bool, /) -> None:
        """Nothing."""


class Bar:
    """A tqdm bar, which counts from the stream's first epoch: a widget in a notebook that has them, else a line of
    text."""

    def __init__(self, total: int | None, done: int) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(total=total, initial=done, unit="epoch", dynamic_ncols=True)

    def show(self, news: News, /) -> None:
        """Moves the bar to the last finished epoch."""
        text = " ".join(filter(None, [news.curve, news.values]))
        self._bar.set_postfix_str(", ".join(filter(None, [news.batch, text])), refresh=bool(news.batch))
        self._bar.update(news.epoch - bool(news.batch) - self._bar.n)

    def close(self, is_failed: bool, /) -> None:
        """Leaves the bar as it is. In a notebook tqdm turns a bar red that ends before its total, as after an error;
        early stopping is not an error, so that is undone."""
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
    """One line per epoch, at most one per ``LOG_PAUSE``, and one for the last epoch."""

    def __init__(self, file: TextIO, total: int | None) -> None:
        self._file, self._total = file, total
        self._unwritten, self._next, self._next_batch = "", 0.0, time.monotonic() + LOG_BATCHES

    def show(self, news: News, /) -> None:
        """Writes the line if enough time has passed; otherwise keeps that of an epoch for the end."""
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
        """Writes the last epoch, unless that is done already."""
        if self._unwritten:
            self._write(self._unwritten)


def _line(news: News, total: int | None, curve: str) -> str:
    """The news in one line: ``epoch 3/40, batch 12/80: █▅▁ loss 0.31``."""
    where = ", ".join(filter(None, [f"epoch {news.epoch}{f'/{total}' if total else ''}", news.batch]))
    return f"{where}: {' '.join(filter(None, [curve, news.values]))}"
