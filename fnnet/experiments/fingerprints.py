"""Digests of what a machine computes, to compare with another machine's."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields

import numpy as np

from fnnet import html, tree
from fnnet.calculus.gradients import value_and_grad
from fnnet.data.batches import minibatches
from fnnet.experiments.conditions import Conditions, conditions
from fnnet.experiments.portability import portable
from fnnet.functional import last, take
from fnnet.keys import Key, keep, normal, permutation, uniform, words
from fnnet.layers.gelu import Gelu
from fnnet.layers.mlp import mlp
from fnnet.losses.cross_entropy import softmax_cross_entropy
from fnnet.numerics import elementary
from fnnet.numerics.products import product
from fnnet.optimizers.adam import adam
from fnnet.training.folds import start, steps
from fnnet.training.step import train_step
from fnnet.tree.nodes import Params

KEY = Key(0)
SIZES = (300, 70, 5)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What ``fingerprint()`` returns: digests of what kinds of computation give on a machine; equal digests mean equal
    bits. Each is the first 16 digits of a SHA-256.

    ``draws``: words, uniform and normal numbers, permutations, masks. ``functions``: fnnet's own exponentials,
    logarithms, cosine and sine. ``products``: portable products of many shapes. ``portable``: a portable training.
    ``float64`` and ``float32``: the same training without ``portable``; two machines that agree in these too need no
    ``portable``. ``conditions`` say what it was made on, and do not count when two fingerprints are compared.
    """

    draws: str
    functions: str
    products: str
    portable: str
    float64: str
    float32: str
    conditions: Conditions = field(compare=False)

    def __str__(self) -> str:
        bits = "\n".join([f"{name:9}  {getattr(self, name)}" for name in self.names()])
        return f"{bits}\n{self.conditions}"

    def _repr_html_(self) -> str:
        """In a notebook: the digests and the conditions."""
        digests = html.named({name: getattr(self, name) for name in self.names()})
        return html.block("Fingerprint", digests, html.folded("conditions", html.named(asdict(self.conditions))))

    def names(self) -> tuple[str, ...]:
        """The names of the digests."""
        return tuple([f.name for f in fields(self) if f.compare])

    def differences(self, other: Fingerprint) -> tuple[str, ...]:
        """The names of the digests that differ."""
        return tuple([name for name in self.names() if getattr(self, name) != getattr(other, name)])


def fingerprint() -> Fingerprint:
    """The ``Fingerprint`` of this machine with its current BLAS, threads and CPU, in less than a second.

    Print it on two machines, or compare the values: draws, functions, products and portable must be equal wherever
    ``portable`` keeps its promise.

    >>> import fnnet as fn
    >>> mine = fn.fingerprint()
    >>> mine.draws, mine.functions
    ('d3fbdd827b9ac899', '26a3cc7eb1544185')
    >>> mine.differences(fn.fingerprint())
    ()
    """
    net, wide = mlp(KEY, SIZES, activation=Gelu()), mlp(KEY, SIZES, activation=Gelu(), dtype=np.float64)
    return Fingerprint(
        _digits(_draws()),
        _digits(_functions()),
        _digits(_products()),
        _digits(_trained(portable(wide))),
        _digits(_trained(wide)),
        _digits(_trained(net)),
        conditions(),
    )


def _digits(part: object) -> str:
    return tree.digest(part)[:16]


def _draws() -> object:
    shape = (1001,)
    return words(KEY, 1001), uniform(KEY, shape), normal(KEY, shape), permutation(KEY, 1001), keep(KEY, shape, 0.3)


def _functions() -> object:
    x = normal(KEY, (5000,)) * 10
    size = np.abs(x)
    made = elementary.exp(x), elementary.expm1(x), elementary.tanh(x), elementary.log(size), elementary.log1p(size)
    return made, elementary.cos_sin(uniform(KEY, (5000,)))


def _products() -> object:
    shapes = [(1, 1, 1), (3, 17, 5), (16, 256, 16), (33, 257, 129), (200, 784, 100), (70, 1500, 31)]
    pairs = [(normal(KEY, (m, k)), normal(KEY.child(1), (k, n))) for m, k, n in shapes]
    return tuple([(product(a, b), product(b.T, a.T)) for a, b in pairs])


def _trained(net: Params) -> object:
    """The network after two epochs of training a classifier."""
    x, labels = normal(KEY, (230, SIZES[0])), (words(KEY.child(1), 230) % SIZES[-1]).astype(np.int64)
    optimizer = adam(1e-3)
    step = train_step(value_and_grad(softmax_cross_entropy), optimizer)
    stream = steps(step, minibatches(x, labels, batch_size=50), start(net, optimizer, KEY))
    return last(take(10)(stream)).params
