"""What it costs to train ten networks stacked, beside one network and beside ten one after another: by turns.

python -m tests.benchmarks.stacking
"""

from __future__ import annotations

from time import perf_counter

import fnnet as fn

N, ROUNDS, EPOCHS = 10, 7, 5
X, Y = fn.keys.normal(fn.Key(0), (1500, 64)), fn.keys.permutation(fn.Key(0), 1500) % 10


def make(key: fn.Key) -> fn.Mlp:
    """64 inputs, 100 hidden units, 10 outputs."""
    return fn.mlp(key, (64, 100, 10))


def seconds(nets: list[fn.Mlp]) -> float:
    """How long fits of these take, one after another, in batches of 32."""
    begin = perf_counter()
    for net in nets:
        fn.fit(net, X, Y, loss=fn.softmax_cross_entropy, optimizer=fn.adam(1e-3), key=fn.Key(0), epochs=EPOCHS)
    return perf_counter() - begin


def main() -> None:
    """Prints the fastest of the rounds, and their ratios."""
    alone = [make(fn.Key(0).child(k)) for k in range(N)]
    ways = {"one": alone[:1], f"{N} stacked": [fn.stack(alone)], f"{N} one by one": alone}
    rounds = [{name: seconds(nets) for name, nets in ways.items()} for _ in range(ROUNDS)]
    for name in ways:
        time = min(each[name] for each in rounds)
        print(f"{name:14} {time * 1000:7.0f} ms, {time / min(each['one'] for each in rounds):5.2f} times one")


if __name__ == "__main__":
    main()
