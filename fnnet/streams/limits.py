"""The stream function that looks at the clock."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from fnnet.core import Epoch, Params
from fnnet.core.settings import NonNegative, Settings
from fnnet.streams.measures import check_epoch

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class TimeLimit(Settings):
    """Ends the stream after the epoch that crosses the limit, counted from when the first epoch is asked for.

    No epoch is cut short, and at least one passes. This is the one stream function that depends on the world: on a
    faster machine more epochs pass, but each holds the same. The clock is monotonic.

    Raises ValueError for a number of seconds that is negative or not finite.

    >>> import fnnet as fn
    >>> fn.time_limit(60)
    TimeLimit(seconds=60.0)
    """

    seconds: NonNegative

    def __call__(self, epochs: Iterable[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The epochs up to the one that crosses the limit."""
        end = time.monotonic() + self.seconds
        for epoch in epochs:
            check_epoch("time_limit", epoch)
            yield epoch
            if time.monotonic() >= end:
                return


time_limit = TimeLimit
