"""The chain of digests through a run: one link per epoch, each made from the one before it.

c_k = SHA-256(c_{k-1}, digest(state_k)): the first link is made from the state that a run starts from, every further one
from the link before it and the state at an epoch's end: parameters, optimizer state, history, key and counters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple, TypeVar

from fnnet import tree
from fnnet.core.history import History
from fnnet.core.segments import Record
from fnnet.core.states import TrainState
from fnnet.errors import ReceiptError
from fnnet.tree.nodes import Params

P = TypeVar("P", bound=Params)


class Link(NamedTuple):
    """The chain up to the end of an epoch, and digests of the parts of its state, to find what differs: the first 16
    digits of ``tree.digest`` of the parameters and of the optimizer state, and of a digest of the history."""

    chain: str
    params: str
    opt_state: str
    history: str


def link(before: str, state: TrainState[P], history: str | None = None) -> Link:
    """The link of a state at the end of a chain; ``history`` is the digest of its history if that is known."""
    history = digest_of(state.history) if history is None else history
    params, opt_state = tree.digest(state.params), tree.digest(state.opt_state)
    rest = tree.digest((state.key, state.epoch, state.batch, state.total, state.rows))
    return Link(_sha(before, params, opt_state, history, rest), params[:16], opt_state[:16], history[:16])


NO_HISTORY = hashlib.sha256().hexdigest()


def digest_of(history: Iterable[Record], before: str = NO_HISTORY) -> str:
    """The digest of a history: a chain of its own, so that a new record costs the same however long the history is."""
    return reduce(lambda digest, record: _sha(digest, tree.digest(record)), history, before)


def _sha(*texts: str) -> str:
    return hashlib.sha256(" ".join(texts).encode()).hexdigest()


class Chain(NamedTuple):
    """The end of a chain: an epoch and its link, and the history so far with its digest, where known."""

    epoch: int
    link: Link
    history: History = History()
    digest: str = NO_HISTORY


def longer(chain: Chain, state: TrainState[P]) -> Chain:
    """The chain at the end of its next epoch. Raises ReceiptError where the state belongs to another epoch."""
    if state.epoch != chain.epoch + 1:
        raise ReceiptError(f"receipt: epoch {chain.epoch + 1} must come next, got epoch {state.epoch}")
    history = History.of(state.history)
    is_known = history.extends(chain.history)
    digest = digest_of(history[-1:], chain.digest) if is_known else digest_of(history)
    return Chain(state.epoch, link(chain.link.chain, state, digest), history, digest)
