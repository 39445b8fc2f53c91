"""Which run a state belongs to, in words, and how two runs differ: what a checkpoint holds besides the state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from threading import get_ident
from typing import TypeVar
from weakref import WeakKeyDictionary

from fnnet.core.rules import layers_defined
from fnnet.core.runs import Run, layers_in, runs, under_way
from fnnet.core.states import TrainState
from fnnet.descriptions import described, described_all
from fnnet.descriptions.code_digests import is_library
from fnnet.descriptions.comparisons import Difference, changes
from fnnet.descriptions.edges import Edge, unique
from fnnet.descriptions.values import rules_of
from fnnet.errors import CheckpointError
from fnnet.experiments import configurations
from fnnet.experiments.configurations import movable, settings_of
from fnnet.tree.nodes import Params

P = TypeVar("P", bound=Params)

Words = Mapping[str, str]
"""Settings by their paths. Before the first dot is the group: key, network, layers, optimizer, step, data, run."""

SHOWN = 5
"""How many differences an error names; it counts the others."""


def run_of(state: TrainState[P]) -> dict[str, str]:
    """The settings of the run that a state belongs to, as far as the state knows them: its key; the network and the
    optimizer that ``start`` was given; and what makes the epochs, while the stream that the state comes from exists."""
    origin = state.origin
    settings = described("key", state.key)
    if origin is not None and origin.network:
        settings |= {"network": f"numbers with the digest {origin.network[:16]}"}
    run = under_way(state)
    if run is not None:
        return settings | (_TOLD.get(run) or _told(run))
    settings |= described_all(_of_layers(layers_in(state.params).values()))
    return settings | (_of_optimizer(origin.optimizer) if origin is not None else {})


def _of_layers(layers: Iterable[Params]) -> dict[str, object]:
    """The user's own classes and rules among these layers; those that share a name are marked."""
    own = [one for one in layers if type(one) in layers_defined() and not is_library(type(one))]
    edges = [Edge(type(one).__qualname__, {"class": type(one), **_rules(one)}) for one in own]
    return {"layers": {edge.name: edge.value for edge in unique(edges)}} if edges else {}


def _rules(layer: Params) -> dict[str, object]:
    return {edge.name: edge.value for edge in rules_of(layer)}


def _of_optimizer(optimizer: object) -> dict[str, str]:
    return {} if optimizer is None else described("optimizer", optimizer)


def _told(run: Run[object]) -> dict[str, str]:
    layers = described_all(_of_layers(run.layers))
    return layers | _of_optimizer(run.optimizer) | settings_of(run.step, run.data, run.train)


_TOLD: WeakKeyDictionary[Run[object], dict[str, str]] = WeakKeyDictionary()


def tell_runs() -> None:
    """Notes the settings of all runs of this thread, once each, before these continue: any may be asked for later."""
    for run in runs():
        if run.thread == get_ident() and run not in _TOLD:
            with suppress(Exception):  # a run that another thread is in; for the run asked for it is raised then
                _TOLD[run] = _told(run)


def settled(settings: Words, state: TrainState[P]) -> dict[str, str]:
    """The settings of the run that a state belongs to, as they were before its first step: see ``configurations``."""
    run = under_way(state)
    if run is None:
        return dict(settings)
    optimizer = {} if run.optimizer is None else {"optimizer": run.optimizer}
    layers = _of_layers(run.layers)
    return configurations.settled(settings, layers, optimizer, movable(run.step, run.data, run.train))


def completed(settings: Words, before: Words) -> dict[str, str]:
    """The settings of a run, completed by those groups that only an earlier stretch of it knew."""
    known = {_group(name) for name in settings}
    return {**{name: text for name, text in before.items() if _group(name) not in known}, **settings}


def differences(then: Words, now: Words) -> tuple[Difference, ...]:
    """The settings that differ, in the groups that both know. An optimizer's are named once."""
    both = {_group(name) for name in then} & {_group(name) for name in now}
    known = [{name: text for name, text in settings.items() if _group(name) in both} for settings in (then, now)]
    found = changes(*known)
    settings = {f"step.{one.name}" for one in found}
    return tuple([one for one in found if one.name not in settings])


def check_same(where: str, folder: object, then: Words, now: Words) -> None:
    """Raises CheckpointError, naming what differs, where a folder belongs to another run."""
    found = differences(configurations.renamed(then), now)
    if found:
        texts = [f"{name} is {_short(had)} there and {_short(is_now)} here" for name, had, is_now in found[:SHOWN]]
        more = f", and {len(found) - SHOWN} settings more" if len(found) > SHOWN else ""
        raise CheckpointError(
            f"{where}: {folder} holds another run: {'; '.join(texts)}{more}; use a folder for each run, or "
            f"{where}(..., anyway=True) to continue nevertheless"
        )


def _group(name: str) -> str:
    return name.partition(".")[0]


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
