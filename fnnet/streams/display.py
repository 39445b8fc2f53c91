"""Showing the progress of training."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from fnnet.core import Epoch, Params, Record, TrainState, Value
from fnnet.core.runs import under_way
from fnnet.core.settings import Settings, Size
from fnnet.core.watching import watched
from fnnet.stages import passes_all, stage
from fnnet.streams._displays import PAUSE, Display, News, Silence, display_for
from fnnet.streams._sparkline import LEVELS, sparkline
from fnnet.streams.measures import check_epoch, values

P = TypeVar("P", bound=Params)

LONG = 1.0
"""Seconds after which the batches of an epoch are shown too."""


@dataclass(frozen=True, slots=True)
class Progress(Settings):
    """Shows epoch, loss and metrics on standard error while the epochs pass unchanged, and the batches of an epoch that
    takes longer than a second.

    On a terminal this is one line, with the curve of the training loss in a few blocks (on a logarithmic scale). With
    the optional extra ``progress`` (tqdm) it is a bar, on a terminal and in a notebook, with the remaining time where
    ``total``, the number of the last epoch, is given. Elsewhere, as in a log, it is one line per epoch, at most one per
    second. An error in the display ends the display and nothing else. For K stacked networks the lowest and the highest
    value are shown. The batches of compiled epochs (``fnnet.jit``) are not shown. Raises ValueError for a total below
    1.

    >>> import fnnet as fn
    >>> fn.progress(100)
    Progress(total=100)
    """

    total: Size | None = None

    @passes_all
    @stage
    def __call__(self, epochs: Iterator[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The epochs, unchanged."""
        screen = Screen(self.total)
        try:
            for epoch in watched(epochs, screen.batch):
                check_epoch("progress", epoch)
                screen.epoch(epoch.state, epoch.record)
                yield epoch
        except GeneratorExit:  # the reader of the stream has closed it
            raise
        except BaseException:
            screen.is_failed = True
            raise
        finally:
            screen.close()


progress = Progress


class Screen:
    """Shows news, until the first failure, such as a closed terminal, a missing character or another version of tqdm:
    none of these is a reason to end training."""

    def __init__(self, total: int | None) -> None:
        self._total, self.is_failed = total, False
        self._display: Display | None = None
        self._next = time.monotonic() + LONG

    def epoch(self, state: TrainState[P], record: Record) -> None:
        """Shows a finished epoch."""
        self._show(state, state.epoch, "", described(record))
        self._next = time.monotonic() + LONG

    def batch(self, state: TrainState[P]) -> None:
        """Shows a batch of a long epoch."""
        if state.batch and time.monotonic() >= self._next:
            self._next = time.monotonic() + PAUSE
            loss = np.asarray(state.total / state.rows)
            self._show(state, state.epoch + 1, f"batch {state.batch}{_of(state)}", f"loss {_short(loss)}")

    def _show(self, state: TrainState[P], epoch: int, batch: str, text: str) -> None:
        try:
            self._display = self._display or display_for(self._total, state.epoch)
            self._display.show(News(epoch, batch, _curve(state), text))
        except Exception:
            self._display = Silence()

    def close(self) -> None:
        """Ends the display, with what was shown last in place."""
        try:
            if self._display is not None:
                self._display.close(self.is_failed)
        except Exception:
            return


def described(record: Record) -> str:
    """The loss and the metrics of an epoch in one line."""
    return ", ".join([f"{name} {_short(value)}" for name, value in values(record).items()])


def _short(value: Value) -> str:
    return f"{value.item():.4g}" if value.size == 1 else f"{value.min():.4g} to {value.max():.4g}"


def _of(state: TrainState[P]) -> str:
    """The number of batches in the epoch, where the data tell it, as ``minibatches`` do."""
    run = under_way(state)
    batches = getattr(run.data, "batches", None) if run else None
    return f"/{batches}" if batches else ""


def _curve(state: TrainState[P]) -> str:
    """The curve of the loss, where standard error can show it."""
    try:
        LEVELS.encode(getattr(sys.stderr, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return ""
    return sparkline(state.history)
