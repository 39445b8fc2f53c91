"""What the optimizers have in common: a rule over leaves, and a learning rate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import ClassVar, TypeVar, cast

import numpy as np

from fnnet import checks, tree
from fnnet.core.protocols import Schedule
from fnnet.core.settings import Settings
from fnnet.core.states import OptState
from fnnet.errors import DtypeError, LayerError, ShapeError, TreeError
from fnnet.numerics.programs import Numbers, Rule, written
from fnnet.tree.matching import columns, restore_shared, trained
from fnnet.tree.nodes import Params, read_only
from fnnet.tree.packing import Structure, joined, pack, packed, structure_of
from fnnet.types import Array

P = TypeVar("P", bound=Params)

BLOCK = 1 << 16
"""Numbers in a block: a few blocks of float32 fit into the cache of a core, and the calls cost little beside them."""


def apply(where: str, rule: Rule, trees: tuple[P, ...], results: int, block: int = BLOCK) -> tuple[P, ...]:
    """``rule`` over the leaves of the parameters and of trees like them, as new read-only trees.

    The rule takes one leaf of each tree, or the same block of each, and gives ``results`` fresh arrays. Constant leaves
    are passed by. Raises TreeError, ShapeError or DtypeError, each naming the path, where a tree is not like the first.
    """
    params = trees[0]
    vectors, structure = _vectors(where, trees)
    if structure is not None:
        made = _read_only(rule(*vectors) if vectors[0].size <= block else _in_blocks(rule, vectors, results, block))
        return tuple([structure.tree(params, value) for value in made])
    found, form = columns(where, trees)
    rows = [
        _read_only(_in_blocks(rule, leaf, results, block)) if changes else _kept(leaf)
        for *leaf, changes in zip(*found, trained(form), strict=True)
    ]
    columns_of_new = [iter([row[i] for row in rows]) for i in range(results)]
    return tuple([cast(P, restore_shared(params, values)) for values in columns_of_new])


def _vectors(where: str, trees: tuple[Params, ...]) -> tuple[list[Array], Structure | None]:
    """The vectors behind packed trees of one structure, or joined where they are not; no structure for large trees."""
    first = packed(trees[0])
    if first is not None:
        structure, vectors = first.structure, [first.vector]
        for other in trees[1:]:
            known = packed(other)
            if known is None or known.structure is not structure:
                break
            vectors.append(known.vector)
        else:
            return vectors, structure
    if not isinstance(trees[0], Params):
        raise LayerError(f"{where}: params must be a network, an instance of a Params class, got {trees[0]!r}")
    found, form = columns(where, trees)
    _check_alike(where, trees[0], found, trained(form))
    common = structure_of(trees[0], found[0], form)
    return ([joined(leaves) for leaves in found] if common else []), common


def _in_blocks(rule: Rule, leaf: list[Array], results: int, block: int) -> tuple[Array, ...]:
    """A rule over a large leaf block by block, so that its ten passes read and write what is in the cache."""
    new = tuple([np.empty(leaf[0].shape, leaf[0].dtype) for _ in range(results)])
    vectors, into = [a.reshape(-1) for a in leaf], [a.reshape(-1) for a in new]
    for start in range(0, leaf[0].size, block):
        place = slice(start, start + block)
        for whole, part in zip(into, rule(*[a[place] for a in vectors]), strict=True):
            whole[place] = part
    return new


def _kept(leaf: list[Array]) -> tuple[Array, ...]:
    """A constant leaf and its slots as they are: all but the gradient, which is the second."""
    return tuple([read_only(value) for value in (leaf[0], *leaf[2:])])


def _read_only(values: tuple[Array, ...]) -> tuple[Array, ...]:
    for value in values:
        value.setflags(write=False)
    return values


def _check_alike(where: str, params: Params, found: list[list[Array]], changes: list[bool]) -> None:
    """Raises ShapeError or DtypeError where a leaf is not like the parameters' own, or those cannot be trained."""
    alike = [(p.shape, p.dtype) for p in found[0]]
    for i, (_, dtype) in enumerate(alike):
        if changes[i] and dtype not in (checks.F32, checks.F64):
            raise DtypeError(f"{where}: {tree.paths(params)[i]} must be float32 or float64 to be trained, got {dtype}")
    for leaves in found[1:]:
        for i, leaf in enumerate(leaves):
            if (leaf.shape, leaf.dtype) != alike[i]:
                path, (shape, dtype) = tree.paths(params)[i], alike[i]
                if leaf.shape != shape:
                    raise ShapeError(f"{where}: {path} must have the parameters' shape {shape}, got {leaf.shape}")
                raise DtypeError(f"{where}: {path} must have the parameters' dtype {dtype}, got {leaf.dtype}")


