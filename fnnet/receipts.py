"""Receipts: what was trained, on what, under which conditions, and a chain of digests, one an epoch.

c_k = SHA-256(c_{k-1}, digest(state_k)): the first link is that of the state that a run starts from, every further one
that of the link before it and of the state at an epoch's end: parameters, optimizer state, history, key and counters.
So a receipt of a few lines holds a run fast, and any epoch of it can be done again and compared alone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import reduce
from os import PathLike
from pathlib import Path
from types import FunctionType
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from fnnet import checks, files, tree
from fnnet.conditions import Conditions, conditions
from fnnet.data import Minibatches
from fnnet.descriptions import described
from fnnet.errors import ReceiptError, TreeError
from fnnet.keys import ORDER
from fnnet.nodes import Node, Params
from fnnet.plateau import Train
from fnnet.records import Data, Epoch, History, Record, Step, StreamFn, TrainState
from fnnet.streams._base import values
from fnnet.training import check_run, train

P = TypeVar("P", bound=Params)
T = TypeVar("T")
S = TypeVar("S", bound=Node)

File = str | PathLike[str]

VERSION = 1
_FORMAT = "fnnet receipt"
_NETWORK = "network"


class Difference(NamedTuple):
    """A setting or a condition that is not as it was."""

    name: str
    recorded: str
    now: str


class Link(NamedTuple):
    """The chain up to the end of an epoch, and what its state is made of, to tell what differs: the first 16 digits of
    ``tree.digest`` of the parameters and of the optimizer state, and of a digest of the history."""

    chain: str
    params: str
    opt_state: str
    history: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What ``receipt(...)`` returns.

    ``configuration`` tells every setting by its path, data by their digests; ``conditions`` the machine and its
    programs, from which epoch on; ``links`` are the chain, that of the start first; ``metrics`` are those of the last
    epoch.
    """

    configuration: Mapping[str, str]
    conditions: tuple[tuple[int, Conditions], ...]
    links: tuple[Link, ...]
    metrics: Mapping[str, object]

    def __hash__(self) -> int:
        return hash(self.links)

    @property
    def epochs(self) -> int:
        """How many epochs it holds fast."""
        return len(self.links) - 1

    def __str__(self) -> str:
        return f"receipt of {self.epochs} epochs, {self.links[-1].chain[:16]}: {json.dumps(dict(self.metrics))}"

    def to_json(self) -> str:
        """The receipt as JSON, with a digest over all of it."""
        told = {
            _FORMAT: VERSION,
            "configuration": dict(self.configuration),
            "conditions": [{"from epoch": epoch, **asdict(found)} for epoch, found in self.conditions],
            "metrics": dict(self.metrics),
            "links": [" ".join(found) for found in self.links],
        }
        return json.dumps({**told, "seal": _seal(told)}, indent=1, allow_nan=False) + "\n"

    def save(self, path: File) -> None:
        """Writes the JSON, whole or not at all. Raises ReceiptError where that cannot be done."""
        try:
            files.write(Path(path), self.to_json().encode())
        except (OSError, ValueError) as error:
            raise ReceiptError(f"receipt: {path} could not be written, {error}; what was there is as it was") from error


