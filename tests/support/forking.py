"""A program that makes a large update on threads, and has the same made by a process that it starts.

python -m tests.support.forking fork|forkserver|spawn: ends with 0 where both came to the same bytes, else says what
happened. Nothing that it starts outlives it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from typing import Any

import fnnet as fn
from fnnet import jit
from fnnet.jit import threads

LARGE = (512, 400, 10)
"""Sizes of a network that several threads update."""

SECONDS = 60
"""How long the process may take, which does its work in one."""


def update() -> str:
    """The digest of what a large network is after one step."""
    net, optimizer = fn.mlp(fn.Key(0), LARGE), jit.adam(0.1)
    assert fn.tree.count(net) > threads.SHARED
    digest = fn.tree.digest(optimizer.update(net, net, optimizer.init(net))[0])
    assert [thread for thread in threading.enumerate() if thread.name.startswith("fnnet.jit")]
    return digest


def work(wanted: str) -> None:
    """What the started process does."""
    sys.exit(0 if update() == wanted else 2)


def main(method: str) -> str:
    """What went wrong, the empty text where nothing did."""
    wanted = update()
    context: Any = multiprocessing.get_context(method)
    process = context.Process(target=work, args=(wanted,))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        return f"the process was still at work after {SECONDS} s"
    return f"the process ended with {process.exitcode}" if process.exitcode or update() != wanted else ""


os.cpu_count = lambda: 3  # on a machine of one core there would be no threads
if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) or 0)