def zeros_like(params: P) -> P:
    """A slot variable before the first step."""
    return pack(read_only(tree.map(np.zeros_like, params)))


def slots_of(where: str, state: OptState[P], count: int) -> tuple[P, ...]:
    """The slot variables of a state. Raises TreeError where they are not as many as the optimizer's ``init`` makes."""
    if type(state) is not OptState:
        raise TreeError(f"{where}: state must be the OptState that init or the last update gave, got {state!r}")
    if len(state.slots) != count:
        raise TreeError(f"{where}: state must have {count} slots, as its own init makes them, got {len(state.slots)}")
    return state.slots


def rate(where: str, lr: float | Schedule, state: OptState[P], name: str = "lr") -> float:
    """The learning rate of the coming step, times the state's factor. Raises ValueError where a schedule gives none."""
    if callable(lr):
        lr = checks.real(where, f"{name}, the schedule's at step {state.step},", lr(state.step))
    return float(lr * state.scale)


def check_gradients(where: str, params: Params, grads: Params) -> None:
    """Raises TreeError naming the path where the gradients are no tree like the parameters."""
    ours, theirs = packed(params), packed(grads)
    if ours is None or theirs is None or ours.structure is not theirs.structure:
        columns(where, (params, grads))


class Elementwise(Settings, ABC):
    """An optimizer whose step is one formula for all entries: a frozen dataclass that has a learning rate ``lr``, says
    how many slots it has, and what its rule is.

    ``rule(numbers, p, g, *slots)`` gives the new parameters and slots, all fresh; the slots are 0 at first. It branches
    on settings alone, and chooses by ``np.where``: see ``fnnet.numerics.formulas``. What is the same for all entries is
    in ``numbers``.

    >>> import fnnet as fn
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class SignDescent(Elementwise):
    ...     lr: float
    ...     slots = 0
    ...     def rule(self, numbers: Numbers, p: Array, g: Array) -> tuple[Array]:
    ...         (lr,) = numbers
    ...         return (p - lr * np.sign(g),)
    >>> net, optimizer = fn.Linear(np.ones((1, 2)), np.zeros(2)), SignDescent(0.5)
    >>> new, state = optimizer.update(net, net, optimizer.init(net))
    >>> new.w.tolist(), new.b.tolist()
    ([[0.5, 0.5]], [0.0, 0.0])
    """

    __slots__ = ("_program",)
    lr: float | Schedule
    rule: ClassVar[Rule]

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many slot variables there are."""

    def numbers(self, lr: float, t: int) -> Numbers:
        """What is the same for all entries in the t-th step: by default the learning rate alone."""
        return (lr,)

    def init(self, params: P, /) -> OptState[P]:
        """The state before the first step: all slots 0."""
        return OptState(0, tuple([zeros_like(params) for _ in range(self.slots)]))

    def update(self, params: P, grads: P, state: OptState[P], /) -> tuple[P, OptState[P]]:
        """One step."""
        n = self.slots
        slots, t = slots_of(self.name, state, n), state.step + 1
        numbers = self.numbers(rate(self.name, self.lr, state), t)
        rule: Rule | None = getattr(self, "_program", None)
        if rule is None:
            rule = written(self.rule, len(numbers), 2 + n)
            object.__setattr__(self, "_program", rule)
        params, *new = apply(self.name, partial(rule, *numbers), (params, grads, *slots), 1 + n)
        return params, OptState(t, tuple(new), None, state.scale)
