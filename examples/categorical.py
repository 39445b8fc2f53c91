"""Categorical columns: the rents of flats, where the street matters more than the size.

The flats are made up, by a rule that is hidden from the network: each of 60 streets has a price of its own, each kind
of flat a factor, and additional size counts less in larger flats. Streets as consecutive numbers tell a network little;
an Embedding gives each street a vector, which it learns.

    python examples/categorical.py --seed 0
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

import fnnet as fn
from fnnet import Array, Key

STREETS, KINDS = 60, ("cellar", "flat", "loft", "penthouse")


class Flats(NamedTuple):
    """Streets and kinds as text, sizes in square metres, rents."""

    streets: list[str]
    kinds: list[str]
    sizes: Array
    rents: Array


def make(key: Key, n: int) -> Flats:
    """n flats that follow the hidden rule, with noise."""
    street = fn.keys.permutation(key.child(0), n) % STREETS
    kind = fn.keys.permutation(key.child(1), n) % len(KINDS)
    size = 20 + 130 * fn.keys.uniform(key.child(2), (n,)) ** 2
    price = 8 + 3 * fn.keys.normal(Key(0), (STREETS,))  # the same streets for every key
    factor = np.array([0.6, 1.0, 1.2, 1.7])
    rent = price[street] * factor[kind] * size**0.8 + 10 * fn.keys.normal(key.child(3), (n,))
    return Flats([f"street {i}" for i in street], [KINDS[i] for i in kind], size, rent[:, None])


def with_embeddings(key: Key, columns: tuple[fn.Categories, fn.Categories], x: Array) -> fn.Params:
    """A perceptron on vectors for streets and kinds, and on the standardized size."""
    streets, kinds = columns
    inputs = fn.branches(
        [(0,), (1,), (2,)],
        (
            fn.embedding(key.child(0), streets.size, 4),
            fn.embedding(key.child(1), kinds.size, 2),
            fn.standardize(x[:, 2:]),
        ),
    )
    return fn.serial(inputs, fn.mlp(key.child(2), (7, 64, 1)))


def with_numbers(key: Key, x: Array) -> fn.Params:
    """The same perceptron, to which street 7 is more than street 6."""
    return fn.serial(fn.standardize(x), fn.mlp(key.child(2), (3, 64, 1)))


def main() -> None:
    """Trains both networks and prints how much of the rents each explains."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    key = Key(parser.parse_args().seed)
    train, test = make(key.child(0), 3000), make(key.child(1), 1000)
    columns = fn.categories(train.streets), fn.categories(train.kinds)
    x_train, x_test = [
        np.column_stack([columns[0](flats.streets), columns[1](flats.kinds), flats.sizes]).astype(np.float64)
        for flats in (train, test)
    ]
    scale = float(train.rents.std())
    for name, net in (
        ("streets as numbers", with_numbers(key, x_train)),
        ("streets as vectors", with_embeddings(key, columns, x_train)),
    ):
        fitted = fn.fit(
            net, x_train, train.rents / scale, loss=fn.mse, optimizer=fn.adam(fn.cosine_decay(0.01, steps=1880)),
            key=key, epochs=40, batch_size=64,
        )  # fmt: skip
        r2 = float(fn.metrics.r2(fitted.predict(x_test), test.rents / scale))
        print(f"{name}: {fn.tree.count(net):,} parameters, R² of rents never seen {r2:.3f}")
    try:
        columns[0](["a street that is new"])
    except ValueError as error:
        print(error)


if __name__ == "__main__":
    main()
