"""What it costs to train ten networks stacked, beside one network and beside ten one after another: by turns.

python -m tests.benchmarks.stacking
"""

from __future__ import annotations

from statistics import median
from time import perf_counter

import fnnet as fn

N, ROUNDS, EPOCHS = 10, 7, 5


def make(key: fn.Key) -> fn.Mlp:
    """64 inputs, 100 hidden units, 10 outputs."""
    return fn.mlp(key, (64, 100, 10))


def seconds(nets: list[fn.Mlp]) -> float:
    """How long fits of these take, one after another, on 1,500 rows in batches of 32."""
    key = fn.Key(0)
    x, y = fn.keys.normal(key, (1500, 64)), fn.keys.permutation(key, 1500) % 10
    begin = perf_counter()
    for net in nets:
        fn.fit(net, x, y, loss=fn.softmax_cross_entropy, optimizer=fn.adam(1e-3), key=key, epochs=EPOCHS)
    return perf_counter() - begin


def main() -> None:
    """Prints medians over rounds, and the ratios of them."""
    alone = [make(fn.Key(0).child(k)) for k in range(N)]
    ways = {"one": alone[:1], f"{N} stacked": [fn.stack(alone)], f"{N} one by one": alone}
    rounds = [{name: seconds(nets) for name, nets in ways.items()} for _ in range(ROUNDS)]
    for name in ways:
        time = median([each[name] for each in rounds])
        ratio = median([each[name] / each["one"] for each in rounds])
        print(f"{name:14} {time * 1000:7.0f} ms, {ratio:5.2f} times one")


if __name__ == "__main__":
    main()
