"""What a run is made of, in words, and what has changed between two of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from fnnet import checks
from fnnet.core.protocols import Data, Step, StreamFn
from fnnet.core.states import TrainState
from fnnet.data.batches import Minibatches
from fnnet.descriptions import AS, NOT_COVERED, described, described_all
from fnnet.descriptions.code_digests import sha
from fnnet.descriptions.comparisons import Difference, changes
from fnnet.descriptions.values import content
from fnnet.keys import ORDER, Key
from fnnet.training.folds import check_run
from fnnet.training.plateau import Train
from fnnet.tree.nodes import Params

P = TypeVar("P", bound=Params)
T = TypeVar("T")

MOVED = "it changes while the run goes on"

NETWORK, _FIRST_EPOCH = "network", "data.first epoch"


def check_arguments(
    where: str, step: Step[T], data: Data[T], state: TrainState[P], streams: tuple[StreamFn, ...], run: Train
) -> None:
    """Raises ValueError or TreeError unless these make a run."""
    check_run(step, data, state)
    for name, value in [("run", run), *[(f"streams[{i}]", stream) for i, stream in enumerate(streams)]]:
        checks.function(where, name, value)


def settings_of(
    step: Step[T], data: Data[T], run: object, key: Key | None = None, streams: tuple[StreamFn, ...] = ()
) -> dict[str, str]:
    """The settings of a run by their paths, found without running or drawing anything: those of step, data, streams and
    what makes the epochs, and the key if it is given.

    >>> import fnnet as fn, numpy as np
    >>> step = fn.train_step(fn.value_and_grad(fn.mse), fn.sgd(0.1))
    >>> settings_of(step, fn.minibatches(np.eye(4), np.eye(4), batch_size=2), fn.train)["step.optimizer.lr"]
    '0.1'
    """
    settings: dict[str, object] = {} if key is None else {"key": key}
    return described_all({**settings, "step": step, "data": data, "streams": streams, "run": run})


def configuration_of(
    step: Step[T], data: Data[T], state: TrainState[P], streams: tuple[StreamFn, ...], run: Train
) -> dict[str, str]:
    """Every setting of a run by its path, the first epoch of a user's own data, and the network."""
    found = settings_of(step, data, run, state.key, streams)
    kind: type = type(data)
    if kind is not Minibatches:
        batches = data(state.key.child(ORDER, 0))
        found[_FIRST_EPOCH] = f"batches {sha(map(content, batches))}"  # one by one: they may share one buffer
    return comparable({**found, **described(NETWORK, state.params)}, state)


def movable(step: Step[T], data: Data[T], run: object, streams: tuple[StreamFn, ...] = ()) -> dict[str, object]:
    """The settings of a run that its code may change: all but the rows of ``minibatches``, which are only read."""
    source: dict[str, object] = {"data.order": data.order} if isinstance(data, Minibatches) else {"data": data}
    return {"step": step, **source, "streams": streams, "run": run}


def settled(told: Mapping[str, str], *movables: Mapping[str, object]) -> dict[str, str]:
    """The settings of a run as described before its first step, without those that have changed since or hold something
    new: what a run changes is its own state and no setting, whatever code changes it."""
    now = {name: text for values in movables for name, text in described_all(values).items()}
    roots = [root for values in movables for root in values]
    then = {name: text for name, text in told.items() if _is_of(name, roots)}
    moved = {_known(change.name, then) for change in changes(then, now) if not change.recorded.startswith(AS)}
    return {name: f"{NOT_COVERED}: {MOVED}" if name in moved else text for name, text in told.items()}


def amended(told: Mapping[str, str], changed: Iterable[Difference], state: TrainState[P]) -> dict[str, str]:
    """The settings of a run that continues from a state with other settings: nothing vouches for those that differ."""
    place = f"epoch {state.epoch}{f', batch {state.batch}' if state.batch else ''}"
    return {**told, **{one.name: f"{NOT_COVERED}: {one.recorded} up to {place}, {one.now} after" for one in changed}}


def _is_of(name: str, roots: Iterable[str]) -> bool:
    return name != _FIRST_EPOCH and any(f"{name}.".startswith(f"{root}.") for root in roots)


def _known(place: str, told: Mapping[str, str]) -> str:
    """The place itself, or the described one that holds it."""
    while place not in told and "." in place:
        place = place.rpartition(".")[0]
    return place


def is_start(state: TrainState[P]) -> bool:
    """Whether a state is the one before the first step."""
    return state.epoch == state.batch == 0


def comparable(configuration: Mapping[str, str], state: TrainState[P]) -> dict[str, str]:
    """The settings that a run from this state shares; the numbers in the network's arrays only at the start."""
    settings = renamed(configuration)
    return settings if is_start(state) else {path: _without_numbers(path, text) for path, text in settings.items()}


_NEW_NAMES = {"data.size": "data.batch_size"}
"""Settings that have other names in files of earlier versions of fnnet."""


def renamed(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings in a file, under their present names."""
    return {_NEW_NAMES.get(path, path): text for path, text in settings.items()}


def _without_numbers(path: str, text: str) -> str:
    is_array = path.startswith(f"{NETWORK}.") and _ARRAY.fullmatch(text)
    return text.rpartition(" ")[0] if is_array else text


_ARRAY = re.compile(r"[^']*\[[\d, ]*\] [0-9a-f]{64}")
"""An array in words: dtype, shape, digest."""