def _seal(told: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


# --- made ------------------------------------------------------------------------------------------------------------
def link(before: str, state: TrainState[P], history: str | None = None) -> Link:
    """The link of a state behind a chain; ``history`` is the digest of its history where that is known."""
    history = digest_of(state.history) if history is None else history
    params, opt_state = tree.digest(state.params), tree.digest(state.opt_state)
    rest = tree.digest((state.key, state.epoch, state.batch, state.total, state.rows))
    return Link(_sha(before, params, opt_state, history, rest), params[:16], opt_state[:16], history[:16])


NO_HISTORY = hashlib.sha256().hexdigest()


def digest_of(history: Iterable[Record], before: str = NO_HISTORY) -> str:
    """The digest of a history, a chain of its own, so that a new record costs the same however long it is."""
    return reduce(lambda digest, record: _sha(digest, tree.digest(record)), history, before)


def _sha(*texts: str) -> str:
    return hashlib.sha256(" ".join(texts).encode()).hexdigest()


def configuration_of(
    step: Step[T], data: Data[T], state: TrainState[P], streams: tuple[StreamFn, ...], run: Train
) -> dict[str, str]:
    """Every setting of a run by its path: key, step, data, streams, what makes the epochs; and the network."""
    settings: dict[str, object] = {"key": state.key, "step": step, "data": data, "streams": streams, "run": run}
    told = {path: text for name, value in settings.items() for path, text in described(name, value).items()}
    if not isinstance(data, Minibatches):
        told["data.first epoch"] = _first_epoch(data, state)
    return comparable({**told, **described(_NETWORK, state.params)}, state)


def is_start(state: TrainState[P]) -> bool:
    """Whether a state is that before the first step."""
    return state.epoch == state.batch == 0


def comparable(configuration: Mapping[str, str], state: TrainState[P]) -> dict[str, str]:
    """What a run from this state tells too: of the network's arrays the numbers at the start only."""
    if is_start(state):
        return dict(configuration)
    return {path: _without_numbers(path, text) for path, text in configuration.items()}


def _without_numbers(path: str, text: str) -> str:
    is_array = path.startswith(f"{_NETWORK}.") and _ARRAY.fullmatch(text)
    return text.rpartition(" ")[0] if is_array else text


_ARRAY = re.compile(r"[^']*\[[\d, ]*\] [0-9a-f]{64}")
"""An array in words: dtype, shape, digest."""


def changes(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[Difference, ...]:
    """The settings that are others now. Code that two Pythons have compiled cannot be compared, and passes."""
    pairs = [Difference(name, then.get(name, "nothing"), now.get(name, "nothing")) for name in {**then, **now}]
    return tuple([pair for pair in pairs if pair.recorded != pair.now and not _is_of_two_pythons(pair)])


def _is_of_two_pythons(pair: Difference) -> bool:
    mine, theirs = _CODE.fullmatch(pair.recorded), _CODE.fullmatch(pair.now)
    return bool(mine and theirs and mine["name"] == theirs["name"] and mine["python"] != theirs["python"])


_CODE = re.compile(r"(?P<name>.*), code of (?P<python>Python \S+) \w+", re.DOTALL)


def _first_epoch(data: Data[T], state: TrainState[P]) -> str:
    """A digest of the batches that data of the user's give under the run's key."""
    batches = [described("batch", batch) for batch in data(state.key.child(ORDER, 0))]
    return hashlib.sha256(json.dumps(batches).encode()).hexdigest()


def _metrics(record: Record) -> dict[str, object]:
    return {name: _plain(np.asarray(value).tolist()) for name, value in values(record).items()}


def _plain(value: object) -> object:
    """What JSON has no number for as text."""
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, (int, float)) and np.isfinite(value) else repr(value)


def check_arguments(
    where: str, step: Step[T], data: Data[T], state: TrainState[P], streams: tuple[StreamFn, ...], run: Train
) -> None:
    """Raises ValueError or TreeError where these make no run."""
    check_run(step, data, state)
    for name, value in [("run", run), *[(f"streams[{i}]", stream) for i, stream in enumerate(streams)]]:
        checks.function(where, name, value)


def _begun(step: Step[T], data: Data[T], state: TrainState[P], streams: tuple[StreamFn, ...], run: Train) -> Receipt:
    if not is_start(state):
        raise ReceiptError(f"receipt: a run's receipt begins with its start, got a state of epoch {state.epoch}")
    told = configuration_of(step, data, state, streams, run)
    return Receipt(told, ((0, conditions()),), (link("", state),), {})


# --- the fold over epochs --------------------------------------------------------------------------------------------
class _Progress(NamedTuple):
    """A receipt, and the history up to its end with its digest, where they are known."""

    receipt: Receipt
    history: History = History()
    digest: str = NO_HISTORY


def _with_epoch(known: _Progress, state: TrainState[P]) -> _Progress:
    """The receipt with one link more. Raises ReceiptError where it is not the next epoch's."""
    made, history = known.receipt, state.history
    if state.epoch != len(made.links):
        raise ReceiptError(f"receipt: epoch {len(made.links)} must come next, got epoch {state.epoch}")
    is_longer = history.extends(known.history)
    digest = digest_of(history[-1:], known.digest) if is_longer else digest_of(history)
    links = (*made.links, link(made.links[-1].chain, state, digest))
    return _Progress(replace(made, links=links, metrics=_metrics(history[-1])), history, digest)


def _state_of(item: object) -> TrainState[Any]:
    """The state of an epoch, or that of a stream of steps itself. Raises TreeError for anything else."""
    state = item.state if isinstance(item, Epoch) else item
    if type(state) is not TrainState:
        raise TreeError(f"receipt: the stream must give epochs, as train does, or states, as steps does, got {item!r}")
    return state


def _is_ours(run: FunctionType) -> bool:
    """Whether it is ``train``, compiled or not, which writes no metrics."""
    return run.__module__.startswith("fnnet.")


def _check_written(state: TrainState[P], streams: tuple[StreamFn, ...], run: Train) -> None:
    """Raises ReceiptError where an epoch has metrics that nothing named writes: they could not be had again."""
    if state.history[-1].metrics and not streams and isinstance(run, FunctionType) and _is_ours(run):
        names = ", ".join([name for name, _ in state.history[-1].metrics])
        raise ReceiptError(
            f"receipt: the history has {names}, which training does not write; give what does, such as "
            "validate(x, y, metrics), behind the state"
        )


def receipt(
    epochs: Iterable[Epoch[P]] | Iterable[TrainState[P]],
    step: Step[T],
    data: Data[T],
    first: TrainState[P],
    *streams: StreamFn,
    run: Train = train,
) -> Receipt:
    """The receipt of a run: of its epochs, from the first to the last, of what it was made of, and of what it ran on.

    ``epochs`` are those of ``train``, or the states of ``steps``. ``streams`` are the functions between them and
    ``train`` that write into the history, ``validate`` above all: with them ``verify`` can do the run again. ``run`` is
    what made the epochs, where it is not ``train`` itself. ``receipt_to`` writes one while a run goes on.

    Raises ReceiptError where an epoch is missing, the start is none, or the history has metrics that no stream named
    here writes; DtypeError where a setting is an array of objects.

    >>> import fnnet as fn, numpy as np
    >>> optimizer = fn.sgd(0.1)
    >>> step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(np.eye(4), np.eye(4), size=2)
    >>> first = fn.start(fn.linear(fn.Key(0), 4, 4), optimizer, fn.Key(0))
    >>> made = fn.receipt(fn.take(3)(fn.train(step, data, first)), step, data, first)
    >>> made.epochs, made.configuration["step.optimizer.lr"], made.configuration["data.size"]
    (3, '0.1', '2')
    >>> print(fn.verify(made, step, data, first))
    yes: epochs 1 to 3 gave the recorded bytes
    """
    check_arguments("receipt", step, data, first, streams, run)
    known = _Progress(_begun(step, data, first, streams, run))
    for state in map(_state_of, epochs):
        if state.batch == 0:
            known = _with_epoch(known, state)
            _check_written(state, streams, run)
    return known.receipt


@dataclass(frozen=True, slots=True, eq=False)
class ReceiptTo(Generic[P, T]):
    """What ``receipt_to(...)`` returns."""

    path: Path
    step: Step[T]
    data: Data[T]
    state: TrainState[P]
    streams: tuple[StreamFn, ...]
    run: Train = train

    def __call__(self, stream: Iterable[S], /) -> Iterator[S]:
        """The stream as it is; an epoch's end is handed on when the receipt with its link is in the file."""
        known = _Progress(self._begun() if is_start(self.state) else self._continued())
        known.receipt.save(self.path)
        for item in stream:
            state = _state_of(item)
            if state.batch == 0:
                known = _with_epoch(known, state)
                _check_written(state, self.streams, self.run)
                known.receipt.save(self.path)
            yield item

    def _begun(self) -> Receipt:
        _check_replaceable(self.path)
        return _begun(self.step, self.data, self.state, self.streams, self.run)

    def _continued(self) -> Receipt:
        """The receipt in the file up to the state. Raises ReceiptError where it is that of another run."""
        found, state = read_receipt(self.path), self.state
        links = found.links[: state.epoch + 1]
        if len(links) <= state.epoch:
            raise ReceiptError(
                f"receipt_to: {self.path} ends before epoch {state.epoch}, where the run goes on; put receipt_to in "
                "front of checkpoint_to, and go on from an older checkpoint"
            )
        mine = configuration_of(self.step, self.data, state, self.streams, self.run)
        changed = [difference.name for difference in changes(comparable(found.configuration, state), mine)]
        if not state.batch and link(links[-2].chain if state.epoch else "", state) != links[-1]:
            changed.append(f"the state of epoch {state.epoch}")
        if changed:
            raise ReceiptError(
                f"receipt_to: {self.path} is the receipt of another run; give this one a file of its own; what "
                f"differs: {', '.join(changed)}"
            )
        now = conditions()
        spans = tuple([span for span in found.conditions if span[0] < max(state.epoch, 1)])
        spans = spans if spans[-1][1] == now else (*spans, (state.epoch, now))
        return replace(found, links=links, conditions=spans)


def _check_replaceable(path: Path) -> None:
    """Raises ReceiptError where there is a file that is no receipt, which would be lost."""
    if path.exists():
        try:
            read_receipt(path)
        except ReceiptError as error:
            raise ReceiptError(
                f"receipt_to: {path} is there already and no whole receipt, and is not written over; give another name"
            ) from error


def receipt_to(
    path: File, step: Step[T], data: Data[T], state: TrainState[P], *streams: StreamFn, run: Train = train
) -> ReceiptTo[P, T]:
    """A stream function that keeps the receipt of a run in a file, whole from the start on and after every epoch.

    ``state`` is the one that ``train`` goes on from, or ``steps``, for whose streams it is too. At a run's start the
    receipt begins anew, in the place of an older one; from a resumed state on, in mid-epoch too, the one in the file is
    continued, so that it ends as that of the run that never stopped. It stands in front of ``checkpoint_to``: a state
    that can be gone on from has its link already then. ``streams`` and ``run`` are those of ``receipt``.

    Raises ReceiptError, when the first epoch is asked for, where the file is missing for a resumed state, is the
    receipt of another run or no receipt at all, and where it cannot be written; else what ``receipt`` raises.

    >>> import fnnet as fn, numpy as np, tempfile
    >>> optimizer = fn.sgd(0.1)
    >>> step, data = fn.train_step(fn.value_and_grad(fn.mse), optimizer), fn.minibatches(np.eye(4), np.eye(4), size=2)
    >>> first = fn.start(fn.linear(fn.Key(0), 4, 4), optimizer, fn.Key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep = fn.receipt_to(f"{folder}/run.json", step, data, first)
    ...     end = fn.pipe(fn.train(step, data, first), fn.take(3), keep, fn.last)
    ...     print(fn.verify(fn.read_receipt(f"{folder}/run.json"), step, data, first))
    yes: epochs 1 to 3 gave the recorded bytes
    """
    check_arguments("receipt_to", step, data, state, streams, run)
    return ReceiptTo(Path(path), step, data, state, streams, run)


# --- read ------------------------------------------------------------------------------------------------------------
def read_receipt(path: File) -> Receipt:
    """The receipt in a file.

    Raises ReceiptError where it cannot be read, is none or not whole, was changed after it was written, or has a newer
    format.
    """
    try:
        told = json.loads(files.read(Path(path)).decode(), object_pairs_hook=_once)
    except OSError as error:
        raise ReceiptError(f"read_receipt: {path} could not be read, {error}") from error
    except (ValueError, RecursionError) as error:
        raise ReceiptError(f"read_receipt: {path} is no whole receipt: {error}") from error
    if not isinstance(told, dict) or _FORMAT not in told:
        raise ReceiptError(f"read_receipt: {path} is no receipt of fnnet")
    if told[_FORMAT] != VERSION:
        had = told[_FORMAT]
        raise ReceiptError(
            f"read_receipt: {path} has format version {had}, this fnnet reads {VERSION}; use a newer one"
        )
    seal = told.pop("seal", None)
    if seal != _seal(told):
        raise ReceiptError(f"read_receipt: {path} was changed after it was written: its seal does not fit")
    return _parsed(path, told)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Of two entries of one name a person may see the one and a program the other."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object, so it was changed after it was written")
    return found


def _parsed(path: File, told: dict[str, Any]) -> Receipt:
    try:
        spans = [(int(span.pop("from epoch")), Conditions(**span)) for span in told["conditions"]]
        links = [Link(*text.split(" ")) for text in told["links"]]
        found = Receipt(told["configuration"], tuple(spans), tuple(links), dict(told["metrics"]))
        texts = [*found.configuration.values(), *[text for _, span in spans for text in asdict(span).values()]]
        is_right = all(isinstance(text, str) for text in texts) and spans[0][0] == 0 and bool(links)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ReceiptError(f"read_receipt: {path} is no receipt of fnnet: {error!r}") from error
    if not is_right:
        raise ReceiptError(f"read_receipt: {path} is no receipt of fnnet")
    return found
