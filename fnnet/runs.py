"""Which run a state is of, in words, and how two of them differ: what a checkpoint tells beside the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from fnnet import configurations
from fnnet.comparisons import Difference, changes
from fnnet.configurations import settings_of
from fnnet.descriptions import described
from fnnet.errors import CheckpointError
from fnnet.nodes import Params
from fnnet.records import TrainState

P = TypeVar("P", bound=Params)

Words = Mapping[str, str]
"""Settings by their paths. Before the first dot stands the group: key, network, optimizer, step, data, run."""

SHOWN = 5
"""Differences that an error names; of the others it tells the number."""


def run_of(state: TrainState[P]) -> dict[str, str]:
    """The settings of the run that a state is of, as far as it knows them: its key; the network and the optimizer that
    ``start`` was given; and while the stream goes on that the state comes from, what makes its epochs."""
    origin = state.origin
    told = described("key", state.key)
    if origin is None:
        return told
    if origin.network:
        told |= {"network": f"numbers with the digest {origin.network[:16]}"}
    run = origin.run()
    optimizer = run.optimizer if run else origin.optimizer
    if optimizer is not None:
        told |= described("optimizer", optimizer)
    return told | settings_of(run.step, run.data, run.train) if run else told


def settled(told: Words, state: TrainState[P]) -> dict[str, str]:
    """The settings of the run that a state is of, as they were told before its first step: see ``configurations``."""
    run = state.origin.run() if state.origin else None
    return configurations.settled(told, run.step) if run else dict(told)


def completed(told: Words, before: Words) -> dict[str, str]:
    """The settings of a run, and of an earlier part of it those groups that are not known now."""
    known = {_group(name) for name in told}
    return {**{name: text for name, text in before.items() if _group(name) not in known}, **told}


def differences(then: Words, now: Words) -> tuple[Difference, ...]:
    """The settings that are others now, of the groups that both know. An optimizer's are told once."""
    both = {_group(name) for name in then} & {_group(name) for name in now}
    known = [{name: text for name, text in told.items() if _group(name) in both} for told in (then, now)]
    found = changes(*known)
    told = {f"step.{one.name}" for one in found}
    return tuple([one for one in found if one.name not in told])


def check_same(where: str, folder: object, then: Words, now: Words) -> None:
    """Raises CheckpointError naming what differs where a folder is another run's."""
    found = differences(then, now)
    if found:
        texts = [f"{name} is {_short(had)} there and {_short(is_now)} here" for name, had, is_now in found[:SHOWN]]
        more = f", and {len(found) - SHOWN} settings more" if len(found) > SHOWN else ""
        raise CheckpointError(
            f"{where}: {folder} holds another run: {'; '.join(texts)}{more}; take a folder for each run, or "
            f"{where}(..., anyway=True) to go on in spite of that"
        )


def _group(name: str) -> str:
    return name.partition(".")[0]


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
