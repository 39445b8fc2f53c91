"""A stream function: stops when a metric is good enough."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import fnnet as fn
from fnnet import Epoch

P = TypeVar("P", bound=fn.Params)


@dataclass(frozen=True, slots=True)
class StopBelow:
    """Passes on the epochs up to the first whose loss is below a limit."""

    limit: float

    def __call__(self, epochs: Iterable[Epoch[P]], /) -> Iterator[Epoch[P]]:
        """The same epochs, perhaps fewer."""
        for epoch in epochs:
            yield epoch
            if float(epoch.record.loss) < self.limit:
                return
