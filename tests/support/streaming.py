"""One epoch over a file that is larger than the memory there is, in a process of its own.

    python -m tests.support.streaming FILE memmap|source

Prints the digest of the trained network. The file may be mapped, or read row by row; in both cases the process may
have 100 MB of data more than it has after its imports, which is proved by an attempt to read the file whole.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import fnnet as fn
from fnnet import Key, tree

ROWS, FEATURES = 100_000, 1_000
ROOM = 100_000_000
"""Bytes; the file has four times as many."""


class Source:
    """Rows of a file, read by ordinary reads."""

    def __init__(self, path: Path) -> None:
        self.path, self.shape, self.dtype = path, (ROWS, FEATURES), np.dtype(np.float32)

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: NDArray[np.int64], /) -> NDArray[np.float32]:
        assert (np.diff(index) > 0).all()
        length = 4 * FEATURES
        with self.path.open("rb") as file:
            rows = [os.pread(file.fileno(), length, length * i) for i in index.tolist()]
        return np.frombuffer(b"".join(rows), np.float32).reshape(-1, FEATURES)


def write(path: Path) -> None:
    """A file of ROWS rows, most of them zeros that take no room on the disk."""
    data = np.memmap(path, np.float32, "w+", shape=(ROWS, FEATURES))
    data[::100] = np.arange(FEATURES) / FEATURES
    data.flush()


def status(name: str) -> int:
    """A figure of this process, in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def main(path: Path, kind: str) -> None:
    """Trains one epoch under the limit."""
    import resource  # which not every system has

    mapped = np.memmap(path, np.float32, "r", shape=(ROWS, FEATURES))
    x: fn.Rows = mapped if kind == "memmap" else Source(path)
    y = (np.arange(ROWS) % 100 == 0)[:, None].astype(np.float32)
    optimizer = fn.adam(0.01)
    state = fn.start(fn.linear(Key(0), FEATURES, 1), optimizer, Key(0))
    step = fn.train_step(fn.value_and_grad(fn.mse), optimizer)
    before = status("VmHWM")
    resource.setrlimit(resource.RLIMIT_DATA, (status("VmData") + ROOM, resource.RLIM_INFINITY))
    epoch = next(fn.train(step, fn.minibatches(x, y, batch_size=500), state))
    grown = status("VmHWM") - before
    assert kind == "memmap" or grown < ROOM, grown  # the pages of a mapped file count, and can be dropped at any time
    try:
        np.array(mapped)
    except MemoryError:
        print(tree.digest(epoch.state.params), float(epoch.record.loss))
    else:
        raise AssertionError("the limit holds nothing back")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
