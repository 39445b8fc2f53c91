"""The threads that share large updates."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

SHARED = 1 << 17
"""Leaves of more numbers than this are updated by several threads."""


def in_threads(work: Callable[[slice], None], n: int) -> None:
    """Does the work on n numbers, in as many parts as there are cores if that pays off."""
    count = (os.cpu_count() or 1) if n > SHARED else 1
    parts = [slice(n * i // count, n * (i + 1) // count) for i in range(count)]
    waiting = [_pool().submit(work, part) for part in parts[1:]]
    work(parts[0])
    for future in waiting:
        future.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="fnnet.jit")


if sys.platform != "win32":  # a forked process lacks its parent's threads, and would wait for them forever
    os.register_at_fork(after_in_child=_pool.cache_clear)
